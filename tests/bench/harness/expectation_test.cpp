// What a workload expects of the kernel: what holds passes, what does not fails with its figures.
// And of a row that it did something.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "tests/support/one_row.hpp"

namespace switchyard::harness {
namespace {

usage switched(std::int64_t voluntary, std::int64_t involuntary) {
  return {.voluntary_switches = voluntary, .involuntary_switches = involuntary};
}

std::string complaint(const usage& used, std::int64_t ops, const expected_switches& each,
                      std::int64_t once = 100) {
  try {
    expect_switches(used, ops, each, once);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

TEST(expectation, HoldsWithinItsBounds) {
  constexpr expected_switches exactly_one{.at_least = 1, .sleeps_at_most = 1};
  EXPECT_EQ(complaint(switched(10'000, 0), 10'000, exactly_one), "");
  EXPECT_EQ(complaint(switched(0, 10'000), 10'000, exactly_one), "") << "of both kinds";
  EXPECT_EQ(complaint(switched(10'000, 50'000), 10'000, exactly_one), "") << "others use the CPU";
  EXPECT_EQ(complaint(switched(100, 0), 10'000, {}), "") << "what happens once";
}

TEST(expectation, FailsBeyondThemAndSaysByWhat) {
  constexpr expected_switches exactly_one{.at_least = 1, .sleeps_at_most = 1};
  EXPECT_EQ(complaint(switched(9'000, 0), 10'000, exactly_one),
            "the kernel counted 9000 switches for 10000 operations, expected at least 9798");
  EXPECT_EQ(complaint(switched(20'000, 0), 10'000, exactly_one),
            "the kernel counted 20000 sleeps for 10000 operations, expected at most 10310");
  EXPECT_EQ(complaint(switched(200, 0), 10'000, {}),
            "the kernel counted 200 sleeps for 10000 operations, expected at most 110");
  EXPECT_NE(complaint(switched(30, 0), 1'000, {}, 20), "");
}

TEST(expectation, ARowThatDidNothingFails) {
  const auto code_for = [](const measured& what) {
    return code_of_a_row([&](benchmark::State& s) { record_batch(s, 10, [&] { return what; }); });
  };
  EXPECT_EQ(code_for({.seconds = 1}), 0) << "as many as were asked for";
  EXPECT_EQ(code_for({.seconds = 1, .done = 7}), 0);
  EXPECT_EQ(code_for({.seconds = 1, .done = 0}), exit_failure) << "nothing was answered in time";
  EXPECT_EQ(code_for({.seconds = 1, .done_by_used = 0}), exit_failure);
}

/// A row that throws unless the kernel's share of what it used is told, or not told.
row_body row_whose_share(bool is_told, double cpu_s) {
  return [=](benchmark::State& state) {
    const measured what{.seconds = 1, .used = {.cpu_s = cpu_s, .system_s = cpu_s / 2}};
    record_batch(state, 10, [&] { return what; });
    if (state.counters.contains("system_us_per_op") != is_told) throw std::runtime_error("wrong");
  };
}

TEST(expectation, TheKernelsShareIsToldOfTheFirstRowAndNotOfATick) {
  const double enough = 1.01 * least_cpu_s_to_split();
  EXPECT_EQ(code_of_a_row(row_whose_share(true, enough)), 0);
  EXPECT_EQ(code_of_a_row(row_whose_share(false, 0.99 * least_cpu_s_to_split())), 0);
  EXPECT_EQ(code_of_rows({row_whose_share(true, enough), row_whose_share(false, enough)}), 0)
      << "in the second there is what the first did";
}

TEST(expectation, SleepsOfRealTasksAreSeen) {
  const auto before = usage_of_this_thread();
  for (int i = 0; i < 300; ++i) ::usleep(1);
  const auto used = usage_of_this_thread() - before;
  EXPECT_EQ(complaint(used, 300, {.at_least = 1, .sleeps_at_most = 1}), "");
  EXPECT_NE(complaint(used, 300, {}), "") << "expected not to sleep, and slept 300 times";
  EXPECT_NE(complaint(used, 1'000, {.at_least = 1, .sleeps_at_most = 1}), "")
      << "expected to be switched away from";
}

TEST(expectation, ATaskOnTheSameCpuTakesASwitch) {
  const auto cpus = allowed_cpus();
  pin_this_thread({first_cpu()});
  const auto before = usage_of_self_and_reaped();
  constexpr std::int64_t children = 50;
  for (std::int64_t i = 0; i < children; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  }
  const auto used = usage_of_self_and_reaped() - before;
  pin_this_thread(cpus);
  EXPECT_EQ(complaint(used, children, {.at_least = 1, .sleeps_at_most = 2}, 5), "");
}

}  // namespace
}  // namespace switchyard::harness
