// Which place of a ring is written next and which one read next. The places themselves lie
// elsewhere: on the heap, or in memory that processes share.
#pragma once

#include <cstddef>

namespace switchyard {

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

}  // namespace switchyard
