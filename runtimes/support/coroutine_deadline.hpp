// The deadlines of the coroutine runtime's operations: Asio has none, only a way to cancel what is
// under way.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/coroutine_queue.hpp"

namespace switchyard {

using coroutine_timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      coroutine_executor>;

/// Calls `cancel()`, which has to end the operation that is under way, if the deadline passes in
/// the lifetime of this guard. Nothing is done, and no timer made, for none.
class deadline_guard {
 public:
  template <class Cancel>
  deadline_guard(const coroutine_executor& on, time_point deadline, Cancel cancel) {
    if (deadline == never) return;
    watch_ = std::make_shared<watch>(on, cancel);
    watch_->timer.expires_at(deadline);
    // It may have been told of its time already when this guard ends.
    watch_->timer.async_wait([kept = watch_](const error_code& ec) {
      if (!ec && kept->cancel) {
        kept->has_passed = true;
        kept->cancel();
      }
    });
  }
  deadline_guard& operator=(deadline_guard&&) = delete;
  ~deadline_guard() {
    if (!watch_) return;
    watch_->cancel = nullptr;
    watch_->timer.cancel();
  }

  /// How the operation ended: at its deadline, unless it completed all the same.
  void judge(error_code& ec) const noexcept {
    if (watch_ && watch_->has_passed && ec == boost::asio::error::operation_aborted) {
      ec = boost::asio::error::timed_out;
    }
  }

 private:
  struct watch {
    watch(const coroutine_executor& on, std::function<void()> c)
        : timer(on), cancel(std::move(c)) {}
    coroutine_timer timer;
    std::function<void()> cancel;
    bool has_passed = false;
  };
  std::shared_ptr<watch> watch_;
};

}  // namespace switchyard
