// The load for an echo server: one thread over epoll, many connections, every reply verified.
//
// Closed loop: each connection sends its next message when the reply to the last one is complete.
// What a message holds (a sequence number, the connection's number, a fixed pattern) lies in one
// template that is patched for each send and each comparison, so that the generator's working set
// stays small however many connections there are: it has to cost less than the server it drives.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bench/harness/histogram.hpp"
#include "runtimes/support/stop_source.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard::harness {

struct load_options {
  boost::asio::ip::tcp::endpoint target;
  std::size_t connections = 1;
  std::size_t bytes = 64;                              // per message
  std::size_t ramp = 64;                               // connects under way at once
  std::chrono::milliseconds connect_patience{10'000};  // no further connection: give up
  std::chrono::milliseconds reply_patience{4'000};     // a connection without a byte: give it up
  bool stop_at_first_error = false;
  const stop_source* stop = nullptr;  // ends a run early when requested
};

/// Errors by kind. `first` describes the first one.
struct load_errors {
  std::map<std::string, std::uint64_t> by_kind;
  std::string first;

  [[nodiscard]] std::uint64_t total() const;
};

struct load_result {
  std::uint64_t requests = 0;  // answered and verified within the measured time
  double seconds = 0;          // from the first send to the last of these replies
  double cpu_s = 0;            // the generator's own, in that time
  // Of these requests and of those still under way at the end: to leave the slowest out because
  // they were slow would flatter the server.
  histogram latency;
  load_errors errors;  // of the whole run, its draining included

  [[nodiscard]] double cpu_percent() const { return seconds > 0 ? 100 * cpu_s / seconds : 0; }
};

class load_generator {
 public:
  explicit load_generator(const load_options& options);
  ~load_generator();
  load_generator(const load_generator&) = delete;
  load_generator& operator=(const load_generator&) = delete;

  /// Opens all connections, at most `ramp` at once. Throws limit_error when the machine has no room
  /// for them, std::system_error when the server refuses, std::runtime_error when time runs out.
  void connect();

  /// Keeps every connection busy until `count` replies have come back; then takes what is still
  /// under way, verified, but not counted in the throughput.
  load_result run_requests(std::uint64_t count);

  /// The same for a length of time.
  load_result run_for(std::chrono::nanoseconds length);

  [[nodiscard]] std::size_t open_connections() const noexcept { return open_; }

 private:
  using clock = std::chrono::steady_clock;

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

  struct reply {
    std::size_t index;  // of its connection
    clock::time_point when;
  };
  static constexpr int events_at_once = 256;

  template <class Done>
  load_result run(Done done);
  std::span<const reply> take_replies();
  void start_connect(std::size_t index);
  void finish_connect(std::size_t index);
  void send_next(std::size_t index);
  void send_rest(std::size_t index);
  bool take_reply(std::size_t index);
  bool verify(std::size_t index, std::size_t count);
  void patch_message(std::size_t index);
  void watch(std::size_t index, std::uint32_t events, int operation);
  void fail(std::size_t index, const std::string& kind, const std::string& detail);
  void fail_overdue(clock::time_point now);
  [[nodiscard]] bool stop_requested() const noexcept {
    return options_.stop != nullptr && options_.stop->requested();
  }

  load_options options_;
  unique_fd epoll_;
  std::vector<connection> connections_;
  std::array<epoll_event, events_at_once> events_{};
  std::array<reply, events_at_once> replies_{};
  std::vector<std::byte> message_;
  std::vector<std::byte> received_;
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;
  load_errors errors_;
};

}  // namespace switchyard::harness
