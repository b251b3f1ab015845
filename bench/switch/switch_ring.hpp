// What the rings of the `switch` workload have beyond any other group of tasks (task_group.hpp):
// whole laps, and proofs that the kernel did, or did not, switch between the members.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bench/harness/task_group.hpp"
#include "bench/harness/workload.hpp"

namespace switchyard::rings {

using namespace task_group;  // a ring is a group of tasks

inline std::string counted(const harness::usage& used, std::int64_t ops) {
  return "the kernel counted " + std::to_string(used.kernel_switches()) + " switches for " +
         std::to_string(ops) + " operations";
}

/// Each operation has to be one switch of the kernel's. Not quite: the first may come too early,
/// whoever is left alone at the end has nobody to give way to, and others use the CPU as well.
inline void expect_kernel_switches(const harness::usage& used, std::int64_t ops,
                                   std::size_t tasks) {
  const auto slack = ops / 10 + 2 * static_cast<std::int64_t>(tasks);
  expect(std::abs(used.kernel_switches() - ops) <= slack, counted(used, ops));
}

/// The kernel has nothing to do with these operations; the slack is for what else uses the CPU.
inline void expect_no_kernel_switches(const harness::usage& used, std::int64_t ops) {
  constexpr std::int64_t slack = 100;
  expect(used.kernel_switches() <= ops / 100 + slack, counted(used, ops));
}

/// Whole laps, and enough of them that the slack above leaves something to be checked.
inline harness::batch_size whole_laps(const benchmark::State& state, std::size_t tasks) {
  constexpr benchmark::IterationCount least_laps = 10;
  const auto size = static_cast<std::int64_t>(tasks);
  return harness::at_least(std::max(state.max_iterations, least_laps * size), size);
}

}  // namespace switchyard::rings
