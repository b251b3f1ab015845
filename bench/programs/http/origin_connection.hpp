// One connection to http_origin: reads requests and answers them in order, one at a time.
//
// There is always exactly one operation under way: a read, a write, or the wait for a latency. So a
// connection ends at one place, in the handler of that operation, also when the server closes it.
// While an answer is not complete nothing more is read: a peer that asks faster than it takes is
// held back by TCP.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "bench/programs/http/origin_answer.hpp"
#include "bench/programs/http/origin_reply.hpp"
#include "bench/programs/http/origin_request.hpp"

namespace switchyard {

// The concrete executor: any_io_executor would cost an indirect call and a reference count each.
using origin_executor = boost::asio::io_context::executor_type;
using origin_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, origin_executor>;
using origin_timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      origin_executor>;

struct origin_shared;

class origin_connection {
 public:
  using list = std::list<origin_connection>;

  origin_connection(origin_socket socket, origin_shared& shared)
      : socket_(std::move(socket)), latency_(socket_.get_executor()), shared_(shared) {}
  origin_connection& operator=(origin_connection&&) = delete;

  /// `self` is where it stands in the list that it leaves, and so is destroyed, at its end.
  void start(list::iterator self);

  /// It ends as soon as the loop runs.
  void close();

  [[nodiscard]] bool is_overdue() const;

 private:
  void read();
  void serve_buffered();
  bool take_request();
  void prepare_reply();
  void refuse_malformed(const boost::system::error_code& why);
  void wait_for_latency();
  bool reply();
  void reply_rest();
  bool finish_reply();
  void end_after_reply();
  void read_and_forget();
  void end();
  void expect_within(std::chrono::milliseconds time);

  origin_socket socket_;
  origin_timer latency_;
  origin_shared& shared_;
  list::iterator self_;
  std::uint64_t deadline_ = 0;
  boost::beast::flat_buffer buffer_;
  std::optional<origin_request_parser> parser_;  // while a request is being read
  origin_request request_;
  origin_request prepared_for_;  // the request that latency and reply were made for
  std::chrono::milliseconds wanted_latency_{};
  origin_reply reply_;
  bool refused_ = false;  // so is the request that the reply is to
};

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

/// What the connections share with their server.
struct origin_shared {
  static constexpr std::chrono::milliseconds tick{250};

  origin_settings settings;
  origin_totals totals{};
  std::uint64_t now = 0;  // in ticks, so that a deadline needs no look at the clock
  origin_connection::list connections{};
};

}  // namespace switchyard
