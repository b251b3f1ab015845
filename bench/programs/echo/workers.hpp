// Several single-thread servers on one port: how coroutines use all cores.
//
// Each is an echo_server of its own, on a CPU of its own, and the kernel deals the connections out
// among them by a hash of their addresses (SO_REUSEPORT). This process only watches them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/programs/echo/servers.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard::echo {

inline constexpr std::size_t most_workers = 1'024;

/// Whether this server is one thread, which has no other way to use several CPUs.
inline bool can_have_workers(const server& s) {
  return s.concurrent && s.kernel_tasks_per_connection == 0 && s.is != kind::outside;
}

/// Announces `where` when all are there, serves until `stop` is requested, and prints what each has
/// done and the sum of it. Worker i is on the i-th of `cpus`, which are taken in turn. One that
/// ends by itself is told on standard error while the others serve on. Exit code 1 when one did, 0
/// otherwise; std::runtime_error when one can't start, or none is left.
int serve_with_workers(const server& by, std::size_t count, const endpoint& where,
                       const std::vector<int>& cpus, const stop_source& stop);

}  // namespace switchyard::echo
