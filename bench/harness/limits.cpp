#include "bench/harness/limits.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "runtimes/support/error.hpp"

namespace switchyard::harness {
namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t share_of(std::uint64_t total) {
  return total == unlimited ? unlimited : total / 5 * 4;
}

/// The first number in a file of /proc or /sys; "max" and a missing file mean unlimited.
std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = unlimited;
  return file >> number ? number : unlimited;
}

/// One limit of a cgroup, and how much of it is taken.
struct cgroup_limit {
  std::uint64_t most = unlimited;
  std::uint64_t taken = 0;
  [[nodiscard]] std::uint64_t left() const { return most > taken ? most - taken : 0; }
};

/// The tightest limit on the way from this process's cgroup up to the root. `controller` is the one
/// of version 1; version 2 has all in one hierarchy. Within a container the path that the kernel
/// tells may not exist: then the root of the mount stands for the container.
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
      const cgroup_limit here{number_in(folder / (v2 ? v2_most : v1_most)),
                              number_in(folder / (v2 ? v2_taken : v1_taken))};
      if (here.most != unlimited && here.left() < lowest.left()) lowest = here;
      if (!group.has_relative_path()) break;
    }
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

/// Kernel tasks on this machine: the number behind the slash in /proc/loadavg.
std::uint64_t tasks_on_machine() {
  std::ifstream file("/proc/loadavg");
  std::string text;
  std::getline(file, text);
  const auto slash = text.find('/');
  return slash == std::string::npos ? 0 : std::stoull(text.substr(slash + 1));
}

rlimit limit_of(int resource) {
  rlimit limit{};
  check(::getrlimit(static_cast<__rlimit_resource>(resource), &limit), "read a resource limit");
  return limit;
}

}  // namespace

void require_open_files(std::uint64_t count) {
  rlimit limit = limit_of(RLIMIT_NOFILE);
  if (limit.rlim_cur >= count) return;
  if (limit.rlim_max < count) {
    throw limit_error("needs " + std::to_string(count) + " open files, RLIMIT_NOFILE allows " +
                      std::to_string(limit.rlim_max) + " (raise it with ulimit -n)");
  }
  limit.rlim_cur = count;
  check(::setrlimit(RLIMIT_NOFILE, &limit), "raise the limit on open files");
}

void raise_open_files() {
  rlimit limit = limit_of(RLIMIT_NOFILE);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void require_tasks(std::uint64_t count) {
  const cgroup_limit cgroup =
      tightest("pids", "pids.max", "pids.current", "pids.max", "pids.current");
  const auto on_machine = tasks_on_machine();
  const struct {
    std::uint64_t allowed;
    std::uint64_t taken;
    const char* name;
    const char* advice;
  } limits[] = {
      {limit_of(RLIMIT_NPROC).rlim_cur, tasks_of_user(), "RLIMIT_NPROC", "raise it with ulimit -u"},
      {share_of(number_in("/proc/sys/kernel/pid_max")), on_machine, "80 % of kernel.pid_max",
       "raise it with sysctl"},
      {share_of(number_in("/proc/sys/kernel/threads-max")), on_machine,
       "80 % of kernel.threads-max", "raise it with sysctl"},
      {share_of(cgroup.most), cgroup.taken, "80 % of the cgroup's pids.max",
       "raise it for the container"},
  };
  for (const auto& limit : limits) {
    if (count + limit.taken <= limit.allowed) continue;
    throw limit_error("needs " + std::to_string(count) + " tasks beside the " +
                      std::to_string(limit.taken) + " that exist, " + limit.name + " allows " +
                      std::to_string(limit.allowed) + " (" + limit.advice + ")");
  }
}

void require_memory(std::uint64_t bytes) {
  std::uint64_t available = tightest("memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                     "memory.max", "memory.current")
                                .left();
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    if (words >> key >> kib && key == "MemAvailable:") available = std::min(available, kib * 1024);
  }
  if (bytes > share_of(available)) {
    throw limit_error("needs " + std::to_string(bytes >> 20) + " MiB of memory, 80 % of the " +
                      std::to_string(available >> 20) + " MiB available is less");
  }
}

void require_ports(std::uint64_t count) {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (!(file >> low >> high)) return;
  const auto allowed = share_of(high - low + 1);
  if (count > allowed) {
    throw limit_error("needs " + std::to_string(count) +
                      " local ports, 80 % of net.ipv4.ip_local_port_range allows " +
                      std::to_string(allowed));
  }
}

}  // namespace switchyard::harness
