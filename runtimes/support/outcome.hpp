// What a task leaves behind: a value or the exception that ended it. Shared by the runtimes whose
// tasks live in the parent's address space.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace switchyard {

template <class T>
class outcome {
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  /// Calls `f` and keeps its result or its exception.
  template <class F>
  void run(F&& f) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        f();
        value_.emplace();
      } else {
        value_.emplace(f());
      }
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  /// Keeps what was caught elsewhere: an exception, or a value where there is none.
  template <class... Value>
  void keep(std::exception_ptr failure, Value&&... value) {
    failure_ = std::move(failure);
    if (!failure_) value_.emplace(std::forward<Value>(value)...);
  }

  void fail(std::exception_ptr failure) noexcept { failure_ = std::move(failure); }

  /// The value, once; rethrows the exception if there was one.
  T take() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

 private:
  std::optional<value_type> value_;
  std::exception_ptr failure_;
};

/// A session that throws ends alone: nobody else hears of it.
template <class Session, class Stream>
void run_session(Session& session, Stream& peer) noexcept {
  outcome<void>().run([&] { session(peer); });
}

}  // namespace switchyard
