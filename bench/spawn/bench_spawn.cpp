// spawn: what it costs to start a task and to wait for its end. N tasks are spawned, then all are
// joined; one operation is one task. Each task returns its number, and the sum is checked.
//
// Everything runs on one CPU, named in the counter `cpu`: across cores the figure would be the
// cost of a wake-up, which `switch` measures.
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/expectation.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/task_room.hpp"
#include "bench/harness/usage_meter.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using clock = std::chrono::steady_clock;
using harness::measured;
using harness::suite;

/// Spawns `tasks` tasks and joins them; returns the sum of their numbers.
template <class R>
std::int64_t spawn_and_join(R& rt, std::int64_t tasks) {
  const auto numbered = [&rt](std::int64_t i) { return rt.spawn([i] { return i; }); };
  std::vector<decltype(numbered(0))> spawned;
  spawned.reserve(static_cast<std::size_t>(tasks));
  for (std::int64_t i = 0; i < tasks; ++i) spawned.push_back(numbered(i));
  std::int64_t sum = 0;
  for (auto& task : spawned) sum += task.join();
  return sum;
}

/// The kernel has to switch to its tasks and back at least once before all can be joined.
template <class R>
harness::expected_switches switches_of_a_task(std::int64_t tasks) {
  return {.at_least = R::kernel_tasks_per_task / static_cast<double>(tasks),
          .sleeps_at_most = R::sleeps_per_join};
}

template <class R>
void spawn_row(benchmark::State& state, std::int64_t tasks) {
  require_kernel_tasks<R>(static_cast<std::size_t>(tasks));
  harness::pin_this_thread({harness::first_cpu()});
  R rt;
  rt.run([&] {
    const auto ops = harness::at_least(state.max_iterations, tasks);
    harness::record_batch(state, ops, [&] {
      const harness::usage_meter meter;
      const auto begin = clock::now();
      for (std::int64_t done = 0; done < ops; done += tasks) {
        if (spawn_and_join(rt, tasks) != tasks * (tasks - 1) / 2) {
          throw std::runtime_error("the tasks' results are wrong");
        }
      }
      const std::chrono::duration<double> wall = clock::now() - begin;
      const auto used = meter.used();
      harness::expect_switches(used, ops, switches_of_a_task<R>(tasks));
      return measured{wall.count(), used};
    });
    state.counters["cpu"] = harness::first_cpu();
  });
}

template <class R>
void add_rows(std::vector<harness::row>& rows) {
  for (const std::int64_t tasks : {1, 100, 1'000}) {
    rows.push_back(
        {std::string(R::name),
         {{"tasks", tasks}},
         "create " + std::to_string(tasks) + " and join " + std::to_string(tasks) + ", on one CPU",
         [=](benchmark::State& s) { spawn_row<R>(s, tasks); },
         suite::quick});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{.name = "spawn",
                      .what = "N tasks are created, then all joined; one operation is one task.",
                      .compared_by = {"real_time", "time per task", "s", "lower"},
                      .unit = benchmark::kMicrosecond,
                      .rows = {}};
  for_each_runtime([&]<class R>() {
    // A runtime that runs a task where it is spawned creates none: there is nothing to measure.
    if constexpr (R::concurrent) add_rows<R>(w.rows);
  });
  return harness::run_main(argc, argv, w);
}
