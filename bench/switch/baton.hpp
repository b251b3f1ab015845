// How one kernel task hands control to the next, across threads and across processes alike: a
// baton lies in shared memory, is posted by one task and awaited by another. One hand-over on one
// CPU is one context switch, because the poster then waits for its own baton.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "bench/harness/limits.hpp"
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
