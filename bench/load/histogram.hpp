// A latency histogram with logarithmic buckets, mergeable, of fixed size; as JSON as well, so that
// the latencies of several runs, or of several generators, can be merged later: percentiles of
// parts can't be averaged, counts in buckets can be added. `scripts/switchyard.sh merge` reads it.
//
// The layout is that of HdrHistogram (Gil Tene): values share an exponent, and each power of two is
// cut into 64 equal buckets, so that a bucket's midpoint is off by at most 1/128 (0.8 %) of the
// value. Recording is a few integer instructions; a floating-point logarithm for each reply would
// cost the load generator more than its clock does.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace switchyard::load {

inline constexpr const char* histogram_format = "switchyard histogram 1";

/// Of durations in whole nanoseconds, from 0 to 2^63.
class histogram {
 public:
  void record(std::uint64_t nanoseconds) noexcept {
    ++counts_[bucket_of(nanoseconds)];
    ++count_;
    min_ = std::min(min_, nanoseconds);
    max_ = std::max(max_, nanoseconds);
  }

  void merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  /// Of all buckets, for whoever adds up histograms of several processes; and one of such a sum.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
  static histogram of(const std::vector<std::uint64_t>& counts, std::uint64_t min,
                      std::uint64_t max) {
    histogram made;
    made.counts_ = counts;
    made.count_ = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (made.count_ > 0) made.min_ = min;
    made.max_ = max;
    return made;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// 0 when nothing was recorded, as is max().
  [[nodiscard]] std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

  /// Calls `f(lowest, highest, count)` for each bucket that holds something, ascending; the bounds
  /// are in nanoseconds and belong to it.
  template <class F>
  void for_each_bucket(F f) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0) f(lowest(i), lowest(i) + width(i) - 1, counts_[i]);
    }
  }

  /// The value, in nanoseconds and within 1 %, that a share `quantile` (0 to 1) of all recorded
  /// values does not exceed; 0 when nothing was recorded.
  [[nodiscard]] double value_at(double quantile) const noexcept {
    if (count_ == 0) return 0;
    if (quantile >= 1) return static_cast<double>(max_);
    const double rank = std::max(quantile, 0.0) * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && static_cast<double>(seen) >= rank) {
        return std::clamp(midpoint(i), static_cast<double>(min_), static_cast<double>(max_));
      }
    }
    return static_cast<double>(max_);
  }

 private:
  static constexpr unsigned cut_bits = 6;
  static constexpr std::uint64_t cuts = 1U << cut_bits;

  // Below 64 ns each value has its own bucket; above, the top seven bits choose it.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < cuts) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - cut_bits;
    return static_cast<std::size_t>(shift * cuts + (value >> shift));
  }

  static constexpr std::uint64_t shift_of(std::size_t bucket) noexcept {
    return bucket < 2 * cuts ? 0 : bucket / cuts - 1;
  }
  static constexpr std::uint64_t lowest(std::size_t bucket) noexcept {
    const auto shift = shift_of(bucket);
    return (bucket - shift * cuts) << shift;
  }
  static constexpr std::uint64_t width(std::size_t bucket) noexcept {
    return std::uint64_t{1} << shift_of(bucket);
  }
  static double midpoint(std::size_t bucket) noexcept {
    return static_cast<double>(lowest(bucket)) + static_cast<double>(width(bucket) - 1) / 2;
  }

  std::vector<std::uint64_t> counts_ =
      std::vector<std::uint64_t>(bucket_of(std::numeric_limits<std::int64_t>::max()) + 1);
  std::uint64_t count_ = 0;
  std::uint64_t min_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_ = 0;
};

/// {"count", "min", "max", "buckets": [[lowest, highest, count], ...]}, in nanoseconds, ascending.
template <class Json>
void to_json(Json& out, const histogram& h) {
  out = {{"count", h.count()}, {"min", h.min()}, {"max", h.max()}, {"buckets", Json::array()}};
  h.for_each_bucket([&](std::uint64_t lowest, std::uint64_t highest, std::uint64_t count) {
    out["buckets"].push_back({lowest, highest, count});
  });
}

}  // namespace switchyard::load
