// Ranks that were told differently have to be refused by name, also those of a version that knows
// other options; and what a rank takes for rank 0's time has to be as sure as it says.
#include "bench/programs/echo/rank_agreement.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/programs/echo/rank_report.hpp"

namespace switchyard::ranks {
namespace {

using namespace std::chrono_literals;

const settings as_told = {{"version", "1.0"}, {"--bytes", "64"}, {"--rate", "100"}};

TEST(rank_agreement, RanksThatAreAlikeDoNotDiffer) {
  EXPECT_EQ(first_difference({{"a", as_told}}), std::nullopt);
  EXPECT_EQ(first_difference({{"a", as_told}, {"b", as_told}, {"a", as_told}}), std::nullopt);
}

TEST(rank_agreement, TheFirstThatDiffersIsNamed) {
  auto other = as_told;
  other[1].second = "128";
  EXPECT_EQ(first_difference({{"a", as_told}, {"b", as_told}, {"c", other}}),
            "rank 2 on c has --bytes 128, rank 0 on a has --bytes 64");
}

TEST(rank_agreement, TheVersionIsToldBeforeAllElse) {
  const settings newer = {{"version", "2.0"}, {"--bytes", "128"}, {"--pace", "3"}};
  EXPECT_EQ(first_difference({{"a", as_told}, {"b", newer}}),
            "rank 1 on b has version 2.0, rank 0 on a has version 1.0");
}

TEST(rank_agreement, AnOptionThatOnlyOneKnowsIsADifference) {
  auto more = as_told;
  more.emplace_back("--probe", "1");
  EXPECT_EQ(first_difference({{"a", as_told}, {"b", more}}),
            "rank 1 on b has --probe 1, rank 0 on a has no --probe");
  EXPECT_EQ(first_difference({{"a", more}, {"b", as_told}}),
            "rank 1 on b has no --probe, rank 0 on a has --probe 1");
}

TEST(cpus_of, AreSharedOutWhereThereIsOneForEachThread) {
  const std::vector<int> cpus = {2, 3, 5, 7};
  EXPECT_EQ(cpus_of(1, {1, 1, 1, 1}, cpus), std::vector{3});
  EXPECT_EQ(cpus_of(1, {2, 2}, cpus), (std::vector{5, 7}));
  EXPECT_EQ(cpus_of(0, {4}, cpus), cpus);
  EXPECT_EQ(cpus_of(0, {1, 3}, cpus), std::vector{2}) << "a probe has one thread";
  EXPECT_EQ(cpus_of(1, {1, 3}, cpus), (std::vector{3, 5, 7}));
}

TEST(cpus_of, AreNobodysOwnWhereThereAreMoreOrFewer) {
  EXPECT_TRUE(cpus_of(0, {1, 1}, {0, 1, 2, 3}).empty());
  EXPECT_TRUE(cpus_of(1, {2, 2}, {0, 1}).empty());
  EXPECT_TRUE(cpus_of(0, {1}, {}).empty());
}

TEST(clock_offset, IsThatOfTheShortestRoundTrip) {
  // 5 ms ahead, and the way there takes longer than the way back, but in the second.
  const auto offset = best_of({{.asked = 5'000us, .told = 900us, .heard = 6'000us},
                               {.asked = 15'000us, .told = 10'010us, .heard = 15'020us},
                               {.asked = 25'000us, .told = 20'100us, .heard = 25'100us}});
  EXPECT_EQ(offset.ahead, 5ms);
  EXPECT_EQ(offset.bound, 10us);
}

TEST(clock_offset, LiesWithinItsBoundHoweverUnevenTheWays) {
  for (const auto there : {0us, 1us, 40us, 100us}) {
    const clock_sample sample{.asked = 1s, .told = 3s + there, .heard = 1s + 100us};
    const auto [ahead, bound] = sample.offset();
    EXPECT_LE(std::chrono::abs(ahead - (-2s)), bound);
  }
}

TEST(time_to_start, IsByTheClockOfTheRank) {
  EXPECT_EQ(time_to_start(100s, {.ahead = 5ms}, 99s), 1s + 5ms);
  EXPECT_EQ(time_to_start(100s, {.ahead = -2h}, 100s - 2h), 0s);
  EXPECT_EQ(time_to_start(100s, {}, 101s), -1s) << "it begins at once, and late";
}

TEST(time_to_start, IsNoneWhereAClockWasSetMeanwhile) {
  try {
    time_to_start(100s, {.ahead = 5ms}, 99s - 1h);
    FAIL() << "it would be waited out";
  } catch (const std::runtime_error& wrong) {
    EXPECT_STREQ(wrong.what(),
                 "the start is 3601 s away: a clock was set in the warm-up, here or at rank 0");
  }
}

rank_run a_run(std::size_t rank) {
  rank_run run{.rank = rank,
               .host = "h",
               .result = {},
               .messages = 30,
               .clock_before = {.ahead = 3us, .bound = 1us},
               .clock_after = clock_offset{.ahead = 5us, .bound = 2us},
               .begun_late = 7us,
               .signal = 0};
  run.result.requests = 10 * (rank + 1);
  run.result.seconds = 2;
  run.result.cpu_s = 1;
  run.result.least_cpu_s = 0.5 / static_cast<double>(rank + 1);
  run.result.due = 4;
  run.result.unsent = 1;
  run.result.most_busy = 2;
  return run;
}

TEST(rank_report, RowsAddUpToTheWhole) {
  auto second = a_run(1);
  second.result.errors.by_kind["reset"] = 2;
  second.result.errors.first = "connection 3 was reset";
  load::run_result whole;
  add_row(whole, row_of(a_run(0)));
  add_row(whole, row_of(second));
  EXPECT_EQ(whole.requests, 30U);
  EXPECT_EQ(whole.due, 8U);
  EXPECT_EQ(whole.unsent, 2U);
  EXPECT_EQ(whole.most_busy, 4U);
  EXPECT_DOUBLE_EQ(whole.seconds, 2);
  EXPECT_DOUBLE_EQ(whole.cpu_s, 2);
  EXPECT_DOUBLE_EQ(whole.least_cpu_s, 0.25);
  EXPECT_EQ(whole.errors.total(), 2U);
  EXPECT_EQ(whole.errors.first, "rank 1 on h: connection 3 was reset");
}

TEST(rank_report, TheDriftIsWhatTheClockGainedMeanwhile) {
  const auto row = row_of(a_run(0));
  EXPECT_EQ(row.at("clock_offset_us"), 3);
  EXPECT_EQ(row.at("clock_bound_us"), 1);
  EXPECT_EQ(row.at("clock_drift_us"), 2);
  EXPECT_EQ(row.at("clock_drift_bound_us"), 3);
  EXPECT_EQ(row.at("begun_late_us"), 7);
}

TEST(rank_report, ARunThatWasStoppedHasNoDrift) {
  auto stopped = a_run(0);
  stopped.clock_after = std::nullopt;
  const auto row = row_of(stopped);
  EXPECT_TRUE(row.at("clock_drift_us").is_null());
  EXPECT_TRUE(row.at("clock_drift_bound_us").is_null());
  ::testing::internal::CaptureStdout();
  print_row(row);
  EXPECT_NE(::testing::internal::GetCapturedStdout().find("(within 1.0), begun"),
            std::string::npos);
}

}  // namespace
}  // namespace switchyard::ranks
