// The limits that a container or a service manager sets for a group of processes: cgroups(7), both
// versions of them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace switchyard::harness {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// The first number in a file of /proc or /sys; "max" and a missing file mean unlimited.
std::uint64_t number_in(const std::string& path);

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
