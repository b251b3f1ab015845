// Plain blocking TCP sockets for the runtimes whose tasks the kernel schedules (serial, process,
// thread), and the accept loop they share.
//
// Not Asio's own blocking calls: those need an io_context, and with it an epoll descriptor that
// every forked child would inherit. One call here is one system call.
#pragma once

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "runtimes/support/error.hpp"
#include "runtimes/support/stop_source.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

using endpoint = boost::asio::ip::tcp::endpoint;
using boost::system::error_code;

/// What a server did: connections that got a task, and those closed because none could be started.
/// The reason is the last limit that was met.
struct serve_report {
  std::uint64_t connections = 0;
  std::uint64_t turned_away = 0;
  std::string why_turned_away;
};

inline error_code last_error() { return {errno, boost::system::system_category()}; }

/// "127.0.0.1:8001", "[::1]:8001"
inline std::string describe(const endpoint& where) {
  std::ostringstream text;
  text << where;
  return text.str();
}

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

/// A non-blocking listening socket on `where`, or std::system_error that names the address.
inline unique_fd open_listener(const endpoint& where) {
  constexpr int backlog = 4096;
  unique_fd fd = open_tcp(where, SOCK_NONBLOCK);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
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

inline endpoint local_endpoint_of(int fd) {
  endpoint where;
  auto length = static_cast<socklen_t>(where.capacity());
  check(::getsockname(fd, where.data(), &length), "read a socket's address");
  where.resize(length);
  return where;
}

class blocking_stream {
 public:
  blocking_stream() = default;
  explicit blocking_stream(unique_fd fd) noexcept : fd_(std::move(fd)) { set_no_delay(fd_.get()); }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    const auto into =
        first(boost::asio::buffer_sequence_begin(buffers),
              boost::asio::buffer_sequence_end(buffers), boost::asio::mutable_buffer{});
    const auto got = retried(ec, [&] { return ::recv(fd_.get(), into.data(), into.size(), 0); });
    if (got == 0 && !ec && into.size() > 0) ec = boost::asio::error::eof;
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    const auto from = first(boost::asio::buffer_sequence_begin(buffers),
                            boost::asio::buffer_sequence_end(buffers), boost::asio::const_buffer{});
    return retried(ec, [&] { return ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL); });
  }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) {
    error_code ec;
    const auto got = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "read");
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) {
    error_code ec;
    const auto sent = write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "write");
    return sent;
  }

  [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

  void shutdown_send(error_code& ec) noexcept {
    ec = {};
    if (::shutdown(fd_.get(), SHUT_WR) < 0) ec = last_error();
  }

 private:
  // One buffer is one system call, as read_some may stop early anyway.
  template <class Iterator, class Buffer>
  static Buffer first(Iterator from, Iterator to, Buffer none) {
    for (; from != to; ++from) {
      if (const Buffer buffer(*from); buffer.size() > 0) return buffer;
    }
    return none;
  }

  template <class Call>
  static std::size_t retried(error_code& ec, Call call) {
    ec = {};
    for (;;) {
      const auto result = call();
      if (result >= 0) return static_cast<std::size_t>(result);
      if (errno == EINTR) continue;
      ec = last_error();
      return 0;
    }
  }

  unique_fd fd_;
};

class blocking_listener {
 public:
  explicit blocking_listener(const endpoint& where) : fd_(open_listener(where)) {}

  /// Waits for a connection.
  blocking_stream accept(error_code& ec) {
    for (;;) {
      blocking_stream peer = try_accept(ec);
      if (ec != boost::asio::error::would_block) return peer;
      pollfd ready{fd_.get(), POLLIN, 0};
      ::poll(&ready, 1, -1);
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

inline blocking_stream blocking_connect(const endpoint& where, error_code& ec) {
  unique_fd fd = open_tcp(where);
  ec = {};
  if (::connect(fd.get(), where.data(), static_cast<socklen_t>(where.size())) < 0) {
    ec = last_error();
    return {};
  }
  return blocking_stream(std::move(fd));
}

/// Sleeps the calling kernel task for `d`, to an absolute deadline, so that a signal can't cut it.
inline void kernel_sleep(std::chrono::steady_clock::duration d) noexcept {
  const auto until = (std::chrono::steady_clock::now() + d).time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(until);
  const timespec deadline{static_cast<time_t>(seconds.count()),
                          static_cast<long>(std::chrono::nanoseconds(until - seconds).count())};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

/// A descriptor to watch beside the listener, and what to do when it is readable.
struct no_chores {
  [[nodiscard]] int fd() const noexcept { return -1; }
  void run() const noexcept {}
};

/// Accepts until `stop` is requested and hands each stream to `start(stream)`. A connection for
/// which no task could be started (limit_error) is turned away; one for which there is no
/// descriptor waits in the backlog. The loop pauses then: a full machine need not be a busy one
/// too.
template <class Start, class Chores = no_chores>
serve_report accept_until_stopped(blocking_listener& listener, stop_source& stop, Start start,
                                  Chores chores = {}) {
  constexpr std::chrono::milliseconds pause(10);
  serve_report report;
  while (!stop.requested()) {
    pollfd ready[] = {
        {listener.native_handle(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {chores.fd(), POLLIN, 0}};
    if (::poll(ready, 3, -1) < 0) continue;  // EINTR: look at the flag again
    if (ready[2].revents != 0) chores.run();
    if (ready[0].revents == 0) continue;
    error_code ec;
    blocking_stream peer = listener.try_accept(ec);
    if (ec == boost::asio::error::would_block) continue;
    if (ec) {
      report.why_turned_away = ec.message();
      kernel_sleep(pause);
      continue;
    }
    try {
      start(std::move(peer));
      ++report.connections;
    } catch (const std::exception& limit) {  // limit_error, or std::bad_alloc
      ++report.turned_away;
      report.why_turned_away = limit.what();
      kernel_sleep(pause);
    }
  }
  return report;
}

}  // namespace switchyard
