// Whether the ranks of a load were told alike, which CPUs are whose, and by how much their clocks
// differ: what can be said without MPI.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace switchyard::ranks {

/// Names and values, the version and the build first.
using settings = std::vector<std::pair<std::string, std::string>>;

struct member {
  std::string host;
  settings has;
};

inline std::string name_of(std::size_t rank, const std::string& host) {
  return "rank " + std::to_string(rank) + " on " + host;
}

/// What the first rank that differs from rank 0 has otherwise; nothing when all are alike.
inline std::optional<std::string> first_difference(const std::vector<member>& all) {
  const auto told = [](std::size_t rank, const member& who, const std::string& name) {
    const auto found = std::ranges::find(who.has, name, &settings::value_type::first);
    return name_of(rank, who.host) +
           (found == who.has.end() ? " has no " + name : " has " + name + " " + found->second);
  };
  const auto has = [](const member& who, const settings::value_type& one) {
    return std::ranges::find(who.has, one) != who.has.end();
  };
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const auto differs = [&](const member& one, const member& other) -> std::optional<std::string> {
      const auto found = std::ranges::find_if_not(
          one.has, [&](const auto& setting) { return has(other, setting); });
      if (found == one.has.end()) return std::nullopt;
      return told(rank, all[rank], found->first) + ", " + told(0, all[0], found->first);
    };
    if (const auto found = differs(all[rank], all[0])) return found;
    if (const auto found = differs(all[0], all[rank])) return found;
  }
  return std::nullopt;
}

/// Of a host's CPUs those of one of its ranks, `threads` being how many each rank there has: none
/// of its own where there is not one for each thread.
inline std::vector<int> cpus_of(std::size_t rank_on_host, const std::vector<std::size_t>& threads,
                                const std::vector<int>& cpus) {
  const auto sum = [](std::span<const std::size_t> some) {
    return std::accumulate(some.begin(), some.end(), std::size_t{0});
  };
  if (sum(threads) != cpus.size()) return {};
  const auto before = sum(std::span(threads).first(rank_on_host));
  const auto own = std::span(cpus).subspan(before, threads[rank_on_host]);
  return {own.begin(), own.end()};
}

/// Of a clock against rank 0's: how much it is ahead, and by how much that may be wrong.
struct clock_offset {
  std::chrono::nanoseconds ahead{0};
  std::chrono::nanoseconds bound{0};
};

/// A question to rank 0, and the answer: when by the own clock, and what rank 0's told.
struct clock_sample {
  std::chrono::nanoseconds asked;
  std::chrono::nanoseconds told;
  std::chrono::nanoseconds heard;

  /// As NTP has it (RFC 5905): rank 0 read its clock some time between the two.
  [[nodiscard]] clock_offset offset() const {
    return {(asked + heard) / 2 - told, (heard - asked) / 2};
  }
};

/// That of the shortest round trip, which leaves the least room for doubt.
inline clock_offset best_of(const std::vector<clock_sample>& samples) {
  return std::ranges::min_element(samples, {}, [](const auto& one) { return one.offset().bound; })
      ->offset();
}

/// How long it is from `now`, by this rank's wall clock, to a start that rank 0 has told. Throws
/// std::runtime_error where that is longer than ranks need to hear of it: a clock was set since the
/// two were compared, and its rank would wait out the difference.
inline std::chrono::nanoseconds time_to_start(std::chrono::nanoseconds start,
                                              const clock_offset& mine,
                                              std::chrono::nanoseconds now) {
  constexpr std::chrono::seconds most{20};
  const auto left = start + mine.ahead - now;
  if (left <= most) return left;
  throw std::runtime_error("the start is " +
                           std::to_string(std::chrono::floor<std::chrono::seconds>(left).count()) +
                           " s away: a clock was set in the warm-up, here or at rank 0");
}

}  // namespace switchyard::ranks
