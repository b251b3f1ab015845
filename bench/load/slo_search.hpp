// The highest rate at which a latency percentile stays within a bound (a service level objective),
// found by bisection with repeated trials, each of which is an open-loop run at a fixed rate.
//
// One trial proves little: a neighbour's millisecond breaks a bound that holds all day. So a rate
// is tried until one answer leads by two, five times at most. Where a trial errs once in ten, 1.2 %
// of such leads are wrong, and 5.3 % where it errs once in five (q^2 (1 + 2pq)). A lead of one
// after five is a majority, and counts as undecided. What spoils a second or two fools one search:
// there are three, and their median stands.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "bench/load/generator.hpp"

namespace switchyard::load {

struct slo {
  std::string name = "p99";  // as it was given
  double quantile = 0.99;
  std::chrono::nanoseconds bound = std::chrono::milliseconds(5);

  /// Latency counts from the time at which a message was due. A wrong answer breaks the objective
  /// however fast the others were, and so does one message in a thousand that could not be sent.
  [[nodiscard]] bool holds(const run_result& r) const {
    return r.errors.total() == 0 && 1'000 * r.unsent <= r.due && r.latency.count() > 0 &&
           r.latency.value_at(quantile) <= static_cast<double>(bound.count());
  }
};

/// "p99=5ms" or "p99.9=800us". Throws std::invalid_argument that says what would be right.
inline slo parse_slo(const std::string& text) {
  const auto reject = [&](const std::string& why) {
    throw std::invalid_argument("SLO '" + text + "': " + why +
                                "; give a percentile and a bound such as p99=5ms or p99.9=800us");
  };
  const auto equals = text.find('=');
  if (text.empty() || text[0] != 'p' || equals == std::string::npos) reject("it is no pNN=TIME");
  const auto number = [&](std::size_t from, std::size_t to, std::string& rest) {
    double value = 0;
    const char* const end = text.data() + to;
    const auto [stopped, error] = std::from_chars(text.data() + from, end, value);
    if (error != std::errc{}) reject("'" + text.substr(from, to - from) + "' is no number");
    rest.assign(stopped, end);
    return value;
  };
  slo wanted;
  std::string rest;
  wanted.name = text.substr(0, equals);
  // Of 99.9 the nearest number to 0.999: one above it would be another value of a thousand.
  constexpr double exact_to = 1e9;
  wanted.quantile = std::round(number(1, equals, rest) * exact_to) / (100 * exact_to);
  if (!rest.empty() || wanted.quantile <= 0 || wanted.quantile >= 1) {
    reject("a percentile is above 0 and below 100");
  }
  const double value = number(equals + 1, text.size(), rest);
  const double unit = rest == "us" ? 1e3 : rest == "ms" ? 1e6 : rest == "s" ? 1e9 : 0;
  if (unit == 0) reject("the bound's unit has to be us, ms or s");
  if (!(value > 0) || value * unit > 3600e9) reject("the bound is above 0 and at most an hour");
  wanted.bound = std::chrono::nanoseconds(static_cast<std::int64_t>(value * unit));
  return wanted;
}

inline constexpr int most_trials = 5;  // of a rate

/// What was found, in messages per second. Up to `low` it was decided in each search that the
/// objective holds, and from `high` on that it does not, unless that is the most that was asked
/// for.
struct slo_rate {
  double rate = 0;  // at which most trials held; 0 when not even the lowest did
  double low = 0;
  double high = 0;
  int trials = 0;
};

/// Of one search, by majority, and the rates next to it that were decided.
template <class Holds>
slo_rate search_once(double most, int steps, Holds holds) {
  constexpr int decided = 2;
  slo_rate found{.high = most};
  double fails = most;
  for (int step = 0; step < steps; ++step) {
    const double rate = step == 0 ? most : (found.rate + fails) / 2;
    int lead = 0;
    for (int i = 0; i < most_trials && std::abs(lead) < decided; ++i, ++found.trials) {
      lead += holds(rate) ? 1 : -1;
    }
    (lead > 0 ? found.rate : fails) = rate;
    if (lead >= decided) found.low = rate;
    if (lead <= -decided) found.high = rate;
    if (found.rate >= most) break;
  }
  return found;
}

/// `trial(rate)` gives a run_result. Looks between nothing and `most`, to within 1/2^(steps-1) of
/// it. Latency over rate is taken to rise.
template <class Trial>
slo_rate highest_rate(const slo& wanted, double most, Trial trial, int steps = 7) {
  std::array<slo_rate, 3> searches;
  for (slo_rate& one : searches) {
    one = search_once(most, steps, [&](double rate) { return wanted.holds(trial(rate)); });
  }
  std::ranges::sort(searches, {}, &slo_rate::rate);
  slo_rate found = searches[1];
  for (const slo_rate& one : {searches[0], searches[2]}) {
    found.low = std::min(found.low, one.low);
    found.high = std::max(found.high, one.high);
    found.trials += one.trials;
  }
  return found;
}

}  // namespace switchyard::load
