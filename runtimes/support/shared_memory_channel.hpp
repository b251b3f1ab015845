// The channel between processes that takes its items through shared memory: the same ring as
// between threads. Made before the fork, used in the children.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

#include "runtimes/support/locked_ring.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/robust_mutex.hpp"
#include "runtimes/support/shared_condition.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

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
