// How a workload reads the memory of idle tasks of a runtime.
//
// The tasks live in a process that is forked for them, and the tree that is read is the calling
// process with all below it. So what was used and freed before can't be used again without being
// counted, and what a parent and its children share stays whole.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "bench/harness/parked_tasks.hpp"
#include "bench/harness/usage.hpp"
#include "runtimes/process.hpp"

namespace switchyard {

struct memory_reading {
  harness::memory_use grown;
  double seconds = 0;  // until all were there
};

/// The kernel has to agree on how many there are.
inline void expect_kernel_tasks(const harness::memory_use& grown, std::int64_t expected) {
  if (grown.kernel_tasks == expected) return;
  throw std::runtime_error("the kernel counts " + std::to_string(grown.kernel_tasks) +
                           " more tasks, not " + std::to_string(expected));
}

/// What `tasks` tasks hold that have touched `stack_bytes` of their stacks.
template <class R>
memory_reading memory_of_parked_tasks(std::int64_t tasks, std::size_t stack_bytes) {
  using clock = std::chrono::steady_clock;
  const auto patience_ends = clock::now() + std::chrono::seconds(60);
  const auto patient = [=] {
    if (clock::now() > patience_ends) throw std::runtime_error("not all tasks came in 60 s");
  };
  const auto park_and_read = [=, root = ::getpid()](R& rt) {
    parked_tasks<R> parked(rt, tasks + 1);
    parked.add(1, stack_bytes, patient);
    harness::memory_of_tree(root);  // the first time brings in what a reading itself takes
    const harness::memory_use before = harness::memory_of_tree(root);
    const auto begin = clock::now();
    parked.add(tasks, stack_bytes, patient);
    memory_reading r;
    r.seconds = std::chrono::duration<double>(clock::now() - begin).count();
    r.grown = harness::memory_of_tree(root) - before;
    if (parked.count() != tasks + 1) throw std::runtime_error("not all tasks were alive at once");
    expect_kernel_tasks(r.grown, R::kernel_tasks_per_task * tasks);
    parked.end();
    return r;
  };
  return in_a_child<process>([&] {
    R rt;
    return rt.run([&] { return park_and_read(rt); });
  });
}

}  // namespace switchyard
