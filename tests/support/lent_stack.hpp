// A stack of its own for a function that may leave it in the middle, told to the sanitizers.
#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/preallocated.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "runtimes/support/sanitizers.hpp"

#if SWITCHYARD_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if SWITCHYARD_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace switchyard {

/// What the sanitizers have to know of a switch of stacks: they keep shadows of them.
class told_switch {
 public:
  struct stack {
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    void* fiber = nullptr;
  };

  /// Before the switch; `for_good` when this stack will not be come back to.
  explicit told_switch([[maybe_unused]] const stack& to, [[maybe_unused]] bool for_good = false) {
#if SWITCHYARD_ASAN
    ::__sanitizer_start_switch_fiber(for_good ? nullptr : &shadow_, to.bottom, to.bytes);
#endif
#if SWITCHYARD_TSAN
    ::__tsan_switch_to_fiber(to.fiber, 0);
#endif
  }
  /// After the switch back: where it came from.
  void is_back([[maybe_unused]] stack& from) const { arrive(shadow_, from); }
  /// At the first arrival on a stack.
  static void arrive_first(stack& from) { arrive(nullptr, from); }

 private:
  static void arrive([[maybe_unused]] void* shadow, [[maybe_unused]] stack& from) {
#if SWITCHYARD_ASAN
    ::__sanitizer_finish_switch_fiber(shadow, &from.bottom, &from.bytes);
#endif
  }

  void* shadow_ = nullptr;
};

class lent_stack {
 public:
  /// `body` has to outlive it, and to end.
  explicit lent_stack(const std::function<void()>& body) : memory_(allocator_.allocate()) {
    own_.bottom = static_cast<std::byte*>(memory_.sp) - memory_.size;
    own_.bytes = memory_.size;
#if SWITCHYARD_TSAN
    own_.fiber = ::__tsan_create_fiber(0);
#endif
    rest_ = boost::context::fiber(std::allocator_arg,
                                  boost::context::preallocated(memory_.sp, memory_.size, memory_),
                                  allocator_, [this, &body](boost::context::fiber&& lender) {
                                    told_switch::arrive_first(of_lender_);
                                    lender_ = std::move(lender);
                                    body();
                                    const told_switch end(of_lender_, true);
                                    return std::move(lender_);
                                  });
  }
  lent_stack& operator=(lent_stack&&) = delete;
#if SWITCHYARD_TSAN
  ~lent_stack() { ::__tsan_destroy_fiber(own_.fiber); }
#endif

  /// The lender: goes on with the body until it leaves, or ends.
  void enter() {
    lent_stack* const before = std::exchange(current(), this);
#if SWITCHYARD_TSAN
    of_lender_.fiber = ::__tsan_get_current_fiber();
#endif
    const told_switch there(own_);
    rest_ = std::move(rest_).resume();
    told_switch::stack left;
    there.is_back(left);
    current() = before;
  }
  [[nodiscard]] bool has_ended() const noexcept { return !rest_; }

  /// The body: lets the lender go on, until it enters again.
  void leave() {
    const told_switch away(of_lender_);
    lender_ = std::move(lender_).resume();
    away.is_back(of_lender_);
  }

  /// The stack that this is called on, if it is a lent one.
  static lent_stack*& current() {
    static thread_local lent_stack* stack = nullptr;
    return stack;
  }

 private:
  boost::context::fixedsize_stack allocator_{default_stack_bytes};
  boost::context::stack_context memory_;
  told_switch::stack own_;
  told_switch::stack of_lender_;
  boost::context::fiber lender_;
  boost::context::fiber rest_;
};

}  // namespace switchyard
