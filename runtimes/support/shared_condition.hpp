// A condition variable between processes that outlives its waiters.
//
// pthread_cond_t is not robust: it counts who waits, and after a waiter was killed a later signal
// can wait for it for ever (glibc, condvar groups) or be spent on it. Here the waiters are counted
// only to spare wake-ups that nobody needs, and each wait ends after a while to see who has died.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "runtimes/support/futex.hpp"
#include "runtimes/support/participants.hpp"

namespace switchyard {

/// Lies in shared memory together with those it looks after; used like std::condition_variable.
class shared_condition {
 public:
  explicit shared_condition(participants& all) noexcept : all_(all) {}

  /// May return without cause. Throws peer_died.
  template <class Mutex>
  void wait(std::unique_lock<Mutex>& lock) {
    const std::uint32_t seen = event_;
    ++waiting_;
    lock.unlock();
    const bool woken = futex_wait(event_, seen, participants::patience);
    lock.lock();
    if (woken) return;
    if (event_ == seen) take_one_waiter();
    all_.expect_all_alive();
  }

  void notify_one() noexcept {
    if (!take_one_waiter()) return;
    ++event_;
    futex_wake(event_, 1);
  }
  void notify_all() noexcept {
    waiting_ = 0;
    ++event_;
    futex_wake_all(event_);
  }

 private:
  // Who notifies takes the waiter off the count, not the waiter itself when it runs again: until
  // then each further item would cost a system call. The count may be too high, after a wake-up
  // without cause, but never too low.
  bool take_one_waiter() noexcept {
    std::uint32_t waiting = waiting_;
    while (waiting > 0 && !waiting_.compare_exchange_weak(waiting, waiting - 1)) {
    }
    return waiting > 0;
  }

  participants& all_;
  std::atomic<std::uint32_t> event_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace switchyard
