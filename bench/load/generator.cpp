#include "bench/load/generator.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

namespace switchyard::load {

using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

// How long a look for replies waits at most: signals and overdue replies are noticed as soon.
constexpr nanoseconds a_while = 50ms;

std::uint64_t between(steady_clock::time_point from, steady_clock::time_point to) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds(to - from).count(), 0));
}

double cpu_seconds_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// The measured time of a run, with the generator's own CPU time in it.
class stopwatch {
 public:
  explicit stopwatch(run_result& result)
      : result_(result), cpu_s_(cpu_seconds_of_this_thread()), begin_(steady_clock::now()) {}

  [[nodiscard]] steady_clock::time_point begin() const noexcept { return begin_; }
  [[nodiscard]] bool running() const noexcept { return running_; }
  void stop(steady_clock::time_point now) {
    running_ = false;
    result_.seconds = duration<double>(now - begin_).count();
    result_.cpu_s = cpu_seconds_of_this_thread() - cpu_s_;
  }

 private:
  run_result& result_;
  double cpu_s_;
  steady_clock::time_point begin_;
  bool running_ = true;
};

/// Sends what is due on the connection that has been idle longest, as long as there is one.
class open_loop {
 public:
  open_loop(connection_set& connections, std::deque<std::size_t> idle,
            const send_schedule& schedule, steady_clock::time_point end, run_result& result)
      : connections_(connections),
        idle_(std::move(idle)),
        schedule_(schedule),
        end_(end),
        due_(connections.size()),
        result_(result) {}

  void send_due(steady_clock::time_point now) {
    while (!stopped_ && !idle_.empty() && schedule_.next() <= now && schedule_.next() < end_) {
      const auto index = idle_.front();
      idle_.pop_front();
      if (!connections_.is_open(index)) continue;
      due_[index] = schedule_.next();
      schedule_.advance();
      ++result_.due;
      connections_.send_next(index);
      // One that had to wait for a free connection is late through the server.
      result_.lateness.record(
          between(std::max(due_[index], free_since_), connections_.started(index)));
      result_.most_busy = std::max(result_.most_busy, connections_.waiting());
    }
  }

  /// How long to wait for replies. The kernel's timers are late by 50 us and more, as is a CPU that
  /// has to wake up: the last bit before a message is due is spent looking, not sleeping.
  [[nodiscard]] nanoseconds patience(steady_clock::time_point now) const {
    constexpr nanoseconds awake = 200us;
    if (stopped_) return a_while;
    const auto next = idle_.empty() ? end_ : std::min(schedule_.next(), end_);
    return std::clamp<nanoseconds>(next - now - awake, 0ns, a_while);
  }

  void note(const connection_set::reply& reply) {
    result_.latency.record(between(due_[reply.index], reply.when));
    result_.service.record(between(connections_.started(reply.index), reply.when));
    result_.unread.record(between(reply.since, reply.when));
    if (!stopped_) ++result_.requests;
    if (idle_.empty()) free_since_ = reply.when;
    idle_.push_back(reply.index);
  }

  /// What was due by now and could not be sent never will be.
  void stop(steady_clock::time_point now) {
    stopped_ = true;
    for (; schedule_.next() < now; schedule_.advance()) {
      ++result_.due;
      ++result_.unsent;
      result_.latency.record(between(schedule_.next(), now));
    }
  }

 private:
  connection_set& connections_;
  std::deque<std::size_t> idle_;  // the longest idle first
  send_schedule schedule_;
  steady_clock::time_point end_;
  std::vector<steady_clock::time_point> due_;  // of the message under way, by connection
  steady_clock::time_point free_since_;        // a connection, after all were busy
  bool stopped_ = false;
  run_result& result_;
};

}  // namespace

generator::generator(const options& options) : options_(options), connections_(options) {
  if (options_.active > options_.connections) {
    throw std::invalid_argument(std::to_string(options_.active) + " active connections of " +
                                std::to_string(options_.connections));
  }
  if (options_.active == 0) options_.active = options_.connections;
}

bool generator::should_stop() const noexcept {
  return (options_.stop != nullptr && options_.stop->requested()) ||
         (options_.stop_at_first_error && !connections_.errors().by_kind.empty());
}

void generator::look_for_overdue(clock::time_point now) {
  if (now - looked_at_ <= options_.reply_patience / 8) return;
  looked_at_ = now;
  connections_.fail_overdue(now);
}

run_result generator::greet() {
  const auto all = connections_.size();
  return run_closed(all, [all](std::uint64_t answered, nanoseconds) { return answered >= all; });
}

run_result generator::run_requests(std::uint64_t count) {
  return run_closed(options_.active,
                    [count](std::uint64_t answered, nanoseconds) { return answered >= count; });
}

run_result generator::run_connections(std::uint64_t count) {
  return run_closed(
      options_.active, [count](std::uint64_t done, nanoseconds) { return done >= count; },
      &connection_set::renew);
}

run_result generator::run_for(nanoseconds length) {
  return run_closed(options_.active,
                    [length](std::uint64_t, nanoseconds elapsed) { return elapsed >= length; });
}

// Replies first, then the next messages: the kernel's code for receiving and that for sending do
// not fit into the instruction cache together, and each alone runs faster many times in a row.
template <class Done>
run_result generator::run_closed(std::size_t busy, Done done, next_of next) {
  run_result result;
  connections_.take_errors();
  stopwatch watch(result);
  looked_at_ = watch.begin();
  for (std::size_t i = 0; i < busy; ++i) (connections_.*next)(active(i, busy));

  while (connections_.waiting() > 0) {
    const auto answered = connections_.take_replies(a_while);
    for (const auto& reply : answered) {
      result.latency.record(between(connections_.started(reply.index), reply.when));
      if (!watch.running()) continue;
      ++result.requests;
      if (done(result.requests, reply.when - watch.begin())) watch.stop(reply.when);
    }
    const auto now = answered.empty() ? clock::now() : answered.back().when;
    if (watch.running() && (should_stop() || done(result.requests, now - watch.begin()))) {
      watch.stop(now);
    }
    look_for_overdue(now);
    if (!watch.running()) continue;
    for (const auto& reply : answered) (connections_.*next)(reply.index);
  }
  if (watch.running()) watch.stop(clock::now());
  result.errors = connections_.take_errors();
  return result;
}

run_result generator::run_at(const send_schedule::plan& when, nanoseconds length) {
  run_result result;
  connections_.take_errors();
  std::deque<std::size_t> idle;
  for (std::size_t i = 0; i < options_.active; ++i) idle.push_back(active(i, options_.active));
  stopwatch watch(result);
  looked_at_ = watch.begin();
  const auto end = watch.begin() + length;
  open_loop loop(connections_, std::move(idle), send_schedule(when, watch.begin()), end, result);
  while (watch.running() || connections_.waiting() > 0) {
    const auto now = clock::now();
    loop.send_due(now);
    if (watch.running() && (now >= end || should_stop() || connections_.open() == 0)) {
      watch.stop(std::min(now, end));
      loop.stop(std::min(now, end));
    }
    for (const auto& reply : connections_.take_replies(loop.patience(now))) loop.note(reply);
    look_for_overdue(now);
  }
  result.errors = connections_.take_errors();
  return result;
}

}  // namespace switchyard::load
