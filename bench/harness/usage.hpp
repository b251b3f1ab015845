// What the kernel says that something used: CPU time, context switches, memory, steal.
//
// Google Benchmark's CPU column knows one process only; here the unit is a whole tree, because a
// forked child's work is the runtime's work. Sources: getrusage(2), clock_getcpuclockid(3), and
// proc(5): /proc/PID/stat, /proc/PID/status, /proc/PID/sched, /proc/PID/smaps_rollup, /proc/stat.
// Not perf_event, whose counters cost something at every switch: see event_counters.hpp.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

namespace switchyard::harness {

struct usage {
  double cpu_s = 0;     // user and system
  double system_s = 0;  // of that, in the kernel; of other processes in steps of 0.01 s
  std::int64_t voluntary_switches = 0;    // it waited for something, or gave way
  std::int64_t involuntary_switches = 0;  // the scheduler took the CPU away
  std::int64_t page_faults = 0;           // minor and major
  // To another CPU. The kernel tells it only of tasks that are alive, and not every kernel does.
  std::optional<std::int64_t> migrations = {};
  // Cycles, instructions and cache misses, in launches that count them (event_counters.hpp).
  std::array<std::optional<double>, 3> events = {};

  [[nodiscard]] std::int64_t kernel_switches() const {
    return voluntary_switches + involuntary_switches;
  }

  friend usage operator-(usage later, const usage& earlier) {
    later.add(earlier, -1);
    return later;
  }
  usage& operator+=(const usage& other) {
    add(other, 1);
    return *this;
  }
  /// A share of it.
  usage& operator*=(double share) {
    const auto of = [share](auto& figure) {
      figure = static_cast<std::remove_reference_t<decltype(figure)>>(static_cast<double>(figure) *
                                                                      share);
    };
    of(cpu_s), of(system_s), of(voluntary_switches), of(involuntary_switches), of(page_faults);
    if (migrations) of(*migrations);
    for (auto& event : events) {
      if (event) of(*event);
    }
    return *this;
  }

 private:
  void add(const usage& other, int sign) {
    cpu_s += sign * other.cpu_s;
    system_s += sign * other.system_s;
    voluntary_switches += sign * other.voluntary_switches;
    involuntary_switches += sign * other.involuntary_switches;
    page_faults += sign * other.page_faults;
    if (migrations && other.migrations) *migrations += sign * *other.migrations;
    for (std::size_t i = 0; i < events.size(); ++i) {
      events[i] = events[i] && other.events[i] ? std::optional(*events[i] + sign * *other.events[i])
                                               : std::nullopt;
    }
  }
};

/// Of this process with all its threads, and of its children that were reaped.
usage usage_of_self_and_reaped();

/// Of the calling thread alone.
usage usage_of_this_thread();

/// How often the calling thread was moved to another CPU; nothing where the kernel does not tell.
std::optional<std::int64_t> migrations_of_this_thread();

/// Of the live process `root`, its threads, its live descendants, and of the CPU time and the page
/// faults also what those had that were reaped. CPU time of the living in nanoseconds.
usage usage_of_tree(pid_t root);

/// Live descendants of `root`, without itself; and with it, as the first.
std::vector<pid_t> descendants(pid_t root);
std::vector<pid_t> tree_of(pid_t root);

/// The threads that `process` has now; none when it has ended.
std::vector<pid_t> threads_of(pid_t process);

/// Proportional set size (smaps_rollup) of `root` and its live descendants, in bytes. Of many
/// children of one process an evenly spread sample of 64 is read and scaled up.
double tree_pss_bytes(pid_t root);

/// Share of all CPUs' time, in per cent, that the hypervisor gave to others since construction.
class steal_meter {
 public:
  steal_meter();
  [[nodiscard]] double percent() const;

 private:
  std::uint64_t steal_;
  std::uint64_t total_;
};

}  // namespace switchyard::harness
