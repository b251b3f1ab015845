// What every runtime promises of its tasks and its sleep, written once and run on each
// (runtimes/all.hpp). Its traits: traits_test.cpp. Sockets: socket_conformance_test.cpp. In which
// order sleepers wake: article_test.cpp.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtimes/all.hpp"
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
