// Host names resolved by the system's resolver, on a helper thread: getaddrinfo blocks, knows no
// deadline, and would stall every fiber.
#pragma once

#include <netdb.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bench/programs/http/url.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/helper_threads.hpp"

namespace switchyard {

/// All TCP addresses of `host` (a name or a number) in the order in which they are to be tried.
/// Blocks. Throws fetch_error when there is none.
inline std::vector<endpoint> addresses_of(const std::string& host, const std::string& service) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found)) {
    const char* why = error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error);
    throw fetch_error("host '" + host + "' can't be resolved: " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<endpoint> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    endpoint where;
    if (one->ai_addrlen > where.capacity()) continue;
    where.resize(one->ai_addrlen);
    std::memcpy(where.data(), one->ai_addr, one->ai_addrlen);
    addresses.push_back(where);
  }
  return addresses;
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
