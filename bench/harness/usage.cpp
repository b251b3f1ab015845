#include "bench/harness/usage.hpp"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace switchyard::harness {

std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

std::vector<std::optional<std::int64_t>> numbers_in(const std::filesystem::path& file,
                                                    std::initializer_list<std::string_view> keys) {
  std::vector<std::optional<std::int64_t>> found(keys.size());
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    // Some files fill up the key with blanks.
    const auto key = std::string_view(line).substr(0, line.find_last_not_of(' ', colon - 1) + 1);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (key == keys.begin()[i]) found[i] = std::strtoll(line.c_str() + colon + 1, nullptr, 10);
    }
  }
  return found;
}

std::int64_t tasks_on_machine() {
  std::ifstream in("/proc/loadavg");  // "0.20 0.18 0.12 1/80 11206": running/all
  std::string text;
  std::getline(in, text);
  const auto slash = text.find('/');
  return slash == std::string::npos ? 0 : std::stoll(text.substr(slash + 1));
}

namespace {

usage usage_by(int who) {
  rusage used{};
  ::getrusage(static_cast<__rusage_who>(who), &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return {.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime),
          .system_s = who == RUSAGE_SELF ? std::optional(seconds(used.ru_stime)) : std::nullopt,
          .voluntary_switches = used.ru_nvcsw,
          .involuntary_switches = used.ru_nivcsw,
          .page_faults = used.ru_minflt + used.ru_majflt};
}

std::filesystem::path folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

/// Calls `f(path)` for each thread of `pid`; a process that ends meanwhile has none.
template <class F>
void for_each_thread(pid_t pid, F f) {
  std::error_code gone;
  for (std::filesystem::directory_iterator it(folder_of(pid) / "task", gone), end;
       !gone && it != end; it.increment(gone)) {
    f(it->path());
  }
}

/// 0 for a clock that is gone with its process.
double seconds_on(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// Of a task's folder in /proc.
std::optional<std::int64_t> migrations_in(const std::filesystem::path& task) {
  return number_in(task / "sched", "se.nr_migrations");
}

/// What /proc/PID/stat has of `pid` and of its children that were reaped, in proc(5)'s numbering.
usage usage_in_stat(pid_t pid) {
  std::ifstream file(folder_of(pid) / "stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');  // the name may hold blanks
  if (name_end == std::string::npos) return {};
  std::istringstream words(text.substr(name_end + 1));
  std::array<std::int64_t, 18> field{};
  std::string state;
  words >> state;
  for (std::size_t i = 4; i < field.size(); ++i) words >> field.at(i);
  const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {.cpu_s = tick * static_cast<double>(field[16] + field[17]),
          .page_faults = field[10] + field[11] + field[12] + field[13]};
}

/// With the switches and migrations of its threads that are alive.
usage usage_of_process(pid_t pid) {
  usage sum = usage_in_stat(pid);
  clockid_t clock{};
  if (::clock_getcpuclockid(pid, &clock) == 0) sum.cpu_s += seconds_on(clock);
  sum.migrations = 0;
  for_each_thread(pid, [&](const std::filesystem::path& task) {
    const auto switches =
        numbers_in(task / "status", {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"});
    sum.voluntary_switches += switches[0].value_or(0);
    sum.involuntary_switches += switches[1].value_or(0);
    sum.migrations = sum_of(sum.migrations, migrations_in(task));
  });
  return sum;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  for_each_thread(pid, [&](const std::filesystem::path& task) {
    std::ifstream children(task / "children");
    for (pid_t child = 0; children >> child;) found.push_back(child);
  });
  return found;
}

double kib(std::optional<std::int64_t> number) {
  return 1024 * static_cast<double>(number.value_or(0));
}

memory_use memory_of_process(pid_t pid) {
  const auto folder = folder_of(pid);
  const auto pages = numbers_in(folder / "smaps_rollup", {"Pss", "Pss_File", "Private_Dirty"});
  const auto status = numbers_in(folder / "status", {"VmPTE", "Threads"});
  return {.pss_bytes = kib(pages[0]) - kib(pages[1]),
          .private_bytes = kib(pages[2]),
          .page_table_bytes = kib(status[0]),
          .kernel_tasks = status[1].value_or(0)};
}

/// The size of one task's stack in the kernel: what all of them hold, over the number of tasks.
/// Both change between the two readings and the idle tasks count in one of them only, but the size
/// is a power of two (THREAD_SIZE), so that the nearest one is right. Where the kernel does not
/// tell, the 16 KiB of x86-64 (Documentation/arch/x86/kernel-stacks.rst) and of arm64.
double kernel_stack_size() {
  constexpr double otherwise = 16 * 1024;
  const auto all = 1024 * number_in("/proc/meminfo", "KernelStack").value_or(0);
  const auto tasks = tasks_on_machine();
  if (tasks == 0 || all == 0) return otherwise;
  const double each = static_cast<double>(all) / static_cast<double>(tasks);
  constexpr double root_of_two = 1.4142;
  const auto size = static_cast<double>(std::bit_floor(static_cast<unsigned>(each * root_of_two)));
  return size >= 4 * 1024 && size <= 64 * 1024 ? size : otherwise;
}

}  // namespace

usage& usage::add(const usage& other, int sign) {
  cpu_s += sign * other.cpu_s;
  reaped_cpu_s += sign * other.reaped_cpu_s;
  system_s = sum_of(system_s, other.system_s, sign);
  voluntary_switches += sign * other.voluntary_switches;
  involuntary_switches += sign * other.involuntary_switches;
  page_faults += sign * other.page_faults;
  if (migrations && other.migrations) *migrations += sign * *other.migrations;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i] = sum_of(events[i], other.events[i], sign);
  }
  return *this;
}

usage operator-(usage later, const usage& earlier) {
  later.add(earlier, -1);
  if (later.reaped_cpu_s > 0) later.system_s.reset();
  return later;
}

// clock_getres(2): the coarse clocks go on by a tick.
double least_cpu_s_to_split() {
  constexpr double looks = 10;
  timespec tick{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return looks * (static_cast<double>(tick.tv_sec) + static_cast<double>(tick.tv_nsec) * 1e-9);
}

usage usage_of_self_and_reaped() {
  usage reaped = usage_by(RUSAGE_CHILDREN);
  reaped.reaped_cpu_s = reaped.cpu_s;
  reaped.system_s = 0;  // a difference with any of theirs in it tells none
  return usage_by(RUSAGE_SELF).add(reaped);
}

usage usage_of_this_thread() {
  // The kernel brings its figures up to date for this clock, but not for getrusage.
  seconds_on(CLOCK_THREAD_CPUTIME_ID);
  return usage_by(RUSAGE_THREAD);
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

std::vector<pid_t> threads_of(const std::vector<pid_t>& processes) {
  std::vector<pid_t> found;
  for (const pid_t process : processes) {
    for_each_thread(process, [&](const std::filesystem::path& task) {
      found.push_back(std::stoi(task.filename().string()));
    });
  }
  return found;
}

std::optional<std::int64_t> migrations_of_this_thread() {
  return migrations_in("/proc/thread-self");
}

usage usage_of_tree(pid_t root) {
  usage sum = usage_of_process(root);
  for (const pid_t pid : descendants(root)) sum += usage_of_process(pid);
  return sum;
}

double memory_use::kernel_stack_bytes() const {
  static const double size = kernel_stack_size();
  return size * static_cast<double>(kernel_tasks);
}

double memory_use::total_bytes() const {
  return pss_bytes + page_table_bytes + kernel_stack_bytes();
}

memory_use& memory_use::add(const memory_use& other, int sign) {
  pss_bytes += sign * other.pss_bytes;
  private_bytes += sign * other.private_bytes;
  page_table_bytes += sign * other.page_table_bytes;
  kernel_tasks += sign * other.kernel_tasks;
  return *this;
}

memory_use memory_of_tree(pid_t root) {
  memory_use sum;
  for (const pid_t pid : tree_of(root)) sum.add(memory_of_process(pid));
  return sum;
}

double tcp_buffer_bytes() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string line; std::getline(file, line);) {
    const auto at = line.find(" mem ");
    if (line.starts_with("TCP:") && at != std::string::npos) {
      return std::stod(line.substr(at + 5)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    }
  }
  return 0;
}

double tree_pss_bytes(pid_t root) {  // NOLINT(misc-no-recursion)
  constexpr std::size_t sample = 64;
  const auto below = children_of(root);
  const auto read = std::min(below.size(), sample);
  double sum = 0;
  for (std::size_t i = 0; i < read; ++i) sum += tree_pss_bytes(below[i * below.size() / read]);
  if (read > 0) sum *= static_cast<double>(below.size()) / static_cast<double>(read);
  return memory_of_process(root).pss_bytes + sum;
}

}  // namespace switchyard::harness
