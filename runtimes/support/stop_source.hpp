// How a server is told to stop: from a signal handler, while its tasks block in system calls.
//
// A flag alone would be seen too late (the accept loop sleeps in poll) and a flag checked before a
// blocking read would lose the race with the signal. So a request does three things, all of them
// async-signal-safe: it sets the flag, makes an eventfd readable for whoever polls, and shuts down
// the one socket that the current task may be blocked on, which ends a read or write on it now or
// later.
#pragma once

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>

#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

/// What a server did until then, as its `serve` returns it: connections that got a task, and those
/// closed because none could be started. The reason is the last limit that was met.
struct serve_report {
  std::uint64_t connections = 0;
  std::uint64_t turned_away = 0;
  std::string why_turned_away;
};

class stop_source {
 public:
  stop_source() : event_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "create an eventfd")) {}

  /// Async-signal-safe. `signal` is the one that asks for it, if one does.
  void request(int signal = 0) noexcept {
    const int saved = errno;
    signal_ = signal;
    requested_ = true;
    // A forked child shares the eventfd, but a signal to it alone must not stop its parent.
    if (::getpid() == owner_) {
      const std::uint64_t one = 1;
      // It can only fail when the counter is full, and so readable already.
      [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
    }
    interrupt();
    errno = saved;
  }

  [[nodiscard]] bool requested() const noexcept { return requested_; }

  /// The signal that asked for it, or 0.
  [[nodiscard]] int signal() const noexcept { return signal_; }

  /// Readable from the request on.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

  /// Has a request shut down `fd` for as long as this guard lives.
  class interruptible {
   public:
    interruptible(stop_source& stop, int fd) noexcept : stop_(stop) {
      stop_.blocked_on_ = fd;
      if (stop_.requested_) stop_.interrupt();
    }
    ~interruptible() { stop_.blocked_on_ = -1; }
    interruptible& operator=(interruptible&&) = delete;

   private:
    stop_source& stop_;
  };

  /// Makes SIGINT and SIGTERM request a stop of `stop`, which must outlive the process's signals.
  static void on_signals(stop_source& stop) {
    told_by_signals_ = &stop;
    struct sigaction action {};
    action.sa_handler = [](int signal) { told_by_signals_.load()->request(signal); };
    ::sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM}) {
      check(::sigaction(number, &action, nullptr), "install a signal handler");
    }
  }

 private:
  void interrupt() noexcept {
    const int fd = blocked_on_;
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
  }

  static inline std::atomic<stop_source*> told_by_signals_{nullptr};

  unique_fd event_;
  pid_t owner_ = ::getpid();
  std::atomic<bool> requested_{false};
  std::atomic<int> signal_{0};
  std::atomic<int> blocked_on_{-1};
};

}  // namespace switchyard
