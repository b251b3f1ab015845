// The bodies of the `switch` rows: rings that hand control on, by each mechanism, with the proofs
// that the kernel did, or did not, switch between the members. What they measure stands at the top
// of bench_switch.cpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/context/fiber.hpp>
#include <cstdlib>

#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/switch/ring_members.hpp"
#include "runtimes/greenlet.hpp"

namespace switchyard::rings {

using namespace task_group;  // a ring is a group of tasks

inline void expect_switches_near(const harness::usage& used, std::int64_t ops, std::int64_t each,
                                 std::int64_t slack) {
  expect(std::abs(used.kernel_switches() - ops * each) <= slack,
         "the kernel counted " + std::to_string(used.kernel_switches()) + " switches for " +
             std::to_string(ops) + " operations");
}

/// Each operation has to be one switch of the kernel's. Not quite: the first may come too early,
/// whoever is left alone at the end has nobody to give way to, and others use the CPU as well.
inline void expect_kernel_switches(const harness::usage& used, std::int64_t ops,
                                   std::size_t tasks) {
  expect_switches_near(used, ops, 1, ops / 10 + 2 * static_cast<std::int64_t>(tasks));
}

/// The kernel has nothing to do with these operations; the slack is for what else uses the CPU.
inline void expect_no_kernel_switches(const harness::usage& used, std::int64_t ops) {
  expect_switches_near(used, ops, 0, ops / 100 + 100);
}

/// A ring on the first CPU: whole laps, and enough of them that the slack above leaves something to
/// be checked.
struct ring_plan {
  harness::batch_size ops;
  std::int64_t laps;

  ring_plan(const benchmark::State& state, std::size_t tasks)
      : ops(ops_of(state, static_cast<std::int64_t>(tasks))),
        laps(ops / static_cast<std::int64_t>(tasks)) {
    pin_member(placement::same, 0);
  }

 private:
  static harness::batch_size ops_of(const benchmark::State& state, std::int64_t tasks) {
    constexpr benchmark::IterationCount least_laps = 10;
    return harness::at_least(std::max(state.max_iterations, least_laps * tasks), tasks);
  }
};

/// A ring of kernel tasks with batons. `make_work()` is called in each. The time is that of the
/// first member, to whom the baton returns in every lap; when it is back for the first time, all
/// tasks have come to life.
template <class R, class Baton, class MakeWork>
void baton_row(benchmark::State& state, std::size_t tasks, placement where, MakeWork make_work) {
  require_kernel_tasks<R>(tasks);
  harness::require_placement(where);
  const ring_plan ring(state, tasks);
  auto batons = harness::make_batons<Baton>(tasks);
  const shared_object<std::int64_t> handed_on;  // no atomic: the baton orders the accesses
  const shared_object<std::atomic<bool>> broken;
  const auto break_ring = [&] {
    *broken = true;
    for (std::size_t i = 0; i < tasks; ++i) batons[i].post();
  };
  const auto member = [&](std::size_t i) {
    pin_member(where, i);
    harness::hand_over_in_one_switch();
    auto work = make_work();
    const auto take_and_hand_on = [&, next = (i + 1) % tasks] {
      batons[i].wait();
      if (*broken) throw broken_group();
      work.touch();
      ++*handed_on;
      batons[next].post();
    };
    if (i == 0) batons[0].post();
    take_and_hand_on();
    take_and_hand_on();
    const interval seen = measure_interval(
        [&] {
          for (std::int64_t lap = 0; lap < ring.laps; ++lap) take_and_hand_on();
        },
        where);
    work.expect_touched(static_cast<std::uint64_t>(ring.laps) + 2);
    return seen;
  };
  harness::record_batch_in<R>(state, ring.ops, [&](R& rt) {
    const auto seen = run_group(rt, tasks, member, break_ring);
    expect(*handed_on == ring.ops + 2 * static_cast<std::int64_t>(tasks), "a baton was lost");
    measured whole = seen.front().total();
    whole.used = joined(seen).used;
    // Across CPUs a task may find its baton before it sleeps: there the count is only reported.
    if (where == placement::same) expect_kernel_switches(whole.used, ring.ops, tasks);
    return whole;
  });
}

/// Yields until all `tasks` have arrived, and gives how often; throws when the ring is broken.
template <class R>
std::int64_t yield_until_all(R& rt, std::size_t tasks, std::atomic<std::size_t>& arrived,
                             const std::atomic<bool>& broken) {
  std::int64_t yields = 0;
  for (++arrived; arrived < tasks; ++yields) {
    if (broken) throw broken_group();
    rt.yield();
  }
  return yields;
}

/// Kernel tasks on one CPU that all yield, from the moment at which all are there.
template <class R>
void sched_yield_row(benchmark::State& state, std::size_t tasks) {
  require_kernel_tasks<R>(tasks);
  const ring_plan ring(state, tasks);
  const shared_array<std::atomic<std::size_t>> arrived(2);
  const shared_object<std::atomic<bool>> broken;
  harness::record_batch_in<R>(state, ring.ops, [&](R& rt) {
    const auto member = [&](std::size_t) {
      yield_until_all(rt, tasks, arrived[0], *broken);
      interval t = measure_interval([&] {
        for (std::int64_t i = 0; i < ring.laps; ++i) rt.yield();
      });
      // Or its end would be measured by the others.
      t.uncounted = yield_until_all(rt, tasks, arrived[1], *broken);
      return t;
    };
    const interval whole = joined(run_group(rt, tasks, member, [&] { *broken = true; }));
    expect_kernel_switches(whole.used, ring.ops, tasks);
    // Whoever was done first went on yielding, so that more switches took this time than counted.
    measured m = whole.total();
    m.seconds *= static_cast<double>(ring.ops) / static_cast<double>(ring.ops + whole.uncounted);
    return m;
  });
}

/// A batch of a ring whose tasks a scheduler of the runtime's own switches, and counts it.
template <class R, class Member>
measured measure_yields(R& rt, const ring_plan& ring, std::size_t tasks, const Member& member) {
  const auto before = rt.user_switches();
  measured whole = measure_group(rt, tasks, member, [] {});
  whole.user_switches = rt.user_switches() - before;
  expect_no_kernel_switches(whole.used, ring.ops);
  expect(whole.user_switches >= static_cast<std::uint64_t>(ring.ops), "fewer switches than yields");
  return whole;
}

template <Runtime R, class MakeWork>
void yield_row(benchmark::State& state, std::size_t tasks, MakeWork make_work) {
  const ring_plan ring(state, tasks);
  auto works = make_works(tasks, make_work);
  harness::record_batch_in<R>(state, ring.ops, [&](R& rt) {
    const auto member = [&](std::size_t at) {
      auto& work = works[at];
      interval t;
      t.begin = clock::now();
      for (std::int64_t i = 0; i < ring.laps; ++i) {
        work.touch();
        rt.yield();
      }
      t.end = clock::now();
      work.expect_touched(static_cast<std::uint64_t>(ring.laps));
      return t;
    };
    return measure_yields(rt, ring, tasks, member);
  });
}

/// What a ring without a scheduler has measured, whose members counted all of their turns.
inline measured switched_by_hand(const interval& whole, const ring_plan& ring, std::int64_t turns) {
  expect(turns == ring.ops, "a member of the ring lost its turn");
  expect_no_kernel_switches(whole.used, ring.ops);
  measured all = whole.total();
  all.user_switches = static_cast<std::uint64_t>(turns);
  return all;
}

/// A place in a ring of bare contexts.
template <class Work>
struct context_member {
  Work work;
  boost::context::fiber rest = {};  // empty while it runs
  std::int64_t turns = 0;
};

/// What each of them does: whoever is resumed stores the rest of the one that resumed it, its
/// predecessor in the ring, and resumes its successor.
//
// One loop for all, and nothing in it but the switch: its neighbours are looked up once, and no
// function returns between two switches, as the CPU would predict the return of whoever left.
template <class Member>
[[gnu::noinline]] void take_turns(std::vector<Member>& ring, std::size_t at, std::int64_t turns) {
  Member& own = ring[at];
  Member& next = ring[(at + 1) % ring.size()];
  Member& previous = ring[(at + ring.size() - 1) % ring.size()];
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    ++own.turns;
    own.work.touch();
    previous.rest = std::move(next.rest).resume();
  }
}

/// The floor: a ring of bare contexts. The caller is its first member, and ends it.
template <class MakeWork>
void context_row(benchmark::State& state, std::size_t tasks, MakeWork make_work) {
  namespace ctx = boost::context;
  const ring_plan plan(state, tasks);
  std::vector<context_member<decltype(make_work())>> ring;
  for (std::size_t i = 0; i < tasks; ++i) ring.push_back({make_work()});
  for (std::size_t i = 1; i < tasks; ++i) {
    ring[i].rest = ctx::fiber([&ring, &plan, i](ctx::fiber&& from) {
      ring[i - 1].rest = std::move(from);
      take_turns(ring, i, plan.laps);
      return ctx::fiber();  // never: in its last turn it resumes its successor for the last time
    });
  }
  harness::record_batch(state, plan.ops, [&] {
    const interval whole = measure_alone([&] { take_turns(ring, 0, plan.laps); });
    std::int64_t turns = 0;
    for (const auto& each : ring) {
      each.work.expect_touched(static_cast<std::uint64_t>(plan.laps));
      turns += each.turns;
    }
    return switched_by_hand(whole, plan, turns);
  });
}

/// Two greenlets that name each other. The first of them keeps the time and ends the ring.
template <class MakeWork>
void greenlet_row(benchmark::State& state, MakeWork make_work) {
  const ring_plan ring(state, 2);
  harness::record_batch(state, ring.ops, [&] {
    std::optional<greenlet> ping;
    std::optional<greenlet> pong;
    std::int64_t turns = 0;
    auto work_of_ping = make_work();
    auto work_of_pong = make_work();
    interval whole;
    ping.emplace([&] {
      whole = measure_alone([&] {
        for (std::int64_t lap = 0; lap < ring.laps; ++lap) {
          ++turns;
          work_of_ping.touch();
          pong->switch_to();
        }
      });
    });
    pong.emplace([&] {
      for (;;) {
        ++turns;
        work_of_pong.touch();
        ping->switch_to();
      }
    });
    ping->switch_to();
    work_of_ping.expect_touched(static_cast<std::uint64_t>(ring.laps));
    work_of_pong.expect_touched(static_cast<std::uint64_t>(ring.laps));
    return switched_by_hand(whole, ring, turns);
  });
}

/// The I/O of a switch through a pipe, without the switch.
inline void self_pipe_row(benchmark::State& state) {
  pin_member(placement::same, 0);
  harness::pipe_baton own;
  const auto ops = harness::at_least(state.max_iterations, 1);
  harness::record_batch(state, ops, [&] {
    const interval all = measure_alone([&] {
      for (std::int64_t i = 0; i < ops; ++i) {
        own.post();
        own.wait();
      }
    });
    expect_no_kernel_switches(all.used, ops);
    return all.total();
  });
}

}  // namespace switchyard::rings
