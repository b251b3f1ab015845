// The load for an echo server: one thread over epoll, many connections, every reply verified.
//
// Closed loop: each connection sends its next message when the reply to the last one is complete,
// which asks for the throughput. Open loop: messages are due at times of a schedule, whatever the
// server does, which asks for the latency at a load. There a message's latency counts from the time
// at which it was due, so that one that had to wait for its turn because the server was slow shows
// that wait (Gil Tene's "coordinated omission"); its service time, from the moment at which it was
// sent, stands beside it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

#include "bench/load/connections.hpp"
#include "bench/load/histogram.hpp"

namespace switchyard::load {

/// When the messages of an open loop are due: at equal distances, or at random as from many clients
/// that know nothing of each other (a Poisson process).
class send_schedule {
 public:
  using clock = std::chrono::steady_clock;

  enum class kind { constant, poisson };

  struct plan {
    double rate = 1'000;  // messages per second
    kind how = kind::constant;
    std::uint64_t seed = 1;  // of the random times
  };

  send_schedule(const plan& which, clock::time_point begin)
      : plan_(which), begin_(begin), random_(which.seed), gap_(which.rate) {
    if (plan_.how == kind::poisson) advance();
  }

  /// When the next message is due.
  [[nodiscard]] clock::time_point next() const noexcept {
    return begin_ + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(at_));
  }

  // From the count, not from the sum of the gaps, so that a constant rate has no rounding error.
  void advance() {
    ++taken_;
    at_ = plan_.how == kind::constant ? static_cast<double>(taken_) / plan_.rate
                                      : at_ + gap_(random_);
  }

 private:
  plan plan_;
  clock::time_point begin_;
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  std::uint64_t taken_ = 0;
  double at_ = 0;  // seconds since the beginning
};

struct run_result {
  std::uint64_t requests = 0;  // answered and verified within the measured time
  double seconds = 0;          // closed loop: from the first send to the last of these replies
  double cpu_s = 0;            // the generator's own, in that time
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
  std::size_t most_busy = 0;  // connections under way at once, at most

  [[nodiscard]] double per_second() const {
    return seconds > 0 ? static_cast<double>(requests) / seconds : 0;
  }
  [[nodiscard]] double cpu_percent() const { return seconds > 0 ? 100 * cpu_s / seconds : 0; }
};

class generator {
 public:
  /// Throws std::invalid_argument when more are to be active than there are.
  explicit generator(const options& options);

  /// Opens all connections. Throws std::system_error when the server refuses, std::runtime_error
  /// when time runs out.
  void connect() { connections_.open_all(); }

  /// A message and its reply on every connection, the idle ones too.
  run_result greet();

  /// Closed loop: keeps every active connection busy until `count` replies have come back; then
  /// takes what is still under way, verified, but not counted in the throughput.
  run_result run_requests(std::uint64_t count);

  /// The same with a new connection for each message: its latency is from the connect to the reply.
  /// One that is refused is an error of kind "connect"; std::system_error where no socket is left.
  run_result run_connections(std::uint64_t count);

  /// Closed loop for a length of time.
  run_result run_for(std::chrono::nanoseconds length);

  /// Open loop: sends at the schedule's times for `length`, each message on the active connection
  /// that has been idle longest, one at a time on each. A message for which none is free waits.
  run_result run_at(const send_schedule::plan& when, std::chrono::nanoseconds length);

  [[nodiscard]] std::size_t open_connections() const noexcept { return connections_.open(); }

 private:
  using clock = std::chrono::steady_clock;

  using next_of = void (connection_set::*)(std::size_t index);

  template <class Done>
  run_result run_closed(std::size_t busy, Done done, next_of next = &connection_set::send_next);
  void look_for_overdue(clock::time_point now);
  [[nodiscard]] bool should_stop() const noexcept;
  [[nodiscard]] std::size_t active(std::size_t rank, std::size_t of) const noexcept {
    return rank * connections_.size() / of;
  }

  options options_;
  connection_set connections_;
  clock::time_point looked_at_;
};

}  // namespace switchyard::load
