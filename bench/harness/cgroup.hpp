// The limits that a container or a service manager sets for a group of processes: cgroups(7), both
// versions of them.
#pragma once

#include <cstdint>
#include <limits>

namespace switchyard::harness {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// One limit of a cgroup, and how much of it is taken.
struct cgroup_limit {
  std::uint64_t most = unlimited;
  std::uint64_t taken = 0;
  [[nodiscard]] std::uint64_t left() const { return most > taken ? most - taken : 0; }
};

/// The tightest ones on the way from this process's cgroup up to the root.
cgroup_limit cgroup_tasks();
cgroup_limit cgroup_memory();

}  // namespace switchyard::harness
