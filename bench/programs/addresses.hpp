// Host names, resolved by the system; a program's arguments before anything starts.
#pragma once

#include <netdb.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace switchyard {

using endpoint = boost::asio::ip::tcp::endpoint;

/// All TCP addresses of `host` (a name or a number, IPv4 or IPv6) in the order in which they are to
/// be tried; `service` is the port, as digits. Blocks. std::runtime_error when there is none.
inline std::vector<endpoint> look_up(const std::string& host, const std::string& service) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found)) {
    const char* why = error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error);
    throw std::runtime_error("host '" + host + "' can't be resolved: " + why);
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
  if (addresses.empty()) throw std::runtime_error("host '" + host + "' has no address");
  return addresses;
}

/// All addresses of what was given as --host; std::invalid_argument when there is none.
inline std::vector<endpoint> resolve_all(const std::string& host, int port) {
  try {
    return look_up(host, std::to_string(port));
  } catch (const std::exception& why) {
    throw std::invalid_argument(std::string("--") + why.what() +
                                "; give an address such as 127.0.0.1");
  }
}

/// The first of them, for a server, or where there is but one.
inline endpoint resolve(const std::string& host, int port) {
  return resolve_all(host, port).front();
}

/// A stream to the first of `addresses` that answers; one that does not leaves time for the next
/// ones. `where` is the one that was tried last, and `ec` says why none answered.
template <class R>
typename R::stream connect_to_any(R& rt, const std::vector<endpoint>& addresses,
                                  std::chrono::steady_clock::time_point deadline, endpoint& where,
                                  boost::system::error_code& ec) {
  for (auto left = std::ssize(addresses);; --left) {
    where = *(addresses.end() - left);
    const auto now = std::chrono::steady_clock::now();
    auto stream = rt.connect(where, ec, now + (deadline - now) / left);
    stream.expires_at(deadline);
    if (!ec || left == 1) return stream;
  }
}

/// Also when IPv4's loopback is written as an IPv6 address.
inline bool is_loopback(const endpoint& where) {
  const auto address = where.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
        .is_loopback();
  }
  return address.is_loopback();
}

}  // namespace switchyard
