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

/// Two looks at the tree below `root`: when the first task is parked, and when all are.
class reading_of_parked {
  using clock = std::chrono::steady_clock;

 public:
  reading_of_parked(std::int64_t tasks, pid_t root) : tasks_(tasks), root_(root) {}

  /// Called all through their coming.
  void be_patient() const {
    if (clock::now() > patience_ends_) throw std::runtime_error("not all tasks came in 60 s");
  }

  void look_before() {
    harness::memory_of_tree(root_);  // the first time brings in what a reading itself takes
    before_ = harness::memory_of_tree(root_);
    begin_ = clock::now();
  }

  template <class R>
  [[nodiscard]] memory_reading look_after(const parked_tasks<R>& parked) const {
    memory_reading r;
    r.seconds = std::chrono::duration<double>(clock::now() - begin_).count();
    r.grown = harness::memory_of_tree(root_) - before_;
    if (parked.count() != tasks_ + 1) throw std::runtime_error("not all tasks were alive at once");
    expect_kernel_tasks(r.grown, R::kernel_tasks_per_task * tasks_);
    return r;
  }

 private:
  std::int64_t tasks_;
  pid_t root_;
  harness::memory_use before_;
  clock::time_point begin_;
  clock::time_point patience_ends_ = clock::now() + std::chrono::seconds(60);
};

template <Runtime R>
memory_reading read_parked(R& rt, std::int64_t tasks, std::size_t stack_bytes, pid_t root) {
  reading_of_parked reading(tasks, root);
  const auto patient = [&] { reading.be_patient(); };
  return rt.run([&] {
    parked_tasks<R> parked(rt, tasks + 1);
    parked.add(1, stack_bytes, patient);
    reading.look_before();
    parked.add(tasks, stack_bytes, patient);
    const memory_reading r = reading.look_after(parked);
    parked.end();
    return r;
  });
}

template <Stackless R>
memory_reading read_parked(R& rt, std::int64_t tasks, std::size_t, pid_t root) {
  reading_of_parked reading(tasks, root);
  const auto patient = [&] { reading.be_patient(); };
  parked_tasks<R> parked(rt, tasks + 1);
  return rt.run([&]() -> typename R::template awaitable<memory_reading> {
    const typename parked_tasks<R>::let_go_at_end guard(parked);
    parked.add(1, patient);
    reading.look_before();
    parked.add(tasks, patient);
    const memory_reading r = reading.look_after(parked);
    co_await parked.end();
    co_return r;
  });
}

/// What `tasks` tasks hold that have touched `stack_bytes` of their stacks, if they have stacks.
template <class R>
memory_reading memory_of_parked_tasks(std::int64_t tasks, std::size_t stack_bytes) {
  return in_a_child<process>([=, root = ::getpid()] {
    R rt;
    return read_parked(rt, tasks, stack_bytes, root);
  });
}

}  // namespace switchyard
