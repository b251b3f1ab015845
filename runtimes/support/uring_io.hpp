// The I/O of fibers straight over io_uring: sockets whose operations suspend the calling fiber
// alone. What is wanted of the kernel is queued, and asked for in one call when no fiber is ready.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstring>
#include <utility>

#include "runtimes/support/uring_loop.hpp"

namespace switchyard {

/// A socket and its entry in the loop's table; it goes before the loop does.
class uring_socket {
 public:
  uring_socket() = default;
  uring_socket(uring_loop& loop, unique_fd fd, uring_loop::kind kind)
      : loop_(&loop), fd_(std::move(fd)), entry_(loop.open(fd_.get(), kind)) {}
  uring_socket(uring_socket&&) noexcept = default;
  uring_socket& operator=(uring_socket&& other) noexcept {
    close();
    loop_ = other.loop_;
    fd_ = std::move(other.fd_);
    entry_ = other.entry_;
    return *this;
  }
  ~uring_socket() { close(); }

  void close() noexcept {
    if (!fd_) return;
    loop_->close(entry_);
    fd_.reset();
  }

  [[nodiscard]] uring_loop& loop() const noexcept { return *loop_; }
  void find(io_uring_sqe* entry) const noexcept { loop_->find(entry_, entry); }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  const uring_loop::event* first_event(time_point deadline, error_code& ec) noexcept {
    return is_open(ec) ? loop_->first_event(entry_, deadline, ec) : nullptr;
  }
  template <class Prepare>
  int call(Prepare prepare, time_point deadline, error_code& ec) noexcept {
    return is_open(ec) ? loop_->call(prepare, deadline, ec) : 0;
  }
  void drop_event() noexcept { loop_->drop_event(entry_); }

 private:
  bool is_open(error_code& ec) const noexcept {
    if (!fd_) ec = boost::asio::error::bad_descriptor;
    return static_cast<bool>(fd_);
  }

  uring_loop* loop_ = nullptr;
  unique_fd fd_;
  unsigned entry_ = 0;
};

class uring_stream : public stream_base<uring_stream> {
 public:
  using stream_base::read_some;
  using stream_base::write_some;

  uring_stream() = default;
  uring_stream(uring_loop& loop, unique_fd fd)
      : socket_(loop, std::move(fd), uring_loop::kind::recv) {
    set_no_delay(socket_.fd());
  }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    const auto into = first<boost::asio::mutable_buffer>(buffers);
    if (expired(ec)) return 0;
    ec = {};
    if (into.size() == 0) return 0;
    const auto* const received = socket_.first_event(deadline_, ec);
    if (received == nullptr) return uring_loop::is_short_of_buffers(ec) ? receive(into, ec) : 0;
    const auto left = static_cast<std::size_t>(received->result) - taken_;
    const auto size = std::min(into.size(), left);
    std::memcpy(into.data(), socket_.loop().data_of_buffer(received->buffer) + taken_, size);
    taken_ += size;
    if (size == left) {
      socket_.drop_event();
      taken_ = 0;
    }
    return size;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    const auto from = first<boost::asio::const_buffer>(buffers);
    return retried(ec, [&](io_uring_sqe* entry) {
      ::io_uring_prep_send(entry, socket_.fd(), from.data(), from.size(), MSG_NOSIGNAL);
      socket_.find(entry);
    });
  }

  [[nodiscard]] int native_handle() const noexcept { return socket_.fd(); }

  void shutdown_send(error_code& ec) noexcept {
    ec = {};
    if (::shutdown(socket_.fd(), SHUT_WR) < 0) ec = last_error();
  }

 private:
  /// Without the buffers that all share.
  std::size_t receive(const boost::asio::mutable_buffer& into, error_code& ec) {
    const auto got = retried(ec, [&](io_uring_sqe* entry) {
      ::io_uring_prep_recv(entry, socket_.fd(), into.data(), into.size(), 0);
      socket_.find(entry);
    });
    if (got == 0 && !ec) ec = boost::asio::error::eof;
    return got;
  }

  template <class Prepare>
  std::size_t retried(error_code& ec, Prepare prepare) {
    while (!expired(ec)) {
      const int result = socket_.call(prepare, deadline_, ec);
      if (ec != boost::asio::error::interrupted) return static_cast<std::size_t>(result);
    }
    return 0;
  }

  uring_socket socket_;
  std::size_t taken_ = 0;  // of the first event
};

class uring_listener {
 public:
  uring_listener(uring_loop& loop, const listen_address& at)
      : socket_(loop, open_listener(at), uring_loop::kind::accept),
        local_(local_endpoint_of(socket_.fd())) {
    // One that must not block would have the ring give up in place of waiting.
    check(::fcntl(socket_.fd(), F_SETFL, 0), "set a socket up");
  }

  uring_stream accept(error_code& ec) {
    const auto* const accepted = socket_.first_event(never, ec);
    if (accepted == nullptr) return {};
    unique_fd fd(accepted->result);
    socket_.drop_event();
    return {socket_.loop(), std::move(fd)};
  }

  [[nodiscard]] endpoint local_endpoint() const { return local_; }
  void close() noexcept { socket_.close(); }

 private:
  uring_socket socket_;
  endpoint local_;
};

/// What fiber_runtime and fiber_scheduler ask for.
class uring_fiber_io : public uring_loop {
 public:
  using listener = uring_listener;
  using stream = uring_stream;
  // What fibers have queued, such as their sends, waits for the next look.
  static constexpr std::size_t most_picks = 61;

  listener listen(const listen_address& at) { return {*this, at}; }

  stream connect(const endpoint& where, error_code& ec, time_point deadline) {
    unique_fd fd(::socket(where.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) {  // no descriptor left, or no such family on this machine
      ec = last_error();
      return {};
    }
    call(
        [&](io_uring_sqe* entry) {
          ::io_uring_prep_connect(entry, fd.get(), where.data(),
                                  static_cast<socklen_t>(where.size()));
        },
        deadline, ec);
    if (ec) return {};
    stream connected(*this, std::move(fd));
    connected.expires_at(deadline);
    return connected;
  }

  /// False when `deadline` has passed before `fd` could be read.
  bool wait_readable(int fd, time_point deadline) {
    error_code ec;
    call([&](io_uring_sqe* entry) { ::io_uring_prep_poll_add(entry, fd, POLLIN); }, deadline, ec);
    return !ec;
  }
};

}  // namespace switchyard
