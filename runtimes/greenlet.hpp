// `greenlet`: control handed over by name, like Python's module of that name. No scheduler and so
// no runtime in the sense of concepts.hpp: who runs next is whoever was named.
//
// Symmetric over Boost.Context: whoever runs, the main flow or any greenlet, is suspended where it
// stands, and the named one goes on where it stood. A flow's suspended rest is stored by the one
// that arrives, as only there it is known.
#pragma once

#include "runtimes/support/sanitizers.hpp"

#if SWITCHYARD_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

namespace switchyard {

/// What the address sanitizer has to be told of stacks that are switched by hand: where each one
/// lies, and each switch. Else every exception leaves marks on them that it later takes for errors.
/// Without the sanitizer all of this is nothing. The context that arrives learns where the stack of
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

/// `greenlet a(f)` makes one, the first `a.switch_to()` calls `f` on a stack of its own. When `f`
/// ends, the thread's main flow goes on, which is the parent of all greenlets; an exception that
/// leaves `f` is thrown there, out of the switch_to() in which the main flow was suspended.
///
/// An unfinished greenlet that is destroyed (by another flow of its thread, which it must not
/// outlive: no static ones) is unwound first: the switch_to() in which it stands throws `destroyed`
/// there, and so does any further one.
///
/// Nobody may switch within a catch block (the exceptions being handled belong to the thread), in a
/// destructor that runs while a greenlet is unwound, or from a task of the fiber runtime (whose
/// stack would be taken for the main flow's).
class greenlet {
 public:
  /// No std::exception, so that whoever handles those lets it pass.
  struct destroyed {};

  template <class F>
  explicit greenlet(F f) {
    namespace ctx = boost::context;
    self_.rest =
        ctx::fiber(std::allocator_arg, sanitized_stack(default_stack_bytes, self_.sanitized),
                   [f = std::move(f), this](ctx::fiber&& left) mutable {
                     contexts_.arrive(std::move(left));
                     return contexts_.leave_for(run(f));
                   });
  }
  greenlet& operator=(greenlet&&) = delete;
  ~greenlet() {
    if (!self_.rest) return;
    self_.destroyer = contexts_.running;
    contexts_.arrive(contexts_.leave_for(self_).resume());
  }

  /// Suspends the caller until somebody switches to it. A switch to oneself returns at once, as in
  /// Python; one to a finished greenlet, or to one of another thread, is a std::logic_error.
  //
  // Inlined at any price: behind a switch the CPU predicts the return of whoever left, not of
  // whoever arrives, and a function of its own would cost as much again as the switch.
  [[gnu::always_inline]] void switch_to() {
    contexts_of_a_thread& contexts = contexts_;
    const context& own = *contexts.running;
    if (own.destroyer || !self_.rest || &contexts != &contexts_of_this_thread()) [[unlikely]] {
      return refuse();
    }
    contexts.arrive(contexts.leave_for(self_).resume());
    // By now this greenlet may be no more.
    if (own.destroyer || contexts.failure) [[unlikely]]
      fail(contexts);
  }

  [[nodiscard]] bool finished() const noexcept {
    return !self_.rest && contexts_.running != &self_;
  }

 private:
  struct context {
    boost::context::fiber rest = {};  // empty while it runs, and when it has ended
    context* destroyer = nullptr;     // waits until it is unwound
    sanitized_context sanitized = {};
  };

  struct contexts_of_a_thread {
    context main;
    context* running = &main;
    context* left = nullptr;  // by the last switch
    std::exception_ptr failure;

    boost::context::fiber leave_for(context& next) noexcept {
      left = std::exchange(running, &next);
      left->sanitized.leaves_for(next.sanitized);
      return std::move(next.rest);
    }
    void arrive(boost::context::fiber&& rest) noexcept {
      running->sanitized.arrives_from(left->sanitized);
      left->rest = std::move(rest);
    }
  };

  static contexts_of_a_thread& contexts_of_this_thread() {
    thread_local contexts_of_a_thread contexts;
    return contexts;
  }

  /// Calls `f`, unless it is too late for that. The flow that goes on after it.
  template <class F>
  context& run(F& f) noexcept {
    std::exception_ptr failure;
    try {
      if (!self_.destroyer) f();
    } catch (...) {
      failure = std::current_exception();
    }
    if (self_.destroyer) return *self_.destroyer;  // what ended an unwound one concerns nobody
    contexts_.failure = failure;
    return contexts_.main;
  }

  /// A switch that is none: to oneself, or an error.
  [[gnu::cold, gnu::noinline]] void refuse() const {
    if (&contexts_ != &contexts_of_this_thread()) {
      throw std::logic_error("a greenlet belongs to the thread that made it");
    }
    if (contexts_.running->destroyer) throw destroyed();
    if (contexts_.running == &self_) return;
    throw std::logic_error("a finished greenlet can't be switched to");
  }

  /// What whoever was switched to finds instead of its turn: its own end, or a greenlet's failure,
  /// which comes to the main flow.
  [[gnu::cold, gnu::noinline]] static void fail(contexts_of_a_thread& contexts) {
    if (contexts.running->destroyer) throw destroyed();
    std::rethrow_exception(std::exchange(contexts.failure, nullptr));
  }

  contexts_of_a_thread& contexts_ = contexts_of_this_thread();
  context self_;
};

}  // namespace switchyard
