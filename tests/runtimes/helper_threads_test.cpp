// Calls that are made aside: their results come back, and one that never ends is given up in time.
#include "runtimes/support/helper_threads.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "runtimes/all.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class R>
class HelperThreads : public ::testing::Test {};
// Not those that fork: a helper thread belongs to the process that started it.
#if SWITCHYARD_LIBURING
using helped_runtimes = ::testing::Types<serial, thread, fiber, fiber_uring>;
#else
using helped_runtimes = ::testing::Types<serial, thread, fiber>;
#endif
TYPED_TEST_SUITE(HelperThreads, helped_runtimes, runtime_name);

TYPED_TEST(HelperThreads, ACallThatEndsInTimeGivesItsResult) {
  TypeParam rt;
  helper_threads helpers;
  rt.run([&] {
    const auto result = call_aside(
        rt, helpers, [] { return 42; }, clock::now() + 20s);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->take(), 42);
  });
}

TYPED_TEST(HelperThreads, AFailureComesBack) {
  TypeParam rt;
  helper_threads helpers;
  rt.run([&] {
    const auto result = call_aside(
        rt, helpers, []() -> int { throw std::domain_error("no"); }, clock::now() + 20s);
    ASSERT_TRUE(result);
    EXPECT_THROW(result->take(), std::domain_error);
  });
}

TYPED_TEST(HelperThreads, ACallThatDoesNotEndIsGivenUp) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const unique_fd write_end(ends[1]);  // its end ends the call, after the test
  TypeParam rt;
  helper_threads helpers;
  rt.run([&] {
    const auto result = call_aside(
        rt, helpers,
        [fd = std::make_shared<unique_fd>(ends[0])] {
          char byte = 0;
          return ::read(fd->get(), &byte, 1);
        },
        clock::now() + 20ms);
    EXPECT_FALSE(result);
  });
}

TYPED_TEST(HelperThreads, ManyCallsAtOnceAllComeBack) {
  constexpr int calls = 300;  // more than there will be threads
  TypeParam rt;
  helper_threads helpers;
  rt.run([&] {
    const auto start = [&](int i) {
      return rt.spawn(
          [&rt, &helpers, i] { return call_aside(rt, helpers, [i] { return i; })->take(); });
    };
    std::vector<decltype(start(0))> started;
    for (int i = 0; i < calls; ++i) started.push_back(start(i));
    for (int i = 0; i < calls; ++i) EXPECT_EQ(started[static_cast<std::size_t>(i)].join(), i);
  });
}

}  // namespace
}  // namespace switchyard
