// The search for the highest rate that a latency objective allows: on made-up answers.
#include "bench/load/slo_search.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace switchyard::load {
namespace {

using namespace std::chrono_literals;

load::run_result answered_in(std::chrono::nanoseconds latency, std::uint64_t unsent = 0) {
  load::run_result result;
  for (int i = 0; i < 1'000; ++i) {
    result.latency.record(static_cast<std::uint64_t>(latency.count()));
  }
  result.due = 1'000 + unsent;
  result.unsent = unsent;
  return result;
}

TEST(slo, IsReadAsItIsWritten) {
  const auto p99 = parse_slo("p99=5ms");
  EXPECT_DOUBLE_EQ(p99.quantile, 0.99);
  EXPECT_EQ(p99.bound, 5ms);
  const auto p999 = parse_slo("p99.9=800us");
  EXPECT_NEAR(p999.quantile, 0.999, 1e-12);
  EXPECT_EQ(p999.bound, 800us);
  EXPECT_EQ(parse_slo("p50=0.5s").bound, 500ms);
}

TEST(slo, NonsenseIsNamed) {
  for (const std::string text :
       {"", "99=5ms", "p99", "p99=", "p99=5", "p99=5min", "p=5ms", "p0=5ms", "p100=5ms", "pxx=5ms",
        "p99=-1ms", "p99=0ms", "p99x=5ms", "p99=nanms", "p99=1e99s"}) {
    try {
      parse_slo(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const std::invalid_argument& wrong) {
      EXPECT_NE(std::string(wrong.what()).find("'" + text + "'"), std::string::npos)
          << wrong.what();
    }
  }
}

TEST(slo, TheSearchFindsTheKnee) {
  // Fast up to 73,000 per second, slow beyond.
  const auto probe = [](double rate) { return answered_in(rate <= 73'000 ? 1ms : 50ms); };
  const auto found = highest_rate(parse_slo("p99=5ms"), 100'000, probe, 10);
  EXPECT_LE(found.rate, 73'000);
  EXPECT_GT(found.rate, 72'000);
  EXPECT_EQ(found.probes, 10);
}

TEST(slo, AllOrNothingIsFoundToo) {
  const auto always =
      highest_rate(parse_slo("p99=5ms"), 1e5, [](double) { return answered_in(1ms); });
  EXPECT_EQ(always.rate, 1e5);
  EXPECT_EQ(always.probes, 1);
  const auto never =
      highest_rate(parse_slo("p99=5ms"), 1e5, [](double) { return answered_in(9ms); });
  EXPECT_EQ(never.rate, 0);
}

TEST(slo, ErrorsAndUnsentMessagesBreakIt) {
  const auto wanted = parse_slo("p99=5ms");
  EXPECT_TRUE(wanted.holds(answered_in(1ms)));
  EXPECT_TRUE(wanted.holds(answered_in(1ms, 1)));
  EXPECT_FALSE(wanted.holds(answered_in(1ms, 2)));
  auto wrong = answered_in(1ms);
  wrong.errors.by_kind["wrong_reply"] = 1;
  EXPECT_FALSE(wanted.holds(wrong));
  EXPECT_FALSE(wanted.holds(load::run_result())) << "nothing was measured";
}

}  // namespace
}  // namespace switchyard::load
