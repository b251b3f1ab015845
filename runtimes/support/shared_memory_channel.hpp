// The channel between processes that takes its items through shared memory: the same ring as
// between threads. Made before the fork, used in the children.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>

#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/mutex_channel.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

/// A condition variable that outlives its waiters; lies in shared memory together with those it
/// looks after, and is used like std::condition_variable.
//
// pthread_cond_t is not robust: it counts who waits, and after a waiter was killed a later signal
// can wait for it for ever (glibc, condvar groups) or be spent on it. Here the waiters are counted
// only to spare wake-ups that nobody needs, and each wait ends after a while to see who has died.
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
    futex_wake(event_);
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

template <class T>
class shared_memory_channel {
  static_assert(std::is_trivially_copyable_v<T>, "items cross from process to process as bytes");

 public:
  static constexpr std::string_view via = "shared_memory";

  explicit shared_memory_channel(std::size_t capacity) : state_(capacity), items_(capacity) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return state_->ring.capacity(); }

  void push(const T& value) {
    part_.mine();
    state_->ring.push(&items_[0], value);
  }
  std::optional<T> pop() {
    part_.mine();
    return state_->ring.pop(&items_[0]);
  }
  void close() { state_->ring.close(); }

 private:
  struct state {
    explicit state(std::size_t capacity) : ring(capacity, all) {}
    participants all;
    locked_ring<robust_mutex, shared_condition> ring;
  };

  shared_object<state> state_;
  shared_array<T> items_;
  participation part_{state_->all};  // ends before the memory does
};

}  // namespace switchyard
