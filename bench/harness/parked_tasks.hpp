// Tasks that are there and do nothing, as many as one asks for, until they are let go: what they
// hold can be read, or counted, meanwhile. Each reports in shared memory that it has come to the
// place where it waits and that it leaves it, so that "all alive" is what they say, not what was
// asked for.
//
// They wait by sleeping, which every runtime can, and look whether they may go each time they wake;
// the more there are, the longer they sleep, so that together they hardly need the CPU.
//
// And a measurement in a process of its own, forked for it: what the rows before have left behind
// in allocators and caches of stacks is not there, and what it takes is given back when it ends, in
// whatever way that happens.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtimes/concepts.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

/// Writes one byte into each page (of 4 KiB or more) of the next `bytes` of the calling task's
/// stack, downwards as a stack grows, and gives the space back: only what was touched stays in
/// memory. Never inlined, or the space would be part of the caller's frame for as long as that
/// waits.
[[gnu::noinline]] inline void touch_stack(std::size_t bytes) {
  constexpr std::size_t smallest_page = 4096;
  if (bytes < smallest_page) return;
  auto* const block = static_cast<volatile std::byte*>(__builtin_alloca(bytes));
  for (std::size_t at = bytes; at >= smallest_page; at -= smallest_page) {
    block[at - smallest_page] = std::byte{1};
  }
}

namespace parking {

using duration = std::chrono::steady_clock::duration;

/// What the tasks say of themselves.
struct state {
  std::atomic<std::int64_t> arrived{0};
  std::atomic<std::int64_t> left{0};
  std::atomic<bool> released{false};

  [[nodiscard]] std::int64_t parked() const {
    const std::int64_t gone = left;
    return arrived - gone;
  }
};

/// All together wake at most ten times a millisecond where the kernel wakes them, and two hundred
/// times where a scheduler in user space does.
template <class R>
duration nap_of(std::int64_t tasks) {
  constexpr std::chrono::microseconds each(KernelTasks<R> ? 100 : 5);
  return std::max<duration>(each * tasks, std::chrono::milliseconds(1));
}

inline void expect_own(std::int64_t result, std::int64_t number) {
  if (result != number) throw std::runtime_error("a parked task gave another one's result");
}
inline void expect_all_left(const state& shared, std::int64_t started) {
  if (shared.left != started) throw std::runtime_error("a parked task is missing");
}

}  // namespace parking

template <class R>
class parked_tasks;

template <Sleeps R>
class parked_tasks<R> {
 public:
  /// Room for `most` at once. Lives and dies inside of `rt.run`.
  parked_tasks(R& rt, std::int64_t most) : rt_(rt), nap_(parking::nap_of<R>(most)) {
    tasks_.reserve(static_cast<std::size_t>(most));
  }
  parked_tasks(const parked_tasks&) = delete;
  parked_tasks& operator=(const parked_tasks&) = delete;
  ~parked_tasks() { shared_->released = true; }  // then each task's handle waits for its end

  /// Starts `count` more, each of which touches `stack_bytes` of its stack, and waits until all are
  /// parked. Calls `go_on()` all the time, which throws to give up.
  template <class GoOn>
  void add(std::int64_t count, std::size_t stack_bytes, GoOn go_on) {
    for (std::int64_t i = 0; i < count; ++i) {
      go_on();
      const auto number = static_cast<std::int64_t>(tasks_.size());
      tasks_.push_back(rt_.spawn(body{rt_, *shared_, nap_, stack_bytes, number}));
    }
    while (shared_->arrived < static_cast<std::int64_t>(tasks_.size())) {
      go_on();
      rt_.sleep_for(std::chrono::milliseconds(1));
    }
  }

  /// How many are parked at this moment, as they say themselves.
  [[nodiscard]] std::int64_t count() const { return shared_->parked(); }

  /// Lets them go and waits for their ends. Throws when one of them had died or gives a result that
  /// is not its own.
  void end() {
    shared_->released = true;
    const auto started = static_cast<std::int64_t>(tasks_.size());
    for (std::int64_t number = 0; number < started; ++number) {
      parking::expect_own(tasks_[static_cast<std::size_t>(number)].join(), number);
    }
    parking::expect_all_left(*shared_, started);
    tasks_.clear();
  }

 private:
  struct body {
    R& rt;
    parking::state& shared;
    parking::duration nap;
    std::size_t stack_bytes;
    std::int64_t number;

    std::int64_t operator()() const {
      touch_stack(stack_bytes);
      ++shared.arrived;
      while (!shared.released) rt.sleep_for(nap);
      ++shared.left;
      return number;
    }
  };
  using task = decltype(std::declval<R&>().spawn(std::declval<body>()));

  R& rt_;
  parking::duration nap_;
  shared_object<parking::state> shared_;
  std::vector<task> tasks_;  // they end before the state does
};

/// Of a stackless runtime, which have no stack to touch. `end` is awaited. It has to
/// outlive its tasks: to be made where the runtime is, not within, where `let_go_at_end` stands.
template <Stackless R>
class parked_tasks<R> {
  template <class T>
  using awaitable = typename R::template awaitable<T>;

 public:
  parked_tasks(R& rt, std::int64_t most) : rt_(rt), nap_(parking::nap_of<R>(most)) {
    tasks_.reserve(static_cast<std::size_t>(most));
  }
  parked_tasks& operator=(parked_tasks&&) = delete;

  /// Or the runtime would wait for them for ever where something fails.
  class let_go_at_end {
   public:
    explicit let_go_at_end(parked_tasks& tasks) : shared_(tasks.shared_) {}
    let_go_at_end& operator=(let_go_at_end&&) = delete;
    ~let_go_at_end() { shared_.released = true; }

   private:
    parking::state& shared_;
  };

  /// Each is parked when its spawn has returned.
  template <class GoOn>
  void add(std::int64_t count, GoOn go_on) {
    for (std::int64_t i = 0; i < count; ++i) {
      go_on();
      const auto number = static_cast<std::int64_t>(tasks_.size());
      tasks_.push_back(rt_.spawn([this, number] { return park(number); }));
    }
  }

  [[nodiscard]] std::int64_t count() const { return shared_.parked(); }

  awaitable<void> end() {
    shared_.released = true;
    const auto started = static_cast<std::int64_t>(tasks_.size());
    for (std::int64_t number = 0; number < started; ++number) {
      const auto result = co_await tasks_[static_cast<std::size_t>(number)].join();
      parking::expect_own(result, number);
    }
    parking::expect_all_left(shared_, started);
    tasks_.clear();
  }

 private:
  awaitable<std::int64_t> park(std::int64_t number) {
    ++shared_.arrived;
    while (!shared_.released) co_await rt_.sleep_for(nap_);
    ++shared_.left;
    co_return number;
  }

  R& rt_;
  parking::duration nap_;
  parking::state shared_;
  std::vector<typename R::template task<std::int64_t>> tasks_;
};

/// Text that crosses from one process to another.
class short_text {
 public:
  short_text() = default;
  short_text(const std::string& text) { text.copy(text_.data(), text_.size() - 1); }
  [[nodiscard]] std::string str() const { return text_.data(); }

 private:
  std::array<char, 256> text_{};
};

/// Calls `f()` in a task of R, whose tasks are processes, and gives its result, which is trivially
/// copyable. What it throws is thrown here, as limit_error or as std::runtime_error, and so is its
/// death.
template <Runtime R, class F>
requires(!R::shares_memory) auto in_a_child(F f) {
  struct answer {
    std::invoke_result_t<F&> value{};
    bool at_limit = false;
    short_text why{};
  };
  const auto try_it = [&f]() -> answer {
    try {
      return {.value = f()};
    } catch (const limit_error& limit) {
      return {.at_limit = true, .why = std::string(limit.what())};
    }
  };
  R host;
  const answer got = host.run([&] { return host.spawn(try_it).join(); });
  if (got.at_limit) throw limit_error(got.why.str());
  return got.value;
}

}  // namespace switchyard
