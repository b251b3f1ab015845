#include "bench/programs/http/origin_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/coroutine.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstdio>
#include <iterator>
#include <limits>
#include <list>
#include <new>
#include <optional>
#include <utility>

#include "bench/programs/http/http_body.hpp"
#include "bench/programs/server_program.hpp"

namespace switchyard {

namespace http = boost::beast::http;

namespace {

using boost::asio::ip::tcp;

// The concrete executor: any_io_executor would cost an indirect call and a reference count each.
using executor = boost::asio::io_context::executor_type;
using tcp_socket = boost::asio::basic_stream_socket<tcp, executor>;
using timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

// More than nearly any request: a read that fills its buffer costs another one that finds nothing.
constexpr std::size_t read_bytes = 2 * 1024;
constexpr std::uint64_t chunk_bytes = 4 * 1024;
constexpr std::chrono::milliseconds linger_time{2'000};
constexpr std::chrono::milliseconds tick{250};

class connection;

/// What the connections share with their server.
struct shared_state {
  origin_settings settings;
  origin_totals totals{};
  std::uint64_t now = 0;  // in ticks, so that a deadline needs no look at the clock
  std::list<connection> connections{};
};

/// Reads requests and answers them in order, one at a time.
///
/// A stackless coroutine, as those with frames of their own cost a request some per cent more CPU.
/// There is always exactly one operation under way: a read, a write, or the wait for a latency. So
/// a connection ends at one place, after that operation, also when the server closes it. While an
/// answer is not complete nothing more is read: a peer that asks faster than it takes is held back
/// by TCP.
class connection {
 public:
  connection(tcp_socket socket, shared_state& shared)
      : socket_(std::move(socket)), latency_(socket_.get_executor()), shared_(shared) {}
  connection& operator=(connection&&) = delete;

  /// `self` is where it stands in the list that it leaves, and so is destroyed, at its end.
  void start(std::list<connection>::iterator self) {
    self_ = self;
    go_on({}, 0);
  }

  /// It ends as soon as the loop runs.
  void close() {
    error_code ignored;
    socket_.close(ignored);
    latency_.cancel();
  }
  [[nodiscard]] bool is_overdue() const { return shared_.now > deadline_; }

 private:
  void go_on(error_code ec, std::size_t bytes);
  [[nodiscard]] auto when_done() {
    return [this](const error_code& ec, std::size_t bytes = 0) { go_on(ec, bytes); };
  }
  bool take_request();
  void begin_reply();
  bool note_sent(std::size_t bytes);
  [[nodiscard]] std::array<boost::asio::const_buffer, 2> unsent() const {
    return {boost::asio::buffer(text_), boost::asio::buffer(slice_)};
  }
  void expect_within(std::chrono::milliseconds time) {
    deadline_ = shared_.now + static_cast<std::uint64_t>(time / tick) + 1;
  }

  tcp_socket socket_;
  timer latency_;
  shared_state& shared_;
  std::list<connection>::iterator self_;
  boost::asio::coroutine at_;
  std::uint64_t deadline_ = 0;
  boost::beast::flat_buffer buffer_;
  std::optional<origin_request_parser> parser_;  // while a request is being read
  origin_request request_;
  std::optional<origin_request> answered_;  // the request that answer and reply were made for
  origin_answer answer_;
  origin_reply reply_;
  std::string_view text_;    // header or chunk line: of it, what is not sent yet
  std::string_view slice_;   // of the body, likewise
  std::uint64_t taken_ = 0;  // of the body, this slice included
  bool last_chunk_ = false;
  std::array<char, 16> chunk_line_{};
};

void connection::go_on(error_code ec, std::size_t bytes) {
  // An operation that had ended when the server closed the connection still reports success.
  if (ec || !socket_.is_open()) {
    shared_.connections.erase(self_);
    return;
  }
  BOOST_ASIO_CORO_REENTER(at_) {
    do {
      while (!take_request()) {
        BOOST_ASIO_CORO_YIELD socket_.async_read_some(buffer_.prepare(read_bytes), when_done());
        buffer_.commit(bytes);
      }
      if (answer_.latency.count() > 0) {
        deadline_ = std::numeric_limits<std::uint64_t>::max();
        latency_.expires_after(answer_.latency);
        BOOST_ASIO_CORO_YIELD latency_.async_wait(when_done());
      }
      begin_reply();
      // A socket's send buffer is nearly always free: send first, and wait only when it is full.
      bytes = socket_.write_some(unsent(), ec);
      if (ec && ec != boost::asio::error::would_block) {
        BOOST_ASIO_CORO_YIELD break;
      }
      while (note_sent(bytes)) {
        expect_within(shared_.settings.idle_timeout);
        BOOST_ASIO_CORO_YIELD socket_.async_write_some(unsent(), when_done());
      }
      ++shared_.totals.requests;
      shared_.totals.body_bytes += reply_.body_bytes;
      shared_.totals.bad_requests += answer_.refusal.empty() ? 0 : 1;
    } while (reply_.keep_alive);
    // A close while bytes are unread would reset the connection: the peer could lose the answer.
    if (buffer_.size() == 0 && answer_.refusal.empty()) {
      BOOST_ASIO_CORO_YIELD break;
    }
    socket_.shutdown(boost::asio::socket_base::shutdown_send, ec);
    expect_within(linger_time);
    for (;;) {
      buffer_.clear();
      BOOST_ASIO_CORO_YIELD socket_.async_read_some(buffer_.prepare(read_bytes), when_done());
    }
  }
  if (at_.is_complete()) shared_.connections.erase(self_);
}

/// True when there is a reply to a request; false when more has to be read.
bool connection::take_request() {
  if (buffer_.size() == 0) {
    if (!parser_) expect_within(shared_.settings.idle_timeout);
    return false;
  }
  if (!parser_) {
    parser_.emplace(request_);
    expect_within(shared_.settings.request_timeout);
  }
  error_code ec;
  if (!parser_->read(buffer_, ec) && !ec) return false;
  parser_.reset();
  if (!ec && request_ == answered_) return true;
  if (ec) request_ = {};
  answer_ = ec ? refusal_of(ec) : answer_to(request_, shared_.settings.answer);
  answered_ = request_;
  reply_ = reply_to(request_, answer_);
  return true;
}

/// The body is never copied.
void connection::begin_reply() {
  text_ = reply_.head;
  slice_ = http_body_slice(0, reply_.chunked ? 0 : reply_.body_bytes);
  taken_ = slice_.size();
  last_chunk_ = !reply_.chunked;
}

/// `bytes` more are on their way; false when those were the last.
bool connection::note_sent(std::size_t bytes) {
  const auto of_text = std::min(bytes, text_.size());
  text_.remove_prefix(of_text);
  slice_.remove_prefix(bytes - of_text);
  if (!text_.empty() || !slice_.empty()) return true;
  if (const std::uint64_t left = reply_.body_bytes - taken_; left > 0) {
    slice_ = http_body_slice(taken_, reply_.chunked ? std::min(left, chunk_bytes) : left);
    taken_ += slice_.size();
    if (reply_.chunked) {
      const int length =
          std::snprintf(chunk_line_.data(), chunk_line_.size(), "\r\n%zx\r\n", slice_.size());
      text_ = {chunk_line_.data(), static_cast<std::size_t>(length)};
    }
    return true;
  }
  if (std::exchange(last_chunk_, true)) return false;
  text_ = "\r\n0\r\n\r\n";
  return true;
}

class origin_server {
 public:
  origin_server(const endpoint& where, const origin_settings& settings) : shared_{settings} {
    http_body_block();  // made here, not while a client waits
    unique_fd fd = open_listener(where);
    set_no_delay(fd.get());  // accepted sockets inherit it
    acceptor_.assign(where.protocol(), fd.get());
    [[maybe_unused]] const int given_away = fd.release();
    announce(acceptor_.local_endpoint());
  }

  origin_totals run(const stop_source& stop) {
    // A copy of the descriptor, as Asio closes what it is given.
    boost::asio::posix::basic_stream_descriptor<executor> stopped(
        io_, check(::dup(stop.fd()), "copy a descriptor"));
    stopped.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this](const error_code&) { end_all(); });
    accept();
    sweep();
    io_.run();  // until nothing is under way
    return shared_.totals;
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& ec, tcp_socket peer) {
      if (!acceptor_.is_open()) return;
      if (ec == boost::asio::error::connection_aborted) return accept();
      if (ec) return pause_accepting(ec.message());  // the client waits in the backlog
      try {
        peer.non_blocking(true);
        shared_.connections.emplace_back(std::move(peer), shared_);
      } catch (const std::bad_alloc& limit) {
        return pause_accepting(limit.what());
      }
      ++shared_.totals.connections;
      shared_.connections.back().start(std::prev(shared_.connections.end()));
      accept();
    });
  }

  // Out of descriptors or memory: a full machine need not be a busy one too.
  void pause_accepting(const std::string& why) {
    shared_.totals.limit_met = why;
    accept_again_.expires_after(std::chrono::milliseconds(10));
    accept_again_.async_wait([this](const error_code& ec) {
      if (!ec && acceptor_.is_open()) accept();
    });
  }

  void sweep() {
    next_sweep_.expires_after(tick);
    next_sweep_.async_wait([this](const error_code& ec) {
      if (ec || !acceptor_.is_open()) return;
      ++shared_.now;
      for (auto& one : shared_.connections) {
        if (one.is_overdue()) one.close();
      }
      sweep();
    });
  }

  void end_all() {
    error_code ignored;
    acceptor_.close(ignored);
    accept_again_.cancel();
    next_sweep_.cancel();
    for (auto& one : shared_.connections) one.close();
  }

  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  boost::asio::basic_socket_acceptor<tcp, executor> acceptor_{io_};
  timer accept_again_{io_};
  timer next_sweep_{io_};
  shared_state shared_;
};

}  // namespace

origin_totals serve_origin(const endpoint& where, const origin_settings& settings,
                           const stop_source& stop) {
  return origin_server(where, settings).run(stop);
}

}  // namespace switchyard
