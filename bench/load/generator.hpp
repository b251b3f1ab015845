// The load for an echo server: one thread over epoll, or several, many connections, every reply
// verified.
//
// Closed loop: each connection sends its next message when the reply to the last one is complete,
// which asks for the throughput. Open loop: messages are due at times of a schedule, whatever the
// server does, which asks for the latency at a load. There a message's latency counts from the time
// at which it was due, so that one that had to wait for its turn because the server was slow shows
// that wait (Gil Tene's "coordinated omission"); its service time, from the moment at which it was
// sent, stands beside it.
//
// Several threads share out connections and schedule, begin and end together, and what they
// measured is one result.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bench/load/load_loop.hpp"
#include "bench/load/load_thread.hpp"

namespace switchyard::load {

class generator {
 public:
  /// Starts the threads, if there are to be several. Throws std::invalid_argument when more are to
  /// be active than there are, or fewer than threads.
  explicit generator(const options& options);

  /// Opens all connections. Throws std::system_error when the server refuses, std::runtime_error
  /// when time runs out.
  void connect();

  /// A message and its reply on every connection, the idle ones too.
  run_result greet();

  /// Closed loop: keeps every active connection busy until `count` replies have come back; then
  /// takes what is still under way, verified, but not counted in the throughput. An error in one
  /// thread ends all, where it ends a run at all; what one throws, this throws.
  run_result run_requests(std::uint64_t count);

  /// The same with a new connection for each message: its latency is from the connect to the reply.
  /// One that is refused is an error of kind "connect"; std::system_error where no socket is left.
  run_result run_connections(std::uint64_t count);

  /// Closed loop for a length of time.
  run_result run_for(std::chrono::nanoseconds length);

  /// Open loop: sends at the schedule's times for `length`, each message on the active connection
  /// that has been idle longest, one at a time on each. A message for which none is free waits.
  run_result run_at(const send_schedule::plan& when, std::chrono::nanoseconds length);

  /// Has the next run begin at this time, or at once where that is past.
  void begin_next_at(shared_run::clock::time_point agreed) { agreed_ = agreed; }

  /// When the last run began.
  [[nodiscard]] shared_run::clock::time_point begun() const noexcept { return begun_; }

  [[nodiscard]] std::size_t open_connections() const noexcept;

 private:
  template <class ShareOf>
  run_result together(shared_run& run, ShareOf share_of);

  std::size_t connections_ = 0;
  // Of the schedule, those of the ranks before this one, and all.
  std::uint64_t shares_before_;
  std::uint64_t shares_;
  std::optional<shared_run::clock::time_point> agreed_;
  shared_run::clock::time_point begun_;
  std::optional<load_loop> only_;  // on the caller's thread
  std::vector<std::unique_ptr<load_thread>> threads_;
};

}  // namespace switchyard::load
