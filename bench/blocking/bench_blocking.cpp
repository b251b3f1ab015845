// blocking: what one blocking call does to everybody else. 100 tasks wake every 5 ms, 60 times, by
// a schedule that was set at the start; a quarter into it one further task blocks in read(2) for B
// ms. What counts is how late the 100 wake. One operation is one wake-up.
//
//   via:direct     the task makes the call itself; block_ms:0 makes none and is the baseline
//   via:offloaded  the task has the runtime make the call aside, on a helper thread
//
// A wake-up is late against the schedule, never against the last one: a task that was held up for
// several periods has been late for each of them (no coordinated omission). The schedules are
// spread over the period, so that one wake-up does not wait for 99 others by design. Everything
// runs on one CPU, the first.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <span>

#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/load/histogram.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using task_group::clock;
using task_group::measured;

constexpr std::size_t sleepers = 100;
constexpr std::size_t periods = 60;
constexpr nanoseconds period = 5ms;

/// What a blocking call blocks on: the kernel's timer (timerfd_create(2)), which takes part in no
/// scheduler and which forked tasks share.
class blocking_call {
 public:
  /// Blocks the calling kernel task in read(2) for `wait`. Throws when it was too short.
  void make(nanoseconds wait) const {
    const auto begin = clock::now();
    const itimerspec once{{}, as_timespec(wait)};
    check(::timerfd_settime(timer_.get(), 0, &once, nullptr), "set a timer");
    std::uint64_t expired = 0;
    while (::read(timer_.get(), &expired, sizeof expired) < 0) {
      if (errno != EINTR) throw_errno("read from a timer");
    }
    task_group::expect(expired == 1 && clock::now() - begin >= wait,
                       "a blocking call was too short");
  }

 private:
  unique_fd timer_{check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "create a timer")};
};

struct call_plan {
  bool offloaded;
  milliseconds block;
};

/// Waits until `due`, if it has not passed yet.
template <class R>
void sleep_until(R& rt, clock::time_point due) {
  const auto left = due - clock::now();
  if (left > clock::duration::zero()) rt.sleep_for(left);
}

/// One sleeper: how late it was each time, in ns.
template <class R>
void wake_on_schedule(R& rt, clock::time_point first, std::span<std::int64_t> lateness) {
  for (std::size_t k = 0; k < periods; ++k) {
    const auto due = first + k * period;
    sleep_until(rt, due);
    lateness[k] = nanoseconds(clock::now() - due).count();
  }
}

/// The one task among the sleepers that blocks; gives how long it took, in ns.
template <class R>
std::int64_t block_once(R& rt, clock::time_point when, const blocking_call& blocking,
                        call_plan plan) {
  sleep_until(rt, when);
  const auto begin = clock::now();
  const auto call = [&] { blocking.make(plan.block); };
  if (plan.offloaded) {
    rt.offload(call);
  } else {
    call();
  }
  return nanoseconds(clock::now() - begin).count();
}

// The same for a stackless runtime.
template <Stackless R>
auto await_until(R& rt, clock::time_point due) -> typename R::template awaitable<void> {
  const auto left = due - clock::now();
  if (left > clock::duration::zero()) co_await rt.sleep_for(left);
}

template <Stackless R>
auto await_schedule(R& rt, clock::time_point first, std::span<std::int64_t> lateness) ->
    typename R::template awaitable<void> {
  for (std::size_t k = 0; k < periods; ++k) {
    const auto due = first + k * period;
    co_await await_until(rt, due);
    lateness[k] = nanoseconds(clock::now() - due).count();
  }
}

template <Stackless R>
auto await_block(R& rt, clock::time_point when, const blocking_call& blocking, call_plan plan) ->
    typename R::template awaitable<std::int64_t> {
  co_await await_until(rt, when);
  const auto begin = clock::now();
  const auto call = [&] { blocking.make(plan.block); };
  if (plan.offloaded) {
    co_await rt.offload(call);
  } else {
    call();
  }
  co_return nanoseconds(clock::now() - begin).count();
}

struct lateness_seen {
  load::histogram of_wake_ups;
  std::int64_t call_ns = 0;
};

/// What the tasks of one pass share. The last of them is the one that blocks, if one does.
struct pass {
  static constexpr std::size_t tasks = sleepers + 1;
  shared_array<std::int64_t> lateness{sleepers * periods};
  shared_object<std::int64_t> call_ns;
  task_group::start_line line{tasks};

  pass() { std::ranges::fill(lateness.span(), std::numeric_limits<std::int64_t>::min()); }

  [[nodiscard]] static clock::time_point first_wake_up(clock::time_point start, std::size_t i) {
    return start + period + i * period / sleepers;
  }
  [[nodiscard]] static clock::time_point of_call(clock::time_point start) {
    return start + periods * period / 4;
  }
  /// Whoever is done stays until all are: the end of a process would make others late.
  [[nodiscard]] static clock::time_point end(clock::time_point start) {
    return start + (periods + 2) * period;
  }
  [[nodiscard]] std::span<std::int64_t> lateness_of(std::size_t i) const {
    return lateness.span().subspan(i * periods, periods);
  }

  void tell(lateness_seen& seen) const {
    for (const std::int64_t late : lateness.span()) {
      task_group::expect(late >= 0, "a task did not wake, or too early");
      seen.of_wake_ups.record(static_cast<std::uint64_t>(late));
    }
    seen.call_ns = *call_ns;
  }
};

/// The schedule once, from the first sleep of any task to the last wake-up.
template <Runtime R>
measured one_pass(R& rt, const blocking_call& blocking, call_plan plan, lateness_seen& seen) {
  const pass shared;
  const auto member = [&](std::size_t i) {
    const auto start = shared.line.wait([&] { rt.sleep_for(2ms); });
    const auto seen_by_one = task_group::measure_interval([&] {
      if (i < sleepers) {
        wake_on_schedule(rt, pass::first_wake_up(start, i), shared.lateness_of(i));
      } else if (plan.block > 0ms) {
        *shared.call_ns = block_once(rt, pass::of_call(start), blocking, plan);
      }
    });
    sleep_until(rt, pass::end(start));
    return seen_by_one;
  };
  const auto took =
      task_group::measure_group(rt, pass::tasks, member, [&] { shared.line.break_up(); });
  shared.tell(seen);
  return took;
}

template <Stackless R>
measured one_pass(R& rt, const blocking_call& blocking, call_plan plan, lateness_seen& seen) {
  const pass shared;
  const auto member = [&](std::size_t i) -> typename R::template awaitable<task_group::interval> {
    const auto start =
        co_await shared.line.template await_start<R>([&] { return rt.sleep_for(2ms); });
    const auto work = [&]() -> typename R::template awaitable<void> {
      if (i < sleepers) {
        co_await await_schedule(rt, pass::first_wake_up(start, i), shared.lateness_of(i));
      } else if (plan.block > 0ms) {
        *shared.call_ns = co_await await_block(rt, pass::of_call(start), blocking, plan);
      }
    };
    const auto seen_by_one = co_await task_group::await_interval<R>(work);
    co_await await_until(rt, pass::end(start));
    co_return seen_by_one;
  };
  const auto took =
      task_group::measure_group(rt, pass::tasks, member, [&] { shared.line.break_up(); });
  shared.tell(seen);
  return took;
}

template <class R>
void blocking_row(benchmark::State& state, call_plan plan) {
  require_kernel_tasks<R>(sleepers + 1);
  harness::pin_this_thread({harness::first_cpu()});
  constexpr auto ops_of_a_pass = static_cast<std::int64_t>(sleepers * periods);
  const auto ops = harness::at_least(state.max_iterations, ops_of_a_pass);
  lateness_seen seen;
  const blocking_call blocking;
  harness::record_batch_in<R>(state, ops, [&](R& rt) {
    measured all = one_pass(rt, blocking, plan, seen);
    for (std::int64_t done = ops_of_a_pass; done < ops; done += ops_of_a_pass) {
      all += one_pass(rt, blocking, plan, seen);
    }
    // A wake-up is one sleep, or none when it is due already.
    harness::expect_switches(all.used, ops, {.sleeps_at_most = 1});
    return all;
  });
  task_group::expect(seen.of_wake_ups.count() == static_cast<std::uint64_t>(ops),
                     "a wake-up is lost");
  harness::set_latency(state, seen.of_wake_ups);
  if (plan.block > 0ms) state.counters["call_ms"] = static_cast<double>(seen.call_ns) / 1e6;
  state.counters["cpu"] = harness::first_cpu();
}

template <class R>
void add_rows(std::vector<harness::row>& rows) {
  constexpr bool one_blocks_all = !KernelTasks<R>;
  const auto add = [&](bool aside, std::int64_t block_ms) {
    const std::string how = aside ? " in a call made aside" : " in read(2)";
    const std::string call = block_ms == 0
                                 ? "none blocks"
                                 : "one more blocks for " + std::to_string(block_ms) + " ms" + how;
    const call_plan plan{aside, milliseconds(block_ms)};
    rows.push_back({.runtime = std::string(R::name),
                    .params = {{"via", aside ? "offloaded" : "direct"}, {"block_ms", block_ms}},
                    .what = "100 tasks wake every 5 ms on one CPU, " + call,
                    .body = [=](benchmark::State& s) { blocking_row<R>(s, plan); },
                    // What wakes the tasks up is I/O; that one of them blocks the others is not.
                    .quick = OwnTasks<R> && block_ms == 100});
  };
  for (const std::int64_t block_ms : {0, 20, 100}) add(false, block_ms);
  // Where it blocks nobody else there is nothing to hand over: the call is the same.
  if constexpr (one_blocks_all) {
    for (const std::int64_t block_ms : {20, 100}) add(true, block_ms);
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "blocking",
      .what = "100 tasks wake on a schedule while one blocks; one operation is one wake-up.",
      .compared_by = {"max_us", "worst lateness of the others", "us", "lower"},
      .unit = benchmark::kMicrosecond};
  for_each_runtime([&]<class R>() {
    if constexpr (R::concurrent && ((Sleeps<R> && Offloads<R>) || StacklessOffloads<R>)) {
      add_rows<R>(w.rows);
    }
  });
  return harness::run_main(argc, argv, w);
}
