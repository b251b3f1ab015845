// The control of the echo workload: a server written by hand over epoll, without any runtime.
//
// One thread and, for each message, one recv, one send and nothing else: the limit that the
// runtimes are held against. Watches are edge-triggered and stay as they are, as a level-triggered
// one has the kernel look at each connection twice. A connection is its descriptor alone, so that a
// message touches no memory but the buffer and the kernel's own.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <unordered_map>
#include <vector>

#include "bench/programs/echo/serving.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {
namespace {

class epoll_server {
 public:
  epoll_server(const blocking_listener& listener, const stop_source& stop, echo_totals& totals)
      : listener_(listener), stop_(stop), totals_(totals) {
    epoll_.reset(check(::epoll_create1(EPOLL_CLOEXEC), "create an epoll descriptor"));
    check(watch(EPOLL_CTL_ADD, listener_.native_handle()), "watch the listener");
    check(watch(EPOLL_CTL_ADD, stop_.fd()), "watch for a stop");
  }

  serve_report run() {
    std::array<epoll_event, 1'024> events;
    while (!stop_.requested()) {
      const int ready =
          ::epoll_wait(epoll_.get(), events.data(), events.size(), accepting_ ? -1 : pause_ms);
      if (!accepting_ && clock::now() >= accept_again_at_) accept_all();
      for (const auto& event :
           std::span(events).first(static_cast<std::size_t>(std::max(ready, 0)))) {
        const int fd = event.data.fd;
        if (fd == listener_.native_handle()) {
          accept_all();
        } else if (fd != stop_.fd()) {
          serve(fd, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
        }
      }
    }
    totals_.bytes += echoed_;
    return report_;
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr int pause_ms = 10;
  static constexpr int reads_in_a_row = 16;

  /// For all that may happen, told once each time: so no watch has to change with what is expected.
  [[nodiscard]] int watch(int operation, int fd) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  void accept_all() {
    accepting_ = true;
    for (;;) {
      unique_fd fd(
          ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN) pause_accepting(std::strerror(errno));
        return;
      }
      if (watch(EPOLL_CTL_ADD, fd.get()) < 0) {  // no memory, or no room for another watch
        ++report_.turned_away;
        return pause_accepting(std::strerror(errno));
      }
      set_no_delay(fd.get());
      ++report_.connections;
      const auto number = static_cast<std::size_t>(fd.get());
      if (connections_.size() <= number) connections_.resize(2 * number);
      connections_[number] = std::move(fd);
    }
  }

  // What the listener has told once it does not repeat.
  void pause_accepting(const char* why) {
    report_.why_turned_away = why;
    accepting_ = false;
    accept_again_at_ = clock::now() + std::chrono::milliseconds(pause_ms);
  }

  void serve(int fd, bool ends) {
    if (!unsent_.empty() && !send_rest(fd)) return;
    for (int reads = 0; reads < reads_in_a_row; ++reads) {
      const auto got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return close(fd);
      const auto message = std::span(buffer_).first(static_cast<std::size_t>(got));
      echoed_ += message.size();
      if (!send_all(fd, message)) return;
      // Less than there was room for is all there is, and what comes later is told again; but for
      // the end, which may have been told together with the last bytes.
      if (message.size() < buffer_.size() && !ends) return;
    }
    // One that never runs dry: changed or not, a watch that is set tells what is there now.
    if (watch(EPOLL_CTL_MOD, fd) < 0) close(fd);
  }

  /// False when not all of it went out: the connection is closed, or what is left will be sent when
  /// there is room, and nothing is read until then.
  bool send_all(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN) {
          unsent_[fd].assign(bytes.begin(), bytes.end());
        } else {
          close(fd);
        }
        return false;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool send_rest(int fd) {
    const auto rest = unsent_.extract(fd);
    return rest.empty() || send_all(fd, rest.mapped());
  }

  void close(int fd) { connections_[static_cast<std::size_t>(fd)].reset(); }

  const blocking_listener& listener_;
  const stop_source& stop_;
  echo_totals& totals_;
  unique_fd epoll_;
  bool accepting_ = true;
  clock::time_point accept_again_at_;
  std::vector<unique_fd> connections_;  // by their numbers
  std::unordered_map<int, std::vector<std::byte>> unsent_;
  std::array<std::byte, echo_buffer_bytes> buffer_;
  std::uint64_t echoed_ = 0;
  serve_report report_;
};

}  // namespace

serve_report serve_epoll(const listen_address& at, stop_source& stop, echo_totals& totals) {
  const blocking_listener listener(at);
  announce(listener.local_endpoint());
  return epoll_server(listener, stop, totals).run();
}

}  // namespace switchyard
