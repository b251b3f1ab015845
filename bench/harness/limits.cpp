#include "bench/harness/limits.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "bench/harness/usage.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {
namespace {

constexpr unsigned share_of_a_guest = 80;

std::uint64_t or_unlimited(std::optional<std::int64_t> number, std::uint64_t unit = 1) {
  return number ? static_cast<std::uint64_t>(*number) * unit : unlimited;
}

/// A limit of which others need a share.
room shared(const std::string& limit, const std::string& counts, const std::string& advice,
            std::uint64_t total, std::uint64_t taken) {
  return {limit, counts, advice, total, taken, share_of_a_guest};
}

/// The number in the first of a group's files that begins with one: versions 1 and 2 of cgroups(7)
/// have other names. "max" and a missing file mean unlimited.
std::uint64_t number_of(const std::filesystem::path& group,
                        std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto number = number_in(group / name)) return or_unlimited(number);
  }
  return unlimited;
}

/// The cached pages of files that the kernel takes back first. They count as taken, but are there
/// for whoever needs them. Version 1 tells those of a group alone, and of all below it as total_*.
std::uint64_t idle_cache_of(const std::filesystem::path& group) {
  std::uint64_t most = 0;
  std::ifstream stat(group / "memory.stat");
  std::string key;
  for (std::uint64_t bytes = 0; stat >> key >> bytes;) {
    if (key == "inactive_file" || key == "total_inactive_file") most = std::max(most, bytes);
  }
  return most;
}

/// The one of which least is left, of those that a container or a service manager limits.
template <class RoomOf>
room tightest_group(const std::vector<std::filesystem::path>& groups, RoomOf room_of) {
  room lowest;
  for (const auto& group : groups) {
    const room here = room_of(group);
    if (here.total != unlimited && here.left() < lowest.left()) lowest = here;
  }
  return lowest;
}

/// Processes and threads of this process's user.
std::uint64_t tasks_of_user() {
  std::uint64_t tasks = 0;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    struct stat status {};
    const auto folder = entry.path() / "task";
    if (::stat(folder.c_str(), &status) != 0 || status.st_uid != ::getuid()) continue;
    tasks += status.st_nlink - 2;  // one link for each thread, beside . and ..
  }
  return tasks;
}

rlimit limit_of(int resource) {
  rlimit limit{};
  check(::getrlimit(static_cast<__rlimit_resource>(resource), &limit), "read a resource limit");
  return limit;
}

}  // namespace

headroom tightest(std::initializer_list<headroom> all) {
  return *std::ranges::min_element(all, {}, &headroom::count);
}

std::uint64_t room::allowed() const {
  if (total == unlimited) return unlimited;
  return total / 100 * percent + total % 100 * percent / 100;
}

std::uint64_t room::left() const { return allowed() > taken ? allowed() - taken : 0; }

headroom room::for_each(double takes) const {
  if (total == unlimited || takes <= 0) return {};
  const double count = static_cast<double>(left()) / takes;
  return {static_cast<std::uint64_t>(count), limit + ": " + share() + amount(total)};
}

void room::require(std::uint64_t count) const {
  if (count <= left()) return;
  throw limit_error("needs " + amount(count) + ' ' + counts +
                    (taken > 0 ? " beside the " + amount(taken) + " that are taken" : "") + ", " +
                    share() + limit + " allows " + amount(allowed()) +
                    (advice.empty() ? "" : " (" + advice + ")"));
}

std::string room::share() const { return percent == 100 ? "" : std::to_string(percent) + " % of "; }

std::string room::amount(std::uint64_t count) const {
  return in_bytes ? std::to_string(count >> 20) + " MiB" : std::to_string(count);
}

std::vector<std::filesystem::path> cgroups(const std::string& controller) {
  std::vector<std::filesystem::path> found;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto names = ',' + line.substr(first + 1, second - first - 1) + ',';
    const bool is_v2 = names == ",,";
    if (!is_v2 && names.find(',' + controller + ',') == std::string::npos) continue;
    const auto root = std::filesystem::path("/sys/fs/cgroup") / (is_v2 ? "" : controller);
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      found.push_back(root / group.relative_path());
      if (!group.has_relative_path()) break;
    }
  }
  return found;
}

room tasks_of_cgroups(const std::vector<std::filesystem::path>& groups) {
  return tightest_group(groups, [](const std::filesystem::path& group) {
    return shared("the cgroup's pids.max", "tasks", "raise it for the container",
                  number_of(group, {"pids.max"}), number_of(group, {"pids.current"}));
  });
}

room memory_of_cgroups(const std::vector<std::filesystem::path>& groups) {
  return tightest_group(groups, [](const std::filesystem::path& group) {
    const auto taken = number_of(group, {"memory.current", "memory.usage_in_bytes"});
    return room{.total = number_of(group, {"memory.max", "memory.limit_in_bytes"}),
                .taken = taken - std::min(taken, idle_cache_of(group))};
  });
}

room room_for_tasks() {
  const auto on_machine = static_cast<std::uint64_t>(tasks_on_machine());
  const room limits[] = {
      shared("RLIMIT_NPROC", "tasks", "raise it with ulimit -u", limit_of(RLIMIT_NPROC).rlim_cur,
             tasks_of_user()),
      shared("kernel.pid_max", "tasks", "raise it with sysctl",
             or_unlimited(number_in("/proc/sys/kernel/pid_max")), on_machine),
      shared("kernel.threads-max", "tasks", "raise it with sysctl",
             or_unlimited(number_in("/proc/sys/kernel/threads-max")), on_machine),
      tasks_of_cgroups(cgroups("pids")),
  };
  return *std::ranges::min_element(limits, {}, &room::left);
}

room room_for_open_files() {
  return {.limit = "RLIMIT_NOFILE",
          .counts = "open files",
          .advice = "raise it with ulimit -n",
          .total = limit_of(RLIMIT_NOFILE).rlim_max};
}

room room_for_memory(unsigned percent) {
  const auto on_machine = or_unlimited(number_in("/proc/meminfo", "MemAvailable"), 1024);
  const auto in_cgroup = memory_of_cgroups(cgroups("memory")).left();
  return {.limit = in_cgroup < on_machine ? "memory left to the cgroup" : "memory available",
          .counts = "of memory",
          .total = std::min(in_cgroup, on_machine),
          .percent = percent,
          .in_bytes = true};
}

room room_for_address_space() {
  room bytes = shared("RLIMIT_AS", "of address space", "raise it with ulimit -v",
                      limit_of(RLIMIT_AS).rlim_cur,
                      or_unlimited(number_in("/proc/self/status", "VmSize"), 1024));
  bytes.in_bytes = true;
  return bytes;
}

room room_for_mappings() {
  std::ifstream maps("/proc/self/maps");
  const auto lines = std::count(std::istreambuf_iterator(maps), {}, '\n');
  return shared("vm.max_map_count", "mappings", "raise it with sysctl",
                or_unlimited(number_in("/proc/sys/vm/max_map_count")),
                static_cast<std::uint64_t>(lines));
}

room room_for_ports() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  const bool known = static_cast<bool>(file >> low >> high);
  return shared("net.ipv4.ip_local_port_range", "local ports", "",
                known ? high - low + 1 : unlimited, 0);
}

void require_open_files(std::uint64_t count) {
  rlimit limit = limit_of(RLIMIT_NOFILE);
  if (limit.rlim_cur >= count) return;
  room_for_open_files().require(count);
  limit.rlim_cur = count;
  check(::setrlimit(RLIMIT_NOFILE, &limit), "raise the limit on open files");
}

void raise_open_files() {
  rlimit limit = limit_of(RLIMIT_NOFILE);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace switchyard::harness
