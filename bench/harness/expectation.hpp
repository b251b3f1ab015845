// What a workload expects of the kernel, held against what the kernel counted. A row whose tasks
// were switched by somebody else than it says, or woken for nothing, fails.
#pragma once

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "bench/harness/event_counters.hpp"
#include "bench/harness/proc_files.hpp"
#include "bench/harness/usage.hpp"

namespace switchyard::harness {

/// Of the kernel's switches for one operation.
struct expected_switches {
  double at_least = 0;         // of both kinds: whoever waits, or shares a CPU, can't do with less
  double sleeps_at_most = 0;   // voluntary ones; the others are as others use the CPU
  std::int64_t uncounted = 2;  // of those at least: the switches of whoever comes first and last
};

/// Whether the kernel is a PREEMPT_RT one, whose own locks put tasks to sleep.
inline bool kernel_locks_sleep() {
  static const bool realtime = number_in("/sys/kernel/realtime") == 1;
  return realtime;
}

/// Throws std::runtime_error when `ops` operations took more or fewer. 2 % are left for what else
/// the tasks wait for, and `once` for sleeps that are not one operation's: the tasks' start and
/// end. No sleep is too many where the kernel's own locks sleep, and nothing is looked at in a
/// launch that counts hardware events, which adds sleeps at each start of a task.
inline void expect_switches(const usage& used, std::int64_t ops, const expected_switches& each,
                            std::int64_t once = 100) {
  if (counts_events()) return;
  const auto n = static_cast<double>(ops);
  const auto fail = [&](const char* what, std::int64_t counted, const char* bound, double limit) {
    throw std::runtime_error(std::string("the kernel counted ") + std::to_string(counted) + what +
                             " for " + std::to_string(ops) + " operations, expected at " + bound +
                             ' ' + std::to_string(std::llround(limit)));
  };
  const double least = 0.98 * each.at_least * n - static_cast<double>(each.uncounted);
  if (static_cast<double>(used.kernel_switches()) < least) {
    fail(" switches", used.kernel_switches(), "least", least);
  }
  const double most = (each.sleeps_at_most * 1.02 + 0.001) * n + static_cast<double>(once);
  if (static_cast<double>(used.voluntary_switches) > most && !kernel_locks_sleep()) {
    fail(" sleeps", used.voluntary_switches, "most", most);
  }
}

}  // namespace switchyard::harness
