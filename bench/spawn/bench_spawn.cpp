// spawn: what it costs to start a task and to wait for its end. N tasks are spawned, then all are
// joined; one operation is one task. Each task returns its number, and the sum is checked.
//
// Everything runs on one CPU, named in the counter `cpu`: across cores the figure would be the
// cost of a wake-up, which `switch` measures.
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/spawn/spawn_and_join.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

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
  const auto ops = harness::at_least(state.max_iterations, tasks);
  harness::record_batch_in<R>(state, ops, [&](R& rt) {
    const auto m = harness::measure([&] { spawn_and_join(rt, ops, tasks); });
    harness::expect_switches(m.used, ops, switches_of_a_task<R>(tasks));
    return m;
  });
  state.counters["cpu"] = harness::first_cpu();
}

template <class R>
void add_rows(std::vector<harness::row>& rows) {
  for (const std::int64_t tasks : {1, 100, 1'000}) {
    const std::string number = std::to_string(tasks);
    rows.push_back({.runtime = std::string(R::name),
                    .params = {{"tasks", tasks}},
                    .what = "create " + number + " and join " + number + ", on one CPU",
                    .body = [=](benchmark::State& s) { spawn_row<R>(s, tasks); },
                    .quick = tasks <= 100});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{.name = "spawn",
                      .what = "N tasks are created, then all joined; one operation is one task.",
                      .compared_by = {"real_time", "time per task", "s", "lower"},
                      .unit = benchmark::kMicrosecond};
  for_each_runtime([&]<class R>() {
    // A runtime that runs a task where it is spawned creates none: there is nothing to measure.
    if constexpr (OwnTasks<R> && R::concurrent) add_rows<R>(w.rows);
  });
  return harness::run_main(argc, argv, w);
}
