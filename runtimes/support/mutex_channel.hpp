// The channel between threads: a ring under a mutex, with condition variables.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// Which place of a ring is written next and which one read next. The places themselves lie
/// elsewhere: on the heap, or in memory that processes share.
class ring_positions {
 public:
  explicit ring_positions(std::size_t capacity = 0) noexcept : capacity_(capacity) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == capacity_; }

  /// The place of the next item; the ring must not be full.
  std::size_t put() noexcept {
    ++size_;
    return advance(last_);
  }
  /// The place of the oldest item; the ring must not be empty.
  std::size_t take() noexcept {
    --size_;
    return advance(first_);
  }

 private:
  // Not by modulo: a division would cost more than all the rest.
  std::size_t advance(std::size_t& position) const noexcept {
    const std::size_t here = position;
    position = here + 1 == capacity_ ? 0 : here + 1;
    return here;
  }

  std::size_t capacity_;
  std::size_t size_ = 0;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

/// A bounded ring under one lock, with a condition for each side: the textbook channel. Threads use
/// it with std::mutex and std::condition_variable, processes with their counterparts in shared
/// memory, so that the two differ by nothing but these. The items lie elsewhere; each call is told
/// where.
template <class Mutex, class Condition>
class locked_ring {
 public:
  /// `with` is handed to both conditions.
  template <class... With>
  explicit locked_ring(std::size_t capacity, With&... with)
      : not_full_(with...), not_empty_(with...), positions_(checked_capacity(capacity)) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return positions_.capacity(); }

  // Both notify when they have let go of the lock, or who is woken would first wait for that. They
  // do so for every item: only one that turns a ring from empty to not empty would leave a second
  // sleeper asleep beside a second item.

  template <class T>
  void push(T* items, const T& value) {
    {
      std::unique_lock lock(mutex_);
      while (positions_.full() && !closed_) not_full_.wait(lock);
      if (closed_) throw channel_closed();
      items[positions_.put()] = value;
    }
    not_empty_.notify_one();
  }

  template <class T>
  std::optional<T> pop(const T* items) {
    std::optional<T> value;
    {
      std::unique_lock lock(mutex_);
      while (positions_.empty() && !closed_) not_empty_.wait(lock);
      if (positions_.empty()) return value;
      value = items[positions_.take()];
    }
    not_full_.notify_one();
    return value;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    not_full_.notify_all();
    not_empty_.notify_all();
  }

 private:
  Mutex mutex_;
  Condition not_full_;
  Condition not_empty_;
  ring_positions positions_;
  bool closed_ = false;
};

template <class T>
class mutex_channel {
 public:
  static constexpr std::string_view via = "mutex";

  explicit mutex_channel(std::size_t capacity)
      : ring_(capacity), items_(std::make_unique<T[]>(capacity)) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }

  void push(const T& value) { ring_.push(items_.get(), value); }
  std::optional<T> pop() { return ring_.pop(items_.get()); }
  void close() { ring_.close(); }

 private:
  locked_ring<std::mutex, std::condition_variable> ring_;
  std::unique_ptr<T[]> items_;
};

}  // namespace switchyard
