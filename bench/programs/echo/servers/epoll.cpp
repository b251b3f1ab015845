// The control of the echo workload: a server written by hand over epoll, without any runtime.
//
// One thread, level-triggered, one recv and one send for each message: about the least that the
// kernel's readiness interface asks for, and so the limit that the runtimes are held against.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bench/programs/echo/serving.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {
namespace {

struct connection {
  unique_fd fd;
  std::vector<std::byte> unsent = {};  // while it is not empty, nothing more is read
  std::uint64_t echoed = 0;
};

class epoll_server {
 public:
  epoll_server(const blocking_listener& listener, const stop_source& stop, echo_totals& totals)
      : listener_(listener), stop_(stop), totals_(totals) {
    epoll_.reset(check(::epoll_create1(EPOLL_CLOEXEC), "create an epoll descriptor"));
    watch(EPOLL_CTL_ADD, listener_.native_handle(), EPOLLIN, nullptr);
    watch(EPOLL_CTL_ADD, stop_.fd(), EPOLLIN, nullptr);
  }

  serve_report run() {
    std::array<epoll_event, 256> events{};
    while (!stop_.requested()) {
      const int ready =
          ::epoll_wait(epoll_.get(), events.data(), events.size(), accepting_ ? -1 : pause_ms);
      if (!accepting_ && clock::now() >= accept_again_at_) accept_again();
      for (const auto& event :
           std::span(events).first(static_cast<std::size_t>(std::max(ready, 0)))) {
        if (event.data.ptr == nullptr) {
          if (!stop_.requested()) accept_all();
        } else {
          serve(*static_cast<connection*>(event.data.ptr), event.events);
        }
      }
    }
    while (!connections_.empty()) close(*connections_.begin()->second);
    return report_;
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr int pause_ms = 10;

  void watch(int operation, int fd, std::uint32_t events, connection* c) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = c;
    check(::epoll_ctl(epoll_.get(), operation, fd, &event), "watch a descriptor");
  }

  void accept_all() {
    for (;;) {
      unique_fd fd(
          ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN) pause_accepting(std::strerror(errno));
        return;
      }
      set_no_delay(fd.get());
      const int number = fd.get();
      try {
        auto c = std::make_unique<connection>(connection{std::move(fd)});
        watch(EPOLL_CTL_ADD, number, EPOLLIN, c.get());
        connections_.emplace(number, std::move(c));
        ++report_.connections;
      } catch (const std::exception& limit) {  // no memory, or no room for another watch
        ++report_.turned_away;
        return pause_accepting(limit.what());
      }
    }
  }

  // A level-triggered listener that can't be served would make the loop spin.
  void pause_accepting(const char* why) {
    report_.why_turned_away = why;
    accepting_ = false;
    accept_again_at_ = clock::now() + std::chrono::milliseconds(pause_ms);
    watch(EPOLL_CTL_MOD, listener_.native_handle(), 0, nullptr);
  }
  void accept_again() {
    accepting_ = true;
    watch(EPOLL_CTL_MOD, listener_.native_handle(), EPOLLIN, nullptr);
  }

  void serve(connection& c, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) return flush(c);
    const auto got = ::recv(c.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close(c);
    c.echoed += static_cast<std::uint64_t>(got);
    const auto message = std::span(buffer_).first(static_cast<std::size_t>(got));
    const std::size_t sent = send_some(c, message);
    if (sent == failed) return close(c);
    if (sent == message.size()) return;
    c.unsent.assign(message.begin() + static_cast<std::ptrdiff_t>(sent), message.end());
    watch(EPOLL_CTL_MOD, c.fd.get(), EPOLLOUT, &c);
  }

  void flush(connection& c) {
    const std::size_t sent = send_some(c, c.unsent);
    if (sent == failed) return close(c);
    c.unsent.erase(c.unsent.begin(), c.unsent.begin() + static_cast<std::ptrdiff_t>(sent));
    if (c.unsent.empty()) watch(EPOLL_CTL_MOD, c.fd.get(), EPOLLIN, &c);
  }

  static constexpr std::size_t failed = static_cast<std::size_t>(-1);

  static std::size_t send_some(const connection& c, std::span<const std::byte> bytes) {
    const auto sent = ::send(c.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    return errno == EAGAIN || errno == EINTR ? 0 : failed;
  }

  void close(const connection& c) {
    ++totals_.sessions;
    totals_.bytes += c.echoed;
    connections_.erase(c.fd.get());
  }

  const blocking_listener& listener_;
  const stop_source& stop_;
  echo_totals& totals_;
  unique_fd epoll_;
  bool accepting_ = true;
  clock::time_point accept_again_at_;
  std::unordered_map<int, std::unique_ptr<connection>> connections_;
  std::array<std::byte, echo_buffer_bytes> buffer_{};
  serve_report report_;
};

}  // namespace

serve_report serve_epoll(const endpoint& where, stop_source& stop, echo_totals& totals) {
  const blocking_listener listener(where);
  announce(listener.local_endpoint());
  return epoll_server(listener, stop, totals).run();
}

}  // namespace switchyard
