// What serves: one function for each server of ours without a runtime, as servers.hpp names them.
#pragma once

#include "bench/programs/echo/echo_session.hpp"
#include "bench/programs/echo/servers.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// Listens, announces where, and serves until `stop` is requested.
using serve_function = serve_report(const endpoint& where, stop_source& stop, echo_totals& totals);

#define SWITCHYARD_DECLARE(name, ...) serve_function serve_##name;
SWITCHYARD_ECHO_SERVERS(SWITCHYARD_DECLARE)
#undef SWITCHYARD_DECLARE

/// Serves with runtime R, each session run by `session(stream)`.
template <class R, class Session>
serve_report serve_with(const endpoint& where, stop_source& stop, Session session) {
  R rt;
  return rt.run([&] {
    typename R::listener listener = rt.listen(where);
    announce(listener.local_endpoint());
    return rt.serve(listener, stop, session);
  });
}

}  // namespace switchyard
