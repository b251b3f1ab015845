// A histogram as JSON, so that the latencies of several runs, or of several generators, can be
// merged later: percentiles of parts can't be averaged, counts in buckets can be added.
// `scripts/switchyard.sh merge` reads it.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/load/histogram.hpp"

namespace switchyard::load {

inline constexpr const char* histogram_format = "switchyard histogram 1";

/// {"count", "min", "max", "buckets": [[lowest, highest, count], ...]}, in nanoseconds, ascending.
inline nlohmann::ordered_json as_json(const histogram& h) {
  auto buckets = nlohmann::ordered_json::array();
  h.for_each_bucket([&](std::uint64_t lowest, std::uint64_t highest, std::uint64_t count) {
    buckets.push_back({lowest, highest, count});
  });
  return {{"count", h.count()}, {"min", h.min()}, {"max", h.max()}, {"buckets", buckets}};
}

}  // namespace switchyard::load
