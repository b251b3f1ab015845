// The versions of the `shared_counter` workload: how the tasks of each runtime add to one number.
// What they measure stands at the top of bench_shared_counter.cpp.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <stdexcept>

#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard::counters {

using task_group::interval;
using task_group::measured;
using task_group::placement;

/// `tasks` tasks add 1 to the number, `each` times each of them.
struct job {
  std::size_t tasks;
  std::int64_t each;
  placement where;

  [[nodiscard]] std::int64_t additions() const { return static_cast<std::int64_t>(tasks) * each; }
};

struct count_result {
  std::int64_t sum = 0;
  measured took;
};

/// Runs `add_all(rt)` in every task, which adds to `number`; the time is that from the first
/// addition of any to the last.
template <Runtime R, class Number, class AddAll>
count_result add_together(const job& j, const Number& number, AddAll add_all) {
  require_kernel_tasks<R>(j.tasks);
  task_group::pin_member(placement::same, 0);
  const task_group::start_line line(j.tasks);
  R rt;
  const auto member = [&](std::size_t i) {
    if constexpr (KernelTasks<R>) task_group::pin_member(j.where, i);
    line.wait([&] { rt.yield(); });
    return task_group::measure_interval([&] { add_all(rt); }, j.where);
  };
  return rt.run([&] {
    const auto took = task_group::measure_group(rt, j.tasks, member, [&] { line.break_up(); });
    return count_result{number, took};
  });
}

/// The same for a stackless runtime, whose tasks await `add_all(rt)`.
template <Stackless R, class Number, class AddAll>
count_result add_together(const job& j, const Number& number, AddAll add_all) {
  task_group::pin_member(placement::same, 0);
  const task_group::start_line line(j.tasks);
  R rt;
  const auto member = [&](std::size_t) -> typename R::template awaitable<interval> {
    co_await line.await_start<R>([&] { return rt.yield(); });
    co_return co_await task_group::await_interval<R>([&] { return add_all(rt); });
  };
  const auto took = task_group::measure_group(rt, j.tasks, member, [&] { line.break_up(); });
  return {number, took};
}

/// Threads, one mutex.
inline count_result by_mutex(const job& j) {
  std::mutex mutex;
  std::int64_t number = 0;
  return add_together<thread>(j, number, [&](thread&) {
    for (std::int64_t i = 0; i < j.each; ++i) {
      const std::lock_guard lock(mutex);
      ++number;
    }
  });
}

/// Threads, or processes, and one atomic number in memory that both can share.
template <class R>
count_result by_atomic(const job& j) {
  const shared_object<std::atomic<std::int64_t>> number;
  return add_together<R>(j, *number, [&](R&) {
    for (std::int64_t i = 0; i < j.each; ++i) number->fetch_add(1, std::memory_order_relaxed);
  });
}

/// A plain integer and no lock, by tasks that yield now and then, so that they really take turns.
/// Volatile not for the tasks' sake, but for the compiler's: it would make 64 additions in one.
class turns_at_a_number {
 public:
  explicit turns_at_a_number(const job& j) : left_(j.each) {}

  /// One turn, unless it has made all additions.
  bool take(volatile std::int64_t& number) {
    constexpr std::int64_t additions_per_turn = 64;
    const auto now = std::min(left_, additions_per_turn);
    for (std::int64_t i = 0; i < now; ++i) number = number + 1;
    left_ -= now;
    return now > 0;
  }

 private:
  std::int64_t left_;
};

template <Runtime R>
count_result by_plain(const job& j) {
  volatile std::int64_t number = 0;
  return add_together<R>(j, number, [&](R& rt) {
    for (turns_at_a_number turns(j); turns.take(number);) rt.yield();
  });
}

template <Stackless R>
count_result by_plain(const job& j) {
  volatile std::int64_t number = 0;
  return add_together<R>(j, number, [&](R& rt) -> typename R::template awaitable<void> {
    for (turns_at_a_number turns(j); turns.take(number);) co_await rt.yield();
  });
}

/// Control: the same additions by one task that shares the number with nobody.
inline count_result by_loop(const job& j) {
  task_group::pin_member(placement::same, 0);
  volatile std::int64_t number = 0;
  const interval all = task_group::measure_alone([&] {
    for (std::int64_t i = 0; i < j.additions(); ++i) number = number + 1;
  });
  return {number, all.total()};
}

/// One message is one addition: what is to be added. Small enough for pipe(7) to write it whole.
using message = std::int64_t;

/// Reads messages, as many at once as there are, up to `expected` of them or to the end.
inline std::int64_t sum_of_messages(const unique_fd& from, std::int64_t expected) {
  std::array<message, 512> batch;
  std::int64_t sum = 0;
  for (std::int64_t taken = 0; taken < expected;) {
    const ssize_t got = ::read(from.get(), batch.data(), sizeof batch);
    if (got < 0 && errno == EINTR) continue;
    if (check(got, "read from a pipe") == 0) break;  // an adder has failed
    const auto bytes = static_cast<std::size_t>(got);
    if (bytes % sizeof(message) != 0) throw std::runtime_error("a message was cut");
    for (std::size_t i = 0; i < bytes / sizeof(message); ++i) sum += batch[i];
    taken += static_cast<std::int64_t>(bytes / sizeof(message));
  }
  return sum;
}

inline void send(const unique_fd& to, message m) {
  while (::write(to.get(), &m, sizeof m) < 0) {
    if (errno != EINTR) throw_errno("write to a pipe");
  }
}

/// Processes that send each addition by pipe to the one that alone holds the number: their parent.
/// It holds no write end itself, nor do they the read end, so that none outwaits a dead one.
inline count_result by_messages(const job& j) {
  require_kernel_tasks<process>(j.tasks);
  task_group::pin_member(j.where, 0);
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "create a pipe");
  unique_fd read_end(ends[0]);
  unique_fd write_end(ends[1]);
  const task_group::start_line line(j.tasks);
  process rt;
  const auto adder = [&](std::size_t i) {
    read_end.reset();
    task_group::pin_member(j.where, i);
    line.wait([&] { rt.yield(); });
    return task_group::measure_interval(
        [&] {
          for (std::int64_t n = 0; n < j.each; ++n) send(write_end, 1);
        },
        j.where);
  };
  const auto break_up = [&] { line.break_up(); };
  return rt.run([&] {
    auto adders = task_group::start_group(rt, j.tasks, adder, break_up);
    write_end.reset();
    count_result t;
    const interval owner = task_group::measure_interval(
        [&, from = std::move(read_end)] { t.sum = sum_of_messages(from, j.additions()); });
    interval whole = task_group::joined(task_group::join_group(adders, break_up));
    whole.end = owner.end;  // the owner was there before the first message
    whole.used += owner.used;
    t.took = whole.total();
    return t;
  });
}

}  // namespace switchyard::counters
