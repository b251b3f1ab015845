// A running http_origin and a client of it, for its tests. What the client calls gives up after a
// while, so that no test hangs.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard {

namespace http = boost::beast::http;
using http_response = http::response<http::string_body>;

inline std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

/// Who asks decides how the answer ends: the one to HEAD has a length and no body.
enum class asked { get, head };

class origin_client {
 public:
  explicit origin_client(const endpoint& where) {
    error_code ec;
    stream_ = blocking_connect(where, ec);
    EXPECT_FALSE(ec) << ec.message();
    const timeval patience{30, 0};
    ::setsockopt(stream_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(stream_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  error_code send(std::string_view text) {
    error_code ec;
    boost::asio::write(stream_, boost::asio::buffer(text), ec);
    return ec;
  }

  /// The next answer; status 0 and the reason as the body when there is none.
  http_response receive(asked how = asked::get) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 30);
    parser.skip(how == asked::head);
    error_code ec;
    http::read(stream_, buffer_, parser, ec);
    if (!ec) return parser.release();
    http_response none;
    none.result(0);
    none.body() = ec.message();
    return none;
  }

  http_response ask(std::string_view text, asked how = asked::get) {
    send(text);
    return receive(how);
  }

  /// Whether the server ends the connection, with nothing further on it.
  [[nodiscard]] bool is_ended() {
    char byte = 0;
    error_code ec;
    return buffer_.size() == 0 && stream_.read_some(boost::asio::buffer(&byte, 1), ec) == 0 &&
           ec == boost::asio::error::eof;
  }

  /// Resets the connection: no port stays behind in TIME_WAIT.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(stream_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream_ = blocking_stream();
  }

  [[nodiscard]] blocking_stream& stream() { return stream_; }

 private:
  blocking_stream stream_;
  boost::beast::flat_buffer buffer_;
};

class running_origin {
 public:
  explicit running_origin(const std::vector<std::string>& arguments = {})
      : program_(harness::program_beside("http_origin"), with_usual(arguments)),
        where_(boost::asio::ip::make_address("127.0.0.1"),
               static_cast<std::uint16_t>(harness::announced_port(program_))) {}

  [[nodiscard]] harness::child_process& program() { return program_; }
  [[nodiscard]] endpoint where() const { return where_; }
  [[nodiscard]] origin_client client() const { return origin_client(where_); }

  /// One request on a connection of its own.
  [[nodiscard]] http_response fetch(const std::string& target) const {
    return client().ask(get(target));
  }

  /// Its line of totals, after SIGTERM.
  std::string totals() {
    using namespace std::chrono_literals;
    ::kill(program_.pid(), SIGTERM);
    EXPECT_EQ(program_.how_it_ended(20s), "exited with code 0");
    return program_.read_line(20s);
  }

 private:
  static std::vector<std::string> with_usual(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--port", "0", "--parent", std::to_string(::getpid())});
    return arguments;
  }

  harness::child_process program_;
  endpoint where_;
};

}  // namespace switchyard
