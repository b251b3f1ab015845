// Histograms of latencies: what is recorded comes back within 1 %, and parts that are added up, in
// one process or over several, are the histogram of the whole.
#include "bench/load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

namespace switchyard::load {
namespace {

std::vector<std::uint64_t> latencies(std::size_t count) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> distribution(10, 2);  // 20 us, and a long tail
  std::vector<std::uint64_t> values(count);
  for (auto& v : values) v = static_cast<std::uint64_t>(distribution(random));
  return values;
}

TEST(histogram, EveryQuantileIsWithinOnePerCent) {
  auto values = latencies(100'000);
  histogram h;
  for (const auto v : values) h.record(v);
  std::ranges::sort(values);
  for (const double q : {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(h.value_at(q), exact, 0.01 * exact) << "quantile " << q;
  }
  EXPECT_EQ(h.value_at(1), static_cast<double>(values.back()));
  EXPECT_EQ(h.max(), values.back());
  EXPECT_EQ(h.count(), values.size());
}

TEST(histogram, SmallValuesAreExact) {
  for (std::uint64_t v = 0; v < 128; ++v) {
    histogram h;
    h.record(v);
    EXPECT_EQ(h.value_at(0.5), static_cast<double>(v));
  }
}

TEST(histogram, MergedPartsAreTheWhole) {
  const auto values = latencies(10'000);
  histogram whole;
  histogram even;
  histogram odd;
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.record(values[i]);
    (i % 2 == 0 ? even : odd).record(values[i]);
  }
  even.merge(odd);
  EXPECT_EQ(even.count(), whole.count());
  EXPECT_EQ(even.max(), whole.max());
  for (const double q : {0.0, 0.1, 0.5, 0.99, 1.0}) EXPECT_EQ(even.value_at(q), whole.value_at(q));
}

TEST(histogram, TakesTheLargestAndNoValueAtAll) {
  histogram h;
  EXPECT_EQ(h.value_at(0.5), 0);
  h.record(std::numeric_limits<std::int64_t>::max());
  EXPECT_GT(h.value_at(0.5), 9e18);
}

TEST(histogram, OfAddedCountsIsWhatMergingGives) {
  const auto values = latencies(10'000);
  histogram a;
  histogram b;
  for (const auto v : values) (v % 3 == 0 ? a : b).record(v);
  auto counts = a.counts();
  std::ranges::transform(counts, b.counts(), counts.begin(), std::plus{});
  const auto sum = histogram::of(counts, std::min(a.min(), b.min()), std::max(a.max(), b.max()));
  a.merge(b);
  EXPECT_EQ(sum.counts(), a.counts());
  EXPECT_EQ(sum.count(), values.size());
  EXPECT_EQ(sum.min(), std::ranges::min(values));
  EXPECT_EQ(sum.max(), std::ranges::max(values));
  EXPECT_EQ(nlohmann::json(sum), nlohmann::json(a));
}

TEST(histogram, OfNoCountsTakesWhatIsMergedIntoIt) {
  const histogram nothing;
  auto sum = histogram::of(nothing.counts(), std::numeric_limits<std::uint64_t>::max(), 0);
  EXPECT_EQ(sum.count(), 0U);
  EXPECT_EQ(sum.min(), 0U);
  histogram one;
  one.record(1'000);
  sum.merge(one);
  EXPECT_EQ(sum.min(), 1'000U);
  EXPECT_EQ(sum.max(), 1'000U);
}

TEST(histogram_file, HasEveryValueInABucketThatHoldsIt) {
  histogram h;
  const std::uint64_t values[] = {0, 63, 64, 127, 128, 129, 1'000'000, 123'456'789'012};
  for (const auto v : values) h.record(v);
  const nlohmann::json json = h;
  EXPECT_EQ(json["count"], std::size(values));
  EXPECT_EQ(json["min"], 0);
  EXPECT_EQ(json["max"], values[std::size(values) - 1]);
  for (const auto v : values) {
    int holders = 0;
    for (const auto& bucket : json["buckets"]) {
      const auto low = bucket[0].get<std::uint64_t>();
      const auto high = bucket[1].get<std::uint64_t>();
      if (low <= v && v <= high) ++holders;
      EXPECT_LE(static_cast<double>(high - low), 0.0157 * static_cast<double>(low));
    }
    EXPECT_EQ(holders, 1) << v;
  }
}

}  // namespace
}  // namespace switchyard::load
