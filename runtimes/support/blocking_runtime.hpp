// What the runtimes whose tasks wait in the kernel have in common (serial, process, thread): how a
// task waits, their sockets, and the accept loop of their servers.
#pragma once

#include <poll.h>

#include <chrono>
#include <exception>
#include <functional>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// The part of such a runtime that each call of the kernel's is.
class blocking_runtime {
 public:
  template <class Body>
  auto run(Body body) {
    return body();
  }

  void sleep_for(std::chrono::steady_clock::duration d) noexcept { kernel_sleep(d); }

  bool wait_readable(int fd, time_point deadline) { return wait_ready(fd, POLLIN, deadline); }
  template <class F>
  auto offload(F f) {
    return f();
  }

  using listener = blocking_listener;
  using stream = blocking_stream;

  listener listen(const endpoint& where) { return listener(where); }
  stream connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return blocking_connect(where, ec, deadline);
  }
};

/// A descriptor to watch beside the listener, and what to do when it is readable.
struct watched_descriptor {
  int fd = -1;
  std::function<void()> readable = {};
};

/// Accepts until `stop` is requested and hands each stream to `start(stream)`. A connection for
/// which no task could be started (limit_error) is turned away; one for which there is no
/// descriptor waits in the backlog. The loop pauses then: a full machine need not be a busy one
/// too.
template <class Start>
serve_report accept_until_stopped(blocking_listener& listener, stop_source& stop, Start start,
                                  const watched_descriptor& beside = {}) {
  constexpr std::chrono::milliseconds pause(10);
  serve_report report;
  while (!stop.requested()) {
    pollfd ready[] = {
        {listener.native_handle(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {beside.fd, POLLIN, 0}};
    if (::poll(ready, 3, -1) < 0) continue;  // EINTR: look at the flag again
    if (ready[2].revents != 0) beside.readable();
    if (ready[0].revents == 0) continue;
    error_code ec;
    blocking_stream peer = listener.try_accept(ec);
    if (ec == boost::asio::error::would_block) continue;
    if (ec) {
      report.why_turned_away = ec.message();
      kernel_sleep(pause);
      continue;
    }
    try {
      start(std::move(peer));
      ++report.connections;
    } catch (const std::exception& limit) {  // limit_error, or std::bad_alloc
      ++report.turned_away;
      report.why_turned_away = limit.what();
      kernel_sleep(pause);
    }
  }
  return report;
}

}  // namespace switchyard
