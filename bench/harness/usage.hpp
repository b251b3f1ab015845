// What the kernel says that something used: CPU time, context switches, memory, steal.
//
// Google Benchmark's CPU column knows one process only; here the unit is a whole tree, because a
// forked child's work is the runtime's work. Sources: getrusage(2), clock_getcpuclockid(3), and
// proc(5): /proc/PID/status, /proc/PID/smaps_rollup, /proc/stat.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace switchyard::harness {

struct usage {
  double cpu_s = 0;                  // user and system
  std::int64_t kernel_switches = 0;  // voluntary and involuntary

  friend usage operator-(usage later, const usage& earlier) {
    later.cpu_s -= earlier.cpu_s;
    later.kernel_switches -= earlier.kernel_switches;
    return later;
  }
  /// A share of it.
  usage& operator*=(double share) {
    cpu_s *= share;
    kernel_switches = static_cast<std::int64_t>(static_cast<double>(kernel_switches) * share);
    return *this;
  }
  usage& operator+=(const usage& other) {
    cpu_s += other.cpu_s;
    kernel_switches += other.kernel_switches;
    return *this;
  }
};

/// Of this process with all its threads, and of its children that were reaped.
usage usage_of_self_and_reaped();

/// Of the calling thread alone.
usage usage_of_this_thread();

/// Of the live process `root`, its threads, and its live descendants. Nanosecond resolution.
usage usage_of_tree(pid_t root);

/// Live descendants of `root`, without itself.
std::vector<pid_t> descendants(pid_t root);

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
