// The ring of the `switch` workload: its members are spawned, joined, timed and counted, and it
// falls apart as a whole when one of them fails.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"

namespace switchyard::rings {

using clock = std::chrono::steady_clock;
using harness::measured;

enum class placement { same, cross };

inline void pin_member(placement where, std::size_t index) {
  const bool second = where == placement::cross && index % 2 == 1;
  harness::pin_this_thread({second ? harness::second_cpu() : harness::first_cpu()});
}

/// What one member of a ring saw between its first and its last turn.
struct turns {
  clock::time_point begin;
  clock::time_point end;
  harness::usage used;
  std::int64_t uncounted = 0;  // switches of its own after its last turn

  /// The span and the usage of both.
  void join(const turns& other) {
    begin = std::min(begin, other.begin);
    end = std::max(end, other.end);
    used += other.used;
    uncounted += other.uncounted;
  }
  [[nodiscard]] measured total() const {
    return {std::chrono::duration<double>(end - begin).count(), used};
  }
};

template <class Loop>
turns measure_turns(Loop loop) {
  turns t;
  const auto before = harness::usage_of_this_thread();
  t.begin = clock::now();
  loop();
  t.end = clock::now();
  t.used = harness::usage_of_this_thread() - before;
  return t;
}

/// A member that can't go on, or that could not be started, would leave the others waiting for
/// ever: it breaks the ring, and they end with this error.
struct broken_ring : std::runtime_error {
  broken_ring() : std::runtime_error("another member of the ring has failed") {}
};

/// Spawns all members and joins them. When that fails, or one of them does, calls `break_ring()`;
/// the error thrown is then the one that began it.
template <class R, class Member, class Break>
std::vector<turns> run_ring(R& rt, std::size_t tasks, Member member, Break break_ring) {
  const auto spawn = [&](std::size_t i) {
    return rt.spawn([&member, &break_ring, i] {
      try {
        return member(i);
      } catch (...) {
        break_ring();
        throw;
      }
    });
  };
  std::vector<decltype(spawn(0))> ring;
  ring.reserve(tasks);
  try {
    for (std::size_t i = 0; i < tasks; ++i) ring.push_back(spawn(i));
  } catch (...) {
    break_ring();
    throw;
  }
  std::vector<turns> seen;
  std::string failure;
  for (auto& task : ring) {
    try {
      seen.push_back(task.join());
    } catch (const std::exception& error) {
      if (failure.empty() || failure == broken_ring().what()) failure = error.what();
    }
  }
  if (!failure.empty()) throw std::runtime_error(failure);
  return seen;
}

inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

inline std::string counted(const harness::usage& used, std::int64_t ops) {
  return "the kernel counted " + std::to_string(used.kernel_switches) + " switches for " +
         std::to_string(ops) + " operations";
}

/// Each operation has to be one switch of the kernel's. Not quite: the first may come too early,
/// whoever is left alone at the end has nobody to give way to, and others use the CPU as well.
inline void expect_kernel_switches(const harness::usage& used, std::int64_t ops,
                                   std::size_t tasks) {
  const auto slack = ops / 10 + 2 * static_cast<std::int64_t>(tasks);
  expect(std::abs(used.kernel_switches - ops) <= slack, counted(used, ops));
}

/// The kernel has nothing to do with these operations; the slack is for what else uses the CPU.
inline void expect_no_kernel_switches(const harness::usage& used, std::int64_t ops) {
  constexpr std::int64_t slack = 100;
  expect(used.kernel_switches <= ops / 100 + slack, counted(used, ops));
}

/// Whole laps, and enough of them that the slack above leaves something to be checked.
inline std::int64_t whole_laps(const benchmark::State& state, std::size_t tasks) {
  constexpr benchmark::IterationCount least_laps = 10;
  const auto size = static_cast<std::int64_t>(tasks);
  return harness::at_least(std::max(state.max_iterations, least_laps * size), size);
}

}  // namespace switchyard::rings
