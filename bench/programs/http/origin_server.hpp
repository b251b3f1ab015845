// The HTTP/1.1 server of http_origin: Beast's parser over Asio, one event loop on one thread.
//
// It is the limit of the http_fetch workload and shares a small machine with the clients, so a
// request costs one sendmsg, a share of an epoll_wait and two recv, as Asio tries one in vain
// before it waits: no allocation, no look at the clock, no timer unless a latency was asked for.
// Connections that say nothing or take nothing are ended by one coarse sweep over all of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/programs/http/origin_answer.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

struct origin_settings {
  origin_answer answer;                         // unless a query says otherwise
  std::chrono::milliseconds idle_timeout{};     // no request, or nothing taken of an answer
  std::chrono::milliseconds request_timeout{};  // from a request's first byte to its last
};

/// Of the answers that were sent in full; those to bad requests are among them.
struct origin_totals {
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t bad_requests = 0;
  std::string limit_met;  // the last reason not to accept a connection at once
};

/// Listens on `where`, or throws std::system_error that names the address; announces it and serves
/// until `stop` is requested, then ends what is open.
origin_totals serve_origin(const endpoint& where, const origin_settings& settings,
                           const stop_source& stop);

}  // namespace switchyard
