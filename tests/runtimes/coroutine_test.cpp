// What a stackless runtime promises beyond the words that it shares with all others (which
// conformance_test.cpp tests on it as well): how its tasks begin and end, and what they take.
#include "runtimes/coroutine.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "bench/harness/parked_tasks.hpp"
#include "bench/harness/usage.hpp"
#include "runtimes/support/sanitizers.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using nothing = coroutine::awaitable<void>;
using number = coroutine::awaitable<int>;

TEST(coroutine, ATaskBeginsWhereItIsSpawnedAndRunsToItsFirstWait) {
  std::vector<int> log;
  coroutine rt;
  rt.run([&]() -> nothing {
    auto task = rt.spawn([&]() -> nothing {
      log.push_back(1);
      co_await rt.yield();
      log.push_back(3);
    });
    log.push_back(2);
    co_await task.join();
  });
  EXPECT_EQ(log, (std::vector{1, 2, 3}));
}

TEST(coroutine, RunWaitsForTasksWhoseHandlesAreGone) {
  bool has_ended = false;
  coroutine rt;
  rt.run([&]() -> nothing {
    rt.spawn([&]() -> nothing {
      co_await rt.sleep_for(20ms);
      has_ended = true;
    });
    co_return;
  });
  EXPECT_TRUE(has_ended);
}

TEST(coroutine, AFailureOfTheBodyComesOutOfRunWhenAllTasksHaveEnded) {
  bool has_ended = false;
  coroutine rt;
  const auto body = [&]() -> nothing {
    rt.spawn([&]() -> nothing {
      co_await rt.sleep_for(10ms);
      has_ended = true;
    });
    throw std::domain_error("no");
    co_return;
  };
  EXPECT_THROW(rt.run(body), std::domain_error);
  EXPECT_TRUE(has_ended);
}

TEST(coroutine, YieldsTakeTurns) {
  std::vector<int> log;
  coroutine rt;
  rt.run([&]() -> nothing {
    const auto member = [&](int own) -> nothing {
      for (int i = 0; i < 3; ++i) {
        log.push_back(own);
        co_await rt.yield();
      }
    };
    auto first = rt.spawn([&] { return member(1); });
    auto second = rt.spawn([&] { return member(2); });
    co_await first.join();
    co_await second.join();
  });
  EXPECT_EQ(log, (std::vector{1, 2, 1, 2, 1, 2}));
}

// Each of them finds something ready at every turn.
TEST(coroutine, TasksThatYieldAllTheTimeDoNotKeepOthersFromTheirTimers) {
  bool has_slept = false;
  coroutine rt;
  rt.run([&]() -> nothing {
    const auto spin = [&]() -> nothing {
      while (!has_slept) {
        co_await rt.yield();
      }
    };
    auto first = rt.spawn(spin);
    auto second = rt.spawn(spin);
    co_await rt.sleep_for(5ms);
    has_slept = true;
    co_await first.join();
    co_await second.join();
  });
  EXPECT_TRUE(has_slept);
}

TEST(coroutine, WaitsThatAreOverAtOnceNeedNoStack) {
  coroutine rt;
  const int sum = rt.run([&]() -> number {
    const auto one = []() -> number { co_return 1; };
    int total = 0;
    for (int i = 0; i < 300'000; ++i) {
      auto task = rt.spawn(one);
      const int got = co_await one();
      total += got;
      co_await task.join();
    }
    co_return total;
  });
  EXPECT_EQ(sum, 300'000);
}

TEST(coroutine, ATaskCanBeJoinedThroughAHandleThatWasMoved) {
  coroutine rt;
  const int got = rt.run([&]() -> number {
    std::vector<coroutine::task<int>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(rt.spawn([&rt, i]() -> number {
        co_await rt.yield();
        co_return i;
      }));
    }
    int sum = 0;
    for (auto& task : tasks) {
      const int one = co_await task.join();
      sum = 10 * sum + one;
    }
    co_return sum;
  });
  EXPECT_EQ(got, 1234);
}

#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN  // shadow memory counts too
TEST(coroutine, AnIdleTaskTakesNoMoreThanItSays) {
  constexpr std::int64_t tasks = 10'000;
  coroutine rt;
  parked_tasks<coroutine> parked(rt, tasks + 1);
  const double each = rt.run([&]() -> coroutine::awaitable<double> {
    const parked_tasks<coroutine>::let_go_at_end guard(parked);
    parked.add(1, [] {});
    const auto before = harness::memory_of_tree(::getpid());
    parked.add(tasks, [] {});
    const auto grown = harness::memory_of_tree(::getpid()) - before;
    EXPECT_EQ(parked.count(), tasks + 1);
    co_await parked.end();
    co_return grown.total_bytes() / static_cast<double>(tasks);
  });
  EXPECT_LE(each, static_cast<double>(coroutine::idle_task.memory_bytes));
  EXPECT_GT(each, 100) << "it takes something";
}
#endif

}  // namespace
}  // namespace switchyard
