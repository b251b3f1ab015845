// A bounded channel between stackless coroutines of one thread.
//
// Ours, not Asio's, which is experimental: with Boost 1.81 a close loses what is in the channel,
// and a push that waits for room is never told of it. And each of its operations that has to wait
// ends with a post to the event loop, which looks at its descriptors once a turn.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runtimes/support/coroutine_queue.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {

template <class T>
class coroutine_channel {
 public:
  static constexpr std::string_view via = "coroutine_queue";

  coroutine_channel(coroutine_queue& queue, std::size_t capacity)
      : queue_(queue), items_(checked_capacity(capacity)) {}
  coroutine_channel& operator=(coroutine_channel&&) = delete;

  [[nodiscard]] std::size_t capacity() const noexcept { return items_.size(); }

  coroutine_result<void> push(const T& item) {
    while (!closed_ && held_ == items_.size()) co_await turn_in(pushers_);
    if (closed_) throw channel_closed();
    items_[(first_ + held_++) % items_.size()] = item;
    wake_one(poppers_);
  }

  coroutine_result<std::optional<T>> pop() {
    while (!closed_ && held_ == 0) co_await turn_in(poppers_);
    if (held_ == 0) co_return std::nullopt;
    const T item = items_[first_];
    first_ = (first_ + 1) % items_.size();
    --held_;
    wake_one(pushers_);
    co_return item;
  }

  void close() {
    closed_ = true;
    while (!pushers_.empty()) wake_one(pushers_);
    while (!poppers_.empty()) wake_one(poppers_);
  }

 private:
  using waiting = std::deque<resumption>;

  static auto turn_in(waiting& line) {
    return suspend([&line](auto&& rest) {
      line.emplace_back(std::in_place, std::forward<decltype(rest)>(rest));
    });
  }
  // Whoever comes before the woken one is resumed may take what it was woken for: so it looks
  // again.
  void wake_one(waiting& line) {
    if (line.empty()) return;
    queue_.push(std::move(line.front()));
    line.pop_front();
  }

  coroutine_queue& queue_;
  std::vector<T> items_;  // a ring
  std::size_t first_ = 0;
  std::size_t held_ = 0;
  bool closed_ = false;
  waiting pushers_;
  waiting poppers_;
};

}  // namespace switchyard
