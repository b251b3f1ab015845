// Host names, resolved by the system; a program's arguments before anything starts.
#pragma once

#include <netdb.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace switchyard {

/// All TCP addresses of `host` (a name or a number, IPv4 or IPv6) in the order in which they are to
/// be tried; `service` is the port, as digits. Blocks. std::runtime_error when there is none.
inline std::vector<boost::asio::ip::tcp::endpoint> look_up(const std::string& host,
                                                           const std::string& service) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found)) {
    const char* why = error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error);
    throw std::runtime_error("host '" + host + "' can't be resolved: " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<boost::asio::ip::tcp::endpoint> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    boost::asio::ip::tcp::endpoint where;
    if (one->ai_addrlen > where.capacity()) continue;
    where.resize(one->ai_addrlen);
    std::memcpy(where.data(), one->ai_addr, one->ai_addrlen);
    addresses.push_back(where);
  }
  return addresses;
}

/// The first address of what was given as --host; std::invalid_argument when there is none.
inline boost::asio::ip::tcp::endpoint resolve(const std::string& host, int port) {
  try {
    return look_up(host, std::to_string(port)).at(0);
  } catch (const std::exception& why) {
    throw std::invalid_argument(std::string("--") + why.what() +
                                "; give an address such as 127.0.0.1");
  }
}

/// Also when IPv4's loopback is written as an IPv6 address.
inline bool is_loopback(const boost::asio::ip::tcp::endpoint& where) {
  const auto address = where.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
        .is_loopback();
  }
  return address.is_loopback();
}

}  // namespace switchyard
