// The channel between threads: a ring under a mutex, with condition variables.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "runtimes/support/locked_ring.hpp"

namespace switchyard {

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
