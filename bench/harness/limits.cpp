#include "bench/harness/limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
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

/// pids.max of this process's own cgroup (version 2, or the pids controller of version 1).
std::uint64_t cgroup_pids_max() {
  std::ifstream groups("/proc/self/cgroup");
  std::uint64_t lowest = unlimited;
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controller = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    if (controller.empty()) {
      lowest = std::min(lowest, number_in("/sys/fs/cgroup" + path + "/pids.max"));
    } else if (controller == "pids") {
      lowest = std::min(lowest, number_in("/sys/fs/cgroup/pids" + path + "/pids.max"));
    }
  }
  return lowest;
}

/// Kernel tasks on this machine now: the number behind the slash in /proc/loadavg.
std::uint64_t tasks_now() {
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
  const struct {
    std::uint64_t allowed;
    const char* name;
    const char* advice;
  } limits[] = {
      {limit_of(RLIMIT_NPROC).rlim_cur, "RLIMIT_NPROC", "raise it with ulimit -u"},
      {share_of(number_in("/proc/sys/kernel/pid_max")), "80 % of kernel.pid_max", "sysctl"},
      {share_of(number_in("/proc/sys/kernel/threads-max")), "80 % of kernel.threads-max", "sysctl"},
      {share_of(cgroup_pids_max()), "80 % of the cgroup's pids.max", "raise it for the container"},
  };
  const auto needed = count + tasks_now();
  for (const auto& limit : limits) {
    if (needed <= limit.allowed) continue;
    throw limit_error("needs " + std::to_string(count) + " more tasks beside the " +
                      std::to_string(needed - count) + " that exist, " + limit.name + " allows " +
                      std::to_string(limit.allowed) + " (" + limit.advice + ")");
  }
}

void require_memory(std::uint64_t bytes) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    if (!(words >> key >> kib) || key != "MemAvailable:") continue;
    if (bytes > share_of(kib * 1024)) {
      throw limit_error("needs " + std::to_string(bytes >> 20) + " MiB of memory, 80 % of the " +
                        std::to_string(kib >> 10) + " MiB available is less");
    }
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
