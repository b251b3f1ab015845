#include "bench/harness/usage.hpp"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "bench/harness/proc_files.hpp"

namespace switchyard::harness {
namespace {

usage usage_by(int who) {
  rusage used{};
  ::getrusage(static_cast<__rusage_who>(who), &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return {.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime),
          .system_s = seconds(used.ru_stime),
          .voluntary_switches = used.ru_nvcsw,
          .involuntary_switches = used.ru_nivcsw,
          .page_faults = used.ru_minflt + used.ru_majflt};
}

/// Calls `f(path)` for each thread of `pid`; a process that ends meanwhile has none.
template <class F>
void for_each_thread(pid_t pid, F f) {
  std::error_code gone;
  const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/task";
  for (std::filesystem::directory_iterator it(folder, gone), end; !gone && it != end;
       it.increment(gone)) {
    f(it->path());
  }
}

/// 0 for a clock that is gone with its process.
double seconds_on(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double cpu_seconds_of(pid_t pid) {
  clockid_t clock{};
  return ::clock_getcpuclockid(pid, &clock) == 0 ? seconds_on(clock) : 0;
}

/// Of a task's folder in /proc.
std::optional<std::int64_t> migrations_in(const std::filesystem::path& task) {
  return number_in(task / "sched", "se.nr_migrations");
}

/// Switches and migrations of the threads of `pid` that are alive.
usage usage_of_threads(pid_t pid) {
  usage sum{.migrations = 0};
  for_each_thread(pid, [&](const std::filesystem::path& task) {
    const auto switches =
        numbers_in(task / "status", {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"});
    sum.voluntary_switches += switches[0].value_or(0);
    sum.involuntary_switches += switches[1].value_or(0);
    const auto moves = migrations_in(task);
    sum.migrations =
        sum.migrations && moves ? std::optional(*sum.migrations + *moves) : std::nullopt;
  });
  return sum;
}

/// What /proc/PID/stat has of `pid` and of its children that were reaped, in proc(5)'s numbering.
void add_stat(pid_t pid, usage& sum) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');  // the name may hold blanks
  if (name_end == std::string::npos) return;
  std::istringstream words(text.substr(name_end + 1));
  std::array<std::int64_t, 18> field{};
  std::string state;
  words >> state;
  for (std::size_t i = 4; i < field.size(); ++i) words >> field.at(i);
  const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  sum.page_faults += field[10] + field[11] + field[12] + field[13];
  sum.system_s += tick * static_cast<double>(field[15] + field[17]);
  sum.cpu_s += tick * static_cast<double>(field[16] + field[17]);
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  for_each_thread(pid, [&](const std::filesystem::path& task) {
    std::ifstream children(task / "children");
    for (pid_t child = 0; children >> child;) found.push_back(child);
  });
  return found;
}

double pss_bytes_of(pid_t pid) {
  const auto kib = number_in("/proc/" + std::to_string(pid) + "/smaps_rollup", "Pss");
  return 1024 * static_cast<double>(kib.value_or(0));
}

/// {steal, total} in clock ticks over all CPUs, from the first line of /proc/stat.
std::pair<std::uint64_t, std::uint64_t> cpu_ticks() {
  std::ifstream stat("/proc/stat");
  std::string label;
  stat >> label;
  // user nice system idle iowait irq softirq steal; guest time is part of user time.
  std::array<std::uint64_t, 8> ticks{};
  for (auto& kind : ticks) stat >> kind;
  return {ticks.back(), std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0})};
}

}  // namespace

usage usage_of_self_and_reaped() {
  usage sum = usage_by(RUSAGE_SELF);
  sum += usage_by(RUSAGE_CHILDREN);
  return sum;
}

usage usage_of_this_thread() {
  usage used = usage_by(RUSAGE_THREAD);
  used.cpu_s = seconds_on(CLOCK_THREAD_CPUTIME_ID);
  return used;
}

std::vector<pid_t> tree_of(pid_t root) {
  std::vector<pid_t> found{root};
  for (std::size_t i = 0; i < found.size(); ++i) {  // grows as it goes
    const auto below = children_of(found[i]);
    found.insert(found.end(), below.begin(), below.end());
  }
  return found;
}

std::vector<pid_t> descendants(pid_t root) {
  auto found = tree_of(root);
  found.erase(found.begin());
  return found;
}

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> found;
  for_each_thread(process, [&](const std::filesystem::path& task) {
    found.push_back(std::stoi(task.filename().string()));
  });
  return found;
}

std::optional<std::int64_t> migrations_of_this_thread() {
  return migrations_in("/proc/thread-self");
}

usage usage_of_tree(pid_t root) {
  const auto of_one = [](pid_t pid) {
    usage one = usage_of_threads(pid);
    add_stat(pid, one);
    one.cpu_s += cpu_seconds_of(pid);
    return one;
  };
  usage sum = of_one(root);
  for (const pid_t pid : descendants(root)) sum += of_one(pid);
  return sum;
}

double tree_pss_bytes(pid_t root) {  // NOLINT(misc-no-recursion)
  constexpr std::size_t sample = 64;
  const auto below = children_of(root);
  const auto read = std::min(below.size(), sample);
  double sum = 0;
  for (std::size_t i = 0; i < read; ++i) sum += tree_pss_bytes(below[i * below.size() / read]);
  if (read > 0) sum *= static_cast<double>(below.size()) / static_cast<double>(read);
  return pss_bytes_of(root) + sum;
}

steal_meter::steal_meter() { std::tie(steal_, total_) = cpu_ticks(); }

double steal_meter::percent() const {
  const auto [steal, total] = cpu_ticks();
  return total > total_
             ? 100.0 * static_cast<double>(steal - steal_) / static_cast<double>(total - total_)
             : 0;
}

}  // namespace switchyard::harness
