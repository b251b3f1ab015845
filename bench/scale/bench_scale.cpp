// scale: what each model makes of more CPUs. The same work on 1, 2, 4, ... of them, with a worker
// on each, that does as much as the only worker does on one: so the throughput of N workers, over N
// times that of one, is their efficiency, and what is missing of it they lose to what they share.
//
//   work:cpu         nothing but the CPUs: their clock, and their cores where two are one core's
//   work:page_fault  the kernel's memory; for threads, their address space and its lock as well
//   work:spawn       the kernel's tables of tasks, for those whose tasks are the kernel's
//
// Workers are bound, one of each core first: hardware threads of a core that has one already come
// last, and a row that needs them gains little from them. Threads are one process with a thread
// for each CPU; processes one for each; fibers and coroutines, which have one thread, are as many
// processes with a runtime each.
#include <sys/prctl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/scale/scaled_tasks.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {
namespace {

template <class R, class Work>
void scaled_row(benchmark::State& state, const std::vector<int>& cpus) {
  const auto count = static_cast<std::int64_t>(cpus.size());
  const auto ops = harness::at_least(state.max_iterations, count * Work::step);
  harness::record_batch(state, ops, [&] { return scale::on_cpus<R, Work>(cpus, ops / count); });
}

template <class R, class Work>
void add_rows(std::vector<harness::row>& rows, const std::vector<int>& cpus) {
  for (const std::size_t count : harness::powers_of_two_up_to(cpus.size())) {
    const std::vector<int> used(cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(count));
    const std::string workers = std::is_same_v<R, thread> ? " threads" : " processes";
    rows.push_back({.runtime = std::string(R::name),
                    .params = {{"work", Work::name}, {"cpus", static_cast<std::int64_t>(count)}},
                    .what = std::to_string(count) + workers + " on a CPU each " + Work::what,
                    .body = [used](benchmark::State& s) { scaled_row<R, Work>(s, used); }});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  check(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "do without huge pages");
  const auto cpus = harness::cores_first(harness::allowed_cpus());
  harness::workload w{
      .name = "scale",
      .what =
          "The same work on 1, 2, 4, ... CPUs, with a worker on each; one operation is a piece "
          "of it.",
      .compared_by = {"ops_per_s", "operations per second", "1/s", "higher"},
      .unit = benchmark::kMicrosecond};
  for_each_runtime([&]<class R>() {
    if constexpr (OwnTasks<R> && R::concurrent) {
      add_rows<R, scale::primes>(w.rows, cpus);
      add_rows<R, scale::blocks>(w.rows, cpus);
      add_rows<R, scale::spawning>(w.rows, cpus);
    }
  });
  return harness::run_main(argc, argv, w);
}
