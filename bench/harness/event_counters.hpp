// Counts of events by perf_event_open(2): cycles, instructions and cache misses of the tasks under
// test and of all that they start.
//
// They cost something at each switch of a task that is counted, as its counters are saved and
// restored then. So they are counted in launches of their own, which no time is taken from.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/support/unique_fd.hpp"

namespace switchyard::harness {

/// As perf_event_open(2) names them.
struct counted_event {
  std::string name;
  std::uint32_t type = 0;
  std::uint64_t config = 0;
  bool user_only = false;  // where the kernel's part may not be counted
};

/// Those of cycles, instructions and cache misses that this machine counts for us. Their names
/// begin with "user_" where the kernel's part may not be counted.
std::vector<counted_event> hardware_events();

/// Counts from its construction on. What takes part is every thread that these processes have then,
/// and all threads and processes that they start later.
class event_counters {
 public:
  /// Without more than `most_threads` to begin with: then, and where the kernel refuses, an event
  /// is not counted.
  event_counters(const std::vector<counted_event>& events, const std::vector<pid_t>& processes);

  /// {event's name, count until now}; scaled up where the hardware had to take turns, left out
  /// where an event was not counted.
  [[nodiscard]] std::vector<std::pair<std::string, double>> read() const;

  static constexpr std::size_t most_threads = 1'024;

 private:
  struct counter {
    std::string name;
    std::vector<unique_fd> of_threads;
  };
  std::vector<counter> counters_;
};

}  // namespace switchyard::harness
