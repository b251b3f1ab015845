// The channel between processes that takes its items through a pipe. Made before the fork, used in
// the children. A push is one write(2), a pop one read(2), in which the kernel lets it wait while
// the pipe is empty.
//
// A pipe is bounded by pages and not by items: so a semaphore counts the free places, and there a
// push waits while the channel is full. Items go in whole, as pipe(7) promises up to PIPE_BUF, and
// come out whole, as one read takes one item under the kernel's lock and nothing else is in there.
//
// How it ends: all processes have the read end, but each one that pushes opens a write end of its
// own. When the last of these has ended, or was killed, read(2) says so. (A parent that has pushed
// may push again: it counts until it closes the channel.) And close() writes the end mark, shorter
// than any item; who reads it puts it back for the next.
#pragma once

#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

/// The read end of a new pipe.
inline unique_fd make_pipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "create a pipe");
  const unique_fd write_end(ends[1]);
  return unique_fd(ends[0]);
}

/// Makes room for `items` and gives how many there is surely room for: these, or a few less when an
/// unprivileged process may not have the next larger pipe (sizes are powers of two). limit_error
/// when that is too little as well.
inline std::size_t make_room(const unique_fd& pipe, std::size_t items, std::size_t item_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t per_page = page / item_bytes;
  const auto pages_for = [&](std::size_t count) { return (count + per_page - 1) / per_page; };
  // A write that is to be atomic goes into one page, and the oldest page may still be there for its
  // last item: of the items that a pipe holds for sure, all but one fit into one page less.
  const auto holds = [&](std::size_t wanted) -> std::size_t {
    int bytes = check(::fcntl(pipe.get(), F_GETPIPE_SZ), "ask for the size of a pipe");
    if (static_cast<std::size_t>(bytes) < wanted) {
      bytes = ::fcntl(pipe.get(), F_SETPIPE_SZ, wanted);
    }
    if (bytes < 0) return 0;
    return std::min(items, (static_cast<std::size_t>(bytes) / page - 1) * per_page + 1);
  };
  if (const std::size_t all = holds((pages_for(items - 1) + 1) * page)) return all;
  const std::size_t least = pages_for(items) * page;  // put in before the first is taken out
  if (const std::size_t most = holds(least)) return most;
  throw limit_error("no pipe of " + std::to_string(least) + " bytes: " + std::strerror(errno) +
                    " (see fs.pipe-max-size, fs.pipe-user-pages-soft)");
}

/// A further write end, that does not block: Linux opens it through /proc/self/fd (fifo(7),
/// proc(5)).
inline unique_fd open_write_end(const unique_fd& read_end) {
  const std::string path = "/proc/self/fd/" + std::to_string(read_end.get());
  return unique_fd(check(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC),
                         "open the write end of a pipe"));
}

template <class T>
class pipe_channel {
  static_assert(std::is_trivially_copyable_v<T>, "items cross from process to process as bytes");

 public:
  static constexpr std::string_view via = "pipe";

  explicit pipe_channel(std::size_t capacity)
      : read_end_(make_pipe()),
        capacity_(make_room(read_end_, checked_capacity(capacity), sizeof(frame))),
        state_(capacity_) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  void push(const T& value) {
    participant& mine = part_.mine();
    if (!write_end_) come_as_producer();
    const announced_push now(mine);
    take_place();
    if (state_->closed.load(std::memory_order_acquire)) {
      ::sem_post(&state_->free_places);  // so that the next one that waits learns of it as well
      throw channel_closed();
    }
    const frame item{value};
    check(::write(write_end_.get(), &item, sizeof item), "write to a pipe");
  }

  std::optional<T> pop() {
    part_.mine();
    for (;;) {
      if (state_->end_mark_is_due) put_end_mark();
      // Both as they were before the read, or what came in between would be overlooked.
      const bool closed = state_->closed;
      const std::uint32_t producers = state_->producers;
      frame next;
      const ssize_t got = ::read(read_end_.get(), &next, sizeof next);
      if (got == sizeof next) {
        ::sem_post(&state_->free_places);
        return next.value;
      }
      if (got < 0 && errno != EINTR) throw_errno("read from a pipe");
      if (got == 0 && closed) return std::nullopt;
      if (got == 0) wait_for_a_producer(producers);
      if (got > 0) {
        state_->end_mark_is_due = true;
        put_end_mark();
        return std::nullopt;
      }
    }
  }

  void close() {
    write_end_.reset();
    if (state_->closed.exchange(true)) return;
    ::sem_post(&state_->free_places);
    std::atomic_thread_fence(std::memory_order_acquire);
    // Behind the end mark there must be nothing.
    state_->all.wait_for_pushes([] { kernel_sleep(std::chrono::microseconds(100)); });
    state_->end_mark_is_due = true;
    put_end_mark();
    ++state_->producers;
    futex_wake(state_->producers);
  }

 private:
  /// At least two bytes: the end mark is one.
  struct alignas(std::max<std::size_t>(alignof(T), 2)) frame {
    T value;
  };
  static_assert(sizeof(frame) <= PIPE_BUF, "a larger item would not be written whole");

  struct state {
    explicit state(std::size_t capacity) {
      check(::sem_init(&free_places, 1, static_cast<unsigned>(capacity)), "make a semaphore");
    }
    participants all;
    // sem_overview(7). In shared memory, and so never destroyed; a waiter that is killed harms
    // nobody.
    sem_t free_places;
    std::atomic<std::uint32_t> producers{0};  // that ever came, and 1 for the close
    std::atomic<bool> closed{false};
    std::atomic<bool> end_mark_is_due{false};  // else it is in the pipe, once closed
  };

  /// From before its place is taken. The semaphore orders a push and a close, so that this costs a
  /// plain store: either the close gives its place first, and the push that takes one afterwards
  /// sees that the channel is closed; or the push takes first, and the close sees it announced.
  class announced_push {
   public:
    explicit announced_push(participant& p) noexcept : p_(p) {
      p_.pushing.store(true, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);  // before what the semaphore writes
    }
    ~announced_push() { p_.pushing.store(false, std::memory_order_release); }
    announced_push& operator=(announced_push&&) = delete;

   private:
    participant& p_;
  };

  void come_as_producer() {
    if (state_->closed) throw channel_closed();
    write_end_ = open_write_end(read_end_);
    ++state_->producers;
    futex_wake(state_->producers);
  }

  /// read(2) found neither an item nor anyone who could write one.
  void wait_for_a_producer(std::uint32_t seen) {
    if (state_->producers != seen) return;
    state_->all.expect_all_alive();
    futex_wait(state_->producers, seen, participants::patience);
  }

  void take_place() {
    while (::sem_trywait(&state_->free_places) != 0) {
      const timespec deadline = as_timespec(
          (std::chrono::steady_clock::now() + participants::patience).time_since_epoch());
      if (::sem_clockwait(&state_->free_places, CLOCK_MONOTONIC, &deadline) == 0) return;
      if (errno == ETIMEDOUT)
        state_->all.expect_all_alive();
      else if (errno != EINTR)
        throw_errno("wait for a semaphore");
    }
  }

  /// If there is no room for it, whoever pops next tries again.
  void put_end_mark() {
    if (!state_->end_mark_is_due.exchange(false)) return;
    const unique_fd end = open_write_end(read_end_);
    if (::write(end.get(), "", 1) != 1) state_->end_mark_is_due = true;
  }

  unique_fd read_end_;
  std::size_t capacity_;
  shared_object<state> state_;
  unique_fd write_end_;              // of a process that has pushed, and of those it forks then
  participation part_{state_->all};  // ends before the memory does
};

}  // namespace switchyard
