// futex(2) between processes as between threads: not the private kind, which std::atomic::wait
// uses.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>

#include "runtimes/support/kernel_wait.hpp"

namespace switchyard {

/// Waits until somebody wakes it, unless `word` is no longer `seen`. False after `at_most`.
inline bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen,
                       std::chrono::nanoseconds at_most) noexcept {
  const timespec bound = as_timespec(at_most);
  return ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &bound, nullptr, 0) == 0 ||
         errno != ETIMEDOUT;
}

/// Without a bound: one system call, whatever woke it.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, nullptr, nullptr, 0);
}

inline void futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}
inline void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept {
  futex_wake(word, std::numeric_limits<int>::max());
}

}  // namespace switchyard
