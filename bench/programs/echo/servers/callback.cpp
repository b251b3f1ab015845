// `callback`: Asio as it was before coroutines. One thread, and for each connection an object whose
// handlers call each other in turn.
//
// What it does for a message is what the coroutines' sockets do: a recv a turn of the loop after
// the last message, into a buffer that the loop lends, a wait by Asio where nothing has come yet,
// and a send at once where there is room. So what they need more than this is the price of a frame.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <list>
#include <utility>

#include "bench/programs/echo/serving.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/lent_buffers.hpp"
#include "runtimes/support/session_list.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {
namespace {

using executor = boost::asio::io_context::executor_type;
using socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor>;

/// One connection. It has always one handler to come, which ends it or begins the next operation.
class callback_session {
 public:
  callback_session(socket peer, std::list<callback_session>& all, echo_totals& totals)
      : socket_(std::move(peer)),
        lender_(boost::asio::use_service<buffer_lender>(socket_.get_executor().context())),
        all_(all),
        totals_(totals) {
    set_no_delay(socket_.native_handle());
  }
  callback_session& operator=(callback_session&&) = delete;

  void start(std::list<callback_session>::iterator own) {
    own_ = own;
    read_later();
  }
  /// The operation that is under way, or begun next, ends, and the session with it.
  void close() noexcept {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  // A turn of the loop later the next message may be there; at once it never is, and to look would
  // be a system call for nothing.
  void read_later() {
    boost::asio::post(socket_.get_executor(), [this] { read(); });
  }

  void read() {
    error_code ec;
    message_ = lent_bytes::received(socket_.native_handle(), lender_, ec);
    if (ec == boost::asio::error::would_block) return wait_for_message();
    if (ec) return end();
    send(message_.bytes());
  }

  void wait_for_message() {
    socket_.async_wait(socket::wait_read, [this](const error_code& ec) {
      if (ec) return end();
      read();
    });
  }

  void send(boost::asio::const_buffer rest) {
    while (rest.size() > 0) {
      const auto sent =
          ::send(socket_.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return wait_for_room(rest);
      count(rest, static_cast<std::size_t>(sent));
    }
    message_ = {};
    read_later();
  }

  /// Or for the error that was met.
  void wait_for_room(boost::asio::const_buffer rest) {
    socket_.async_write_some(rest, [this, rest](const error_code& ec, std::size_t sent) mutable {
      if (ec) return end();
      count(rest, sent);
      send(rest);
    });
  }

  void count(boost::asio::const_buffer& rest, std::size_t sent) noexcept {
    echoed_ += sent;
    rest += sent;
  }

  void end() {
    totals_.bytes += echoed_;
    all_.erase(own_);
  }

  socket socket_;
  buffer_lender& lender_;
  lent_bytes message_;  // none while it waits for one
  std::list<callback_session>& all_;
  std::list<callback_session>::iterator own_;
  echo_totals& totals_;
  std::uint64_t echoed_ = 0;
};

class callback_server {
 public:
  callback_server(const listen_address& at, stop_source& stop, echo_totals& totals)
      : stop_(stop), totals_(totals), stopped_(io_, check(::dup(stop.fd()), "copy a descriptor")) {
    unique_fd fd = open_listener(at);
    acceptor_.assign(at.where.protocol(), fd.get());
    [[maybe_unused]] const int given_away = fd.release();
  }

  serve_report run() {
    announce(acceptor_.local_endpoint());
    stopped_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                        [this](const error_code&) { end(); });
    accept();
    io_.run();
    return accepting_.report();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& ec, socket peer) {
      const bool goes_on = accepting_.go_on(ec, [&] { start(std::move(peer)); });
      if (stop_.requested()) return;
      if (goes_on) return accept();
      pause_.expires_after(accept_loop::pause);
      pause_.async_wait([this](const error_code& ended) {
        if (!ended) accept();
      });
    });
  }

  void start(socket peer) {
    sessions_.emplace_front(std::move(peer), sessions_, totals_);
    sessions_.front().start(sessions_.begin());
  }

  void end() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (callback_session& each : sessions_) each.close();
  }

  const stop_source& stop_;
  echo_totals& totals_;
  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, executor> acceptor_{io_};
  boost::asio::posix::basic_stream_descriptor<executor> stopped_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, executor>
      pause_{io_};
  accept_loop accepting_{stop_};
  std::list<callback_session> sessions_;
};

}  // namespace

serve_report serve_callback(const listen_address& at, stop_source& stop, echo_totals& totals) {
  return callback_server(at, stop, totals).run();
}

}  // namespace switchyard
