#include "bench/harness/cgroup.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/harness/proc_files.hpp"

namespace switchyard::harness {
namespace {

/// "max" and a missing file mean unlimited.
std::uint64_t limit_in(const std::filesystem::path& file) {
  const auto number = number_in(file);
  return number ? static_cast<std::uint64_t>(*number) : unlimited;
}

/// `controller` is the one of version 1; version 2 has all in one hierarchy. Within a container the
/// path that the kernel tells may not exist: then the root of the mount stands for the container.
cgroup_limit tightest(const std::string& controller, const std::string& v1_most,
                      const std::string& v1_taken, const std::string& v2_most,
                      const std::string& v2_taken) {
  cgroup_limit lowest;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto names = ',' + line.substr(first + 1, second - first - 1) + ',';
    const bool v2 = names == ",,";
    if (!v2 && names.find(',' + controller + ',') == std::string::npos) continue;
    const std::filesystem::path root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller;
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      const auto folder = root / group.relative_path();
      const cgroup_limit here{limit_in(folder / (v2 ? v2_most : v1_most)),
                              limit_in(folder / (v2 ? v2_taken : v1_taken))};
      if (here.most != unlimited && here.left() < lowest.left()) lowest = here;
      if (!group.has_relative_path()) break;
    }
  }
  return lowest;
}

}  // namespace

cgroup_limit cgroup_tasks() {
  return tightest("pids", "pids.max", "pids.current", "pids.max", "pids.current");
}

cgroup_limit cgroup_memory() {
  return tightest("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max",
                  "memory.current");
}

}  // namespace switchyard::harness
