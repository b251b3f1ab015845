// The control of the echo workload for what runs over io_uring: a server written by hand over it,
// without any runtime.
//
// One thread. The kernel accepts and receives by itself (multishot), into buffers that all
// connections share; what came is sent out of the buffer that it lies in, which goes back when all
// of it is out. So a message costs one entry, and a batch of messages one system call. Of one
// connection one send is under way at a time, as sends may end short.
#include "runtimes/support/uring.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "bench/programs/echo/serving.hpp"

namespace switchyard {
namespace {

static_assert(needs_io_uring("uring"));
static_assert(uring_buffers::bytes_each == echo_buffer_bytes);

enum class event : std::uint8_t { nothing, accepted, received, sent };

/// What a completion is of. It may come when its connection has ended and its descriptor serves
/// another one: the generation tells.
struct tag {
  event of = event::nothing;
  unsigned buffer = 0;           // 12 bits
  int fd = 0;                    // 24 bits
  std::uint32_t generation = 0;  // 24 bits

  static constexpr std::uint32_t generations = 1U << 24;

  [[nodiscard]] std::uint64_t packed() const noexcept {
    return std::uint64_t{generation} << 40 | static_cast<std::uint64_t>(fd) << 16 | buffer << 4 |
           static_cast<std::uint64_t>(of);
  }
  static tag unpacked(std::uint64_t from) noexcept {
    return {.of = static_cast<event>(from & 0xF),
            .buffer = static_cast<unsigned>(from >> 4) & 0xFFF,
            .fd = static_cast<int>(from >> 16 & 0xFFFFFF),
            .generation = static_cast<std::uint32_t>(from >> 40)};
  }
};
static_assert(uring_buffers::most == 1U << 12);

class uring_server {
 public:
  uring_server(const blocking_listener& listener, const stop_source& stop, echo_totals& totals)
      : listener_(listener), stop_(stop), totals_(totals) {
    // One that must not block would have the ring give up in place of waiting.
    check(::fcntl(listener_.native_handle(), F_SETFL, 0), "set a socket up");
  }

  serve_report run() {
    ::io_uring_prep_poll_add(entry({}), stop_.fd(), POLLIN);
    accept();
    while (!stop_.requested()) {
      buffers_.refill();
      ring_.submit_and_wait(accepting_ ? never : accept_again_at_);
      ring_.take_completions([this](const io_uring_cqe& done) { completed(done); });
      if (!accepting_ && clock::now() >= accept_again_at_) accept();
    }
    totals_.bytes += echoed_;
    return report_;
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr unsigned no_buffer = uring_buffers::most;
  // A client that sends and never reads would otherwise get all buffers.
  static constexpr unsigned most_held = 16;

  struct connection {
    unique_fd fd = {};
    int number = -1;  // its own
    std::uint32_t generation = 0;
    bool receiving = false;
    bool stopping = false;  // to receive
    bool ended = false;     // by the client, or by an error
    unsigned held = 0;      // buffers that wait to be sent, from first to last
    unsigned first = no_buffer;
    unsigned last = no_buffer;
    unsigned sent = 0;  // of the first one
  };

  /// Of a buffer that waits to be sent.
  struct content {
    unsigned bytes = 0;
    unsigned next = no_buffer;
  };

  [[nodiscard]] tag tag_of(event of, int fd, unsigned buffer = 0) const {
    return {of, buffer, fd, connections_[static_cast<std::size_t>(fd)].generation};
  }

  io_uring_sqe* entry(const tag& of) {
    io_uring_sqe* const made = ring_.entry();
    made->user_data = of.packed();
    return made;
  }

  void accept() {
    accepting_ = true;
    ::io_uring_prep_multishot_accept(entry({.of = event::accepted}), listener_.native_handle(),
                                     nullptr, nullptr, SOCK_CLOEXEC);
  }

  void receive(int fd, connection& c) {
    c.receiving = true;
    io_uring_sqe* const made = entry(tag_of(event::received, fd));
    ::io_uring_prep_recv_multishot(made, fd, nullptr, 0, 0);
    made->flags |= IOSQE_BUFFER_SELECT;
    made->buf_group = uring_buffers::group;
    files_.find(made, static_cast<unsigned>(fd));
  }

  void stop_receiving(int fd) {
    ::io_uring_prep_cancel64(entry({}), tag_of(event::received, fd).packed(), 0);
  }

  void send_first(int fd, const connection& c) {
    io_uring_sqe* const made = entry(tag_of(event::sent, fd, c.first));
    ::io_uring_prep_send(made, fd, buffers_.at(c.first) + c.sent, contents_[c.first].bytes - c.sent,
                         MSG_NOSIGNAL);
    files_.find(made, static_cast<unsigned>(fd));
  }

  void completed(const io_uring_cqe& done) {
    const tag of = tag::unpacked(done.user_data);
    switch (of.of) {
      case event::nothing:
        return;
      case event::accepted:
        return accepted(done);
      case event::received:
        return received(of.fd, of.generation, done);
      case event::sent:
        return sent(of.fd, of.generation, of.buffer, done.res);
    }
  }

  void accepted(const io_uring_cqe& done) {
    const bool goes_on = (done.flags & IORING_CQE_F_MORE) != 0;
    if (done.res < 0 && done.res != -ECONNABORTED && done.res != -EINTR) {
      report_.why_turned_away = std::strerror(-done.res);
      accepting_ = false;
      accept_again_at_ = clock::now() + std::chrono::milliseconds(10);
      return;
    }
    if (!goes_on) accept();
    if (done.res < 0) return;
    ++report_.connections;
    const auto number = static_cast<std::size_t>(done.res);
    if (connections_.size() <= number) connections_.resize(2 * number);
    connection& c = connections_[number];
    c.fd.reset(done.res);
    c.number = done.res;
    set_no_delay(done.res);
    files_.put(static_cast<unsigned>(number), c.number);
    receive(done.res, c);
  }

  void received(int fd, std::uint32_t generation, const io_uring_cqe& done) {
    const bool has_buffer = (done.flags & IORING_CQE_F_BUFFER) != 0;
    const unsigned buffer = has_buffer ? done.flags >> IORING_CQE_BUFFER_SHIFT : no_buffer;
    if (has_buffer) buffers_.taken();
    connection& c = connections_[static_cast<std::size_t>(fd)];
    const bool is_stale = c.generation != generation;
    if (has_buffer && (is_stale || done.res <= 0)) buffers_.give_back(buffer);
    if (is_stale) return;
    if ((done.flags & IORING_CQE_F_MORE) == 0) c.receiving = c.stopping = false;
    if (done.res > 0) return keep(fd, c, buffer, static_cast<unsigned>(done.res));
    if (done.res == -ENOBUFS && !buffers_.grow()) {
      starved_.push_back({fd, c.generation});
      return;
    }
    c.ended = done.res != -ENOBUFS && done.res != -ECANCELED && done.res != -EINTR;
    go_on(fd, c);
  }

  void keep(int fd, connection& c, unsigned buffer, unsigned bytes) {
    contents_[buffer] = {bytes, no_buffer};
    (c.held == 0 ? c.first : contents_[c.last].next) = buffer;
    c.last = buffer;
    if (++c.held == 1) return send_first(fd, c);
    if (c.held >= most_held && c.receiving && !c.stopping) {
      c.stopping = true;
      stop_receiving(fd);
    }
  }

  void sent(int fd, std::uint32_t generation, unsigned buffer, int result) {
    connection& c = connections_[static_cast<std::size_t>(fd)];
    if (c.generation != generation) return;
    if (result < 0 && result != -EINTR) return close(fd, c);
    c.sent += static_cast<unsigned>(std::max(result, 0));
    if (c.sent < contents_[buffer].bytes) return send_first(fd, c);
    echoed_ += c.sent;
    drop_first(c);
    if (c.held > 0) return send_first(fd, c);
    go_on(fd, c);
    feed_one();
  }

  void drop_first(connection& c) {
    buffers_.give_back(c.first);
    c.first = contents_[c.first].next;
    c.sent = 0;
    --c.held;
  }

  /// With all sent that has come.
  void go_on(int fd, connection& c) {
    if (c.held > 0) return;
    if (c.ended) return close(fd, c);
    if (!c.receiving) receive(fd, c);
  }

  /// A buffer is free again: for one that found none.
  void feed_one() {
    while (!starved_.empty()) {
      const auto [fd, generation] = starved_.back();
      starved_.pop_back();
      connection& c = connections_[static_cast<std::size_t>(fd)];
      if (c.generation == generation) return go_on(fd, c);
    }
  }

  /// No send is under way: it is a send that has failed, or nothing is left to send.
  void close(int fd, connection& c) {
    while (c.held > 0) drop_first(c);
    if (c.receiving) stop_receiving(fd);
    files_.remove(static_cast<unsigned>(fd));
    connection next;
    next.generation = (c.generation + 1) % tag::generations;
    c = std::move(next);
  }

  const blocking_listener& listener_;
  const stop_source& stop_;
  echo_totals& totals_;
  uring ring_;
  uring_buffers buffers_{ring_};
  bool accepting_ = true;
  clock::time_point accept_again_at_;
  uring_files files_{ring_};
  std::deque<connection> connections_;  // by their descriptors; they stay where they are
  std::array<content, uring_buffers::most> contents_;
  std::vector<std::pair<int, std::uint32_t>> starved_;
  std::uint64_t echoed_ = 0;
  serve_report report_;
};

}  // namespace

serve_report serve_uring(const listen_address& at, stop_source& stop, echo_totals& totals) {
  const blocking_listener listener(at);
  uring_server server(listener, stop, totals);  // before anybody is told that it is there
  announce(listener.local_endpoint());
  return server.run();
}

}  // namespace switchyard
