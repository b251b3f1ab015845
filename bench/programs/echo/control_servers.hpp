// The control of the echo workload: a server written by hand over epoll, without any runtime.
//
// One thread, level-triggered, one recv and one send for each message: about the least that the
// kernel's readiness interface asks for, and so the limit that the runtimes are held against.
#pragma once

#include "bench/programs/echo/echo_session.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/serve_report.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

serve_report serve_epoll(const blocking_listener& listener, const stop_source& stop,
                         echo_totals& totals);

/// The plain loop of recv and send on a blocking socket: what our stream must not be slower than.
void plain_echo_session(int fd, echo_totals& totals);

}  // namespace switchyard
