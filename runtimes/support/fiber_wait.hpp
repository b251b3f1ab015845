// Where a fiber waits for something that will be told to it: the part of an operation's frame that
// does not depend on who completes it.
#pragma once

#include <boost/fiber/context.hpp>

#include "runtimes/support/kernel_wait.hpp"

namespace switchyard {

/// Lies on the stack of the fiber that made it. When what it waits for has come before it waits,
/// there is no switch at all.
class fiber_wait {
 public:
  fiber_wait() noexcept : waiter_(boost::fibers::context::active()) {}
  fiber_wait& operator=(fiber_wait&&) = delete;

  /// Returns once complete() was called; true when `deadline` passed before. Then `cancel()` was
  /// called, which has to lead to a complete(), or to give_up().
  template <class Cancel>
  bool wait(time_point deadline, Cancel cancel) noexcept {
    if (!done_) {
      suspended_ = true;
      if (deadline == never) {
        waiter_->suspend();
      } else {
        waiter_->wait_until(deadline);
      }
    }
    const bool late = !done_;
    if (late) {
      cancel();
      while (!done_) waiter_->suspend();
    }
    return late;
  }

  /// Marks the fiber ready, if it waits already.
  void complete() noexcept {
    done_ = true;
    // Its deadline may have made it ready just before.
    if (suspended_ && !waiter_->ready_is_linked()) {
      boost::fibers::context::active()->schedule(waiter_);
    }
  }

  /// By the fiber itself: nobody will complete this any more.
  void give_up() noexcept { done_ = true; }

 private:
  boost::fibers::context* waiter_;
  bool suspended_ = false;
  bool done_ = false;
};

}  // namespace switchyard
