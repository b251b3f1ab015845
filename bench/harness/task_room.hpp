// Whether the tasks of a runtime fit into this machine: known before any is started, so that a row
// that does not fit in ends before it does harm. And how many of them are started.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/harness/limits.hpp"
#include "runtimes/concepts.hpp"

namespace switchyard {

/// Throws limit_error without room for the processes or threads of so many tasks.
template <Runtime R>
void require_kernel_tasks(std::size_t tasks) {
  if constexpr (KernelTasks<R>) harness::require_tasks(tasks * R::kernel_tasks_per_task);
}

/// Throws limit_error without room for `count` of whatever takes so much each.
inline void require_room_for(std::int64_t count, int kernel_tasks, std::uint64_t bytes) {
  const auto n = static_cast<std::uint64_t>(count);
  if (kernel_tasks > 0) harness::require_tasks(n * static_cast<std::uint64_t>(kernel_tasks));
  harness::require_memory(n * bytes);
}

/// For `tasks` that touch `stack_bytes` of their stacks.
template <Runtime R>
void require_room_for_tasks(std::int64_t tasks, std::size_t stack_bytes = 0) {
  require_room_for(tasks, R::kernel_tasks_per_task, R::idle_task.memory_bytes + stack_bytes);
}

/// How many more tasks fit in that each take so much, all of them at most `memory_percent` of the
/// memory that is available.
inline harness::headroom headroom_for(const task_footprint& each, int kernel_tasks,
                                      unsigned memory_percent) {
  const auto bytes = [](std::uint64_t count) { return static_cast<double>(count); };
  return harness::tightest(
      {harness::room_for_tasks().for_each(kernel_tasks),
       harness::room_for_mappings().for_each(each.mappings),
       harness::room_for_address_space().for_each(bytes(each.address_space_bytes)),
       harness::room_for_memory(memory_percent).for_each(bytes(each.memory_bytes))});
}

/// The tasks that `spawn(i)` starts, for all i below `count`.
template <class Spawn>
auto spawn_each(std::int64_t count, Spawn spawn) {
  std::vector<decltype(spawn(count))> tasks;
  tasks.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) tasks.push_back(spawn(i));
  return tasks;
}

/// Spawns them, joins them all and adds up what they give.
template <class Spawn>
std::int64_t spawn_and_sum(std::int64_t count, Spawn spawn) {
  auto tasks = spawn_each(count, spawn);
  std::int64_t sum = 0;
  for (auto& task : tasks) sum += task.join();
  return sum;
}

}  // namespace switchyard
