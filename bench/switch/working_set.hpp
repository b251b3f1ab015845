// The block of memory that a task of a `switch` row reads and writes between two switches, so that
// a switch also costs what the others have pushed out of the caches meanwhile.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "bench/harness/task_group.hpp"

namespace switchyard::rings {

/// Of one task: `bytes` of it, in cache lines. touch() reads and writes a word of each line, in
/// order; as every line counts how often that was, what it did can be checked.
class working_set {
 public:
  explicit working_set(std::size_t bytes)
      : lines_(bytes / line_bytes),
        words_(new (alignment) std::uint64_t[lines_ * words_per_line]()) {}

  void touch() noexcept {
    std::uint64_t* const words = words_.get();
    for (std::size_t i = 0; i < lines_ * words_per_line; i += words_per_line) ++words[i];
    // The compiler may not put several passes together: somebody might look in between.
    asm volatile("" : : "r"(words) : "memory");
  }

  /// Throws std::runtime_error unless every line was touched `times` times.
  void expect_touched(std::uint64_t times) const {
    for (std::size_t i = 0; i < lines_; ++i) {
      task_group::expect(words_[i * words_per_line] == times,
                         "a block was not touched in each turn");
    }
  }

 private:
  static constexpr std::size_t line_bytes = 64;
  static constexpr std::size_t words_per_line = line_bytes / sizeof(std::uint64_t);
  static constexpr std::align_val_t alignment{4'096};

  struct free_aligned {
    void operator()(std::uint64_t* words) const noexcept { ::operator delete[](words, alignment); }
  };

  std::size_t lines_;
  std::unique_ptr<std::uint64_t[], free_aligned> words_;
};

/// "0", "16K", "4M"; as benchmark names have it.
inline std::string size_text(std::size_t bytes) {
  if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "M";
  return bytes == 0 ? "0" : std::to_string(bytes >> 10) + "K";
}

/// Seconds that a touch of such a block costs a task that is never switched away from, as the
/// median of several runs on this CPU: what the caches can hold of the block is in them.
inline double seconds_of_a_touch(std::size_t bytes) {
  constexpr auto enough = std::chrono::milliseconds(2);
  constexpr int runs = 9;
  if (bytes == 0) return 0;
  working_set block(bytes);
  block.touch();
  std::vector<double> each;
  for (int run = 0; run < runs; ++run) {
    const auto begin = task_group::clock::now();
    std::int64_t touches = 0;
    auto now = begin;
    for (; now - begin < enough; now = task_group::clock::now()) {
      for (int i = 0; i < 8; ++i, ++touches) block.touch();
    }
    each.push_back(std::chrono::duration<double>(now - begin).count() /
                   static_cast<double>(touches));
  }
  std::ranges::nth_element(each, each.begin() + runs / 2);
  return each[runs / 2];
}

/// What a row with a working set tells beside its time for a switch and a touch: the touch alone,
/// and the rest, which is the switch with the refilling of the caches. Where the block costs much
/// more than a switch, noise can make that negative.
inline void set_working_set(benchmark::State& state, std::size_t bytes) {
  const double touch_ns = 1e9 * seconds_of_a_touch(bytes);
  const double rate = state.counters["ops_per_s"];
  state.counters["block_ns"] = touch_ns;
  state.counters["switch_ns"] = 1e9 / rate - touch_ns;
}

}  // namespace switchyard::rings
