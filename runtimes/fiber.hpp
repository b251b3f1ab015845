// `fiber`: Boost.Fiber over Boost.Asio, all tasks and connections on one kernel thread.
//
// The scheduler is ours (support/asio_scheduler.hpp), as are the stacks (support/stack_slab.hpp)
// and the sockets (support/fiber_io.hpp). Host names are to be resolved outside: a blocking
// getaddrinfo would stall every fiber.
#pragma once

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/asio_scheduler.hpp"
#include "runtimes/support/fiber_channel.hpp"
#include "runtimes/support/fiber_io.hpp"
#include "runtimes/support/helper_threads.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/session_list.hpp"
#include "runtimes/support/stack_size.hpp"
#include "runtimes/support/stack_slab.hpp"

namespace switchyard {

class fiber {
 public:
  static constexpr std::string_view name = "fiber";
  static constexpr std::string_view what =
      "fibers over Asio, all tasks and connections on one thread";
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

  explicit fiber(std::size_t stack_bytes = default_stack_bytes)
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
    friend class fiber;
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

  bool wait_readable(int fd, time_point deadline) { return fiber_wait_readable(io_, fd, deadline); }
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

  using listener = fiber_listener;
  using stream = fiber_stream;

  listener listen(const endpoint& where) { return {io_, where}; }
  stream connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return fiber_connect(io_, where, ec, deadline);
  }

  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    sessions open;
    // A copy of the descriptor, as Asio closes what it is given.
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> stopped(
        io_, check(::dup(stop.fd()), "copy a descriptor"));
    stopped.async_wait(boost::asio::posix::descriptor_base::wait_read, [&](const error_code& ec) {
      if (!ec) from.close();
    });
    return accept_sessions(from, stop, open, session);
  }

 private:
  using sessions = session_list<boost::fibers::mutex, boost::fibers::condition_variable>;

  // Puts the library's own scheduler back before the io_context can go away.
  class entered {
   public:
    entered(boost::asio::io_context& io, std::uint64_t& resumes) : work_(io.get_executor()) {
      io.restart();  // it has stopped for want of work if this runtime was entered before
      // Makes Asio open its descriptors here, where it may throw: the next line may not.
      const boost::asio::steady_timer first(io);
      boost::fibers::use_scheduling_algorithm<asio_scheduler>(io, resumes);
    }
    ~entered() {
      // Only the dispatcher frees the stacks of fibers that have ended: a yield of the last fiber
      // goes through it. Else they would be freed in the next runtime's time.
      boost::this_fiber::yield();
      boost::fibers::use_scheduling_algorithm<boost::fibers::algo::round_robin>();
    }
    entered& operator=(entered&&) = delete;

   private:
    // Without work run_one() returns at once, and an idle scheduler would burn its CPU.
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  };

  template <class Session>
  serve_report accept_sessions(listener& from, stop_source& stop, sessions& open,
                               Session& session) {
    using namespace std::chrono_literals;
    serve_report report;
    while (!stop.requested()) {
      error_code ec;
      stream peer = from.accept(ec);
      if (stop.requested()) break;
      if (ec == boost::asio::error::connection_aborted) continue;
      if (ec) {  // no descriptor left: the client waits in the backlog
        report.why_turned_away = ec.message();
        sleep_for(10ms);
        continue;
      }
      const int fd = peer.native_handle();
      open.add(fd);
      try {
        launch([&open, &session, fd, peer = std::move(peer)]() mutable {
          run_session(session, peer);
          open.remove(fd);
        }).detach();
        ++report.connections;
      } catch (const std::exception& limit) {  // limit_error, or std::bad_alloc
        open.remove(fd);
        ++report.turned_away;
        report.why_turned_away = limit.what();
        sleep_for(10ms);
      }
    }
    return report;
  }

  template <class F>
  boost::fibers::fiber launch(F f) {
    slab_->reserve_one();
    return boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg,
                                stack_allocator(slab_), std::move(f));
  }

  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  std::uint64_t resumes_ = 0;
  boost::intrusive_ptr<stack_slab> slab_;
  helper_threads helpers_;
};

static_assert(Runtime<fiber> && Sleeps<fiber> && Yields<fiber> && Offloads<fiber> &&
              CountsSwitches<fiber> && Channels<fiber> && Sockets<fiber>);

}  // namespace switchyard
