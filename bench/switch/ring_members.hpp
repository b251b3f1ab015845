// What the members of a ring do in their turns: they hand control on, and may touch memory.
//
// How one kernel task hands control to the next, across threads and across processes alike: a
// baton lies in shared memory, is posted by one task and awaited by another. One hand-over on one
// CPU is one context switch, because the poster then waits for its own baton.
//
// The block of memory that a task reads and writes between two switches is there so that a switch
// also costs what the others have pushed out of the caches meanwhile.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard::harness {

/// futex(2): post is one FUTEX_WAKE, wait one FUTEX_WAIT; no spinning before it. Not the private
/// kind, so that threads and processes pay for the same call.
class futex_baton {
 public:
  void post() noexcept {
    word_.store(1, std::memory_order_release);
    futex_wake(word_, 1);
  }
  void wait() noexcept {
    while (word_.load(std::memory_order_acquire) == 0) futex_wait(word_, 0);
    word_.store(0, std::memory_order_relaxed);
  }

 private:
  alignas(64) std::atomic<std::uint32_t> word_{0};
};

/// pipe(7): post writes one byte, wait reads it.
class pipe_baton {
 public:
  pipe_baton() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "create a pipe");
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }

  void post() {
    const char token = 't';
    while (::write(write_.get(), &token, 1) != 1) {
      if (errno != EINTR) throw_errno("write to a pipe");
    }
  }
  void wait() {
    char token = 0;
    for (ssize_t got = 0; (got = ::read(read_.get(), &token, 1)) != 1;) {
      if (got == 0) throw std::runtime_error("a pipe was closed");
      if (errno != EINTR) throw_errno("read from a pipe");
    }
    if (token != 't') throw std::runtime_error("a pipe delivered a wrong byte");
  }

 private:
  unique_fd read_;
  unique_fd write_;
};

/// Memory for futexes is shared with forked children; pipes are inherited by them.
template <class Baton>
auto make_batons(std::size_t count) {
  if constexpr (std::is_same_v<Baton, futex_baton>) {
    return shared_array<Baton>(count);
  } else {
    require_open_files(2 * count + 32);
    return std::vector<Baton>(count);
  }
}

/// Without this, the kernel may let a woken task run at once, and the waker then needs a switch of
/// its own to get to its wait: 1.3 switches for each hand-over in larger rings. sched(7):
/// SCHED_BATCH tasks do not preempt on wake-up.
inline void hand_over_in_one_switch() {
  const sched_param none{};
  check(::sched_setscheduler(0, SCHED_BATCH, &none), "set the scheduling policy");
}

}  // namespace switchyard::harness

namespace switchyard::rings {

/// What a task does between two switches: nothing, or a touch of its own block.
struct no_work {
  void touch() noexcept {}
  void expect_touched(std::uint64_t) const noexcept {}
};

/// Of one task: `bytes` of it, in cache lines. touch() reads and writes a word of each line, in
/// order; as every line counts how often that was, what it did can be checked.
class working_set {
 public:
  explicit working_set(std::size_t bytes)
      : lines_(bytes / line_bytes),
        words_(new (alignment) std::uint64_t[lines_ * words_per_line]()) {}

  // One code for all rows: inlined, some loops took twice as long as others.
  [[gnu::noinline]] void touch() noexcept {
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

/// What `make_work()` gives, for each member of a ring: made before the time begins, as the first
/// touch of a block is a page fault for each of its pages.
template <class MakeWork>
auto make_works(std::size_t tasks, MakeWork make_work) {
  std::vector<decltype(make_work())> works;
  works.reserve(tasks);
  while (works.size() < tasks) works.push_back(make_work());
  return works;
}

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
