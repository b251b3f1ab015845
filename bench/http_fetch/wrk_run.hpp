// wrk (github.com/wg/wrk), an outside HTTP load generator, run to its end: what it prints as
// figures. One thread, as many connections as said, kept open, for one second (its least).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

#include "bench/harness/usage.hpp"

namespace switchyard {

struct wrk_figures {
  std::int64_t requests = 0;
  double seconds = 0;
  double body_bytes = 0;  // received in all, header fields included; wrk rounds it to two decimals
  harness::usage used;    // wrk's own
};

/// Throws limit_error when wrk is not installed, std::runtime_error when it counted an error.
wrk_figures run_wrk(const boost::asio::ip::tcp::endpoint& where, std::int64_t connections);

}  // namespace switchyard
