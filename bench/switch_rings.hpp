// The bodies of the `switch` rows: rings of tasks that hand control on, by each mechanism.
// What they measure stands at the top of bench_switch.cpp.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <boost/context/fiber.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bench/harness/baton.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/concepts.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard::rings {

using clock = std::chrono::steady_clock;
using harness::measured;

enum class placement { same, cross };

inline void pin_member(placement where, std::size_t index) {
  const bool second = where == placement::cross && index % 2 == 1;
  harness::pin_this_thread({second ? harness::second_cpu() : harness::first_cpu()});
}

/// What one member of a ring saw between its first and its last turn.
struct turns {
  clock::time_point begin;
  clock::time_point end;
  harness::usage used;
  std::int64_t uncounted = 0;  // switches of its own after its last turn

  /// The span and the usage of both.
  void join(const turns& other) {
    begin = std::min(begin, other.begin);
    end = std::max(end, other.end);
    used += other.used;
    uncounted += other.uncounted;
  }
  [[nodiscard]] measured total() const {
    return {std::chrono::duration<double>(end - begin).count(), used};
  }
};

template <class Loop>
turns measure_turns(Loop loop) {
  turns t;
  const auto before = harness::usage_of_this_thread();
  t.begin = clock::now();
  loop();
  t.end = clock::now();
  t.used = harness::usage_of_this_thread() - before;
  return t;
}

/// A member that can't go on, or that could not be started, would leave the others waiting for
/// ever: it breaks the ring, and they end with this error.
struct broken_ring : std::runtime_error {
  broken_ring() : std::runtime_error("another member of the ring has failed") {}
};

/// Spawns all members and joins them. When that fails, or one of them does, calls `break_ring()`;
/// the error thrown is then the one that began it.
template <class R, class Member, class Break>
std::vector<turns> run_ring(R& rt, std::size_t tasks, Member member, Break break_ring) {
  const auto spawn = [&](std::size_t i) {
    return rt.spawn([&member, &break_ring, i] {
      try {
        return member(i);
      } catch (...) {
        break_ring();
        throw;
      }
    });
  };
  std::vector<decltype(spawn(0))> ring;
  ring.reserve(tasks);
  try {
    for (std::size_t i = 0; i < tasks; ++i) ring.push_back(spawn(i));
  } catch (...) {
    break_ring();
    throw;
  }
  std::vector<turns> seen;
  std::string failure;
  for (auto& task : ring) {
    try {
      seen.push_back(task.join());
    } catch (const std::exception& error) {
      if (failure.empty() || failure == broken_ring().what()) failure = error.what();
    }
  }
  if (!failure.empty()) throw std::runtime_error(failure);
  return seen;
}

inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

inline std::string counted(const harness::usage& used, std::int64_t ops) {
  return "the kernel counted " + std::to_string(used.kernel_switches) + " switches for " +
         std::to_string(ops) + " operations";
}

/// Each operation has to be one switch of the kernel's. Not quite: the first may come too early,
/// whoever is left alone at the end has nobody to give way to, and others use the CPU as well.
inline void expect_kernel_switches(const harness::usage& used, std::int64_t ops,
                                   std::size_t tasks) {
  const auto slack = ops / 10 + 2 * static_cast<std::int64_t>(tasks);
  expect(std::abs(used.kernel_switches - ops) <= slack, counted(used, ops));
}

/// The kernel has nothing to do with these operations; the slack is for what else uses the CPU.
inline void expect_no_kernel_switches(const harness::usage& used, std::int64_t ops) {
  constexpr std::int64_t slack = 100;
  expect(used.kernel_switches <= ops / 100 + slack, counted(used, ops));
}

/// Whole laps, and enough of them that the slack above leaves something to be checked.
inline std::int64_t whole_laps(const benchmark::State& state, std::size_t tasks) {
  constexpr benchmark::IterationCount least_laps = 10;
  const auto size = static_cast<std::int64_t>(tasks);
  return harness::at_least(std::max(state.max_iterations, least_laps * size), size);
}

/// Memory for futexes is shared with forked children; pipes are inherited by them.
template <class Baton>
auto make_batons(std::size_t count) {
  if constexpr (std::is_same_v<Baton, harness::futex_baton>) {
    return shared_array<Baton>(count);
  } else {
    harness::require_open_files(2 * count + 32);
    return std::vector<Baton>(count);
  }
}

/// Without this, the kernel may let a woken task run at once, and the waker then needs a switch of
/// its own to get to its wait: 1.3 switches for each hand-over in larger rings. sched(7):
/// SCHED_BATCH tasks do not preempt on wake-up.
inline void hand_over_in_one_switch() {
  const sched_param none{};
  check(::sched_setscheduler(0, SCHED_BATCH, &none), "set the scheduling policy");
}

/// A ring of kernel tasks with batons. The time is that of the first member, to whom the baton
/// returns in every lap; when it is back for the first time, all tasks have come to life.
template <class R, class Baton>
void baton_row(benchmark::State& state, std::size_t tasks, placement where) {
  harness::require_tasks(tasks);
  if (where == placement::cross) harness::second_cpu();  // or limit_error, before anything starts
  pin_member(where, 0);
  const auto ops = whole_laps(state, tasks);
  const auto laps = ops / static_cast<std::int64_t>(tasks);
  auto batons = make_batons<Baton>(tasks);
  const shared_array<std::int64_t> handed_on(1);  // no atomic: the baton orders the accesses
  const shared_array<std::atomic<bool>> broken(1);
  const auto break_ring = [&] {
    broken[0] = true;
    for (std::size_t i = 0; i < tasks; ++i) batons[i].post();
  };
  const auto member = [&](std::size_t i) {
    pin_member(where, i);
    hand_over_in_one_switch();
    const auto take_and_hand_on = [&, next = (i + 1) % tasks] {
      batons[i].wait();
      if (broken[0]) throw broken_ring();
      ++handed_on[0];
      batons[next].post();
    };
    if (i == 0) batons[0].post();
    take_and_hand_on();
    take_and_hand_on();
    return measure_turns([&] {
      for (std::int64_t lap = 0; lap < laps; ++lap) take_and_hand_on();
    });
  };
  R rt;
  rt.run([&] {
    harness::record_batch(state, ops, [&] {
      const auto seen = run_ring(rt, tasks, member, break_ring);
      expect(handed_on[0] == ops + 2 * static_cast<std::int64_t>(tasks), "a baton was lost");
      turns whole = seen.front();
      for (std::size_t i = 1; i < tasks; ++i) whole.used += seen[i].used;
      // Across CPUs a task may find its baton before it sleeps: there the count is only reported.
      if (where == placement::same) expect_kernel_switches(whole.used, ops, tasks);
      return whole.total();
    });
  });
}

/// Kernel tasks on one CPU that all yield, from the moment at which all are there.
template <class R>
void sched_yield_row(benchmark::State& state, std::size_t tasks) {
  harness::require_tasks(tasks);
  pin_member(placement::same, 0);
  const auto ops = whole_laps(state, tasks);
  const auto each = ops / static_cast<std::int64_t>(tasks);
  const shared_array<std::atomic<std::size_t>> barriers(2);
  const shared_array<std::atomic<bool>> broken(1);
  R rt;
  const auto wait_for_all = [&](std::atomic<std::size_t>& arrived) {
    std::int64_t yields = 0;
    for (++arrived; arrived < tasks; ++yields) {
      if (broken[0]) throw broken_ring();
      rt.yield();
    }
    return yields;
  };
  const auto member = [&](std::size_t) {
    wait_for_all(barriers[0]);
    turns t = measure_turns([&] {
      for (std::int64_t i = 0; i < each; ++i) rt.yield();
    });
    t.uncounted = wait_for_all(barriers[1]);  // or its end would be measured by the others
    return t;
  };
  rt.run([&] {
    harness::record_batch(state, ops, [&] {
      const auto seen = run_ring(rt, tasks, member, [&] { broken[0] = true; });
      turns whole = seen.front();
      for (std::size_t i = 1; i < tasks; ++i) whole.join(seen[i]);
      expect_kernel_switches(whole.used, ops, tasks);
      // Whoever was done first went on yielding, so that more switches took this time than counted.
      measured m = whole.total();
      m.seconds *= static_cast<double>(ops) / static_cast<double>(ops + whole.uncounted);
      return m;
    });
  });
}

/// Tasks of a runtime with a scheduler of its own, which counts its switches.
template <class R>
void yield_row(benchmark::State& state, std::size_t tasks) {
  pin_member(placement::same, 0);
  const auto ops = whole_laps(state, tasks);
  const auto each = ops / static_cast<std::int64_t>(tasks);
  R rt;
  const auto member = [&](std::size_t) {
    turns t;
    t.begin = clock::now();
    for (std::int64_t i = 0; i < each; ++i) rt.yield();
    t.end = clock::now();
    return t;
  };
  rt.run([&] {
    std::uint64_t switches = 0;
    harness::record_batch(state, ops, [&] {
      const auto before = rt.user_switches();
      std::vector<turns> seen;
      const turns all = measure_turns([&] { seen = run_ring(rt, tasks, member, [] {}); });
      switches = rt.user_switches() - before;
      turns whole = seen.front();
      for (const turns& t : seen) whole.join(t);
      whole.used = all.used;  // one kernel thread: its usage once, not once for each task
      expect_no_kernel_switches(whole.used, ops);
      return whole.total();
    });
    expect(switches >= static_cast<std::uint64_t>(ops), "fewer switches than yields");
    state.counters["user_switches_per_op"] =
        static_cast<double>(switches) / static_cast<double>(ops);
  });
}

/// The floor: a ring of bare contexts. Whoever is resumed stores the one that resumed it, its
/// predecessor in the ring, and resumes its successor. The caller is the ring's first member.
inline void context_row(benchmark::State& state, std::size_t tasks) {
  namespace ctx = boost::context;
  pin_member(placement::same, 0);
  const auto ops = whole_laps(state, tasks);
  const auto laps = ops / static_cast<std::int64_t>(tasks);
  std::vector<ctx::fiber> ring(tasks);
  std::int64_t resumed = 0;
  const auto hand_on = [&ring, tasks](std::size_t i) {
    ctx::fiber from = std::move(ring[(i + 1) % tasks]).resume();
    ring[(i + tasks - 1) % tasks] = std::move(from);
  };
  for (std::size_t i = 1; i < tasks; ++i) {
    ring[i] = ctx::fiber([&, i](ctx::fiber&& from) {
      ring[i - 1] = std::move(from);
      for (;;) {
        ++resumed;
        hand_on(i);
      }
      return ctx::fiber();
    });
  }
  harness::record_batch(state, ops, [&] {
    const turns whole = measure_turns([&] {
      for (std::int64_t lap = 0; lap < laps; ++lap) {
        hand_on(0);
        ++resumed;
      }
    });
    expect(resumed == ops, "a context was not resumed in its turn");
    expect_no_kernel_switches(whole.used, ops);
    return whole.total();
  });
  state.counters["user_switches_per_op"] = static_cast<double>(resumed) / static_cast<double>(ops);
}

/// The I/O of a switch through a pipe, without the switch.
inline void self_pipe_row(benchmark::State& state) {
  pin_member(placement::same, 0);
  harness::pipe_baton own;
  harness::record_batch(state, state.max_iterations, [&] {
    const turns all = measure_turns([&] {
      for (benchmark::IterationCount i = 0; i < state.max_iterations; ++i) {
        own.post();
        own.wait();
      }
    });
    expect_no_kernel_switches(all.used, state.max_iterations);
    return all.total();
  });
}

}  // namespace switchyard::rings
