// Sockets of the fiber runtime: Asio operations that suspend the calling fiber alone.
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
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/fiber/context.hpp>
#include <chrono>
#include <cstddef>
#include <new>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard {

/// Where a fiber waits for one Asio operation.
class io_frame {
 public:
  io_frame() noexcept : waiter_(boost::fibers::context::active()) {}
  io_frame& operator=(io_frame&&) = delete;

  /// Returns when the operation has completed: bytes moved, and `ec`. When `deadline` passes first,
  /// `cancel()` has to make the operation complete, and `ec` is timed_out, unless it completed all
  /// the same.
  template <class Cancel = void (*)()>
  std::size_t wait(
      error_code& ec, time_point deadline = never, Cancel cancel = [] {}) noexcept {
    if (!done_) {
      suspended_ = true;
      if (deadline == never) {
        waiter_->suspend();
      } else {
        waiter_->wait_until(deadline);
      }
    }
    const bool late = !done_;
    if (late) {
      cancel();
      while (!done_) waiter_->suspend();
    }
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

 private:
  void complete(const error_code& ec, std::size_t bytes) noexcept {
    ec_ = ec;
    bytes_ = bytes;
    done_ = true;
    // Its deadline may have made it ready just before.
    if (suspended_ && !waiter_->ready_is_linked()) {
      boost::fibers::context::active()->schedule(waiter_);
    }
  }

  boost::fibers::context* waiter_;
  error_code ec_;
  std::size_t bytes_ = 0;
  bool suspended_ = false;
  bool done_ = false;
  bool lent_ = false;
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

  // Asio tries recv before it waits.
  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    if (expired(ec)) return 0;
    io_frame frame;
    socket_.async_read_some(buffers, frame.completion());
    return frame.wait(ec, deadline_, [this] { cancel(); });
  }

  // A socket's send buffer is nearly always free: send first, without Asio, and wait only when it
  // is full.
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    if (expired(ec)) return 0;
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
};

class fiber_listener {
 public:
  fiber_listener(boost::asio::io_context& io, const endpoint& where) : acceptor_(io) {
    unique_fd fd = open_listener(where);
    acceptor_.assign(where.protocol(), fd.get());
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

inline fiber_stream fiber_connect(boost::asio::io_context& io, const endpoint& where,
                                  error_code& ec, time_point deadline) {
  fiber_socket socket(io);
  socket.open(where.protocol(), ec);
  if (!ec) {
    io_frame frame;
    socket.async_connect(where, frame.completion());
    frame.wait(ec, deadline, [&] { socket.close(); });
  }
  fiber_stream stream(std::move(socket));
  stream.expires_at(deadline);
  return stream;
}

/// False when `deadline` has passed before `fd` could be read.
inline bool fiber_wait_readable(boost::asio::io_context& io, int fd, time_point deadline) {
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> watched(io,
                                                                                              fd);
  error_code ec;
  io_frame frame;
  watched.async_wait(boost::asio::posix::descriptor_base::wait_read, frame.completion());
  frame.wait(ec, deadline, [&] { watched.cancel(); });
  [[maybe_unused]] const int given_back = watched.release();  // it is the caller's
  return !ec;
}

}  // namespace switchyard
