// What a run of the load generator measured.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "bench/load/connections.hpp"
#include "bench/load/histogram.hpp"

namespace switchyard::load {

struct run_result {
  std::uint64_t requests = 0;  // answered and verified within the measured time
  double seconds = 0;          // closed loop: from the first send to the last of these replies
  double cpu_s = 0;            // the generator's own, all its threads', in that time
  double least_cpu_s = 0;      // of the thread that used least
  // Closed loop: of these requests and of those still under way at the end: to leave the slowest
  // out because they were slow would flatter the server. Open loop: from the time at which each
  // message was due; one that was never sent counts with its wait until the end, which is too
  // little.
  histogram latency;
  error_counts errors;  // of the whole run, its draining included

  // Open loop only.
  histogram service;  // from the sending to the reply
  // The generator's own share of the latency: from due to sent, where a connection was free; and
  // from when a reply may have been there to when it was read, which is the most that it can be.
  histogram lateness;
  histogram unread;
  std::uint64_t due = 0;      // messages of the schedule
  std::uint64_t unsent = 0;   // of these: no connection became free for them in time
  std::size_t most_busy = 0;  // connections under way at once, at most: of each thread, summed up

  [[nodiscard]] double per_second() const {
    return seconds > 0 ? static_cast<double>(requests) / seconds : 0;
  }
  /// All that came back, within the measured time or after it.
  [[nodiscard]] std::uint64_t answered() const { return latency.count() - unsent; }
  /// Of the thread that is least busy: as long as it has time left, so has the generator.
  [[nodiscard]] double cpu_percent() const { return seconds > 0 ? 100 * least_cpu_s / seconds : 0; }

  /// What another thread did in the same run.
  void merge(const run_result& other);
};

inline void run_result::merge(const run_result& other) {
  requests += other.requests;
  seconds = std::max(seconds, other.seconds);
  cpu_s += other.cpu_s;
  least_cpu_s = std::min(least_cpu_s, other.least_cpu_s);
  latency.merge(other.latency);
  errors.merge(other.errors);
  service.merge(other.service);
  lateness.merge(other.lateness);
  unread.merge(other.unread);
  due += other.due;
  unsent += other.unsent;
  most_busy += other.most_busy;
}

}  // namespace switchyard::load
