// The echo session, written once for every runtime: what comes in goes out, until the peer has
// finished or anything fails.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>

#include "runtimes/concepts.hpp"

namespace switchyard {

/// How much one read takes at most. The same for every server, the hand-written ones included.
inline constexpr std::size_t echo_buffer_bytes = 16 * 1024;

/// Summed up over all sessions; in shared memory, so that forked sessions count too. Each session
/// adds once, at its end.
struct echo_totals {
  std::atomic<std::uint64_t> sessions{0};
  std::atomic<std::uint64_t> bytes{0};
};

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
  ++totals.sessions;
  totals.bytes += echoed;
}

}  // namespace switchyard
