// Memory that stays shared across fork: MAP_SHARED | MAP_ANONYMOUS, zeroed, unmapped at the end.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// `count` objects of T, value-initialised, seen by this process and all it forks later. T has to
/// be trivially destructible: which process would destroy it?
template <class T>
class shared_array {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit shared_array(std::size_t count) : count_(count) {
    void* memory =
        ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      throw limit_error("no " + std::to_string(bytes()) + " bytes of shared memory to be had");
    }
    data_ = static_cast<T*>(memory);
    std::uninitialized_value_construct_n(data_, count_);
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
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  template <class... Arguments>
  explicit shared_object(Arguments&&... arguments)
      : object_(::new (&memory_[0]) T(std::forward<Arguments>(arguments)...)) {}
  shared_object& operator=(shared_object&&) = delete;

  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }

 private:
  struct alignas(T) room {
    std::byte bytes[sizeof(T)];
  };

  shared_array<room> memory_{1};
  T* object_;
};

}  // namespace switchyard
