// Memory that stays shared across fork: MAP_SHARED | MAP_ANONYMOUS, zeroed, unmapped at the end.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// `count` objects of T, each constructed with `arguments`, seen by this process and all it forks
/// later. T has to be trivially destructible: which process would destroy it?
template <class T>
class shared_array {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  template <class... Arguments>
  explicit shared_array(std::size_t count, const Arguments&... arguments) : count_(count) {
    void* memory =
        ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      throw limit_error("no " + std::to_string(bytes()) + " bytes of shared memory to be had");
    }
    data_ = static_cast<T*>(memory);
    for (std::size_t i = 0; i < count_; ++i) ::new (data_ + i) T(arguments...);
  }
  shared_array(shared_array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
  shared_array& operator=(shared_array&&) = delete;
  ~shared_array() {
    if (data_ != nullptr) ::munmap(data_, bytes());
  }

  [[nodiscard]] T& operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] std::span<T> span() const noexcept { return {data_, count_}; }

 private:
  [[nodiscard]] std::size_t bytes() const noexcept { return count_ * sizeof(T); }

  T* data_ = nullptr;
  std::size_t count_;
};

/// One T, constructed with `arguments`; stays at its address.
template <class T>
class shared_object {
 public:
  template <class... Arguments>
  explicit shared_object(const Arguments&... arguments) : array_(1, arguments...) {}
  shared_object& operator=(shared_object&&) = delete;

  [[nodiscard]] T& operator*() const noexcept { return array_[0]; }
  [[nodiscard]] T* operator->() const noexcept { return &array_[0]; }

 private:
  shared_array<T> array_;
};

}  // namespace switchyard
