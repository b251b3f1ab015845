// The accept loop of the runtimes whose tasks the kernel schedules (serial, process, thread).
#pragma once

#include <poll.h>

#include <chrono>
#include <exception>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/serve_report.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// A descriptor to watch beside the listener, and what to do when it is readable.
struct nothing_else {
  [[nodiscard]] int fd() const noexcept { return -1; }
  void run() const noexcept {}
};

/// Accepts until `stop` is requested and hands each stream to `start(stream)`. A connection for
/// which no task could be started (limit_error) is turned away; one for which there is no
/// descriptor waits in the backlog. The loop pauses then: a full machine need not be a busy one
/// too.
template <class Start, class Watched = nothing_else>
serve_report accept_until_stopped(blocking_listener& listener, stop_source& stop, Start start,
                                  Watched watched = {}) {
  constexpr std::chrono::milliseconds pause(10);
  serve_report report;
  while (!stop.requested()) {
    pollfd ready[] = {
        {listener.native_handle(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {watched.fd(), POLLIN, 0}};
    if (::poll(ready, 3, -1) < 0) continue;  // EINTR: look at the flag again
    if (ready[2].revents != 0) watched.run();
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
