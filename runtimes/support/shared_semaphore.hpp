// A counting semaphore between processes: sem_overview(7). A waiter that is killed harms nobody.
#pragma once

#include <semaphore.h>

#include <cerrno>
#include <chrono>
#include <cstddef>

#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"

namespace switchyard {

/// Lies in shared memory, and so is never destroyed.
class shared_semaphore {
 public:
  explicit shared_semaphore(std::size_t count) {
    check(::sem_init(&semaphore_, 1, static_cast<unsigned>(count)), "make a semaphore");
  }
  shared_semaphore(const shared_semaphore&) = delete;
  shared_semaphore& operator=(const shared_semaphore&) = delete;

  bool try_wait() noexcept { return ::sem_trywait(&semaphore_) == 0; }

  /// False after `at_most`.
  bool wait(std::chrono::nanoseconds at_most) {
    const timespec deadline =
        as_timespec((std::chrono::steady_clock::now() + at_most).time_since_epoch());
    while (::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &deadline) != 0) {
      if (errno == ETIMEDOUT) return false;
      if (errno != EINTR) throw_errno("wait for a semaphore");
    }
    return true;
  }

  void post() noexcept { ::sem_post(&semaphore_); }

 private:
  sem_t semaphore_;
};

}  // namespace switchyard
