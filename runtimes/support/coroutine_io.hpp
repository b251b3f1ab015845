// Sockets of the coroutine runtime: Asio operations that the calling coroutine awaits.
//
// A read is Asio's, but for one into a buffer of the loop's; a write goes out at once where the
// send buffer has room, as the fibers' (fiber_io.hpp). Every operation that Asio does itself is
// awaited as `deferred`, which needs no frame of its own. Frames and operations come from Asio's
// own cache of two blocks for each thread, of each kind. Without it an echoed message took the same
// CPU time (1.003), an item through a channel 1.17 of the time, a task among a hundred 0.92.
#pragma once

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/coroutine_deadline.hpp"
#include "runtimes/support/coroutine_queue.hpp"
#include "runtimes/support/lent_buffers.hpp"

namespace switchyard {

using coroutine_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, coroutine_executor>;
using coroutine_acceptor =
    boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, coroutine_executor>;

/// Awaited with this token, an operation gives its error and its result as a tuple.
inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::deferred);

class coroutine_stream : public stream_base<coroutine_stream> {
 public:
  template <class T>
  using awaitable = coroutine_result<T>;

  explicit coroutine_stream(coroutine_socket socket)
      : socket_(std::move(socket)),
        lender_(&boost::asio::use_service<buffer_lender>(socket_.get_executor().context())) {
    if (socket_.is_open()) set_no_delay(socket_.native_handle());
  }

  /// To be awaited; gives the bytes. No coroutine itself, as its frame would be another piece of
  /// memory to come back to when something arrives.
  template <class MutableBuffers>
  auto read_some(const MutableBuffers& buffers, error_code& ec) {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void(std::size_t)>(
        [this, buffers, &ec](auto&& rest) {
          this->start_read(buffers, ec, std::forward<decltype(rest)>(rest));
        },
        boost::asio::deferred);
  }

  /// To be awaited; gives lent_bytes, and none where `ec` says why. While it waits it needs no
  /// buffer.
  auto read_lent(error_code& ec) {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void(lent_bytes)>(
        [this, &ec](auto&& rest) { this->start_read_lent(ec, std::forward<decltype(rest)>(rest)); },
        boost::asio::deferred);
  }

  template <class ConstBuffers>
  awaitable<std::size_t> write_some(ConstBuffers buffers, error_code& ec) {
    if (expired(ec)) co_return 0;
    has_written_ = true;
    const boost::asio::const_buffer from(*boost::asio::buffer_sequence_begin(buffers));
    if (from.size() > 0) {
      const auto at_once =
          ::send(socket_.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (at_once >= 0) {
        ec = {};
        co_return static_cast<std::size_t>(at_once);
      }
    }
    const deadline_guard guard(socket_.get_executor(), deadline_, [this] { cancel(); });
    std::size_t sent = 0;
    std::tie(ec, sent) = co_await socket_.async_write_some(buffers, as_result);
    guard.judge(ec);
    co_return sent;
  }

  template <class MutableBuffers>
  awaitable<std::size_t> read_some(MutableBuffers buffers) {
    error_code ec;
    const std::size_t got = co_await read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "read");
    co_return got;
  }

  template <class ConstBuffers>
  awaitable<std::size_t> write_some(ConstBuffers buffers) {
    error_code ec;
    const std::size_t sent = co_await write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "write");
    co_return sent;
  }

  // Beast's AsyncReadStream and AsyncWriteStream, without deadlines.
  using executor_type = coroutine_executor;
  executor_type get_executor() noexcept { return socket_.get_executor(); }
  template <class MutableBuffers, class Token>
  auto async_read_some(const MutableBuffers& buffers, Token&& token) {
    return socket_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class ConstBuffers, class Token>
  auto async_write_some(const ConstBuffers& buffers, Token&& token) {
    return socket_.async_write_some(buffers, std::forward<Token>(token));
  }

  [[nodiscard]] int native_handle() const noexcept {
    return const_cast<coroutine_socket&>(socket_).native_handle();
  }

  void shutdown_send(error_code& ec) noexcept {
    socket_.shutdown(boost::asio::socket_base::shutdown_send, ec);
  }

 private:
  using guard_pointer = std::unique_ptr<deadline_guard>;
  guard_pointer guarded() {
    if (deadline_ == never) return nullptr;
    return std::make_unique<deadline_guard>(socket_.get_executor(), deadline_,
                                            [this] { cancel(); });
  }

  // Asio tries recv before it waits. What answers a write is never there at once, and the try would
  // be a system call for nothing; a turn of the loop later it may be.
  template <class MutableBuffers, class Rest>
  void start_read(const MutableBuffers& buffers, error_code& ec, Rest rest) {
    if (!std::exchange(has_written_, false)) return read_now(buffers, ec, std::move(rest));
    boost::asio::post(socket_.get_executor(),
                      [this, buffers, &ec, rest = std::move(rest)]() mutable {
                        read_now(buffers, ec, std::move(rest));
                      });
  }

  template <class MutableBuffers, class Rest>
  void read_now(const MutableBuffers& buffers, error_code& ec, Rest rest) {
    if (expired(ec)) {
      return boost::asio::post(socket_.get_executor(), [rest = std::move(rest)]() mutable {
        std::move(rest)(std::size_t{0});
      });
    }
    socket_.async_read_some(buffers, [&ec, guard = guarded(), rest = std::move(rest)](
                                         const error_code& how, std::size_t got) mutable {
      ec = how;
      if (guard) guard->judge(ec);
      guard.reset();
      std::move(rest)(got);
    });
  }

  // Not Asio's read, which would need the buffer while it waits; and when it need not wait, others
  // could read into the same one before it tells its end. A turn later, as above: at once it would
  // be called from within whoever waits.
  template <class Rest>
  void start_read_lent(error_code& ec, Rest rest) {
    boost::asio::post(socket_.get_executor(), [this, &ec, rest = std::move(rest)]() mutable {
      receive_lent(ec, guarded(), std::move(rest));
    });
  }

  template <class Rest>
  void receive_lent(error_code& ec, guard_pointer guard, Rest rest) {
    lent_bytes bytes;
    if (!expired(ec)) bytes = lent_bytes::received(native_handle(), *lender_, ec);
    if (ec != boost::asio::error::would_block) {
      guard.reset();
      return std::move(rest)(std::move(bytes));
    }
    socket_.async_wait(boost::asio::socket_base::wait_read,
                       [this, &ec, guard = std::move(guard),
                        rest = std::move(rest)](const error_code& how) mutable {
                         ec = how;
                         if (guard) guard->judge(ec);
                         if (ec) {
                           guard.reset();
                           return std::move(rest)(lent_bytes());
                         }
                         receive_lent(ec, std::move(guard), std::move(rest));
                       });
  }

  void cancel() noexcept {
    error_code ignored;
    socket_.cancel(ignored);
  }

  coroutine_socket socket_;
  buffer_lender* lender_;
  bool has_written_ = false;  // since the last read
};

class coroutine_listener {
 public:
  coroutine_listener(const coroutine_executor& on, const listen_address& at) : acceptor_(on) {
    unique_fd fd = open_listener(at);
    acceptor_.assign(at.where.protocol(), fd.get());
    [[maybe_unused]] const int given_away = fd.release();
  }

  coroutine_result<coroutine_stream> accept(error_code& ec) {
    coroutine_socket peer(acceptor_.get_executor());
    std::tie(ec) = co_await acceptor_.async_accept(peer, as_result);
    co_return coroutine_stream(std::move(peer));
  }

  [[nodiscard]] endpoint local_endpoint() const { return acceptor_.local_endpoint(); }
  void close() noexcept {
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  coroutine_acceptor acceptor_;
};

inline coroutine_result<coroutine_stream> coroutine_connect(coroutine_executor on, endpoint where,
                                                            error_code& ec, time_point deadline) {
  coroutine_socket socket(on);
  socket.open(where.protocol(), ec);
  if (!ec) socket.native_non_blocking(true, ec);
  if (!ec && !connects_at_once(socket.native_handle(), where, ec)) {
    const deadline_guard guard(on, deadline, [&socket] { socket.close(); });
    std::tie(ec) = co_await socket.async_wait(boost::asio::socket_base::wait_write, as_result);
    guard.judge(ec);
    if (!ec) ec.assign(connect_error(socket.native_handle()), boost::system::system_category());
  }
  coroutine_stream stream(std::move(socket));
  stream.expires_at(deadline);
  co_return stream;
}

/// False when `deadline` has passed before `fd` could be read.
inline coroutine_result<bool> coroutine_wait_readable(coroutine_executor on, int fd,
                                                      time_point deadline) {
  boost::asio::posix::basic_stream_descriptor<coroutine_executor> watched(on, fd);
  error_code ec;
  {
    const deadline_guard guard(on, deadline, [&watched] { watched.cancel(); });
    std::tie(ec) =
        co_await watched.async_wait(boost::asio::posix::descriptor_base::wait_read, as_result);
  }
  [[maybe_unused]] const int given_back = watched.release();  // it is the caller's
  co_return !ec;
}

}  // namespace switchyard
