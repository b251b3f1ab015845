// What the address sanitizer has to be told of stacks that are switched by hand: where each one
// lies, and each switch. Else every exception leaves marks on them that it later takes for errors.
// Without the sanitizer all of this is nothing.
#pragma once

#include "runtimes/support/sanitizers.hpp"

#if SWITCHYARD_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>

namespace switchyard {

/// One execution context as the sanitizer sees it. The one that arrives learns where the stack of
/// the one that left lies, so that a stack nobody has allocated, the thread's own, is known as
/// well.
class sanitized_context {
 public:
#if SWITCHYARD_ASAN
  void lies_at(const void* bottom, std::size_t bytes) {
    bottom_ = bottom;
    bytes_ = bytes;
  }
  void leaves_for(const sanitized_context& next) {
    __sanitizer_start_switch_fiber(&kept_, next.bottom_, next.bytes_);
  }
  void arrives_from(sanitized_context& left) {
    __sanitizer_finish_switch_fiber(kept_, &left.bottom_, &left.bytes_);
  }

 private:
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  void* kept_ = nullptr;
#else
  void lies_at(const void*, std::size_t) noexcept {}
  void leaves_for(const sanitized_context&) noexcept {}
  void arrives_from(sanitized_context&) noexcept {}
#endif
};

/// Stacks with a guard page, for Boost.Context; each is reported to the context that will run on
/// it.
class sanitized_stack {
 public:
  sanitized_stack(std::size_t bytes, sanitized_context& context)
      : stacks_(bytes), context_(&context) {}

  boost::context::stack_context allocate() {
    auto stack = stacks_.allocate();
    context_->lies_at(bottom(stack), stack.size);
    forget_marks(stack);
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept {
    forget_marks(stack);
    stacks_.deallocate(stack);
  }

 private:
  static void* bottom(const boost::context::stack_context& stack) noexcept {
    return static_cast<std::byte*>(stack.sp) - stack.size;
  }

  // Whatever was or will be mapped at the same addresses.
  static void forget_marks([[maybe_unused]] const boost::context::stack_context& stack) noexcept {
#if SWITCHYARD_ASAN
    __asan_unpoison_memory_region(bottom(stack), stack.size);
#endif
  }

  boost::context::protected_fixedsize_stack stacks_;
  sanitized_context* context_;
};

}  // namespace switchyard
