// The bodies of the `switch` rows of stackless coroutines: the runtime's own yield, and the
// controls, which know no scheduler of ours.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "bench/switch/switch_rows.hpp"

namespace switchyard::rings {

template <Stackless R, class MakeWork>
void yield_row(benchmark::State& state, std::size_t tasks, MakeWork make_work) {
  const ring_plan ring(state, tasks);
  auto works = make_works(tasks, make_work);
  harness::record_batch_in<R>(state, ring.ops, [&](R& rt) {
    const auto member = [&](std::size_t at) -> typename R::template awaitable<interval> {
      auto& work = works[at];
      interval t;
      t.begin = clock::now();
      for (std::int64_t i = 0; i < ring.laps; ++i) {
        work.touch();
        co_await rt.yield();
      }
      t.end = clock::now();
      work.expect_touched(static_cast<std::uint64_t>(ring.laps));
      co_return t;
    };
    return measure_yields(rt, ring, tasks, member);
  });
}

/// A coroutine and nothing else: it starts when it is resumed, and owns its frame.
class bare_coroutine {
 public:
  struct promise_type {
    bare_coroutine get_return_object() {
      return bare_coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };

  bare_coroutine(bare_coroutine&& other) noexcept : own_(std::exchange(other.own_, nullptr)) {}
  bare_coroutine& operator=(bare_coroutine&&) = delete;
  ~bare_coroutine() {
    if (own_) own_.destroy();
  }

  [[nodiscard]] std::coroutine_handle<> handle() const noexcept { return own_; }

 private:
  explicit bare_coroutine(std::coroutine_handle<promise_type> own) noexcept : own_(own) {}
  std::coroutine_handle<promise_type> own_;
};

/// Suspends whoever awaits it and resumes `next` in its place: a jump, without any stack.
struct transfer_to {
  std::coroutine_handle<> next;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
    return next;
  }
  void await_resume() const noexcept {}
};

/// A place in a ring of bare coroutines.
template <class Work>
struct transfer_member {
  Work work;
  std::coroutine_handle<> next = {};
  std::int64_t turns = 0;
};

template <class Work>
bare_coroutine take_transferred_turns(transfer_member<Work>& own, std::int64_t turns) {
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    ++own.turns;
    own.work.touch();
    co_await transfer_to{own.next};
  }
}

/// The floor of all stackless ones. In the end the first of them ends, and the others never go on.
template <class MakeWork>
void transfer_row(benchmark::State& state, std::size_t tasks, MakeWork make_work) {
  const ring_plan plan(state, tasks);
  std::vector<transfer_member<decltype(make_work())>> ring;
  for (std::size_t i = 0; i < tasks; ++i) ring.push_back({make_work()});
  harness::record_batch(state, plan.ops, [&] {
    std::vector<bare_coroutine> coroutines;
    coroutines.reserve(tasks);
    for (auto& each : ring) coroutines.push_back(take_transferred_turns(each, plan.laps));
    for (std::size_t i = 0; i < tasks; ++i) ring[i].next = coroutines[(i + 1) % tasks].handle();
    const interval whole = measure_alone([&] { coroutines.front().handle().resume(); });
    std::int64_t turns = 0;
    for (const auto& each : ring) {
      each.work.expect_touched(static_cast<std::uint64_t>(plan.laps));
      turns += each.turns;
    }
    return switched_by_hand(whole, plan, turns);
  });
}

/// Asio's own: each of them gives way by a post to the event loop. That has descriptors to look at,
/// as in any program that uses sockets or timers.
template <class MakeWork>
void post_row(benchmark::State& state, std::size_t tasks, MakeWork make_work) {
  using executor = boost::asio::io_context::executor_type;
  const ring_plan plan(state, tasks);
  auto works = make_works(tasks, make_work);
  harness::record_batch(state, plan.ops, [&] {
    boost::asio::io_context io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    const boost::asio::steady_timer opens_descriptors(io);
    std::int64_t turns = 0;
    const auto member = [&](std::size_t at) -> boost::asio::awaitable<void, executor> {
      auto& work = works[at];
      for (std::int64_t lap = 0; lap < plan.laps; ++lap) {
        ++turns;
        work.touch();
        co_await boost::asio::post(io, boost::asio::deferred);
      }
    };
    for (std::size_t i = 0; i < tasks; ++i) {
      boost::asio::co_spawn(io.get_executor(), member(i), boost::asio::detached);
    }
    const interval whole = measure_alone([&] { io.run(); });
    // Not by themselves: what a detached one throws, nobody hears.
    for (const auto& work : works) work.expect_touched(static_cast<std::uint64_t>(plan.laps));
    return switched_by_hand(whole, plan, turns);
  });
}

}  // namespace switchyard::rings
