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

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "runtimes/support/channel_errors.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/futex.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/pipe_ends.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "runtimes/support/shared_semaphore.hpp"

namespace switchyard {

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
    take_place();
    const announced_push now(mine);
    if (state_->closed) {
      state_->free_places.post();  // so that the next one that waits learns of it as well
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
        state_->free_places.post();
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
    // Behind the end mark there must be nothing.
    state_->all.wait_for_pushes([] { kernel_sleep(std::chrono::microseconds(100)); });
    state_->free_places.post();
    state_->end_mark_is_due = true;
    put_end_mark();
    ++state_->producers;
    futex_wake_all(state_->producers);
  }

 private:
  /// At least two bytes: the end mark is one.
  struct alignas(std::max<std::size_t>(alignof(T), 2)) frame {
    T value;
  };
  static_assert(sizeof(frame) <= PIPE_BUF, "a larger item would not be written whole");

  struct state {
    explicit state(std::size_t capacity) : free_places(capacity) {}
    participants all;
    shared_semaphore free_places;
    std::atomic<std::uint32_t> producers{0};  // that ever came, and 1 for the close
    std::atomic<bool> closed{false};
    std::atomic<bool> end_mark_is_due{false};  // else it is in the pipe, once closed
  };

  class announced_push {
   public:
    explicit announced_push(participant& p) noexcept : p_(p) { p_.pushing = true; }
    ~announced_push() { p_.pushing.store(false, std::memory_order_release); }
    announced_push(const announced_push&) = delete;
    announced_push& operator=(const announced_push&) = delete;

   private:
    participant& p_;
  };

  void come_as_producer() {
    if (state_->closed) throw channel_closed();
    write_end_ = open_write_end(read_end_);
    ++state_->producers;
    futex_wake_all(state_->producers);
  }

  /// read(2) found neither an item nor anyone who could write one.
  void wait_for_a_producer(std::uint32_t seen) {
    if (state_->producers != seen) return;
    state_->all.expect_all_alive();
    futex_wait(state_->producers, seen, participants::patience);
  }

  void take_place() {
    if (state_->free_places.try_wait()) return;
    while (!state_->free_places.wait(participants::patience)) state_->all.expect_all_alive();
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
