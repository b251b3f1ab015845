// `coroutine`: C++20 stackless coroutines, boost::asio::awaitable over one event loop, all tasks
// and connections on one kernel thread.
//
// A task is what co_spawn starts: it runs at once, up to its first wait, and its frames lie on the
// heap. Who waits for another task, not for the kernel, stands in a queue of ours
// (support/coroutine_queue.hpp); sleeps and sockets are Asio's (support/coroutine_io.hpp). As with
// fibers, host names are to be resolved outside.
#pragma once

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/coroutine_channel.hpp"
#include "runtimes/support/coroutine_io.hpp"
#include "runtimes/support/coroutine_queue.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/helper_threads.hpp"
#include "runtimes/support/lent_buffers.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/session_list.hpp"

namespace switchyard {

class coroutine {
  /// What awaiting a call of it gives.
  template <class F>
  using value_of = typename std::invoke_result_t<F&>::value_type;

 public:
  static constexpr std::string_view name = "coroutine";
  static constexpr std::string_view what =
      "C++20 coroutines (Asio's awaitable), all tasks and connections on one thread";
  static constexpr bool own_tasks = true;
  static constexpr bool concurrent = true;
  static constexpr bool shares_memory = true;
  static constexpr bool runs_in_parallel = false;
  static constexpr bool preemptive = false;
  static constexpr int kernel_tasks_per_task = 0;
  static constexpr bool waits_in_kernel = false;
  static constexpr int sleeps_per_join = 0;
  static constexpr task_footprint idle_task{.memory_bytes = 1024};
  static constexpr std::int64_t quick_tasks = 100'000;

  template <class T>
  using awaitable = coroutine_result<T>;

  coroutine() = default;
  coroutine& operator=(coroutine&&) = delete;

  template <class T>
  class task {
   public:
    awaitable<T> join() {
      // The handle may go while the task is waited for.
      const boost::intrusive_ptr<state> joined = std::move(state_);
      if (!joined->ended.has_happened()) co_await joined->ended.wait();
      co_return joined->result.take();
    }

   private:
    friend class coroutine;
    struct state : boost::intrusive_ref_counter<state, boost::thread_unsafe_counter> {
      outcome<T> result;
      coroutine_event ended;
    };
    boost::intrusive_ptr<state> state_{new state};
  };

  /// Runs `body()`, a coroutine, and whatever it has spawned to their ends.
  template <class Body>
  value_of<Body> run(Body body) {
    outcome<value_of<Body>> result;
    io_.restart();  // it has stopped for want of work if this runtime was entered before
    boost::asio::co_spawn(io_.get_executor(), std::move(body),
                          [&](auto... ending) { result.keep(std::move(ending)...); });
    io_.run();
    return result.take();
  }

  template <class F>
  task<value_of<F>> spawn(F f) {
    task<value_of<F>> started;
    const auto at_end = [state = started.state_, this](auto... result) {
      state->result.keep(std::move(result)...);
      state->ended.happen(queue_);
    };
    boost::asio::co_spawn(io_.get_executor(), std::move(f), at_end);
    return started;
  }

  awaitable<void> sleep_for(std::chrono::steady_clock::duration d) {
    coroutine_timer timer(io_.get_executor(), d);
    co_await timer.async_wait(boost::asio::deferred);
  }
  auto yield() { return queue_.yield(); }

  awaitable<bool> wait_readable(int fd, time_point deadline) {
    return coroutine_wait_readable(io_.get_executor(), fd, deadline);
  }

  template <class F>
  awaitable<std::invoke_result_t<F&>> offload(F f) {
    aside_call<F> call(helpers_, std::move(f));
    try {
      co_await wait_readable(call.event(), never);
    } catch (const std::exception&) {  // there is no room to watch one more descriptor
    }
    co_return call.finish()->take();
  }

  /// Resumptions of tasks that waited for another one, or gave way to it.
  [[nodiscard]] std::uint64_t user_switches() const noexcept { return queue_.resumes(); }

  template <class T>
  struct channel : coroutine_channel<T> {
    channel(coroutine& rt, std::size_t capacity) : coroutine_channel<T>(rt.queue_, capacity) {}
  };
  template <class T>
  using channels = std::tuple<channel<T>>;

  using listener = coroutine_listener;
  using stream = coroutine_stream;

  listener listen(const listen_address& at) { return {io_.get_executor(), at}; }
  awaitable<stream> connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return coroutine_connect(io_.get_executor(), where, ec, deadline);
  }

  /// `session(stream)` is a coroutine.
  template <class Session>
  awaitable<serve_report> serve(listener& from, stop_source& stop, Session session) {
    // A copy of the descriptor, as Asio closes what it is given.
    boost::asio::posix::basic_stream_descriptor<coroutine_executor> stopped(
        io_.get_executor(), check(::dup(stop.fd()), "copy a descriptor"));
    stopped.async_wait(boost::asio::posix::descriptor_base::wait_read, [&](const error_code& ec) {
      if (!ec) from.close();
    });
    open_sessions open;
    accept_loop accepting(stop);
    while (!stop.requested()) {
      error_code ec;
      stream peer = co_await from.accept(ec);
      const bool goes_on =
          accepting.go_on(ec, [&] { start_session(open, session, std::move(peer)); });
      if (!goes_on) co_await sleep_for(accept_loop::pause);
    }
    for (const int fd : open.fds) ::shutdown(fd, SHUT_RDWR);
    if (!open.fds.empty()) co_await open.none_left.wait();
    co_return accepting.report();
  }

 private:
  struct open_sessions {
    std::unordered_set<int> fds;
    coroutine_event none_left;
  };

  template <class Session>
  void start_session(open_sessions& open, Session& session, stream peer) {
    const int fd = peer.native_handle();
    // No coroutine itself: this lies in the frame of what co_spawn starts, to the session's end.
    auto run_session = [&session, peer = std::move(peer)]() mutable { return session(peer); };
    // Called while the frame that holds the stream is still there, and so before it is closed: its
    // number may be given to another one after that.
    const auto remove = [this, &open, fd](const std::exception_ptr&) {
      open.fds.erase(fd);
      if (open.fds.empty()) open.none_left.happen(queue_);
    };
    open.fds.insert(fd);
    try {
      boost::asio::co_spawn(io_.get_executor(), std::move(run_session), remove);
    } catch (...) {
      open.fds.erase(fd);
      throw;
    }
  }

  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  // Made here, and not with the first stream, when there may be nothing left to make it of.
  [[maybe_unused]] const buffer_lender& lends_buffers_ =
      boost::asio::use_service<buffer_lender>(io_);
  const coroutine_timer opens_descriptors_{io_};  // here, and for all kinds of tasks
  coroutine_queue queue_{io_};
  helper_threads helpers_;
};

static_assert(Stackless<coroutine> && CountsSwitches<coroutine> && StacklessOffloads<coroutine> &&
              StacklessChannels<coroutine> && StacklessSockets<coroutine>);

}  // namespace switchyard
