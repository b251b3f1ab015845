// The connections of the load generator: opened in bulk, a message under way on each at most, every
// reply verified byte for byte.
//
// What a message holds (a sequence number, the connection's number, a fixed pattern) lies in one
// template that is patched for each send and each comparison, so that the generator's working set
// stays small however many connections there are: it has to cost less than the server it drives.
// An address has some 28,000 ports for its connections to one endpoint, and the kernel's search for
// a free one gets slow long before; so beyond the first 10,000 each further 10,000 come from an
// address of their own in 127.0.0.0/8.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtimes/support/stop_source.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard::load {

inline constexpr std::size_t connections_per_address = 10'000;

struct options {
  boost::asio::ip::tcp::endpoint target;
  std::size_t connections = 1;
  std::size_t active = 0;                              // that get messages, evenly spread; 0: all
  std::size_t bytes = 64;                              // per message
  std::size_t ramp = 64;                               // connects under way at once
  std::chrono::milliseconds connect_patience{10'000};  // no further connection: give up
  std::chrono::milliseconds reply_patience{4'000};     // a connection without a byte: give it up
  bool stop_at_first_error = false;
  const stop_source* stop = nullptr;  // ends a run early when requested
  std::size_t threads = 1;            // that share the connections out among them
  std::function<void(std::size_t number)> enter_thread = {};  // where each of several begins
  std::size_t first = 0;                                      // the number of the first connection
  // Of several processes that share all of this out among them, as threads do.
  std::size_t rank = 0;
  std::size_t ranks = 1;
  std::size_t ranks_on_host = 1;  // so many of these share this one's ports
};

/// What the connections take of a machine. The library takes it; whoever starts a load asks first
/// whether it is there.
struct machine_needs {
  std::uint64_t open_files;  // in one thread, as each has descriptors of its own
  std::uint64_t ports_of_an_address;
};
machine_needs needs_of(const options& wanted);

/// Errors by kind. `first` describes the first one.
struct error_counts {
  std::map<std::string, std::uint64_t> by_kind;
  std::string first;

  [[nodiscard]] std::uint64_t total() const;
  void merge(const error_counts& other);
};

class connection_set {
 public:
  using clock = std::chrono::steady_clock;

  struct reply {
    std::size_t index;        // of its connection
    clock::time_point when;   // it was read
    clock::time_point since;  // from when on it may have been there to be read
  };

  explicit connection_set(const options& options);
  ~connection_set();
  connection_set& operator=(connection_set&&) = delete;

  /// Opens all, at most `ramp` at once. Throws std::system_error when the server refuses,
  /// std::runtime_error when time runs out.
  void open_all();

  /// Begins the next message; nothing happens on a connection that has failed.
  void send_next(std::size_t index);

  /// Ends the connection and begins another one in its place, whose first message goes out as soon
  /// as it is there; both count as begun now. Nothing happens where one has failed.
  void renew(std::size_t index);

  /// Waits for events for `patience` at most and returns the replies that are complete and right.
  std::span<const reply> take_replies(std::chrono::nanoseconds patience);

  /// Gives up each connection that moved no byte for as long as the patience lasts.
  void fail_overdue(clock::time_point now);

  [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }
  [[nodiscard]] std::size_t open() const noexcept { return open_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] bool is_open(std::size_t index) const { return connections_[index].open; }
  /// When the current message was begun, or the connection that was opened for it.
  [[nodiscard]] clock::time_point started(std::size_t index) const {
    return connections_[index].started;
  }
  [[nodiscard]] const error_counts& errors() const noexcept { return errors_; }
  /// Those since the last call.
  error_counts take_errors() { return std::exchange(errors_, {}); }

 private:
  struct connection {
    unique_fd fd;
    std::uint64_t sequence = 0;
    std::size_t sent = 0;      // bytes of the current message
    std::size_t received = 0;  // bytes of its reply
    bool waiting = false;      // for a reply
    bool blocked = false;      // the send buffer is full
    bool open = false;
    bool progress = false;  // bytes were moved since the last look
    clock::time_point started;
    clock::time_point quiet_since;
  };
  static constexpr int events_at_once = 256;

  [[nodiscard]] int start_connect(std::size_t index);
  [[nodiscard]] int finish_connect(std::size_t index);
  void expect_connected(int error) const;
  void reset(connection& which) const;
  std::span<const epoll_event> wait(std::chrono::nanoseconds patience);
  clock::time_point unseen_since(clock::time_point asked, std::size_t reported);
  void send_rest(std::size_t index);
  bool take_reply(std::size_t index);
  bool verify(std::size_t index, std::size_t count);
  void patch_message(std::size_t index);
  void watch(std::size_t index, std::uint32_t events, int operation);
  void fail(std::size_t index, const std::string& kind, const std::string& detail);

  options options_;
  unique_fd epoll_;
  bool has_pwait2_ = true;
  clock::time_point looked_;  // what is reported next may have come since
  std::vector<connection> connections_;
  std::array<epoll_event, events_at_once> events_{};
  std::array<reply, events_at_once> replies_{};
  std::vector<std::byte> message_;
  std::vector<std::byte> received_;
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;
  error_counts errors_;
};

}  // namespace switchyard::load
