// Plain blocking TCP sockets for the runtimes whose tasks the kernel schedules (serial, process,
// thread).
//
// Not Asio's own blocking calls: those need an io_context, and with it an epoll descriptor that
// every forked child would inherit. One call here is one system call.
#pragma once

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

using endpoint = boost::asio::ip::tcp::endpoint;
using boost::system::error_code;

inline error_code last_error() { return {errno, boost::system::system_category()}; }

/// "127.0.0.1:8001", "[::1]:8001"
inline std::string describe(const endpoint& where) { return (std::ostringstream() << where).str(); }

/// A socket for the family of `where`, close-on-exec.
inline unique_fd open_tcp(const endpoint& where, int flags = 0) {
  return unique_fd(check(::socket(where.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | flags, 0),
                         "create a socket"));
}

inline void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// On loopback nothing is ever lost or shared, and a congestion control that models the path (BBR,
/// the default of some machines) only adds its timers and its work to each message, for both sides:
/// an acknowledgement is handled on the CPU of whoever sent it. So loopback gets the simplest one.
inline void set_simple_congestion_control(int fd, const endpoint& where) noexcept {
  constexpr std::string_view reno = "reno";
  if (!where.address().is_loopback()) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno.data(), reno.size());
}

/// Where to listen. `is_shared`: beside other processes of the same user, which share the port in
/// the same way, and among which the kernel deals out the connections (SO_REUSEPORT).
struct listen_address {
  listen_address(endpoint at, bool shared = false)  // NOLINT(google-explicit-constructor)
      : where(std::move(at)), is_shared(shared) {}

  endpoint where;
  bool is_shared;
};

/// A non-blocking listening socket, or std::system_error that names the address.
inline unique_fd open_listener(const listen_address& at) {
  const endpoint& where = at.where;
  constexpr int backlog = 4096;
  unique_fd fd = open_tcp(where, SOCK_NONBLOCK);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.is_shared) {
    check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "share a port");
  }
  set_simple_congestion_control(fd.get(), where);  // accepted sockets inherit it
  if (::bind(fd.get(), where.data(), static_cast<socklen_t>(where.size())) < 0 ||
      ::listen(fd.get(), backlog) < 0) {
    const int error = errno;
    throw_errno("listen on " + describe(where) +
                    (error == EADDRNOTAVAIL ? " (the host has to be an address of this machine)"
                                            : " (another port may be free; 0 picks one)"),
                error);
  }
  return fd;
}

/// How a connect ended that did not block; 0: well.
inline int connect_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

/// Begins to connect a socket that does not block. True when that has ended already, and `ec` tells
/// how: over loopback the peer's kernel answers within the call, and to be told so would cost more
/// than to look. Else it ends when the socket can be written, and connect_error() tells how.
inline bool connects_at_once(int fd, const endpoint& where, error_code& ec) noexcept {
  ec = {};
  if (::connect(fd, where.data(), static_cast<socklen_t>(where.size())) == 0) return true;
  if (errno != EINPROGRESS) {
    ec = last_error();
    return true;
  }
  if (!wait_ready(fd, POLLOUT, time_point::min())) return false;
  ec.assign(connect_error(fd), boost::system::system_category());
  return true;
}

inline endpoint local_endpoint_of(int fd) {
  endpoint where;
  auto length = static_cast<socklen_t>(where.capacity());
  check(::getsockname(fd, where.data(), &length), "read a socket's address");
  where.resize(length);
  return where;
}

/// What Beast's concepts ask for beside the calls with an error code, and the deadline of all.
template <class S>
class stream_base {
 public:
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) {
    error_code ec;
    const auto got = static_cast<S*>(this)->read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "read");
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) {
    error_code ec;
    const auto sent = static_cast<S*>(this)->write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "write");
    return sent;
  }

  void expires_at(time_point deadline) noexcept { deadline_ = deadline; }

 protected:
  // Looked at even when there are bytes: a peer that never ceases to send must not get round it.
  bool expired(error_code& ec) const noexcept {
    if (deadline_ == never || std::chrono::steady_clock::now() < deadline_) return false;
    ec = boost::asio::error::timed_out;
    return true;
  }

  // One buffer is one operation, as read_some may stop early anyway.
  template <class Buffer, class Buffers>
  static Buffer first(const Buffers& buffers) {
    auto at = boost::asio::buffer_sequence_begin(buffers);
    for (const auto end = boost::asio::buffer_sequence_end(buffers); at != end; ++at) {
      if (const Buffer buffer(*at); buffer.size() > 0) return buffer;
    }
    return {};
  }

  time_point deadline_ = never;
};

class blocking_stream : public stream_base<blocking_stream> {
 public:
  using stream_base::read_some;
  using stream_base::write_some;

  blocking_stream() = default;
  explicit blocking_stream(unique_fd fd) noexcept : fd_(std::move(fd)) { set_no_delay(fd_.get()); }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    const auto into = first<boost::asio::mutable_buffer>(buffers);
    const auto got = retried(
        ec, POLLIN, [&](int flags) { return ::recv(fd_.get(), into.data(), into.size(), flags); });
    if (got == 0 && !ec && into.size() > 0) ec = boost::asio::error::eof;
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    const auto from = first<boost::asio::const_buffer>(buffers);
    return retried(ec, POLLOUT, [&](int flags) {
      return ::send(fd_.get(), from.data(), from.size(), flags | MSG_NOSIGNAL);
    });
  }

  [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

  void shutdown_send(error_code& ec) noexcept {
    ec = {};
    if (::shutdown(fd_.get(), SHUT_WR) < 0) ec = last_error();
  }

 private:
  // Without a deadline one call is one system call; with one, poll waits in its place.
  template <class Call>
  std::size_t retried(error_code& ec, short events, Call call) {
    const bool bounded = deadline_ != never;
    ec = {};
    while (!expired(ec)) {
      const auto result = call(bounded ? MSG_DONTWAIT : 0);
      if (result >= 0) return static_cast<std::size_t>(result);
      if (bounded && errno == EAGAIN) {
        wait_ready(fd_.get(), events, deadline_);
      } else if (errno != EINTR) {
        ec = last_error();
        break;
      }
    }
    return 0;
  }

  unique_fd fd_;
};

class blocking_listener {
 public:
  explicit blocking_listener(const listen_address& at) : fd_(open_listener(at)) {}

  /// Waits for a connection.
  blocking_stream accept(error_code& ec) {
    for (;;) {
      blocking_stream peer = try_accept(ec);
      if (ec != boost::asio::error::would_block) return peer;
      wait_ready(fd_.get(), POLLIN, never);
    }
  }

  /// Does not wait: would_block when there is no connection.
  blocking_stream try_accept(error_code& ec) {
    for (;;) {
      unique_fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd) {
        ec = {};
        return blocking_stream(std::move(fd));
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      ec = last_error();
      return {};
    }
  }

  [[nodiscard]] endpoint local_endpoint() const { return local_endpoint_of(fd_.get()); }
  [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }
  void close() noexcept { fd_.reset(); }

 private:
  unique_fd fd_;
};

/// With a deadline the connect itself does not block; poll waits for it.
inline blocking_stream blocking_connect(const endpoint& where, error_code& ec,
                                        time_point deadline = never) {
  const bool bounded = deadline != never;
  const int flags = SOCK_STREAM | SOCK_CLOEXEC | (bounded ? SOCK_NONBLOCK : 0);
  unique_fd fd(::socket(where.protocol().family(), flags, 0));
  if (!fd) {  // no descriptor left, or no such family on this machine
    ec = last_error();
    return {};
  }
  if (!bounded) {
    ec = {};
    if (::connect(fd.get(), where.data(), static_cast<socklen_t>(where.size())) < 0) {
      ec = last_error();
    }
  } else if (!connects_at_once(fd.get(), where, ec)) {
    if (wait_ready(fd.get(), POLLOUT, deadline)) {
      ec.assign(connect_error(fd.get()), boost::system::system_category());
    } else {
      ec = boost::asio::error::timed_out;
    }
  }
  if (ec) return {};
  if (bounded) {
    check(::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK), "set a socket up");
  }
  blocking_stream stream(std::move(fd));
  stream.expires_at(deadline);
  return stream;
}

}  // namespace switchyard
