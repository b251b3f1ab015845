// The scheduling algorithm that joins Boost.Fiber and what its fibers wait for, on one thread.
//
// Boost ships this only as an example over Asio, which runs the event loop in a fiber of its own
// and re-arms a timer on every suspend. Here there is no loop fiber: when nothing is ready, the
// library's dispatcher calls suspend_until(), and the I/O back end waits right there, on the
// dispatcher's stack. Completions do nothing but mark a fiber ready (fiber_wait.hpp). Sleepers wait
// in the library's own ordered queue; the back end is told of the earliest.
// Single-threaded by design: notify() has nobody to wake.
#pragma once

#include <algorithm>
#include <boost/fiber/algo/algorithm.hpp>
#include <boost/fiber/context.hpp>
#include <boost/fiber/scheduler.hpp>
#include <boost/fiber/type.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace switchyard {

/// `Io::poll()` takes the completions that are there, and `Io::wait_until(when)` waits for the
/// first one before that, at most until `when`. Neither throws, and no fiber runs within, so that
/// each comes to an end. Between two looks lie `Io::most_picks` switches at most.
template <class Io>
class fiber_scheduler final : public boost::fibers::algo::algorithm {
  using context = boost::fibers::context;
  using clock = std::chrono::steady_clock;

 public:
  /// `resumes` counts what pick_next hands out; both have to outlive the scheduler.
  fiber_scheduler(Io& io, std::uint64_t& resumes) : io_(io), resumes_(resumes) {}

  void awakened(context* ready) noexcept override {
    if (ready->is_context(boost::fibers::type::dispatcher_context)) {
      dispatcher_ = ready;
    } else {
      ready->ready_link(queue_);
      ++ready_;
    }
  }

  // The dispatcher is kept out of the queue and resumed only when nothing else is ready, so that a
  // yield between two fibers is one switch; but at the latest when a round is over, as it alone
  // wakes sleepers and runs I/O, which busy fibers would otherwise starve.
  context* pick_next() noexcept override {
    const bool called_by_dispatcher = dispatcher_ == nullptr;
    if (called_by_dispatcher) {
      if (std::exchange(poll_due_, false)) {
        io_.poll();
        begin_round();
      }
    } else {
      if (--left_of_round_ == 0) poll_due_ = true;
      // An empty queue does not mean that all wait: a lone fiber that yields is queued only after
      // this.
      if (poll_due_ || queue_.empty()) {
        ++resumes_;
        return std::exchange(dispatcher_, nullptr);
      }
    }
    if (queue_.empty()) return nullptr;
    context* next = &queue_.front();
    queue_.pop_front();
    --ready_;
    ++resumes_;
    return next;
  }

  // The library drains a scheduler through this when another one takes over, so the dispatcher
  // has to count.
  [[nodiscard]] bool has_ready_fibers() const noexcept override {
    return dispatcher_ != nullptr || !queue_.empty();
  }

  void suspend_until(const clock::time_point& wake_up) noexcept override {
    io_.wait_until(wake_up);
    begin_round();
  }

  void notify() noexcept override {}

 private:
  // A turn for each that is ready: who is found sooner waits behind these in any case, and a look
  // costs system calls, whether it finds much or little.
  void begin_round() noexcept { left_of_round_ = std::clamp(ready_, least_picks, Io::most_picks); }

  static constexpr std::size_t least_picks = 61;

  Io& io_;
  boost::fibers::scheduler::ready_queue_type queue_;
  context* dispatcher_ = nullptr;
  std::size_t ready_ = 0;  // in the queue
  std::size_t left_of_round_ = least_picks;
  bool poll_due_ = false;
  std::uint64_t& resumes_;
};

}  // namespace switchyard
