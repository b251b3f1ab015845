// Host names resolved by the system's resolver, on a helper thread: getaddrinfo blocks, knows no
// deadline, and would stall every fiber.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "bench/programs/addresses.hpp"
#include "bench/programs/http/url.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/helper_threads.hpp"

namespace switchyard {

/// look_up for a fetch: throws fetch_error.
inline std::vector<endpoint> addresses_of(const std::string& host, const std::string& service) {
  try {
    return look_up(host, service);
  } catch (const std::runtime_error& why) {
    throw fetch_error(why.what());
  }
}

/// The same within a deadline; only the calling task waits.
template <class R>
std::vector<endpoint> resolve_aside(R& rt, helper_threads& helpers, const std::string& host,
                                    const std::string& service, time_point deadline) {
  // A number needs no name service, and must not wait for helpers that do.
  error_code no_number;
  boost::asio::ip::make_address(host, no_number);
  if (!no_number) return addresses_of(host, service);
  const auto found = call_aside(
      rt, helpers, [=] { return addresses_of(host, service); }, deadline);
  if (!found) throw fetch_error("host '" + host + "' was not resolved in time");
  return found->take();
}

}  // namespace switchyard
