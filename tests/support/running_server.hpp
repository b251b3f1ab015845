// A server for a test, and its clients.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/harness/child_process.hpp"
#include "bench/load/generator.hpp"
#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard {

/// An echo server as a program of its own, until the end of the test.
class running_server {
 public:
  explicit running_server(const std::string& runtime)
      : program_(harness::program_beside("echo_server"),
                 {"--runtime", runtime, "--port", "0", "--parent", std::to_string(::getpid())}),
        where_(boost::asio::ip::make_address("127.0.0.1"),
               static_cast<std::uint16_t>(harness::announced_port(program_))) {}

  [[nodiscard]] harness::child_process& program() { return program_; }
  [[nodiscard]] endpoint where() const { return where_; }

  /// A client whose calls give up after a while, so that no test hangs.
  [[nodiscard]] blocking_stream client() const {
    error_code ec;
    auto stream = blocking_connect(where_, ec);
    EXPECT_FALSE(ec) << ec.message();
    const timeval patience{20, 0};
    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return stream;
  }

  [[nodiscard]] load::run_result load(std::size_t connections, std::size_t bytes,
                                      std::uint64_t requests) const {
    load::generator generator({.target = where_,
                               .connections = connections,
                               .bytes = bytes,
                               .connect_patience = std::chrono::seconds(60),
                               .reply_patience = std::chrono::seconds(30)});
    generator.connect();
    return generator.run_requests(requests);
  }

 private:
  harness::child_process program_;
  endpoint where_;
};

/// What comes back to this client, or the error.
inline std::string echoed(blocking_stream& client, const std::string& text) {
  std::string back(text.size(), '?');
  error_code ec;
  client.write_some(boost::asio::buffer(text), ec);
  back.resize(ec ? 0 : client.read_some(boost::asio::buffer(back), ec));
  return ec ? ec.message() : back;
}

}  // namespace switchyard
