// What the runtimes whose tasks wait in the kernel have in common (serial, process, thread): how a
// task waits, their sockets, and the accept loop of their servers.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/session_list.hpp"
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

  listener listen(const listen_address& at) { return listener(at); }
  stream connect(const endpoint& where, error_code& ec, time_point deadline = never) {
    return blocking_connect(where, ec, deadline);
  }
};

/// A descriptor to watch beside the listener, and what to do when it is readable.
struct watched_descriptor {
  int fd = -1;
  std::function<void()> readable = {};
};

/// The accept loop over a blocking listener, beside which it may watch another descriptor.
template <class Start>
serve_report accept_until_stopped(blocking_listener& listener, stop_source& stop, Start start,
                                  const watched_descriptor& beside = {}) {
  const auto accept = [&](error_code& ec) {
    pollfd ready[] = {
        {listener.native_handle(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {beside.fd, POLLIN, 0}};
    const int found = ::poll(ready, 3, -1);
    if (found > 0 && ready[2].revents != 0) beside.readable();
    if (found > 0 && ready[0].revents != 0) return listener.try_accept(ec);
    ec = boost::asio::error::would_block;  // or EINTR
    return blocking_stream();
  };
  return accept_until_stopped(stop, accept, start, kernel_sleep);
}

}  // namespace switchyard
