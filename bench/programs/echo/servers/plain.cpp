// Runtimes with the plain loop of recv and send on a blocking socket in place of our stream: what
// that must not be slower than.
#include <sys/socket.h>

#include <array>
#include <cstddef>

#include "bench/programs/echo/serving.hpp"
#include "runtimes/process.hpp"
#include "runtimes/thread.hpp"

namespace switchyard {
namespace {

void plain_session(int fd, echo_totals& totals) {
  std::array<std::byte, echo_buffer_bytes> buffer;  // not initialised, as in echo_session
  std::uint64_t echoed = 0;
  for (;;) {
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    ssize_t sent = 0;
    while (sent < got) {
      const auto now =
          ::send(fd, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (now < 0) break;
      sent += now;
    }
    if (sent < got) break;
    echoed += static_cast<std::uint64_t>(got);
  }
  totals.bytes += echoed;
}

template <class R>
serve_report serve_plain(const listen_address& at, stop_source& stop, echo_totals& totals) {
  return serve_with<R>(
      at, stop, [&](typename R::stream& peer) { plain_session(peer.native_handle(), totals); });
}

}  // namespace

serve_report serve_plain_thread(const listen_address& at, stop_source& stop, echo_totals& totals) {
  return serve_plain<thread>(at, stop, totals);
}

serve_report serve_plain_process(const listen_address& at, stop_source& stop, echo_totals& totals) {
  return serve_plain<process>(at, stop, totals);
}

}  // namespace switchyard
