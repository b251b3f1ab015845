// Tasks that work together as one measurement: they are spawned, placed, started at one instant,
// timed, counted and joined, and when one of them fails they all end with its error. And those that
// have nothing to do with each other, spawned and joined in turn.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <stdexcept>

#include "bench/harness/event_counters.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/concepts.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

/// The tasks that `spawn(i)` starts, for all i below `count`.
template <class Spawn>
auto spawn_each(std::int64_t count, Spawn spawn) {
  std::vector<decltype(spawn(count))> tasks;
  tasks.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) tasks.push_back(spawn(i));
  return tasks;
}

/// Spawns them, joins them all and adds up what they give.
template <class Spawn>
std::int64_t spawn_and_sum(std::int64_t count, Spawn spawn) {
  auto tasks = spawn_each(count, spawn);
  std::int64_t sum = 0;
  for (auto& task : tasks) sum += task.join();
  return sum;
}

}  // namespace switchyard

namespace switchyard::task_group {

using clock = std::chrono::steady_clock;
using harness::measured;

using harness::pin_member;
using harness::placement;

/// What one member of a group saw between its first and its last operation.
struct interval {
  clock::time_point begin;
  clock::time_point end;
  harness::usage used;
  std::int64_t uncounted = 0;  // switches of its own after its last operation

  [[nodiscard]] measured total() const {
    return {std::chrono::duration<double>(end - begin).count(), used};
  }
};

/// Migrations are counted only where there can be any: to ask for them takes longer than a switch.
template <class Loop>
interval measure_interval(Loop loop, placement where = placement::same) {
  const auto usage_now = [where] {
    auto used = harness::usage_of_this_thread();
    if (where == placement::free) used.migrations = harness::migrations_of_this_thread();
    return used;
  };
  interval t;
  const harness::event_counters events(harness::events_of_this_launch());
  const auto before = usage_now();
  t.begin = clock::now();
  loop();
  t.end = clock::now();
  t.used = usage_now() - before;
  t.used.events = events.read();
  return t;
}

/// When it was, without what it used.
template <class Loop>
interval time_interval(Loop loop) {
  interval t;
  t.begin = clock::now();
  loop();
  t.end = clock::now();
  return t;
}

/// Of whoever has this process alone: what it used, the process did.
template <class Loop>
interval measure_alone(Loop loop) {
  const harness::usage_meter all;
  interval t = time_interval(loop);
  t.used = all.used();
  return t;
}

/// For a task of a stackless runtime; what it used, its whole group knows.
template <Stackless R, class Loop>
auto await_interval(Loop loop) -> typename R::template awaitable<interval> {
  interval t;
  t.begin = clock::now();
  co_await loop();
  t.end = clock::now();
  co_return t;
}

/// From the first operation of any member to the last of any, with the usage of all.
inline interval joined(const std::vector<interval>& members) {
  interval whole = members.front();
  for (std::size_t i = 1; i < members.size(); ++i) {
    whole.begin = std::min(whole.begin, members[i].begin);
    whole.end = std::max(whole.end, members[i].end);
    whole.used += members[i].used;
    whole.uncounted += members[i].uncounted;
  }
  return whole;
}

/// A member that can't go on, or that could not be started, would leave the others waiting for
/// ever: it breaks the group, and they end with this error.
struct broken_group : std::runtime_error {
  broken_group() : std::runtime_error("another task of the group has failed") {}
};

/// Where the tasks of a group wait for each other before the first of them begins. It lies in
/// shared memory, so that it serves forked tasks as well.
class start_line {
 public:
  explicit start_line(std::size_t tasks) : tasks_(tasks) {}

  /// Calls `give_way()` until all are there, and gives the instant at which the last one came.
  /// Throws broken_group, or std::runtime_error when somebody does not come at all.
  template <class GiveWay>
  clock::time_point wait(GiveWay give_way) const {
    const auto came = arrive();
    for (;;) {
      if (const auto opened = opened_for(came)) return *opened;
      give_way();
    }
  }

  /// The same for tasks of a stackless runtime, which await `give_way()`.
  template <Stackless R, class GiveWay>
  auto await_start(GiveWay give_way) const -> typename R::template awaitable<clock::time_point> {
    const auto came = arrive();
    for (;;) {
      if (const auto opened = opened_for(came)) co_return *opened;
      co_await give_way();
    }
  }

  void break_up() const noexcept { line_->broken = true; }

 private:
  [[nodiscard]] clock::time_point arrive() const {
    const auto came = clock::now();
    if (++line_->arrived == tasks_) line_->opened = clock::now().time_since_epoch().count();
    return came;
  }

  [[nodiscard]] std::optional<clock::time_point> opened_for(clock::time_point came) const {
    constexpr auto patience = std::chrono::seconds(60);
    if (const clock::rep opened = line_->opened; opened != 0) {
      return clock::time_point(clock::duration(opened));
    }
    if (line_->broken) throw broken_group();
    if (clock::now() - came > patience) {
      throw std::runtime_error("not all tasks of the group came to the start");
    }
    return std::nullopt;
  }

  struct state {
    std::atomic<std::size_t> arrived{0};
    std::atomic<clock::rep> opened{0};
    std::atomic<bool> broken{false};
  };

  std::size_t tasks_;
  shared_object<state> line_;
};

/// Spawns `member(i)` for all i. When that fails, or one of them does, calls `break_up()`. Both
/// have to outlive the group.
template <class R, class Member, class Break>
auto start_group(R& rt, std::size_t tasks, const Member& member, const Break& break_up) {
  const auto spawn = [&](std::size_t i) {
    return rt.spawn([&member, &break_up, i] {
      try {
        return member(i);
      } catch (...) {
        break_up();
        throw;
      }
    });
  };
  std::vector<decltype(spawn(0))> group;
  group.reserve(tasks);
  try {
    for (std::size_t i = 0; i < tasks; ++i) group.push_back(spawn(i));
  } catch (...) {
    break_up();
    throw;
  }
  return group;
}

/// The error that began the end of a group.
class group_failure {
 public:
  template <class Break>
  void add(const std::exception& error, const Break& break_up) {
    if (text_.empty()) break_up();
    if (text_.empty() || text_ == broken_group().what()) text_ = error.what();
  }
  void throw_if_any() const {
    if (!text_.empty()) throw std::runtime_error(text_);
  }

 private:
  std::string text_;
};

/// What the members return, or the error that began it when one of them failed. Whoever ends first
/// is joined first: a member whose process was killed can't break the group, so that is done here,
/// and the others do not wait for it for ever.
template <class Task, class Break>
auto join_group(std::vector<Task>& group, const Break& break_up) {
  std::vector<decltype(group.front().join())> seen(group.size());
  group_failure failure;
  for (std::size_t joined_ones = 0; joined_ones < group.size(); ++joined_ones) {
    std::size_t i = joined_ones;
    if constexpr (requires { Task::first_to_end(group); }) i = Task::first_to_end(group);
    try {
      seen[i] = group[i].join();
    } catch (const std::exception& error) {
      failure.add(error, break_up);
    }
  }
  failure.throw_if_any();
  return seen;
}

template <class R, class Member, class Break>
auto run_group(R& rt, std::size_t tasks, const Member& member, const Break& break_up) {
  auto group = start_group(rt, tasks, member, break_up);
  return join_group(group, break_up);
}

/// The same for a stackless runtime, which is entered here: the members are coroutines.
template <Stackless R, class Member, class Break>
auto run_group(R& rt, std::size_t tasks, const Member& member, const Break& break_up) {
  using seen = typename std::invoke_result_t<const Member&, std::size_t>::value_type;
  const auto run_member = [&](std::size_t i) -> typename R::template awaitable<seen> {
    try {
      co_return co_await member(i);
    } catch (...) {
      break_up();
      throw;
    }
  };
  return rt.run([&]() -> typename R::template awaitable<std::vector<seen>> {
    std::vector<typename R::template task<seen>> group;
    group.reserve(tasks);
    for (std::size_t i = 0; i < tasks; ++i) {
      group.push_back(rt.spawn([&run_member, i] { return run_member(i); }));
    }
    std::vector<seen> all(tasks);
    group_failure failure;
    for (std::size_t i = 0; i < tasks; ++i) {
      try {
        all[i] = co_await group[i].join();
      } catch (const std::exception& error) {
        failure.add(error, break_up);
      }
    }
    failure.throw_if_any();
    co_return all;
  });
}

/// From the first operation of any member to the last of any, with the usage of all. The members
/// return `interval`.
template <class R, class Member, class Break>
measured measure_group(R& rt, std::size_t tasks, const Member& member, const Break& break_up) {
  const harness::usage_meter all;
  interval whole = joined(run_group(rt, tasks, member, break_up));
  // Tasks on one kernel thread each saw the usage of all.
  if constexpr (!KernelTasks<R>) whole.used = all.used();
  return whole.total();
}

inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

}  // namespace switchyard::task_group
