// Host names and ports as a program's arguments, resolved before anything starts.
#pragma once

#include <netdb.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace switchyard {

/// The first address of `host` (a name or a number, IPv4 or IPv6); std::invalid_argument when there
/// is none.
inline boost::asio::ip::tcp::endpoint resolve(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    throw std::invalid_argument("--host '" + host + "': " + ::gai_strerror(error) +
                                "; give an address such as 127.0.0.1");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  boost::asio::ip::tcp::endpoint where;
  where.resize(found->ai_addrlen);
  std::memcpy(where.data(), found->ai_addr, found->ai_addrlen);
  where.port(static_cast<std::uint16_t>(port));
  return where;
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
