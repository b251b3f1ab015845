// sleep: N tasks sleep D ms each. What counts is the wall time of the whole batch, from the first
// spawn to the last join, against the ideal D (N * D for `serial`, which is the article's
// synchronous version). One operation, as Google Benchmark counts, is one batch.
//
// Each task reports how late it woke; the number of tasks and the length of every sleep are
// checked. Memory is read in a pass of its own, outside the measured time, while all tasks sleep.
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "bench/harness/gevent_program.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using namespace std::chrono;
using clock = steady_clock;

double milliseconds_of(clock::duration d) { return duration<double, std::milli>(d).count(); }

template <Runtime R>
auto spawn_sleepers(R& rt, std::int64_t tasks, clock::duration d) {
  const auto sleeper = [&rt, d] {
    const auto before = clock::now();
    rt.sleep_for(d);
    return clock::now() - before;
  };
  return spawn_each(tasks, [&](std::int64_t) { return rt.spawn(sleeper); });
}

template <Stackless R>
auto spawn_sleepers(R& rt, std::int64_t tasks, clock::duration d) {
  const auto sleeper = [&rt, d]() -> typename R::template awaitable<clock::duration> {
    const auto before = clock::now();
    co_await rt.sleep_for(d);
    co_return clock::now() - before;
  };
  return spawn_each(tasks, [&](std::int64_t) { return rt.spawn(sleeper); });
}

struct batches_result {
  clock::duration wall{};
  clock::duration spawning{};
  clock::duration oversleep_sum{};
  clock::duration oversleep_max{};
  std::int64_t slept = 0;  // tasks

  void add_late(clock::duration late) {
    if (late < clock::duration::zero()) throw std::runtime_error("a task woke too early");
    oversleep_sum += late;
    oversleep_max = std::max(oversleep_max, late);
    ++slept;
  }
};

template <Runtime R>
void sleep_batch(R& rt, std::int64_t tasks, clock::duration d, batches_result& all) {
  const auto begin = clock::now();
  auto sleepers = spawn_sleepers(rt, tasks, d);
  all.spawning += clock::now() - begin;
  for (auto& sleeper : sleepers) all.add_late(sleeper.join() - d);
  all.wall += clock::now() - begin;
}

template <Stackless R>
void sleep_batch(R& rt, std::int64_t tasks, clock::duration d, batches_result& all) {
  rt.run([&]() -> typename R::template awaitable<void> {
    const auto begin = clock::now();
    auto sleepers = spawn_sleepers(rt, tasks, d);
    all.spawning += clock::now() - begin;
    for (auto& sleeper : sleepers) all.add_late(co_await sleeper.join() - d);
    all.wall += clock::now() - begin;
  });
}

/// Calls `look()` while so many tasks sleep.
template <Runtime R, class Look>
void with_sleepers(R& rt, std::int64_t tasks, clock::duration nap, Look look) {
  const auto sleepers = spawn_sleepers(rt, tasks, nap);
  rt.sleep_for(10ms);  // the last ones fall asleep
  look();
}

template <Stackless R, class Look>
void with_sleepers(R& rt, std::int64_t tasks, clock::duration nap, Look look) {
  rt.run([&]() -> typename R::template awaitable<void> {
    const auto sleepers = spawn_sleepers(rt, tasks, nap);
    look();  // each was asleep when its spawn returned
    co_return;
  });
}

/// User-space pages of one sleeping task in bytes, or 0 when the tasks could not be caught
/// asleep all at once. `spawning` is how long the spawning took before, `empty_bytes` what the
/// process held before it had any task: stacks are used again, so the memory stays between passes.
template <class R>
double memory_of_a_sleeper(R& rt, std::int64_t tasks, clock::duration spawning,
                           double empty_bytes) {
  // Time to spawn them and to look at them. Those with memory of their own are each looked at, and
  // the kernel lists N children in a time that grows as N².
  const auto looking = R::shares_memory ? 0s : tasks * tasks * 40ns;
  const auto nap = spawning * 3 / 2 + 100ms + looking;
  const auto begin = clock::now();
  double bytes = 0;
  bool were_asleep = false;
  with_sleepers(rt, tasks, nap, [&] {
    bytes = harness::tree_pss_bytes(::getpid());
    were_asleep = clock::now() - begin <= nap;
  });
  return were_asleep ? (bytes - empty_bytes) / static_cast<double>(tasks) : 0;
}

/// What the process held before its first row, or 0 when another row has run already: what that one
/// left behind would be taken for free memory. The runner starts a process for each row.
double empty_process_bytes(const std::string& row) {
  static const std::string first_row = row;
  static const double bytes = harness::tree_pss_bytes(::getpid());
  return row == first_row ? bytes : 0;
}

// Less than this many tasks drown in the page granularity of the process itself.
constexpr std::int64_t fewest_for_memory = 100;

/// Rates per task, not per batch: that is what one wants to compare over N.
void count_by_task(benchmark::State& state, std::int64_t tasks) {
  const auto n = static_cast<double>(tasks);
  for (auto& [name, counter] : state.counters) {
    if (name.ends_with("_per_op")) counter = counter / n;
  }
  state.counters["ops_per_s"] = state.counters["ops_per_s"] * n;
}

/// Who sleeps in the kernel is switched away from. A kernel task, and whoever joins it, may have to
/// wait for memory to be mapped and unmapped, several times where many start and end at once on
/// many CPUs. Others sleep together: as often as a batch has to wait for a timer, which many share.
template <class R>
harness::expected_switches switches_of_a_sleep(std::int64_t tasks) {
  constexpr int to_start_and_end = 7 * R::kernel_tasks_per_task;
  if (R::waits_in_kernel) return {.at_least = 1, .sleeps_at_most = 1 + to_start_and_end};
  return {.sleeps_at_most = 0.5 + 4.0 / static_cast<double>(tasks)};
}

template <class R>
void sleep_row(benchmark::State& state, std::int64_t tasks, milliseconds d) {
  require_room_for_tasks<R>(tasks);
  const double empty_bytes = empty_process_bytes(std::string(R::name) + std::to_string(tasks));
  R rt;
  harness::within(rt, [&] {
    batches_result all;
    harness::record_batch(state, state.max_iterations, [&] {
      const harness::usage_meter meter;
      for (benchmark::IterationCount i = 0; i < state.max_iterations; ++i) {
        sleep_batch(rt, tasks, d, all);
      }
      const auto used = meter.used();
      harness::expect_switches(used, all.slept, switches_of_a_sleep<R>(tasks), 6);
      return harness::measured{duration<double>(all.wall).count(), used};
    });
    if (all.slept != tasks * state.max_iterations) throw std::runtime_error("a task is missing");
    const auto spawning = all.spawning / state.max_iterations;
    count_by_task(state, tasks);
    state.counters["oversleep_ms"] =
        milliseconds_of(all.oversleep_sum) / static_cast<double>(all.slept);
    state.counters["oversleep_max_ms"] = milliseconds_of(all.oversleep_max);
    if constexpr (R::concurrent) {
      if (tasks >= fewest_for_memory && empty_bytes > 0) {
        const double bytes = memory_of_a_sleeper(rt, tasks, spawning, empty_bytes);
        if (bytes > 0) state.counters["pss_bytes_per_task"] = bytes;
      }
    }
  });
}

/// The Python original, which measures itself in the same way.
void gevent_row(benchmark::State& state, std::int64_t tasks, milliseconds d) {
  constexpr std::uint64_t bytes_per_greenlet = 16 * 1024;
  const auto original = gevent::original("sleep_tasks.py");
  harness::require_memory(static_cast<std::uint64_t>(tasks) * bytes_per_greenlet);
  const auto batches = state.max_iterations;
  auto arguments =
      gevent::attached({"--tasks", std::to_string(tasks), "--ms", std::to_string(d.count()),
                        "--batches", std::to_string(batches)});
  if (tasks >= fewest_for_memory) arguments.emplace_back("--memory");
  const milliseconds patience = 60s + (batches + 1) * (d + tasks * 1ms);
  const auto figures = gevent::record(state, batches, original, arguments, patience);
  task_group::expect(figures.at("tasks") == static_cast<double>(tasks * batches),
                     "a task is missing");
  count_by_task(state, tasks);
  state.counters["oversleep_ms"] = figures.at("oversleep_mean_ms");
  state.counters["oversleep_max_ms"] = figures.at("oversleep_max_ms");
  if (tasks >= fewest_for_memory) {
    state.counters["pss_bytes_per_task"] = figures.at("pss_bytes_per_task");
  }
}

/// Who sleeps, and how many at most: of all rows and of the quick ones.
struct sleepers {
  std::string name;
  void (*sleep)(benchmark::State&, std::int64_t tasks, milliseconds);
  std::string how;
  std::int64_t most;
  std::int64_t most_quick;
  std::string needs = {};
};

template <class R>
sleepers sleepers_on() {
  // No kernel has room for more tasks of its own.
  constexpr std::int64_t most = !R::concurrent ? 10 : KernelTasks<R> ? 10'000 : 1'000'000;
  return {std::string(R::name), sleep_row<R>, R::concurrent ? " at once" : ", one after another",
          most, R::quick_tasks};
}

struct batch_case {
  std::int64_t tasks;
  std::int64_t ms;
  bool quick = false;
};

// The quick run: 100, which everybody starts at once, and 10,000, which the kernel does not.
constexpr batch_case cases[] = {
    {1, 100},       {10, 100},           {100, 100, true},
    {1'000, 100},   {10'000, 100, true}, {10, 500},  // the article's own figures
    {100'000, 500}, {1'000'000, 1'000}};

void add_rows(std::vector<harness::row>& rows, const sleepers& by) {
  for (const auto& [tasks, ms, quick] : cases) {
    if (tasks > by.most) continue;
    rows.push_back({.runtime = by.name,
                    .params = {{"tasks", tasks}, {"ms", ms}},
                    .what = std::to_string(tasks) +
                            (tasks == 1 ? " task sleeps " : " tasks sleep ") + std::to_string(ms) +
                            " ms" + by.how,
                    .body = [n = tasks, d = milliseconds(ms),
                             sleep = by.sleep](benchmark::State& s) { sleep(s, n, d); },
                    .quick = quick && tasks <= by.most_quick,
                    .needs = by.needs,
                    .outside = by.name == gevent::name,
                    // It takes seconds.
                    .most_rounds = tasks > 5 * by.most_quick ? harness::enough_rounds : 0});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "sleep",
      .what = "N tasks sleep D ms; the time is that of the whole batch, first spawn to last join.",
      .compared_by = {"real_time", "wall time of the batch", "s", "lower"},
      .unit = benchmark::kMillisecond};
  for_each_runtime([&]<class R>() {
    if constexpr (Sleeps<R> || Stackless<R>) add_rows(w.rows, sleepers_on<R>());
  });
  add_rows(w.rows, {gevent::name, gevent_row, " at once (Python)", 100'000, 100, gevent::name});
  return harness::run_main(argc, argv, w);
}
