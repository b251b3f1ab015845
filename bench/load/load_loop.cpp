#include "bench/load/load_loop.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace switchyard::load {

using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

// How long a look for replies waits at most: signals, overdue replies and the end that another
// thread has met are noticed as soon.
constexpr nanoseconds a_while = 50ms;

std::uint64_t between(steady_clock::time_point from, steady_clock::time_point to) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds(to - from).count(), 0));
}

double cpu_seconds_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// The measured time of a run, with the thread's own CPU time in it.
class stopwatch {
 public:
  stopwatch(run_result& result, steady_clock::time_point begin)
      : result_(result), cpu_s_(cpu_seconds_of_this_thread()), begin_(begin) {}

  [[nodiscard]] bool running() const noexcept { return running_; }
  void stop(steady_clock::time_point now) {
    running_ = false;
    result_.seconds = duration<double>(now - begin_).count();
    result_.cpu_s = result_.least_cpu_s = cpu_seconds_of_this_thread() - cpu_s_;
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

load_loop::load_loop(const options& options) : options_(options), connections_(options) {}

/// Tells the other threads, where it is for them as well.
bool load_loop::should_stop(shared_run& run) const {
  if (options_.stop_at_first_error && !connections_.errors().by_kind.empty()) run.ended = true;
  return run.ended || (options_.stop != nullptr && options_.stop->requested());
}

void load_loop::look_for_overdue(clock::time_point now) {
  if (now - looked_at_ <= options_.reply_patience / 8) return;
  looked_at_ = now;
  connections_.fail_overdue(now);
}

// Replies first, then the next messages: the kernel's code for receiving and that for sending do
// not fit into the instruction cache together, and each alone runs faster many times in a row.
run_result load_loop::run_closed(shared_run& run, who busy, message_on next) {
  run_result result;
  connections_.take_errors();
  stopwatch watch(result, run.begin);
  looked_at_ = run.begin;
  auto last_counted = run.begin;
  const auto send = [&](std::size_t index) {
    next == message_on::a_new_one ? connections_.renew(index) : connections_.send_next(index);
  };
  const auto count = busy == who::all ? connections_.size() : options_.active;
  for (std::size_t i = 0; i < count; ++i) send(active(i, count));

  while (connections_.waiting() > 0) {
    const auto answered = connections_.take_replies(a_while);
    auto number = run.answered.fetch_add(answered.size(), std::memory_order_relaxed);
    for (const auto& reply : answered) {
      result.latency.record(between(connections_.started(reply.index), reply.when));
      if (!watch.running() || number >= run.count) continue;
      ++result.requests;
      last_counted = reply.when;
      if (run.is_over(++number, reply.when)) watch.stop(reply.when);
    }
    const auto now = answered.empty() ? clock::now() : answered.back().when;
    if (watch.running() && number >= run.count) watch.stop(last_counted);
    if (watch.running() && (should_stop(run) || run.is_over(number, now))) watch.stop(now);
    look_for_overdue(now);
    if (!watch.running()) continue;
    for (const auto& reply : answered) send(reply.index);
  }
  if (watch.running()) watch.stop(clock::now());
  result.errors = connections_.take_errors();
  return result;
}

run_result load_loop::run_open(shared_run& run, const send_schedule::plan& when,
                               send_schedule::share mine) {
  run_result result;
  connections_.take_errors();
  std::deque<std::size_t> idle;
  for (std::size_t i = 0; i < options_.active; ++i) idle.push_back(active(i, options_.active));
  stopwatch watch(result, run.begin);
  looked_at_ = run.begin;
  const auto end = run.begin + run.length;
  open_loop loop(connections_, std::move(idle), send_schedule(when, run.begin, mine), end, result);
  while (watch.running() || connections_.waiting() > 0) {
    const auto now = clock::now();
    loop.send_due(now);
    if (watch.running() && (now >= end || should_stop(run) || connections_.open() == 0)) {
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
