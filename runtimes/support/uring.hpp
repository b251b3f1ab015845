// One io_uring, of one thread; the buffers that the kernel takes from it to receive into, and the
// table of descriptors that it has at hand.
//
// The ring belongs to the process that made it. A forked child has a copy of all this and shares
// the queues themselves, so it must leave them alone: owned() tells.
#pragma once

#include <liburing.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtimes/support/error.hpp"
#include "runtimes/support/io_uring_lack.hpp"
#include "runtimes/support/kernel_wait.hpp"

namespace switchyard {

/// Anonymous memory of its own.
class mapped_memory {
 public:
  explicit mapped_memory(std::size_t bytes)
      : bytes_(bytes),
        data_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) {
      throw limit_error("no " + std::to_string(bytes) + " bytes of address space to be had");
    }
  }
  ~mapped_memory() { ::munmap(data_, bytes_); }
  mapped_memory& operator=(mapped_memory&&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
  void advise(int advice) const noexcept { ::madvise(data_, bytes_, advice); }

 private:
  std::size_t bytes_;
  void* data_;
};

class uring {
 public:
  uring() {
    io_uring_params params{};
    params.flags = uring_flags | IORING_SETUP_CQSIZE;
    params.cq_entries = completions;
    const int error = ::io_uring_queue_init_params(submissions, &ring_, &params);
    if (error < 0) {
      require_io_uring();  // has a better reason
      throw limit_error(std::string("no io_uring: ") + std::strerror(-error));
    }
    ::io_uring_register_ring_fd(&ring_);  // spares a look-up for each call; may be refused
    mark_.advise(MADV_WIPEONFORK);
    *mark_.data() = std::byte{1};
  }
  uring& operator=(uring&&) = delete;
  ~uring() {
    if (is_of_this_thread()) cancel_all();
    ::io_uring_queue_exit(&ring_);  // in a forked child that unmaps and closes its own copy
  }

  [[nodiscard]] io_uring& get() noexcept { return ring_; }

  /// False in a process that was forked from the one that made it.
  [[nodiscard]] bool owned() const noexcept { return *mark_.data() != std::byte{0}; }

  /// As the kernel asks for.
  [[nodiscard]] bool is_of_this_thread() const noexcept { return owned() && thread_ == ::gettid(); }

  /// To be filled in before the next one is asked for.
  io_uring_sqe* entry() noexcept {
    for (;;) {
      if (io_uring_sqe* const free = ::io_uring_get_sqe(&ring_)) return free;
      submit();
    }
  }

  void submit() noexcept { ::io_uring_submit(&ring_); }

  /// Whether the kernel has to be asked for anything: what we want of it, or what it has for us.
  [[nodiscard]] bool has_work() const noexcept {
    return ::io_uring_sq_ready(&ring_) > 0 || (flags() & IORING_SQ_TASKRUN) != 0 || has_overflown();
  }

  /// Whether completions found no room, and come when the kernel is asked again.
  [[nodiscard]] bool has_overflown() const noexcept {
    return (flags() & IORING_SQ_CQ_OVERFLOW) != 0;
  }

  /// Submits all entries, and has the kernel do what it has put off.
  void submit_and_look() noexcept { ::io_uring_submit_and_get_events(&ring_); }

  /// The same, and waits for a completion until `when`: one system call.
  void submit_and_wait(time_point when) noexcept {
    if (when == never) {
      ::io_uring_submit_and_wait(&ring_, 1);
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (when <= now) return submit_and_look();
    const timespec left = as_timespec(when - now);
    __kernel_timespec timeout{left.tv_sec, left.tv_nsec};
    io_uring_cqe* first = nullptr;
    ::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }

  /// Calls `f(completion)` for all that are there.
  template <class F>
  void take_completions(F f) {
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      f(*completion);
      ++taken;
    }
    ::io_uring_cq_advance(&ring_, taken);
  }

 private:
  // The kernel would do it some time later, and a port would outlive its listener.
  void cancel_all() noexcept {
    ::io_uring_prep_cancel64(entry(), 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    // The kernel does a few at a time, and its sign that there is more may be left over from what
    // it has done already: it is believed as long as something comes of it.
    int in_vain = 0;
    do {
      submit_and_look();
      bool any = false;
      take_completions([&any](const io_uring_cqe&) { any = true; });
      in_vain = any ? 0 : in_vain + 1;
    } while ((flags() & IORING_SQ_TASKRUN) != 0 && in_vain < most_in_vain);
  }

  [[nodiscard]] unsigned flags() const noexcept {
    return __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED);
  }

  static constexpr int most_in_vain = 8;
  static constexpr unsigned submissions = 1'024;
  static constexpr unsigned completions = 8'192;  // one that finds no room costs more

  io_uring ring_{};
  pid_t thread_ = ::gettid();
  mapped_memory mark_{1};
};

/// Descriptors that the kernel does not look up and count anew for each operation.
class uring_files {
 public:
  explicit uring_files(uring& ring) : ring_(ring) {
    rlimit most{};
    ::getrlimit(RLIMIT_NOFILE, &most);
    const auto wanted = static_cast<unsigned>(std::min<rlim_t>(most.rlim_cur, 16'384));
    if (::io_uring_register_files_sparse(&ring.get(), wanted) == 0) size_ = wanted;
  }

  /// From now on `place` stands for `fd`, which has to stay where it is until the next call of the
  /// kernel. A place keeps its file open, like a descriptor.
  void put(unsigned place, const int& fd) noexcept {
    if (place >= size_) return;
    io_uring_sqe* const entry = ring_.entry();
    ::io_uring_prep_files_update(entry, const_cast<int*>(&fd), 1, static_cast<int>(place));
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    ::io_uring_sqe_set_data64(entry, 0);
  }
  void remove(unsigned place) noexcept {
    static constexpr int nothing = -1;
    put(place, nothing);
  }

  /// Has an operation on the descriptor that was put there find it so.
  void find(io_uring_sqe* entry, unsigned place) const noexcept {
    if (place >= size_) return;  // then it is found by its number
    entry->fd = static_cast<int>(place);
    entry->flags |= IOSQE_FIXED_FILE;
  }

 private:
  uring& ring_;
  unsigned size_ = 0;
};

/// The ring of buffers that multishot receives take theirs from.
//
// The kernel takes them in the order in which it got them. So it is given no more than are needed
// at once, and those that were used last: 64 busy connections then use the same 64 buffers over and
// over, out of the CPU's cache, whatever the most may be.
class uring_buffers {
 public:
  static constexpr unsigned most = 4'096;
  static constexpr std::size_t bytes_each = 16 * 1024;
  static constexpr unsigned group = 0;

  explicit uring_buffers(uring& ring) {
    io_uring_buf_reg wanted{};
    wanted.ring_addr = reinterpret_cast<std::uint64_t>(entries());
    wanted.ring_entries = most;
    wanted.bgid = group;
    const int error = ::io_uring_register_buf_ring(&ring.get(), &wanted, 0);
    if (error < 0) throw_errno("register buffers with io_uring", -error);
    ::io_uring_buf_ring_init(entries());
    free_.reserve(most);
  }

  [[nodiscard]] std::byte* at(unsigned number) const noexcept {
    return memory_.data() + number * stride;
  }

  /// The kernel has taken one for a completion.
  void taken() noexcept { --with_kernel_; }
  void give_back(unsigned number) noexcept { free_.push_back(static_cast<std::uint16_t>(number)); }

  /// Lets the kernel have more of them from now on; false when there are no more.
  bool grow() noexcept {
    if (wanted_ == most) return !free_.empty() || made_ < most;
    wanted_ *= 2;
    return true;
  }

  /// Before each call of the kernel: all that it should have, at one go.
  void refill() noexcept {
    const int mask = ::io_uring_buf_ring_mask(most);
    int added = 0;
    for (; with_kernel_ < wanted_ && (!free_.empty() || made_ < most); ++with_kernel_) {
      unsigned number = made_;
      if (free_.empty()) {
        ++made_;
      } else {
        number = free_.back();
        free_.pop_back();
      }
      ::io_uring_buf_ring_add(entries(), at(number), bytes_each,
                              static_cast<unsigned short>(number), mask, added++);
    }
    if (added > 0) ::io_uring_buf_ring_advance(entries(), added);
  }

 private:
  // A cache line more, or the first bytes of all buffers would share a few sets of the cache.
  static constexpr std::size_t stride = bytes_each + 64;

  [[nodiscard]] io_uring_buf_ring* entries() const noexcept {
    return reinterpret_cast<io_uring_buf_ring*>(entries_.data());
  }

  mapped_memory entries_{most * sizeof(io_uring_buf)};
  mapped_memory memory_{most * stride};
  std::vector<std::uint16_t> free_;  // the one that was used last at the end
  unsigned made_ = 0;
  unsigned with_kernel_ = 0;
  unsigned wanted_ = 128;
};

/// What a ring has for streams: one without any needs no room for them.
struct uring_for_streams {
  explicit uring_for_streams(uring& ring) : buffers(ring), files(ring) {}

  uring_buffers buffers;
  uring_files files;
};

}  // namespace switchyard
