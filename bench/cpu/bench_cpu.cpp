// cpu: work that needs nothing but a CPU, split over K tasks. Processes and threads spread over all
// CPUs; the fibers of one thread, the article's first drawback, can't. One operation is the whole
// job, from the first spawn to the last join: the same work for every K, and `serial`, which does
// the shares one after another, is the baseline that gives the speed-up.
//
// The job: count the primes below 600,000 by trial division. Task i of K takes every K-th odd
// number. K is a power of two, so that each share holds as many primes and as many multiples of 3,
// 5, 7, ... as any other, and costs the same. The count is known and checked.
//
// Nothing is bound to a CPU here: that the kernel spreads the tasks is the point. `speedup_ideal`
// is what K tasks on this machine can gain at most.
#include <algorithm>
#include <stdexcept>

#include "bench/cpu/primes.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/task_group.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

constexpr std::uint32_t below = 600'000;
constexpr std::int64_t primes_below = 49'098;  // OEIS A000720

template <class R>
std::int64_t count_in_tasks(R& rt, std::uint32_t tasks) {
  constexpr std::int64_t two = 1;  // which is no odd number
  return two + spawn_and_sum(tasks, [&rt, tasks](std::int64_t which) {
           return rt.spawn(
               [=] { return count_odd_primes(below, static_cast<std::uint32_t>(which), tasks); });
         });
}

/// The work itself waits for nothing. But a kernel task may have to wait for memory to be mapped.
template <class R>
constexpr int sleeps_for_a_share = R::sleeps_per_join + R::kernel_tasks_per_task;

template <class R>
void cpu_row(benchmark::State& state, std::int64_t tasks, const std::vector<int>& cpus) {
  require_kernel_tasks<R>(static_cast<std::size_t>(tasks));
  if (harness::allowed_cpus() != cpus) {
    throw std::logic_error("something has bound this process: the work can't spread");
  }
  const auto ops = harness::at_least(state.max_iterations, 1);
  harness::record_batch_in<R>(state, ops, [&](R& rt) {
    const auto m = harness::measure([&] {
      for (std::int64_t i = 0; i < ops; ++i) {
        const auto count = count_in_tasks(rt, static_cast<std::uint32_t>(tasks));
        if (count != primes_below) {
          throw std::runtime_error("counted " + std::to_string(count) + " primes");
        }
      }
    });
    harness::expect_switches(m.used, ops * tasks, {.sleeps_at_most = sleeps_for_a_share<R>}, 20);
    return m;
  });
  const auto most = R::runs_in_parallel ? static_cast<std::int64_t>(cpus.size()) : 1;
  state.counters["speedup_ideal"] = static_cast<double>(std::min(tasks, most));
}

template <class R>
void add_rows(std::vector<harness::row>& rows, const std::vector<int>& cpus) {
  for (const std::int64_t tasks : {1, 2, 4, 8}) {
    const std::string shares =
        tasks == 1 ? "in one piece"
                   : "in " + std::to_string(tasks) + " equal shares" +
                         (R::concurrent ? ", one task each" : ", one after another");
    rows.push_back({.runtime = std::string(R::name),
                    .params = {{"tasks", tasks}},
                    .what = "count the primes below 600,000 " + shares,
                    .body = [=](benchmark::State& s) { cpu_row<R>(s, tasks, cpus); },
                    .quick = tasks == 2 || tasks == 4,
                    .control = R::concurrent ? "serial" : ""});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  const auto cpus = harness::allowed_cpus();  // before anything could bind this process
  harness::workload w{
      .name = "cpu",
      .what = "K tasks share work that needs only a CPU; one operation is the whole work.",
      .compared_by = {"real_time", "wall time of the whole work", "s", "lower"},
      .unit = benchmark::kMillisecond};
  for_each_runtime([&]<class R>() {
    // A task that never waits is a call to a stackless runtime.
    if constexpr (OwnTasks<R> && Runtime<R>) add_rows<R>(w.rows, cpus);
  });
  return harness::run_main(argc, argv, w);
}
