// page_fault: tasks that map, touch and unmap memory of their own, as a program does whose
// allocator gives large blocks back. K tasks share the blocks; one operation is one block of 64
// KiB: an mmap, a write to each of its pages, a look at what is in them, a munmap.
//
// What the tasks of one process share here without a word of theirs is its address space: threads
// take its lock for each mapping that they make or unmake, and what one of them has unmapped the
// CPUs of all others are told of. Processes have an address space each, and share nothing. Fibers
// have nobody to share with, and one CPU.
//
// Nothing is bound to a CPU: as in `cpu`, that the kernel spreads the tasks is the point, and
// `serial` is the baseline. That each page was fresh is checked: it holds zeroes, and the kernel
// has counted a fault for it.
#include <sys/prctl.h>

#include <algorithm>
#include <stdexcept>

#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/page_fault/blocks.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {
namespace {

// Fewer would measure how the tasks are started.
constexpr benchmark::IterationCount fewest_each = 2'000;

template <class R>
void page_fault_row(benchmark::State& state, std::int64_t tasks) {
  require_kernel_tasks<R>(static_cast<std::size_t>(tasks));
  const auto ops = harness::at_least(std::max(state.max_iterations, fewest_each * tasks), tasks);
  harness::record_batch_in<R>(state, ops, [&](R& rt) {
    std::int64_t pages = 0;
    const auto m = harness::measure([&] {
      pages = spawn_and_sum(tasks, [&](std::int64_t) {
        return rt.spawn([=, each = ops / tasks] { return touch_blocks(each); });
      });
    });
    const auto expected = ops * pages_of_a_block();
    if (pages != expected || m.used.page_faults < expected) {
      throw std::runtime_error(std::to_string(pages) + " of " + std::to_string(expected) +
                               " pages were fresh, with " + std::to_string(m.used.page_faults) +
                               " page faults");
    }
    return m;
  });
}

template <class R>
void add_rows(std::vector<harness::row>& rows) {
  for (const std::int64_t tasks : {1, 2, 4, 8}) {
    const std::string who =
        tasks == 1 ? "1 task"
                   : std::to_string(tasks) + (R::concurrent ? " tasks" : " tasks in turn");
    rows.push_back({.runtime = std::string(R::name),
                    .params = {{"tasks", tasks}},
                    .what = "map, touch and unmap blocks of 64 KiB in " + who,
                    .body = [=](benchmark::State& s) { page_fault_row<R>(s, tasks); },
                    .quick = tasks == 4,
                    .control = R::concurrent ? "serial" : ""});
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  // Pages of the usual size, whatever this machine does with memory that nobody has asked about.
  check(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "do without huge pages");
  harness::workload w{
      .name = "page_fault",
      .what = "K tasks map, touch and unmap memory of their own; one operation is 64 KiB of it.",
      .compared_by = {"real_time", "wall time for each 64 KiB", "s", "lower"},
      .unit = benchmark::kMicrosecond};
  for_each_runtime([&]<class R>() {
    // As in `cpu`: a task that never waits is a call to a stackless runtime.
    if constexpr (OwnTasks<R> && Runtime<R>) add_rows<R>(w.rows);
  });
  return harness::run_main(argc, argv, w);
}
