// Tasks that are spawned, each with a number that it returns, and joined.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "bench/harness/task_group.hpp"
#include "runtimes/concepts.hpp"

namespace switchyard {

inline void expect_sum(std::int64_t sum, std::int64_t tasks) {
  if (sum != tasks * (tasks - 1) / 2) throw std::runtime_error("the tasks' results are wrong");
}

/// `ops` tasks, `tasks` of them at a time.
template <Runtime R>
void spawn_and_join(R& rt, std::int64_t ops, std::int64_t tasks) {
  for (std::int64_t done = 0; done < ops; done += tasks) {
    expect_sum(spawn_and_sum(tasks, [&rt](std::int64_t i) { return rt.spawn([i] { return i; }); }),
               tasks);
  }
}

template <Stackless R>
void spawn_and_join(R& rt, std::int64_t ops, std::int64_t tasks) {
  using number = typename R::template awaitable<std::int64_t>;
  rt.run([&]() -> typename R::template awaitable<void> {
    for (std::int64_t done = 0; done < ops; done += tasks) {
      auto all = spawn_each(
          tasks, [&rt](std::int64_t i) { return rt.spawn([i]() -> number { co_return i; }); });
      std::int64_t sum = 0;
      for (auto& task : all) sum += co_await task.join();
      expect_sum(sum, tasks);
    }
  });
}

}  // namespace switchyard
