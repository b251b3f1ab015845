// How a kernel task waits: for time to pass, for a descriptor, with a deadline if there is one, or
// for a word of memory.
#pragma once

#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>

namespace switchyard {

using time_point = std::chrono::steady_clock::time_point;

/// The deadline of what may take for ever.
inline constexpr time_point never = time_point::max();

inline timespec as_timespec(std::chrono::nanoseconds d) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(d);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((d - seconds).count())};
}

/// Sleeps the calling kernel task for `d`, to an absolute deadline, so that a signal can't cut it.
inline void kernel_sleep(std::chrono::steady_clock::duration d) noexcept {
  const timespec deadline = as_timespec((std::chrono::steady_clock::now() + d).time_since_epoch());
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

/// Waits until `fd` is ready for `events` (poll(2)), or has failed: the next operation on it tells.
/// False when `deadline` has passed first.
inline bool wait_ready(int fd, short events, time_point deadline) noexcept {
  for (;;) {
    pollfd ready{fd, events, 0};
    timespec left{};
    if (deadline != never) {
      const auto now = std::chrono::steady_clock::now();
      left = as_timespec(std::max(deadline, now) - now);
    }
    const int found = ::ppoll(&ready, 1, deadline == never ? nullptr : &left, nullptr);
    if (found >= 0) return found > 0;
    if (errno != EINTR) return true;
  }
}

// futex(2) between processes as between threads: not the private kind, which std::atomic::wait
// uses.

/// Waits until somebody wakes it, unless `word` is no longer `seen`: one system call, whatever woke
/// it. False after `at_most`.
inline bool futex_wait(
    std::atomic<std::uint32_t>& word, std::uint32_t seen,
    std::chrono::nanoseconds at_most = std::chrono::nanoseconds::max()) noexcept {
  const timespec bound = as_timespec(at_most);
  const bool bounded = at_most != std::chrono::nanoseconds::max();
  return ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, bounded ? &bound : nullptr, nullptr, 0) ==
             0 ||
         errno != ETIMEDOUT;
}

/// Wakes all that wait, or `most` of them.
inline void futex_wake(std::atomic<std::uint32_t>& word,
                       int most = std::numeric_limits<int>::max()) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, most, nullptr, nullptr, 0);
}

}  // namespace switchyard
