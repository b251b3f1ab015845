// The channel between fibers of one thread: that of Boost.Fiber.
#pragma once

#include <bit>
#include <boost/fiber/buffered_channel.hpp>
#include <boost/fiber/channel_op_status.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// Boost's channel in the words of the others. A buffered_channel is a ring of a power of two of
/// which one place stays empty. The largest one is taken that holds no more than was asked for: 1
/// for 1, 63 for 64, 1,023 for 1,024. An exact bound would take a second lock and queue around it,
/// and measure these.
template <class T>
class fiber_channel {
 public:
  static constexpr std::string_view via = "buffered_channel";

  static constexpr std::size_t holds(std::size_t capacity) {
    return std::bit_floor(capacity + 1) - 1;
  }

  explicit fiber_channel(std::size_t capacity)
      : capacity_(holds(checked_capacity(capacity))), channel_(capacity_ + 1) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  void push(const T& value) {
    if (channel_.push(value) != boost::fibers::channel_op_status::success) throw channel_closed();
  }
  std::optional<T> pop() {
    T value{};
    if (channel_.pop(value) != boost::fibers::channel_op_status::success) return std::nullopt;
    return value;
  }
  void close() noexcept { channel_.close(); }

 private:
  std::size_t capacity_;
  boost::fibers::buffered_channel<T> channel_;
};

}  // namespace switchyard
