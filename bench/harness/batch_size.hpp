// How many operations a batch does, and how many of them are reported: the same number, unless this
// build is slowed down on purpose (SWITCHYARD_INJECT_SLOWDOWN), to see that a regression check
// notices. Then a batch does so many more, and no clock is tampered with.
#pragma once

#include <cstdint>

namespace switchyard::harness {

struct batch_size {
  std::int64_t done;
  std::int64_t reported;

  /// Of a row that can't do more than it reports: it is never slowed down.
  constexpr batch_size(std::int64_t as_many) : batch_size(as_many, as_many) {}
  constexpr batch_size(std::int64_t d, std::int64_t r) : done(d), reported(r) {}

  /// For the row, which has nothing to do with what is reported.
  constexpr operator std::int64_t() const noexcept { return done; }
};

/// The smallest multiple of `step` of which at least `wished` operations can be reported, each of
/// which costs `slowdown_percent` more than one operation done. Both numbers are whole: the ratio
/// is right to a thousandth.
constexpr batch_size batch_of(std::int64_t wished, std::int64_t step,
                              std::int64_t slowdown_percent) {
  const auto whole_steps = [step](std::int64_t ops) { return (ops + step - 1) / step * step; };
  if (slowdown_percent == 0) return whole_steps(wished);
  const std::int64_t cost = 100 + slowdown_percent;
  for (std::int64_t done = whole_steps((wished * cost + 99) / 100);; done += step) {
    const std::int64_t reported = (100 * done + cost / 2) / cost;
    const std::int64_t off = 100 * done - reported * cost;
    if (reported >= wished && (off < 0 ? -off : off) * 1'000 <= reported * cost) {
      return {done, reported};
    }
  }
}

}  // namespace switchyard::harness
