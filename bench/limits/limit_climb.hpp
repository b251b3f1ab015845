// How far one can go: a count that doubles until a limit is met, a step takes too long, or as many
// are there as were asked for.
//
// The limits are asked before each step, so that it is not begun where it would do harm; a runtime
// that meets one all the same says so itself (limit_error). How a climb ended is its result.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "bench/harness/limits.hpp"
#include "bench/harness/parked_tasks.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {

struct climb {
  std::int64_t reached = 0;  // the largest count that was there, alive and checked
  bool at_limit = false;     // there is no room for the next count
  short_text why;            // it ended: the limit's name, or what else
};

/// What a climb may take of the memory that is available. Less than what other rows may: it goes to
/// the edge on purpose.
inline constexpr unsigned climb_memory_percent = 50;
inline constexpr std::chrono::seconds step_patience(10);

struct step_too_slow : std::runtime_error {
  step_too_slow() : std::runtime_error("a step of a climb takes too long") {}
};

/// Called all through a step, ends one that takes too long, and one that takes more memory than was
/// foreseen.
class step_guard {
  using clock = std::chrono::steady_clock;

 public:
  void operator()() {
    const auto now = clock::now();
    if (now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds(10);
    if (now > deadline_) throw step_too_slow();
    if (harness::room_for_memory(100).left() + mine_.left() < mine_.total) {
      throw limit_error(mine_.for_each(1).limit);
    }
  }

 private:
  harness::room mine_ = harness::room_for_memory(climb_memory_percent);
  clock::time_point deadline_ = clock::now() + step_patience;
  clock::time_point next_look_{};
};

/// `room()` gives the headroom of this moment; `step(count)` throws when not all `count` were
/// there.
template <class Room, class Step>
climb climb_by_doubling(std::int64_t most, const Room& room, const Step& step) {
  using clock = std::chrono::steady_clock;
  std::int64_t reached = 0;
  std::string slow;
  for (std::int64_t count = 1; reached < most; count = std::min(2 * count, most)) {
    const harness::headroom left = room();
    if (static_cast<std::uint64_t>(count) > left.count) return {reached, true, left.limit};
    if (!slow.empty()) return {reached, false, slow};
    const auto patience_ends = clock::now() + step_patience;
    const std::string too_slow = "a step of " + std::to_string(count) + " takes more than " +
                                 std::to_string(step_patience.count()) + " s";
    try {
      step(count);
    } catch (const limit_error& met) {
      return {reached, true, std::string(met.what())};
    } catch (const step_too_slow&) {
      return {reached, false, too_slow};
    }
    reached = count;
    if (clock::now() > patience_ends) slow = too_slow;
  }
  return {reached, false, "no limit up to " + std::to_string(most)};
}

}  // namespace switchyard
