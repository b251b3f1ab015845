// scale: what each model makes of more CPUs. The same work on 1, 2, 4, ... of them, with a worker
// on each, that does as much as the only worker does on one: so the throughput of N workers, over N
// times that of one, is their efficiency, and what is missing of it they lose to what they share.
//
//   work:cpu         nothing but the CPUs: their clock, and their cores where two are one core's
//   work:page_fault  the kernel's memory; for threads, their address space and its lock as well
//   work:spawn       the kernel's tables of tasks, for those whose tasks are the kernel's
//   work:echo        a server for 64 clients for each of its CPUs, under load from other CPUs
//   work:echo_shared the same with the load on the same CPUs as the server, so on more of them
//
// A server on one thread has a worker for each CPU, all on one port, and the kernel deals its
// connections out among them. Workers are bound, one of each core first: hardware threads of a core
// that has one already come last, and a row that needs them gains little from them. Of tasks,
// threads are one process with a thread for each CPU; processes one for each; fibers and
// coroutines, which have one thread, are as many processes with a runtime each.
#include <sys/prctl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/echo/closed_loop.hpp"
#include "bench/harness/placement.hpp"
#include "bench/scale/scaled_tasks.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {
namespace {

/// Or its memory would come in huge pages where the kernel is so inclined: not that of the servers
/// in other rows, which would start without them.
class without_huge_pages {
 public:
  without_huge_pages() { check(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "do without huge pages"); }
  ~without_huge_pages() { ::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0); }
  without_huge_pages& operator=(without_huge_pages&&) = delete;
};

template <class R, class Work>
void scaled_row(benchmark::State& state, const std::vector<int>& cpus) {
  const without_huge_pages small_ones;
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

echo::kept_server kept;

/// Those that have several CPUs, in workers or by themselves; of outside ones only Go's, and those
/// that somebody asked for.
bool can_scale(const echo::server& by) {
  if (by.is == echo::kind::outside) return by.name == "go" || !by.command.empty();
  return by.concurrent && by.is != echo::kind::plain;
}

void add_echo_rows(std::vector<harness::row>& rows, const echo::server& by, std::size_t cpus) {
  constexpr std::int64_t clients_each = 64;
  const auto add = [&](const char* work, std::size_t count, bool beside) {
    const auto n = static_cast<std::int64_t>(count);
    const echo::echo_case which{
        .by = &by, .connections = clients_each * n, .cpus = n, .load_is_beside = beside};
    rows.push_back(echo::row_of(
        by, {{"work", work}, {"cpus", n}},
        std::to_string(which.connections) + " clients of a server on " + std::to_string(n) +
            (beside ? " CPUs, loaded from others" : " CPUs, loaded from the same ones"),
        [which](benchmark::State& state) {
          kept.with(which, [&](echo::loaded_server& server) { echo::closed_loop(state, server); });
        }));
  };
  // Where there is but one CPU, the row says what is missing.
  for (const auto count : harness::powers_of_two_up_to(std::max<std::size_t>(cpus / 2, 1))) {
    add("echo", count, true);
  }
  for (const auto count : harness::powers_of_two_up_to(cpus)) add("echo_shared", count, false);
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  const auto cpus = harness::cores_first(harness::cpus_at_start());
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
  return echo::run_main(argc, argv, w, kept, [&](const echo::server& by) {
    if (can_scale(by)) add_echo_rows(w.rows, by, cpus.size());
  });
}
