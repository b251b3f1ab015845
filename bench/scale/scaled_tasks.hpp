// The same work on several CPUs at once, with each way to run tasks: a worker on each CPU, which
// does its part with a runtime of its own.
//
// The workers of `thread` are the threads of one process. All others' are processes: that is how
// runtimes on one thread use several CPUs.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/cpu/primes.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/page_fault/blocks.hpp"
#include "bench/spawn/spawn_and_join.hpp"
#include "runtimes/all.hpp"

namespace switchyard::scale {

template <class R>
using workers_of = std::conditional_t<std::is_same_v<R, thread>, thread, process>;

inline void expect_count(std::int64_t counted, std::int64_t right, const char* of_what) {
  if (counted == right) return;
  throw std::runtime_error("counted " + std::to_string(counted) + of_what + ", not " +
                           std::to_string(right));
}

/// Each does `ops` operations with a runtime, and throws when something came out wrong.
struct primes {
  static constexpr const char* name = "cpu";
  static constexpr const char* what = "count the primes below 60,000";
  static constexpr std::int64_t step = 1;

  template <class R>
  static void run(R& /*rt*/, std::int64_t ops) {
    constexpr std::uint32_t below = 60'000;
    constexpr std::int64_t odd_ones = 6'056;  // OEIS A000720, without two
    for (std::int64_t i = 0; i < ops; ++i) {
      expect_count(count_odd_primes(below), odd_ones, " primes");
    }
  }
};

struct blocks {
  static constexpr const char* name = "page_fault";
  static constexpr const char* what = "map, touch and unmap 64 KiB";
  static constexpr std::int64_t step = 1;

  template <class R>
  static void run(R& /*rt*/, std::int64_t ops) {
    expect_count(touch_blocks(ops), ops * pages_of_a_block(), " fresh pages");
  }
};

struct spawning {
  static constexpr const char* name = "spawn";
  static constexpr const char* what = "create a task and join it, 100 at a time";
  static constexpr std::int64_t step = 100;

  template <class R>
  static void run(R& rt, std::int64_t ops) {
    spawn_and_join(rt, ops, step);
  }
};

/// A worker on each of `cpus` does `each` operations. From the first that begins to the last that
/// ends, with the CPU time of all, that of their start included.
template <class R, class Work>
harness::measured on_cpus(const std::vector<int>& cpus, std::int64_t each) {
  using workers = workers_of<R>;
  require_kernel_tasks<workers>(cpus.size() * (KernelTasks<R> ? Work::step + 1 : 1));
  const task_group::start_line line(cpus.size());
  const harness::usage_meter all;
  workers group;
  const auto member = [&](std::size_t i) {
    harness::pin_this_thread({cpus[i]});
    R rt;
    line.wait([&] { group.yield(); });
    return task_group::measure_interval([&] { harness::within(rt, [&] { Work::run(rt, each); }); });
  };
  const auto break_up = [&] { line.break_up(); };
  auto took =
      group.run([&] { return task_group::measure_group(group, cpus.size(), member, break_up); });
  took.used = all.used();
  return took;
}

}  // namespace switchyard::scale
