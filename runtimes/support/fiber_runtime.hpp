// What runtimes of fibers have in common: all but how their fibers wait for I/O. Tasks are fibers
// of Boost.Fiber on one kernel thread, with our scheduler (fiber_scheduler.hpp) and our stacks
// (stack_slab.hpp).
#pragma once

#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/fiber_channel.hpp"
#include "runtimes/support/fiber_scheduler.hpp"
#include "runtimes/support/helper_threads.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "runtimes/support/session_list.hpp"
#include "runtimes/support/stack_slab.hpp"

namespace switchyard {

/// Without a name, a line on what it is, and whose tasks they are. `Io`: what fiber_scheduler asks
/// for; enter() before fibers run and leave() behind them; the sockets, and wait_readable().
template <class Io>
class fiber_runtime {
 public:
  static constexpr bool concurrent = true;
  static constexpr bool shares_memory = true;
  static constexpr bool runs_in_parallel = false;
  static constexpr bool preemptive = false;
  static constexpr int kernel_tasks_per_task = 0;
  static constexpr bool waits_in_kernel = false;
  static constexpr int sleeps_per_join = 0;
  static constexpr task_footprint idle_task{.memory_bytes = 8 * 1024,
                                            .mappings = 1.0 / 64,  // stacks come by the slab
                                            .address_space_bytes = default_stack_bytes + 4096};
  static constexpr std::int64_t quick_tasks = 100'000;

  explicit fiber_runtime(std::size_t stack_bytes = default_stack_bytes)
      : slab_(new stack_slab(stack_bytes)) {}

  template <class T>
  class task {
   public:
    task(task&&) noexcept = default;
    task& operator=(task&& other) noexcept {
      std::swap(result_, other.result_);
      std::swap(fiber_, other.fiber_);
      return *this;
    }
    ~task() {
      if (fiber_.joinable()) fiber_.join();
    }

    T join() {
      fiber_.join();
      return result_->take();
    }

   private:
    friend class fiber_runtime;
    task() = default;
    std::unique_ptr<outcome<T>> result_ = std::make_unique<outcome<T>>();
    boost::fibers::fiber fiber_;
  };

  /// Installs the scheduler on this thread for as long as `body` runs. All tasks have to be joined
  /// when it returns; those whose handles lived in it are.
  template <class Body>
  auto run(Body body) {
    const entered guard(io_, resumes_);
    return body();
  }

  template <class F>
  auto spawn(F f) {
    task<std::invoke_result_t<F&>> started;
    started.fiber_ =
        launch([f = std::move(f), result = started.result_.get()]() mutable { result->run(f); });
    return started;
  }

  void sleep_for(std::chrono::steady_clock::duration d) { boost::this_fiber::sleep_for(d); }
  void yield() noexcept { boost::this_fiber::yield(); }

  bool wait_readable(int fd, time_point deadline) { return io_.wait_readable(fd, deadline); }
  template <class F>
  auto offload(F f) {
    return call_aside(*this, helpers_, std::move(f))->take();
  }

  /// Switches between fibers since this runtime was made, those to the dispatcher included.
  [[nodiscard]] std::uint64_t user_switches() const noexcept { return resumes_; }

  template <class T>
  using channel = fiber_channel<T>;
  template <class T>
  using channels = std::tuple<fiber_channel<T>>;

  using listener = typename Io::listener;
  using stream = typename Io::stream;

  listener listen(const listen_address& at) { return io_.listen(at); }
  stream connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return io_.connect(where, ec, deadline);
  }

  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    session_list<boost::fibers::mutex, boost::fibers::condition_variable> open;
    const auto stopped = spawn([&] {
      wait_readable(stop.fd(), never);
      from.close();
    });
    const auto start = [&](stream peer) {
      open.start([this](auto f) { this->launch(std::move(f)).detach(); }, session, std::move(peer));
    };
    try {
      return accept_until_stopped(
          stop, [&](error_code& ec) { return from.accept(ec); }, start,
          [this](std::chrono::milliseconds d) { sleep_for(d); });
    } catch (...) {
      stop.request();  // or the fiber that waits for it would be joined for ever
      throw;
    }
  }

 private:
  // Puts the library's own scheduler back before the back end can go away.
  class entered {
   public:
    entered(Io& io, std::uint64_t& resumes) : io_(io) {
      io.enter();
      boost::fibers::use_scheduling_algorithm<fiber_scheduler<Io>>(io, resumes);
    }
    ~entered() {
      // Only the dispatcher frees the stacks of fibers that have ended: a yield of the last fiber
      // goes through it. Else they would be freed in the next runtime's time.
      boost::this_fiber::yield();
      boost::fibers::use_scheduling_algorithm<boost::fibers::algo::round_robin>();
      io_.leave();
    }
    entered& operator=(entered&&) = delete;

   private:
    Io& io_;
  };

  template <class F>
  boost::fibers::fiber launch(F f) {
    slab_->reserve_one();
    return boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg,
                                stack_allocator(slab_), std::move(f));
  }

  Io io_;
  std::uint64_t resumes_ = 0;
  boost::intrusive_ptr<stack_slab> slab_;
  helper_threads helpers_;
};

}  // namespace switchyard
