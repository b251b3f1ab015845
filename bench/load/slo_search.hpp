// The highest rate at which a latency percentile stays within a bound (a service level objective),
// found by bisection: each probe is an open-loop run at a fixed rate.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
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
  wanted.quantile = number(1, equals, rest) / 100;
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

/// What a search found. `rate` is 0 when not even the lowest probe held.
struct slo_rate {
  double rate = 0;  // messages per second, of the best probe that held
  int probes = 0;
};

/// `probe(rate)` gives a run_result. Looks between nothing and `most`, to within 1/2^steps of it.
/// Latency over rate is taken to rise: with noise the answer is one rate that held, not the only
/// one.
template <class Probe>
slo_rate highest_rate(const slo& wanted, double most, Probe probe, int steps = 7) {
  slo_rate best;
  double low = 0;
  double high = most;
  for (int step = 0; step < steps; ++step) {
    const double rate = step == 0 ? most : (low + high) / 2;
    const run_result result = probe(rate);
    ++best.probes;
    if (wanted.holds(result)) {
      low = rate;
      best.rate = rate;
      if (rate >= most) break;
    } else {
      high = rate;
    }
  }
  return best;
}

}  // namespace switchyard::load
