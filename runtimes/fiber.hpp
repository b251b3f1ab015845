// `fiber`: Boost.Fiber over Boost.Asio, all tasks and connections on one kernel thread.
//
// The scheduler is ours (support/asio_scheduler.hpp), as are the stacks (support/stack_slab.hpp)
// and the sockets (support/fiber_io.hpp). Host names are to be resolved outside: a blocking
// getaddrinfo would stall every fiber.
#pragma once

#include <unistd.h>

#include <bit>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/buffered_channel.hpp>
#include <boost/fiber/channel_op_status.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/asio_scheduler.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/fiber_io.hpp"
#include "runtimes/support/helper_threads.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "runtimes/support/session_list.hpp"
#include "runtimes/support/stack_slab.hpp"

namespace switchyard {

/// Boost's channel in the words of the others. A buffered_channel is a ring of a power of two of
/// which one place stays empty. The largest one is taken that holds no more than was asked for: 1
/// for 1, 63 for 64, 1,023 for 1,024. An exact bound would take a second lock and queue around it,
/// and measure these.
template <class T>
class fiber_channel {
 public:
  static constexpr std::string_view via = "buffered_channel";

  static constexpr std::size_t holds(std::size_t capacity) {
    return std::bit_floor(capacity + 1) - 1;
  }

  explicit fiber_channel(std::size_t capacity)
      : capacity_(holds(checked_capacity(capacity))), channel_(capacity_ + 1) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  void push(const T& value) {
    if (channel_.push(value) != boost::fibers::channel_op_status::success) throw channel_closed();
  }
  std::optional<T> pop() {
    T value{};
    if (channel_.pop(value) != boost::fibers::channel_op_status::success) return std::nullopt;
    return value;
  }
  void close() noexcept { channel_.close(); }

 private:
  std::size_t capacity_;
  boost::fibers::buffered_channel<T> channel_;
};

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
    session_list<boost::fibers::mutex, boost::fibers::condition_variable> open;
    // A copy of the descriptor, as Asio closes what it is given.
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> stopped(
        io_, check(::dup(stop.fd()), "copy a descriptor"));
    stopped.async_wait(boost::asio::posix::descriptor_base::wait_read, [&](const error_code& ec) {
      if (!ec) from.close();
    });
    const auto start = [&](stream peer) {
      open.start([this](auto f) { this->launch(std::move(f)).detach(); }, session, std::move(peer));
    };
    return accept_until_stopped(
        stop, [&](error_code& ec) { return from.accept(ec); }, start,
        [this](std::chrono::milliseconds d) { sleep_for(d); });
  }

 private:
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
