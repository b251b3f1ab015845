// What every runtime promises of its tasks, its traits and its sleep, written once and run on each
// (runtimes/all.hpp). Sockets: socket_conformance_test.cpp. In which order sleepers wake:
// article_test.cpp.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtimes/all.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "runtimes/support/unique_fd.hpp"
#include "tests/support/runtime_types.hpp"
#include "tests/support/shared_log.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class R>
class Conformance : public ::testing::Test {};
TYPED_TEST_SUITE(Conformance, all_test_types, runtime_name);

TYPED_TEST(Conformance, AResultComesBackThroughJoin) {
  TypeParam rt;
  EXPECT_EQ(rt.run([&] { return rt.spawn([] { return 42; }).join(); }), 42);
}

TYPED_TEST(Conformance, ALargeResultComesBackWhole) {
  struct large {
    std::array<int, 1000> numbers;
  };
  TypeParam rt;
  const large got = rt.run([&] {
    return rt
        .spawn([] {
          large l{};
          std::iota(l.numbers.begin(), l.numbers.end(), 7);
          return l;
        })
        .join();
  });
  EXPECT_EQ(got.numbers.front(), 7);
  EXPECT_EQ(got.numbers.back(), 1006);
}

TYPED_TEST(Conformance, AFailureComesBackThroughJoinWithItsText) {
  TypeParam rt;
  rt.run([&] {
    auto failing = rt.spawn([]() -> int { throw std::runtime_error("no luck today"); });
    auto fine = rt.spawn([] { return 1; });
    try {
      failing.join();
      ADD_FAILURE() << "join did not throw";
    } catch (const std::runtime_error& failure) {
      EXPECT_STREQ(failure.what(), "no luck today");
    }
    EXPECT_EQ(fine.join(), 1);
  });
}

TYPED_TEST(Conformance, ManyTasksAllReturnTheirOwnResult) {
  constexpr int tasks = 500;
  TypeParam rt;
  rt.run([&] {
    const auto numbered = [&](int i) { return rt.spawn([i] { return i * i; }); };
    std::vector<decltype(numbered(0))> all;
    for (int i = 0; i < tasks; ++i) all.push_back(numbered(i));
    for (int i = 0; i < tasks; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)].join(), i * i);
  });
}

TYPED_TEST(Conformance, TasksMaySpawnTasks) {
  TypeParam rt;
  const int sum = rt.run([&] {
    auto outer = rt.spawn([&rt] {
      auto left = rt.spawn([] { return 20; });
      auto right = rt.spawn([] { return 22; });
      return left.join() + right.join();
    });
    return outer.join();
  });
  EXPECT_EQ(sum, 42);
}

TYPED_TEST(Conformance, ATaskWithoutAJoinIsWaitedFor) {
  const shared_log log;
  TypeParam rt;
  rt.run([&] {
    {
      const auto forgotten = rt.spawn([&] {
        rt.sleep_for(50ms);
        log.add(1);
      });
    }
    log.add(2);
  });
  EXPECT_EQ(log.entries(), (std::vector{1, 2}));
}

TYPED_TEST(Conformance, ARuntimeCanBeEnteredAgain) {
  TypeParam rt;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rt.run([&] { return rt.spawn([i] { return i; }).join(); }), i);
  }
}

// Traits ------------------------------------------------------------------------------------------

TYPED_TEST(Conformance, ConcurrentIsTrue) {
  const shared_array<std::atomic<bool>> spawn_has_returned(1);
  TypeParam rt;
  const bool seen_within_task = rt.run([&] {
    auto task = rt.spawn([&] {
      // Bounded: a runtime that is not concurrent never sets the flag while this runs.
      for (int i = 0; i < (TypeParam::concurrent ? 2'000 : 20) && !spawn_has_returned[0]; ++i) {
        rt.sleep_for(5ms);
      }
      return spawn_has_returned[0].load();
    });
    spawn_has_returned[0] = true;
    return task.join();
  });
  EXPECT_EQ(seen_within_task, TypeParam::concurrent);
}

TYPED_TEST(Conformance, SharesMemoryIsTrue) {
  int written = 0;
  TypeParam rt;
  rt.run([&] { rt.spawn([&] { written = 1; }).join(); });
  EXPECT_EQ(written == 1, TypeParam::shares_memory);
}

/// Kernel switches of the calling kernel task so far.
long switches_so_far() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw + used.ru_nivcsw;
}

// Two tasks meet without either having left its CPU meanwhile: so they ran at the same instant. No
// clock in it; on a busy machine it takes a few more tries.
TYPED_TEST(Conformance, RunsInParallelIsTrue) {
  constexpr int tries = 2'000;
  if constexpr (!TypeParam::runs_in_parallel) {
    TypeParam rt;
    rt.run([&] {
      const pid_t own = ::gettid();
      auto a = rt.spawn([] { return ::gettid(); });
      auto b = rt.spawn([] { return ::gettid(); });
      EXPECT_EQ(a.join(), own) << "one kernel task can't run twice at once";
      EXPECT_EQ(b.join(), own);
    });
    return;
  }
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two CPUs";
  const shared_array<std::atomic<int>> turn(2);
  TypeParam rt;
  const auto meet = [&](std::size_t me) {
    int undisturbed = 0;
    for (int i = 1; i <= tries; ++i) {
      const long before = switches_so_far();
      for (const int half : {2 * i, 2 * i + 1}) {
        turn[me] = half;
        while (turn[1 - me] < half) {
        }
      }
      undisturbed += switches_so_far() == before ? 1 : 0;
    }
    return undisturbed;
  };
  rt.run([&] {
    auto a = rt.spawn([&] { return meet(0); });
    auto b = rt.spawn([&] { return meet(1); });
    const int undisturbed = a.join() + b.join();
    // More than half of all: at least one meeting was undisturbed on both sides.
    EXPECT_GT(undisturbed, tries);
  });
}

TYPED_TEST(Conformance, PreemptiveIsTrue) {
  if constexpr (!TypeParam::concurrent) {
    EXPECT_FALSE(TypeParam::preemptive);
    return;
  }
  const shared_array<std::atomic<bool>> other_has_run(1);
  TypeParam rt;
  const bool seen = rt.run([&] {
    auto spinner = rt.spawn([&] {
      const auto deadline = clock::now() + (TypeParam::preemptive ? 20s : 100ms);
      while (!other_has_run[0] && clock::now() < deadline) {
      }
      return other_has_run[0].load();
    });
    auto other = rt.spawn([&] { other_has_run[0] = true; });
    const bool result = spinner.join();
    other.join();
    return result;
  });
  EXPECT_EQ(seen, TypeParam::preemptive);
}

// Sleeping ----------------------------------------------------------------------------------------

TYPED_TEST(Conformance, ASleepIsNeverTooShort) {
  TypeParam rt;
  rt.run([&] {
    for (const auto nap : {0us, 1us, 300us, 2'000us}) {
      const auto begin = clock::now();
      rt.spawn([&] { rt.sleep_for(nap); }).join();
      EXPECT_GE(clock::now() - begin, nap);
    }
  });
}

// Blocking calls ----------------------------------------------------------------------------------

TYPED_TEST(Conformance, AnOffloadedCallKeepsNoOtherTaskFromRunning) {
  const shared_log log;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const unique_fd read_end(ends[0]);
  const unique_fd write_end(ends[1]);
  if (!TypeParam::concurrent) {  // what comes later can't end a call that is made first
    ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
  }
  TypeParam rt;
  rt.run([&] {
    auto caller = rt.spawn([&] {
      const auto got = rt.offload([&] {
        char byte = 0;
        return ::read(read_end.get(), &byte, 1);
      });
      log.add(2);
      return got;
    });
    auto other = rt.spawn([&] {
      log.add(1);
      return TypeParam::concurrent ? ::write(write_end.get(), "x", 1) : 1;
    });
    EXPECT_EQ(other.join(), 1);
    EXPECT_EQ(caller.join(), 1);
  });
  EXPECT_EQ(log.entries(), TypeParam::concurrent ? (std::vector{1, 2}) : (std::vector{2, 1}));
}

TYPED_TEST(Conformance, AnOffloadedCallThatFailsThrowsInItsTask) {
  TypeParam rt;
  rt.run([&] {
    EXPECT_THROW(rt.offload([]() -> int { throw std::domain_error("no"); }), std::domain_error);
  });
}

}  // namespace
}  // namespace switchyard
