// What serves: the echo session over any stream, and one function for each server of ours without a
// runtime, as servers.hpp names them.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>

#include "bench/programs/echo/servers.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/lent_buffers.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// Summed up over all sessions; in shared memory, so that forked sessions count too. Each session
/// adds once, at its end.
struct echo_totals {
  std::atomic<std::uint64_t> bytes{0};
};

/// The echo session, written once for every runtime: what comes in goes out, until the peer has
/// finished or anything fails.
template <Stream S>
void echo_session(S& peer, echo_totals& totals) {
  std::array<std::byte, echo_buffer_bytes> buffer;  // not initialised: only what is read is touched
  boost::system::error_code ec;
  std::uint64_t echoed = 0;
  while (!ec) {
    const std::size_t got = peer.read_some(boost::asio::buffer(buffer), ec);
    for (std::size_t sent = 0; !ec && sent < got;) {
      sent += peer.write_some(boost::asio::buffer(buffer.data() + sent, got - sent), ec);
    }
    if (!ec) echoed += got;
  }
  totals.bytes += echoed;
}

static_assert(lent_bytes::most == echo_buffer_bytes, "one read takes as much on every server");

/// The same for stackless runtimes, whose sessions have no stack that is there anyway: what comes
/// in lies in a buffer that the loop lends, and a session that waits for its peer has none.
template <StacklessStream S>
auto echo_session(S& peer, echo_totals& totals) -> typename S::template awaitable<void> {
  boost::system::error_code ec;
  std::uint64_t echoed = 0;
  while (!ec) {
    const lent_bytes message = co_await peer.read_lent(ec);
    for (std::size_t sent = 0; !ec && sent < message.size();) {
      sent += co_await peer.write_some(message.bytes() + sent, ec);
    }
    if (!ec) echoed += message.size();
  }
  totals.bytes += echoed;
}

/// Listens, announces where, and serves until `stop` is requested.
using serve_function = serve_report(const listen_address& at, stop_source& stop,
                                    echo_totals& totals);

#define SWITCHYARD_DECLARE(name, ...) serve_function serve_##name;
SWITCHYARD_ECHO_SERVERS(SWITCHYARD_DECLARE)
#undef SWITCHYARD_DECLARE

/// Serves with runtime R, each session run by `session(stream)`.
template <Sockets R, class Session>
serve_report serve_with(const listen_address& at, stop_source& stop, Session session) {
  R rt;
  return rt.run([&] {
    typename R::listener listener = rt.listen(at);
    announce(listener.local_endpoint());
    return rt.serve(listener, stop, session);
  });
}

template <StacklessSockets R, class Session>
serve_report serve_with(const listen_address& at, stop_source& stop, Session session) {
  R rt;
  return rt.run([&]() -> typename R::template awaitable<serve_report> {
    typename R::listener listener = rt.listen(at);
    announce(listener.local_endpoint());
    co_return co_await rt.serve(listener, stop, session);
  });
}

}  // namespace switchyard
