// A stackless runtime in the words of all others, so that what every runtime promises is tested by
// the same lines on it (for tests alone: nothing is measured through it).
//
// Each task is a coroutine of the runtime's own which lends its body a stack. Where the body waits,
// it leaves the stack, the coroutine awaits the runtime's own operation in its place, and goes
// back. The other way round, tests written as coroutines and awaited always-ready by everybody
// else, would have had every test written anew, without the assertions that return from a test.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/outcome.hpp"
#include "tests/support/lent_stack.hpp"

namespace switchyard {

/// All tasks of `S`, a stackless runtime, with stacks.
template <Stackless S>
class on_stacks {
  template <class T>
  using awaitable = typename S::template awaitable<T>;

  /// A stack, and what its body wants to have awaited.
  struct host_stack : lent_stack {
    host_stack(on_stacks& rt, const std::function<void()>& body) : lent_stack(body), runtime(rt) {}
    on_stacks& runtime;
    std::function<awaitable<void>()> wanted;
  };

 public:
  using without_stacks = S;

  static constexpr std::string_view name = S::name;
  static constexpr std::string_view what = S::what;
  static constexpr bool own_tasks = S::own_tasks;
  static constexpr bool concurrent = S::concurrent;
  static constexpr bool shares_memory = S::shares_memory;
  static constexpr bool runs_in_parallel = S::runs_in_parallel;
  static constexpr bool preemptive = S::preemptive;
  static constexpr int kernel_tasks_per_task = S::kernel_tasks_per_task;
  static constexpr bool waits_in_kernel = S::waits_in_kernel;
  static constexpr int sleeps_per_join = S::sleeps_per_join;
  static constexpr task_footprint idle_task = S::idle_task;
  static constexpr std::int64_t quick_tasks = S::quick_tasks;

  template <class T>
  class task {
   public:
    explicit task(typename S::template task<T> own) : own_(std::move(own)) {}
    task(task&& other) noexcept
        : own_(std::move(other.own_)), joined_(std::exchange(other.joined_, true)) {}
    task& operator=(task&& other) noexcept {
      std::swap(own_, other.own_);
      std::swap(joined_, other.joined_);
      return *this;
    }
    ~task() {
      if (!joined_) outcome<T>().run([this] { return join(); });
    }
    T join() {
      joined_ = true;
      return await([this] { return own_.join(); });
    }

   private:
    typename S::template task<T> own_;
    bool joined_ = false;
  };

  template <class Body>
  auto run(Body body) {
    return own_.run([this, &body] { return lend_stack(body); });
  }
  template <class F>
  auto spawn(F f) {
    using T = std::invoke_result_t<F&>;
    return task<T>(
        own_.spawn([this, f = std::move(f)]() mutable { return lend_stack(std::move(f)); }));
  }
  void sleep_for(std::chrono::steady_clock::duration d) {
    await([&] { return own_.sleep_for(d); });
  }
  void yield() {
    await([&]() -> awaitable<void> { co_await own_.yield(); });
  }
  bool wait_readable(int fd, time_point deadline) {
    return await([&] { return own_.wait_readable(fd, deadline); });
  }

  template <class F>
  auto offload(F f) {
    return await([&] { return own_.offload(std::move(f)); });
  }

  template <class T>
  class channel {
   public:
    static constexpr std::string_view via = S::template channel<T>::via;
    explicit channel(std::size_t capacity) : own_(host().runtime.own_, capacity) {}
    [[nodiscard]] std::size_t capacity() const noexcept { return own_.capacity(); }
    void push(const T& item) {
      await([&] { return own_.push(item); });
    }
    std::optional<T> pop() {
      return await([&] { return own_.pop(); });
    }
    void close() { own_.close(); }

   private:
    typename S::template channel<T> own_;
  };
  template <class T>
  using channels = std::tuple<channel<T>>;

  class stream : public stream_base<stream> {
   public:
    using stream_base<stream>::read_some;
    using stream_base<stream>::write_some;

    explicit stream(typename S::stream own) : own_(std::move(own)) {}

    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, error_code& ec) {
      return await(
          [&]() -> awaitable<std::size_t> { co_return co_await own_.read_some(buffers, ec); });
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, error_code& ec) {
      return await([&] { return own_.write_some(buffers, ec); });
    }
    [[nodiscard]] int native_handle() const noexcept { return own_.native_handle(); }
    void expires_at(time_point deadline) { own_.expires_at(deadline); }
    void shutdown_send(error_code& ec) { own_.shutdown_send(ec); }

   private:
    typename S::stream own_;
  };

  class listener {
   public:
    explicit listener(typename S::listener own) : own_(std::move(own)) {}
    stream accept(error_code& ec) {
      return stream(await([&] { return own_.accept(ec); }));
    }
    [[nodiscard]] endpoint local_endpoint() const { return own_.local_endpoint(); }
    void close() { own_.close(); }

   private:
    friend class on_stacks;
    typename S::listener own_;
  };

  listener listen(const endpoint& where) { return listener(own_.listen(where)); }
  stream connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return stream(await([&] { return own_.connect(where, ec, deadline); }));
  }
  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    return await([&] {
      return own_.serve(from.own_, stop, [this, &session](typename S::stream& peer) {
        return lend_stack([&session, &peer] {
          stream lent(std::move(peer));
          session(lent);
        });
      });
    });
  }

 private:
  /// Runs `body()` to its end on a stack of its own, and awaits for it.
  template <class Body>
  auto lend_stack(Body body) -> awaitable<std::invoke_result_t<Body&>> {
    outcome<std::invoke_result_t<Body&>> result;
    const std::function<void()> run_body = [&] { result.run(body); };
    host_stack stack(*this, run_body);
    for (stack.enter(); !stack.has_ended(); stack.enter()) co_await stack.wanted();
    co_return result.take();
  }

  /// The stack that this is called on.
  static host_stack& host() { return *static_cast<host_stack*>(lent_stack::current()); }

  /// On such a stack: what `begin()` gives is awaited by the coroutine that has lent it.
  template <class Begin>
  static auto await(Begin begin) {
    host_stack& stack = host();
    outcome<typename std::invoke_result_t<Begin&>::value_type> result;
    stack.wanted = [&] { return keep_result(begin, result); };
    stack.leave();
    return result.take();
  }
  template <class Begin, class T>
  static awaitable<void> keep_result(Begin& begin, outcome<T>& result) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await begin();
        result.keep(nullptr);
      } else {
        result.keep(nullptr, co_await begin());
      }
    } catch (...) {
      result.fail(std::current_exception());
    }
  }

  S own_;
};

}  // namespace switchyard
