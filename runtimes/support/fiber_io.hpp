// The I/O of fibers over Asio: operations that suspend the calling fiber alone.
//
// An operation costs no allocation: its frame lies on the fiber's stack, holds the result, and
// lends Asio the memory for its bookkeeping. If the operation completes before the fiber suspends,
// there is no switch at all.
#pragma once

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/fiber_wait.hpp"

namespace switchyard {

/// Where a fiber waits for one Asio operation.
class io_frame : fiber_wait {
 public:
  /// Returns when the operation has completed: bytes moved, and `ec`. When `deadline` passes first,
  /// `cancel()` has to make the operation complete, and `ec` is timed_out, unless it completed all
  /// the same.
  template <class Cancel = void (*)()>
  std::size_t wait(
      error_code& ec, time_point deadline = never, Cancel cancel = [] {}) noexcept {
    const bool late = fiber_wait::wait(deadline, [&] {
      cancelled_ = true;
      cancel();
    });
    ec = late && ec_ == boost::asio::error::operation_aborted ? boost::asio::error::timed_out : ec_;
    return bytes_;
  }

  // Asio frees before it calls the handler, and a fiber has one operation under way: one block is
  // enough. What does not fit (a future Asio) goes to the heap.
  template <class T>
  struct allocator {
    using value_type = T;
    io_frame* frame;

    explicit allocator(io_frame* f) noexcept : frame(f) {}
    template <class U>
    allocator(const allocator<U>& other) noexcept : frame(other.frame) {}

    T* allocate(std::size_t count) {
      const std::size_t bytes = count * sizeof(T);
      if (bytes <= sizeof frame->memory_ && !std::exchange(frame->lent_, true)) {
        return reinterpret_cast<T*>(frame->memory_.data());
      }
      return static_cast<T*>(::operator new(bytes));
    }
    void deallocate(T* block, std::size_t) noexcept {
      if (static_cast<void*>(block) == frame->memory_.data()) {
        frame->lent_ = false;
      } else {
        ::operator delete(block);
      }
    }
    template <class U>
    bool operator==(const allocator<U>& other) const noexcept {
      return frame == other.frame;
    }
  };

  struct handler {
    using allocator_type = allocator<std::byte>;
    io_frame* frame;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(frame); }
    void operator()(const error_code& ec, std::size_t bytes = 0) const noexcept {
      frame->complete(ec, bytes);
    }
  };

  [[nodiscard]] handler completion() noexcept { return {this}; }

  /// Has `begin()` start the operation a turn of the loop later.
  template <class Executor, class Begin>
  void begin_later(const Executor& on, Begin begin) noexcept {
    boost::asio::post(on, boost::asio::bind_allocator(handler::allocator_type(this), [this, begin] {
                        if (!cancelled_) return begin();
                        complete(boost::asio::error::operation_aborted, 0);
                      }));
  }

 private:
  void complete(const error_code& ec, std::size_t bytes) noexcept {
    ec_ = ec;
    bytes_ = bytes;
    fiber_wait::complete();
  }

  error_code ec_;
  std::size_t bytes_ = 0;
  bool lent_ = false;
  bool cancelled_ = false;
  alignas(std::max_align_t) std::array<std::byte, 256> memory_;
};

// The concrete executor: any_io_executor would cost an indirect call and a reference count each.
using fiber_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
using fiber_acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                          boost::asio::io_context::executor_type>;

class fiber_stream : public stream_base<fiber_stream> {
 public:
  using stream_base::read_some;
  using stream_base::write_some;

  explicit fiber_stream(fiber_socket socket) noexcept : socket_(std::move(socket)) {
    if (socket_.is_open()) set_no_delay(socket_.native_handle());
  }

  // Asio tries recv before it waits. What answers a write is never there at once, and the try would
  // be a system call for nothing; a turn of the loop later it may be.
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    if (expired(ec)) return 0;
    io_frame frame;
    const auto begin = [&] { socket_.async_read_some(buffers, frame.completion()); };
    if (std::exchange(has_written_, false)) {
      frame.begin_later(socket_.get_executor(), begin);
    } else {
      begin();
    }
    return frame.wait(ec, deadline_, [this] { cancel(); });
  }

  // A socket's send buffer is nearly always free: send first, without Asio, and wait only when it
  // is full.
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    if (expired(ec)) return 0;
    has_written_ = true;
    const boost::asio::const_buffer from(*boost::asio::buffer_sequence_begin(buffers));
    if (from.size() > 0) {
      const auto sent =
          ::send(socket_.native_handle(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) {
        ec = {};
        return static_cast<std::size_t>(sent);
      }
    }
    io_frame frame;
    socket_.async_write_some(buffers, frame.completion());
    return frame.wait(ec, deadline_, [this] { cancel(); });
  }

  [[nodiscard]] int native_handle() const noexcept {
    return const_cast<fiber_socket&>(socket_).native_handle();
  }

  void shutdown_send(error_code& ec) noexcept {
    socket_.shutdown(boost::asio::socket_base::shutdown_send, ec);
  }

 private:
  void cancel() noexcept {
    error_code ignored;
    socket_.cancel(ignored);
  }

  fiber_socket socket_;
  bool has_written_ = false;  // since the last read
};

class fiber_listener {
 public:
  fiber_listener(boost::asio::io_context& io, const listen_address& at) : acceptor_(io) {
    unique_fd fd = open_listener(at);
    acceptor_.assign(at.where.protocol(), fd.get());
    [[maybe_unused]] const int given_away = fd.release();
  }

  fiber_stream accept(error_code& ec) {
    fiber_socket peer(acceptor_.get_executor());
    io_frame frame;
    acceptor_.async_accept(peer, frame.completion());
    frame.wait(ec);
    return fiber_stream(std::move(peer));
  }

  [[nodiscard]] endpoint local_endpoint() const { return acceptor_.local_endpoint(); }
  void close() noexcept {
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  fiber_acceptor acceptor_;
};

/// What fibers over Asio wait for, and their sockets: the back end of fiber_runtime and
/// fiber_scheduler.
class asio_fiber_io {
 public:
  using listener = fiber_listener;
  using stream = fiber_stream;
  static constexpr std::size_t most_picks = 1'024;

  /// For as long as fibers run. Makes Asio open its descriptors here, where it may throw: the
  /// scheduler may not.
  void enter() {
    io_.restart();  // it has stopped for want of work if it was entered before
    timer_.emplace(io_);
    armed_for_ = never;
    // Without work run_one() returns at once, and an idle scheduler would burn its CPU.
    work_.emplace(io_.get_executor());
  }
  void leave() noexcept {
    work_.reset();
    timer_.reset();
  }

  void poll() noexcept { io_.poll(); }

  void wait_until(time_point when) noexcept {
    if (when != never) {
      if (when <= std::chrono::steady_clock::now()) {
        io_.poll();
        return;
      }
      if (when < armed_for_) arm(when);
    }
    // Wait for the first completion, then take all that are there: the library looks at its clock
    // and its queues once for each return from here. Bounded: a handler starts at most the read
    // that its fiber waits for, and no fiber runs in here.
    if (io_.run_one() > 0) io_.poll();
  }

  listener listen(const listen_address& at) { return {io_, at}; }

  stream connect(const endpoint& where, error_code& ec, time_point deadline) {
    fiber_socket socket(io_);
    socket.open(where.protocol(), ec);
    if (!ec) socket.native_non_blocking(true, ec);
    if (!ec && !connects_at_once(socket.native_handle(), where, ec)) {
      io_frame frame;
      socket.async_wait(boost::asio::socket_base::wait_write, frame.completion());
      frame.wait(ec, deadline, [&] { socket.close(); });
      if (!ec) ec.assign(connect_error(socket.native_handle()), boost::system::system_category());
    }
    stream connected(std::move(socket));
    connected.expires_at(deadline);
    return connected;
  }

  /// False when `deadline` has passed before `fd` could be read.
  bool wait_readable(int fd, time_point deadline) {
    boost::asio::posix::basic_stream_descriptor<executor> watched(io_, fd);
    error_code ec;
    io_frame frame;
    watched.async_wait(boost::asio::posix::descriptor_base::wait_read, frame.completion());
    frame.wait(ec, deadline, [&] { watched.cancel(); });
    [[maybe_unused]] const int given_back = watched.release();  // it is the caller's
    return !ec;
  }

 private:
  using executor = boost::asio::io_context::executor_type;
  using clock = std::chrono::steady_clock;

  // Only ever moved to an earlier time: a timer that fires too early costs one look at the queue,
  // re-arming on every suspend costs a system call each.
  void arm(time_point when) {
    armed_for_ = when;
    timer_->expires_at(when);
    timer_->async_wait([this](const error_code& ec) {
      if (ec != boost::asio::error::operation_aborted) armed_for_ = never;
    });
  }

  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  std::optional<boost::asio::executor_work_guard<executor>> work_;
  std::optional<boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor>>
      timer_;
  time_point armed_for_ = never;
};

}  // namespace switchyard
