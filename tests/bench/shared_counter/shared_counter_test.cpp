// The versions of the shared counter: none loses an addition, and a thread version without a lock
// would. A member that fails ends its group instead of leaving the others at the start.
#include "bench/shared_counter/shared_counter.hpp"

#include <gtest/gtest.h>

#include <barrier>
#include <stdexcept>
#include <string>

namespace switchyard::counters {
namespace {

/// On two CPUs where there are two.
placement widest() {
  harness::first_cpu();  // remembers the CPUs before anything binds this thread
  try {
    harness::require_placement(placement::cross);
    return placement::cross;
  } catch (const limit_error&) {
    return placement::same;
  }
}

const placement wide = widest();

struct version {
  const char* name;
  count_result (*add)(const job&);
  std::int64_t each;
};

class SharedCounter : public ::testing::TestWithParam<version> {};

TEST_P(SharedCounter, EndsWithTheExactSum) {
  const auto [name, add, each] = GetParam();
  for (const placement where : {placement::same, wide}) {
    for (const std::size_t tasks : {1U, 4U, 16U}) {
      const job j{tasks, each, where};
      const count_result t = add(j);
      EXPECT_EQ(t.sum, j.additions()) << tasks << " tasks";
      EXPECT_GT(t.took.seconds, 0) << tasks << " tasks";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SharedCounter,
                         ::testing::Values(version{"process_atomic", by_atomic<process>, 20'000},
                                           version{"process_messages", by_messages, 2'000},
                                           version{"thread_mutex", by_mutex, 20'000},
                                           version{"thread_atomic", by_atomic<thread>, 20'000},
                                           version{"fiber_plain", by_plain<fiber>,
                                                   20'001},  // no whole number of turns
                                           version{"coroutine_plain", by_plain<coroutine>, 20'001},
                                           version{"plain_loop", by_loop, 20'000}),
                         [](const auto& instance) { return std::string(instance.param.name); });

// Why there is a lock. Each thread reads the number before either of them has written it back: the
// barrier only makes certain what the kernel may do at any time. (The relaxed atomics keep the test
// itself free of a data race; they do not join the reading and the writing.)
TEST(shared_counter, ThreadsWithoutALockLoseUpdates) {
  const job j{2, 1'000, wide};
  std::atomic<std::int64_t> number{0};
  std::barrier both_have_read(2);
  std::barrier both_have_written(2);
  add_together<thread>(j, number, [&](thread&) {
    for (std::int64_t i = 0; i < j.each; ++i) {
      const auto read = number.load(std::memory_order_relaxed);
      both_have_read.arrive_and_wait();
      number.store(read + 1, std::memory_order_relaxed);
      both_have_written.arrive_and_wait();
    }
  });
  EXPECT_EQ(number, j.additions() / 2) << "one of each two additions is lost";
}

// The same without a barrier: the threads give way between reading and writing, and what is lost
// is left to the kernel.
TEST(shared_counter, ThreadsWithoutALockLoseUpdatesWhenTheKernelSwitchesInBetween) {
  constexpr int tries = 1'000;
  std::int64_t lost = 0;
  for (int i = 0; i < tries && lost == 0; ++i) {
    const job j{4, 1'000, placement::same};
    std::atomic<std::int64_t> number{0};
    add_together<thread>(j, number, [&](thread& rt) {
      for (std::int64_t n = 0; n < j.each; ++n) {
        const auto read = number.load(std::memory_order_relaxed);
        rt.yield();
        number.store(read + 1, std::memory_order_relaxed);
      }
    });
    lost = j.additions() - number;
  }
  EXPECT_GT(lost, 0);
}

template <class R>
std::string failure_of_a_group_with_an_absent_member() {
  const task_group::start_line line(4);
  R rt;
  const auto member = [&](std::size_t i) {
    if (i == 2) throw std::runtime_error("number 2 is ill");
    line.wait([&] { rt.yield(); });
    return interval{};
  };
  try {
    task_group::run_group(rt, 4, member, [&] { line.break_up(); });
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "no failure";
}

TEST(shared_counter, AStacklessMemberThatDoesNotComeReleasesTheOthers) {
  const task_group::start_line line(4);
  coroutine rt;
  const auto member = [&](std::size_t i) -> coroutine::awaitable<interval> {
    if (i == 2) throw std::runtime_error("number 2 is ill");
    co_await line.await_start<coroutine>([&] { return rt.yield(); });
    co_return interval{};
  };
  std::string failure;
  try {
    task_group::run_group(rt, 4, member, [&] { line.break_up(); });
  } catch (const std::runtime_error& failed) {
    failure = failed.what();
  }
  EXPECT_EQ(failure, "number 2 is ill");
}

TEST(shared_counter, AMemberThatDoesNotComeToTheStartReleasesTheOthers) {
  EXPECT_EQ(failure_of_a_group_with_an_absent_member<process>(), "number 2 is ill");
  EXPECT_EQ(failure_of_a_group_with_an_absent_member<thread>(), "number 2 is ill");
}

}  // namespace
}  // namespace switchyard::counters
