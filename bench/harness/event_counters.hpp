// Counts of events by perf_event_open(2): cycles, instructions and cache misses of the tasks under
// test.
//
// They cost something at each switch of a task that is counted, as its counters are saved and
// restored then. So they are counted in launches of their own, which no time is taken from.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/harness/usage.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard::harness {

/// As perf_event_open(2) names them. Without a name there is none.
struct counted_event {
  std::string name;
  std::uint32_t type = 0;
  std::uint64_t config = 0;
  bool user_only = false;  // where the kernel's part may not be counted
};

using counted_events = std::array<counted_event, 3>;

/// Cycles, instructions and cache misses; those that this machine does not count for us have no
/// name, and the names begin with "user_" where the kernel's part may not be counted.
counted_events hardware_events();

/// Those that this launch counts: none, until count_hardware_events() is called.
const counted_events& events_of_this_launch();

/// Whether it counts any.
bool counts_events();

/// From here on hardware events are counted, with as many open files as are allowed for it.
void count_hardware_events();

/// Counts from its construction on. What takes part are these threads, and all threads and
/// processes that they start later. No event is counted of more than `most_threads` to begin with,
/// nor one that the kernel refuses.
class event_counters {
 public:
  static constexpr pid_t this_thread = 0;
  static constexpr std::size_t most_threads = 2'048;

  explicit event_counters(const counted_events& events,
                          const std::vector<pid_t>& threads = {this_thread});

  /// Until now, in the order of the events; scaled up a little where the hardware had to take
  /// turns. Nothing where an event was not counted, or for less than half of the time.
  [[nodiscard]] std::array<std::optional<double>, 3> read() const;

 private:
  std::array<std::vector<unique_fd>, 3> of_threads_;
};

/// What something uses from one moment on, with the events of a launch that counts them.
class usage_meter {
 public:
  /// Of the live process `root` and of all below it; without one, of this process and its reaped
  /// children, and events of the calling thread and of all it starts.
  explicit usage_meter(std::optional<pid_t> root = {})
      : root_(root),
        events_(events_of_this_launch(), root && counts_events()
                                             ? threads_of(tree_of(*root))
                                             : std::vector{event_counters::this_thread}),
        before_(now()) {}

  [[nodiscard]] usage used() const {
    auto since = now() - before_;
    since.events = events_.read();
    return since;
  }

 private:
  [[nodiscard]] usage now() const {
    return root_ ? usage_of_tree(*root_) : usage_of_self_and_reaped();
  }

  std::optional<pid_t> root_;
  event_counters events_;
  usage before_;
};

}  // namespace switchyard::harness
