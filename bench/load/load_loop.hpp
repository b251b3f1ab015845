// One thread of the load generator: connections over one epoll descriptor, and a loop that sends
// and takes replies. generator.hpp says what a run is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "bench/load/connections.hpp"
#include "bench/load/run_result.hpp"
#include "bench/load/send_schedule.hpp"

namespace switchyard::load {

/// What the threads of a run share. A closed loop ends with whichever reply is number `count`, or
/// comes `length` after the beginning.
struct shared_run {
  using clock = std::chrono::steady_clock;

  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
  std::chrono::nanoseconds length = std::chrono::nanoseconds::max();
  clock::time_point begin = {};
  std::atomic<std::uint64_t> answered = 0;  // in a closed loop
  std::atomic<bool> ended = false;          // ahead of time

  [[nodiscard]] bool is_over(std::uint64_t replies, clock::time_point now) const {
    return replies >= count || now - begin >= length;
  }
};

class load_loop {
 public:
  explicit load_loop(const options& options);

  void connect() { connections_.open_all(); }

  enum class who { active, all };
  enum class message_on { the_same_connection, a_new_one };

  run_result run_closed(shared_run& run, who busy = who::active,
                        message_on next = message_on::the_same_connection);

  /// Sends `mine` of the schedule's messages.
  run_result run_open(shared_run& run, const send_schedule::plan& when, send_schedule::share mine);

  [[nodiscard]] std::size_t open_connections() const noexcept { return connections_.open(); }

 private:
  using clock = std::chrono::steady_clock;

  void look_for_overdue(clock::time_point now);
  bool should_stop(shared_run& run) const;
  [[nodiscard]] std::size_t active(std::size_t rank, std::size_t of) const noexcept {
    return rank * connections_.size() / of;
  }

  options options_;
  connection_set connections_;
  clock::time_point looked_at_;
};

}  // namespace switchyard::load
