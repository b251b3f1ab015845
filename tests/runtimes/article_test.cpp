// What the article's programs print, printed by ours in the same order: switching by name, three
// sleepers, the synchronous and the asynchronous version. Its echo server: echo_server_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "runtimes/all.hpp"
#include "runtimes/greenlet.hpp"
#include "tests/support/longer_units.hpp"
#include "tests/support/runtime_types.hpp"
#include "tests/support/shared_log.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

template <class R>
class Article : public ::testing::Test {};
TYPED_TEST_SUITE(Article, all_test_types, runtime_name);

TEST(article, GreenletsPrintInTheOrderOfTheirSwitches) {
  std::vector<std::string> printed;
  std::optional<greenlet> gr1;
  std::optional<greenlet> gr2;
  const auto test1 = [&] {
    printed.emplace_back("test1: 1");
    gr2->switch_to();
    printed.emplace_back("test1: 1.1");
    gr2->switch_to();
  };
  const auto test2 = [&] {
    printed.emplace_back("test2: 2");
    gr1->switch_to();
    printed.emplace_back("test2: 2.2");
  };
  gr1.emplace(test1);
  gr2.emplace(test2);
  gr1->switch_to();
  EXPECT_EQ(printed,
            (std::vector<std::string>{"test1: 1", "test2: 2", "test1: 1.1", "test2: 2.2"}));
}

// func1 sleeps 3 units, func2 and func3 sleep 2. Each prints a line before (1, 2, 3) and one after
// (11, 21, 31).
template <class R>
std::vector<int> lines_of_three_functions(milliseconds unit) {
  const shared_log printed;
  R rt;
  rt.run([&] {
    const auto func = [&](int number, int units) {
      return rt.spawn([&rt, &printed, number, nap = units * unit] {
        printed.add(number);
        rt.sleep_for(nap);
        printed.add(10 * number + 1);
      });
    };
    auto func1 = func(1, 3);
    auto func2 = func(2, 2);
    auto func3 = func(3, 2);
    func1.join();
    func2.join();
    func3.join();
  });
  return printed.entries();
}

TYPED_TEST(Article, ThreeSleepersWakeInTheOrderOfTheirSleep) {
  const auto expected =
      TypeParam::concurrent ? std::vector{1, 2, 3, 21, 31, 11} : std::vector{1, 11, 2, 21, 3, 31};
  std::vector<int> lines;
  try_longer_units([&](milliseconds unit) {
    lines = lines_of_three_functions<TypeParam>(unit);
    if (TypeParam::preemptive && lines.size() == 6) {
      // The kernel promises no order among tasks that become ready at about the same time: not to
      // those that were just spawned, nor to those whose sleep ends together.
      std::sort(lines.begin(), lines.begin() + 3);
      std::sort(lines.begin() + 3, lines.begin() + 5);
    }
    return lines == expected;
  });
  EXPECT_EQ(lines, expected);
}

struct done {
  std::vector<int> tasks;  // in the order of "Task N done"
  clock::duration took{};
};

/// The article's task: sleeps and says that it is done.
template <class R>
auto sleepy_task(R& rt, const shared_log& log, milliseconds nap) {
  return [&rt, &log, nap](int pid) {
    rt.sleep_for(nap);
    log.add(pid);
  };
}

template <class R>
done synchronous(milliseconds nap) {
  const shared_log log;
  R rt;
  const auto task = sleepy_task(rt, log, nap);
  const auto begin = clock::now();
  rt.run([&] {
    for (int i = 1; i < 10; ++i) task(i);
  });
  return {log.entries(), clock::now() - begin};
}

template <class R>
done asynchronous(milliseconds nap) {
  const shared_log log;
  R rt;
  const auto task = sleepy_task(rt, log, nap);
  const auto begin = clock::now();
  rt.run([&] {
    const auto start = [&](int i) { return rt.spawn([&task, i] { task(i); }); };
    std::vector<decltype(start(0))> started;
    for (int i = 0; i < 10; ++i) started.push_back(start(i));
    for (auto& one : started) one.join();
  });
  return {log.entries(), clock::now() - begin};
}

TYPED_TEST(Article, TheSynchronousVersionDoesOneTaskAfterAnother) {
  constexpr auto nap = 5ms;
  const done all = synchronous<TypeParam>(nap);
  EXPECT_EQ(all.tasks, (std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_GE(all.took, 9 * nap);
}

// Half of the sum of all sleeps is far from one sleep as well as from the sum.
TYPED_TEST(Article, TheAsynchronousVersionTakesAboutOneSleep) {
  done all;
  milliseconds nap{};
  try_longer_units([&](milliseconds unit) {
    nap = unit;
    all = asynchronous<TypeParam>(nap);
    return !TypeParam::concurrent || all.took < 5 * nap;
  });
  if (TypeParam::concurrent) {
    EXPECT_GE(all.took, nap);
    EXPECT_LT(all.took, 5 * nap);
  } else {
    EXPECT_GE(all.took, 10 * nap);
  }
  // Each fiber falls asleep before the next, and so it wakes before the next. Of kernel tasks that
  // wake at about the same time any may be the first.
  if (TypeParam::preemptive) std::ranges::sort(all.tasks);
  EXPECT_EQ(all.tasks, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

}  // namespace
}  // namespace switchyard
