// What one idle task of a runtime takes of the machine, at most. It is known before any is started,
// so that a row that does not fit in ends before it does harm.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/harness/limits.hpp"
#include "runtimes/support/stack_size.hpp"

namespace switchyard {

/// Memory, its page tables and its stack in the kernel included. A stack that it touches on purpose
/// comes on top.
template <class R>
inline constexpr std::uint64_t idle_task_bytes = R::runs_in_parallel ? 256 * 1024 : 8 * 1024;

/// Throws limit_error without room for `tasks` that touch `stack_bytes` of their stacks.
template <class R>
void require_room_for_tasks(std::int64_t tasks, std::size_t stack_bytes = 0) {
  const auto count = static_cast<std::uint64_t>(tasks);
  if constexpr (R::runs_in_parallel) harness::require_tasks(count);
  harness::require_memory(count * (idle_task_bytes<R> + stack_bytes));
}

/// How many more tasks fit in, when each takes `bytes` of memory and all of them at most
/// `memory_percent` of what is available.
template <class R>
harness::headroom headroom_for_tasks(unsigned memory_percent,
                                     std::uint64_t bytes = idle_task_bytes<R>) {
  // In one process the stacks share its address space: a thread's is a mapping and its guard page
  // another, while 64 stacks of fibers are one (stack_slab.hpp).
  constexpr double kernel_tasks = R::runs_in_parallel ? 1 : 0;
  constexpr double mappings = !R::shares_memory ? 0 : R::runs_in_parallel ? 2 : 1.0 / 64;
  constexpr double address_space = R::shares_memory ? default_stack_bytes + 4096 : 0;
  return harness::tightest(
      {harness::room_for_tasks().for_each(kernel_tasks),
       harness::room_for_mappings().for_each(mappings),
       harness::room_for_address_space().for_each(address_space),
       harness::room_for_memory(memory_percent).for_each(static_cast<double>(bytes))});
}

}  // namespace switchyard
