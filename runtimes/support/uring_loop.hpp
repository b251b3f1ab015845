// What fibers over io_uring wait for, on one ring: single operations, and those that the kernel
// goes on with by itself (multishot: accept on a listener, recv on a stream).
//
// A single operation's frame lies on its fiber's stack, which waits for the completion in any case,
// also after a cancel. A multishot one outlives its waits: its completions go to an entry in a
// table and wait there. They may also come when its socket was closed long ago and its number and
// its entry serve another one: so each carries the entry's generation.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/fiber_wait.hpp"
#include "runtimes/support/uring.hpp"
#include "runtimes/support/uring_events.hpp"

namespace switchyard {

class uring_loop {
 public:
  enum class kind : std::uint8_t { recv, accept };

  using event = uring_events::event;

  /// For as long as fibers run; limit_error where io_uring is not to be had.
  void enter() {
    if (!ring_ || !ring_->is_of_this_thread()) start_anew();
    running_ = true;
  }
  void leave() noexcept {
    running_ = false;
    if (ring_->owned()) ring_->submit();  // cancels that are left
  }

  void poll() noexcept {
    if (!ring_->owned()) return;
    if (streams_) streams_->buffers.refill();
    if (ring_->has_work()) ring_->submit_and_look();
    take_completions();
  }

  void wait_until(time_point when) noexcept {
    if (!ring_->owned()) {  // nothing ever completes here
      kernel_sleep(std::min<std::chrono::steady_clock::duration>(
          when - std::chrono::steady_clock::now(), std::chrono::seconds(1)));
      return;
    }
    if (streams_) streams_->buffers.refill();
    ring_->submit_and_wait(when);
    take_completions();
  }

  /// One operation, put together by `prepare(entry)`: its result, and `ec`.
  template <class Prepare>
  int call(Prepare prepare, time_point deadline, error_code& ec) noexcept {
    if (!usable(ec)) return 0;
    single_call frame;
    io_uring_sqe* const entry = ring_->entry();
    prepare(entry);
    ::io_uring_sqe_set_data(entry, &frame);
    const bool late =
        frame.wait(deadline, [&] { cancel(reinterpret_cast<std::uint64_t>(&frame)); });
    ec = {};
    if (late && frame.result == -ECANCELED) {
      ec = boost::asio::error::timed_out;
    } else if (frame.result < 0) {
      ec.assign(-frame.result, boost::system::system_category());
    }
    return std::max(frame.result, 0);
  }

  /// An entry for what is multishot on `fd`; the operation itself starts when it is first waited
  /// for.
  unsigned open(int fd, kind k) {
    if (!streams_) streams_.emplace(*ring_);  // with a listener: here a lack of room may throw
    if (free_.empty()) {
      table_.emplace_back();
      free_.push_back(static_cast<unsigned>(table_.size() - 1));
      free_.reserve(table_.size());  // so that close() can't fail
    }
    const unsigned number = free_.back();
    free_.pop_back();
    const auto generation = table_[number].generation;
    table_[number] = {.fd = fd, .generation = generation, .is = k};
    if (k == kind::recv && ring_->owned()) streams_->files.put(number, table_[number].fd);
    return number;
  }

  /// Whoever waits for it gets operation_aborted. Before its descriptor is closed.
  void close(unsigned number) noexcept {
    multishot& m = table_[number];
    while (!m.events.empty()) {
      const event left = events_.pop(m.events);
      discard(left.result, left.buffer, m.is == kind::accept);
    }
    if (ring_
            ->owned()) {  // or what is under way would keep the socket open, and so would its place
      if (m.armed) {
        ring_->submit();  // it may be queued still, with a descriptor that is read only then
        cancel(data_of(number));
      }
      if (m.is == kind::recv) streams_->files.remove(number);
      if (!running_) ring_->submit();  // nobody else will
    }
    ++m.generation;
    m.fd = -1;
    wake(m);
    free_.push_back(number);
  }

  /// The first event of those that are left. Null, and `ec`, when it has failed or `deadline` has
  /// passed.
  const event* first_event(unsigned number, time_point deadline, error_code& ec) noexcept {
    multishot& m = table_[number];
    const auto generation = m.generation;
    bool late = false;
    while (m.events.empty()) {
      if (m.error) {
        ec = m.error;
        if (m.is == kind::accept || is_short_of_buffers(ec)) m.error = {};
        return nullptr;
      }
      if (late) ec = boost::asio::error::timed_out;
      if (late || !usable(ec)) return nullptr;
      if (!m.armed) arm(number);
      fiber_wait waiting;
      m.waiter = &waiting;
      late = waiting.wait(deadline, [&] {
        m.waiter = nullptr;
        waiting.give_up();
      });
      if (m.generation != generation) {
        ec = boost::asio::error::operation_aborted;
        return nullptr;
      }
    }
    ec = {};
    return &events_.front(m.events);
  }

  /// The first event is done with, and its buffer.
  void drop_event(unsigned number) noexcept {
    const event done = events_.pop(table_[number].events);
    if (done.buffer != uring_events::none) streams_->buffers.give_back(done.buffer);
  }

  [[nodiscard]] const std::byte* data_of_buffer(unsigned buffer) const noexcept {
    return streams_->buffers.at(buffer);
  }

  /// Has an operation on the stream of this number find its descriptor faster.
  void find(unsigned number, io_uring_sqe* entry) const noexcept {
    streams_->files.find(entry, number);
  }

  /// All buffers are held by others: the caller has to receive into its own.
  static bool is_short_of_buffers(const error_code& ec) noexcept {
    return ec == boost::asio::error::no_buffer_space;
  }

 private:
  struct single_call : fiber_wait {
    int result = 0;
  };

  struct multishot {
    int fd = -1;
    std::uint32_t generation = 0;
    kind is = kind::recv;
    bool armed = false;
    bool stopping = false;  // a cancel is under way
    uring_events::queue events = {};
    fiber_wait* waiter = nullptr;
    error_code error = {};
  };

  /// A peer that sends and never reads would otherwise get all buffers.
  static constexpr unsigned most_events = 16;

  // Also in a process forked from one that was running, and on another thread. Inlined into its
  // callers, gcc 12 takes the optionals' contents for used where there are none.
  [[gnu::noinline]] void start_anew() {
    const bool had_streams = streams_.has_value();
    streams_.reset();
    ring_.reset();
    ring_.emplace();
    if (had_streams) streams_.emplace(*ring_);
    for (unsigned number = 0; number < table_.size(); ++number) {
      multishot& m = table_[number];
      m.armed = m.stopping = false;
      m.events = {};
      if (m.is == kind::recv && m.fd >= 0) streams_->files.put(number, m.fd);
    }
    events_ = {};
  }

  bool usable(error_code& ec) const noexcept {
    if (ring_->owned()) return true;
    ec = boost::asio::error::operation_not_supported;
    return false;
  }

  // An address is even.
  [[nodiscard]] std::uint64_t data_of(unsigned number) const noexcept {
    const multishot& m = table_[number];
    return std::uint64_t{m.generation} << 32 | number << 2 | (m.is == kind::accept ? 2U : 0U) | 1U;
  }

  void cancel(std::uint64_t data) noexcept {
    io_uring_sqe* const entry = ring_->entry();
    ::io_uring_prep_cancel64(entry, data, 0);
    ::io_uring_sqe_set_data64(entry, 0);
  }

  void arm(unsigned number) noexcept {
    multishot& m = table_[number];
    io_uring_sqe* const entry = ring_->entry();
    if (m.is == kind::accept) {
      ::io_uring_prep_multishot_accept(entry, m.fd, nullptr, nullptr, SOCK_CLOEXEC);
    } else {
      ::io_uring_prep_recv_multishot(entry, m.fd, nullptr, 0, 0);
      entry->flags |= IOSQE_BUFFER_SELECT;
      entry->buf_group = uring_buffers::group;
      find(number, entry);
    }
    ::io_uring_sqe_set_data64(entry, data_of(number));
    m.armed = true;
  }

  void take_completions() noexcept {
    ring_->take_completions([this](const io_uring_cqe& done) {
      if (done.user_data == 0) return;
      if ((done.user_data & 1) != 0) return completed(done);
      auto* const frame = reinterpret_cast<single_call*>(done.user_data);
      frame->result = done.res;
      frame->complete();
    });
  }

  void completed(const io_uring_cqe& done) noexcept {
    const bool has_buffer = (done.flags & IORING_CQE_F_BUFFER) != 0;
    const unsigned buffer = has_buffer ? done.flags >> IORING_CQE_BUFFER_SHIFT : uring_events::none;
    if (has_buffer) streams_->buffers.taken();
    const unsigned number = static_cast<unsigned>(done.user_data) >> 2;
    multishot& m = table_[number];
    const bool accepts = (done.user_data & 2) != 0;
    if (m.generation != done.user_data >> 32) return discard(done.res, buffer, accepts);
    if ((done.flags & IORING_CQE_F_MORE) == 0) m.armed = m.stopping = false;
    if (done.res > 0 || (done.res == 0 && accepts)) {
      events_.push(m.events, {done.res, buffer});
      if (m.events.size() >= most_events && m.armed && !m.stopping && !accepts) {
        m.stopping = true;
        cancel(data_of(number));
      }
    } else {
      if (has_buffer) streams_->buffers.give_back(buffer);
      if (goes_on_after(m, done.res)) {
        if (m.waiter != nullptr) arm(number);
        return;
      }
    }
    wake(m);
  }

  /// Whether what has ended the operation does not concern who waits for it.
  bool goes_on_after(multishot& m, int result) noexcept {
    if (result == -ECANCELED || result == -EINTR) return true;
    if (result == -ENOBUFS && streams_->buffers.grow()) return true;
    if (result == 0) {
      m.error = boost::asio::error::eof;
    } else {
      m.error.assign(-result, boost::system::system_category());
    }
    return false;
  }

  void discard(int result, unsigned buffer, bool is_accepted) noexcept {
    if (buffer != uring_events::none) streams_->buffers.give_back(buffer);
    if (is_accepted && result >= 0) ::close(result);
  }

  static void wake(multishot& m) noexcept {
    if (m.waiter != nullptr) std::exchange(m.waiter, nullptr)->complete();
  }

  std::optional<uring> ring_;
  std::optional<uring_for_streams> streams_;  // since there was the first socket
  bool running_ = false;
  std::deque<multishot> table_;
  std::vector<unsigned> free_;
  uring_events events_;
};

}  // namespace switchyard
