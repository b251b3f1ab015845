// Asked before a row starts: has this machine room for it? A benchmark is a guest: it raises only
// its own soft limits and never takes more than 80 % of what it shares with others.
//
// room_for_* tell the limit that is met first and how much of it is left. require_* ask these, and
// throw limit_error, which names the limit, the need, and what to do. The same for the tasks of a
// runtime, by what each takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "runtimes/concepts.hpp"

namespace switchyard::harness {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// How many of something fit in, and which limit would be met by one more.
struct headroom {
  std::uint64_t count = unlimited;
  std::string limit;  // "kernel.pid_max: 80 % of 32768"
};

headroom tightest(std::initializer_list<headroom> all);

/// A limit as it stands now.
struct room {
  std::string limit = {};   // RLIMIT_NPROC, kernel.pid_max, ...
  std::string counts = {};  // what it counts: "tasks", or "of memory" for one in bytes
  std::string advice = {};  // how to raise it
  std::uint64_t total = unlimited;
  std::uint64_t taken = 0;
  unsigned percent = 100;  // of the total that may be taken in all
  bool in_bytes = false;

  [[nodiscard]] std::uint64_t allowed() const;
  [[nodiscard]] std::uint64_t left() const;
  /// For things that each take so much of it.
  [[nodiscard]] headroom for_each(double takes) const;
  /// Throws limit_error when `count` more do not fit in.
  void require(std::uint64_t count) const;

 private:
  [[nodiscard]] std::string share() const;
  [[nodiscard]] std::string amount(std::uint64_t count) const;
};

/// The folders of this process's cgroups, from its own up to the root. `controller` is the one of
/// version 1; version 2 has all in one hierarchy. Within a container a path that the kernel tells
/// may not exist: then the root of the mount, which comes last, stands for the container.
std::vector<std::filesystem::path> cgroups(const std::string& controller);

/// The tightest of these cgroups: tasks, of which others get a share, and bytes of memory, of which
/// the pages of files that nobody has used lately are not taken.
room tasks_of_cgroups(const std::vector<std::filesystem::path>& groups);
room memory_of_cgroups(const std::vector<std::filesystem::path>& groups);

/// Processes and threads: of the user, the machine and the cgroup.
room room_for_tasks();

/// Of this process, when it has raised its soft limit as far as it may.
room room_for_open_files();

/// Bytes of memory, without driving others out.
room room_for_memory(unsigned percent = 80);

/// Bytes of address space, and mappings, of this process. A fifth is left for whatever else it
/// does.
room room_for_address_space();
room room_for_mappings();

/// What a connection takes that has both its ends on this machine, beside its two programs: some 8
/// KiB in the kernel, and what may be under way.
inline constexpr std::uint64_t both_sockets_bytes = 16 * 1024;

/// Local ports for connections from one address to one endpoint.
room room_for_ports();

/// Raises this process's soft limit on open files as far as needed and allowed.
void require_open_files(std::uint64_t count);

/// The same, as far as allowed and without complaint.
void raise_open_files();

/// Throw limit_error without room for so many more processes or threads, bytes of memory, or ports.
inline void require_tasks(std::uint64_t count) { room_for_tasks().require(count); }
inline void require_memory(std::uint64_t bytes) { room_for_memory().require(bytes); }
inline void require_ports(std::uint64_t count) { room_for_ports().require(count); }

}  // namespace switchyard::harness

namespace switchyard {

/// Throws limit_error without room for `count` of whatever takes so much each.
inline void require_room_for(std::int64_t count, int kernel_tasks, std::uint64_t bytes) {
  const auto n = static_cast<std::uint64_t>(count);
  if (kernel_tasks > 0) harness::require_tasks(n * static_cast<std::uint64_t>(kernel_tasks));
  harness::require_memory(n * bytes);
}

/// For `tasks` that touch `stack_bytes` of their stacks.
template <RuntimeTraits R>
void require_room_for_tasks(std::int64_t tasks, std::size_t stack_bytes = 0) {
  require_room_for(tasks, R::kernel_tasks_per_task, R::idle_task.memory_bytes + stack_bytes);
}

/// The same where only the kernel's own tasks take room that is worth asking for.
template <RuntimeTraits R>
void require_kernel_tasks(std::size_t tasks) {
  if constexpr (KernelTasks<R>) require_room_for_tasks<R>(static_cast<std::int64_t>(tasks));
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

}  // namespace switchyard
