// A run in which each client sends its next message when it has the answer to the last one: what
// the rows of `echo` do, and those of other workloads that ask for a server's throughput.
#pragma once

#include <cstdint>

#include "bench/echo/echo_rows.hpp"

namespace switchyard::echo {

inline void closed_loop(benchmark::State& state, loaded_server& server) {
  const echo_case& which = server.which();
  load::run_result result;
  // A steady state needs several messages for each connection.
  constexpr std::int64_t messages_each = 8;
  const auto ops = harness::at_least(state.max_iterations, messages_each * which.busy());
  harness::record_batch(state, ops, [&] {
    const harness::usage_meter meter(server.pid());
    result = server.run(static_cast<std::uint64_t>(ops));
    const auto used = meter.used();
    // The server has also answered what was under way when the time was over.
    const auto answered = static_cast<std::int64_t>(result.latency.count());
    expect_wake_ups(*which.by, used, answered, {.sleeps_at_most = 1}, which.connections);
    return harness::measured{.seconds = result.seconds, .used = used, .done_by_used = answered};
  });
  harness::set_latency(state, result.latency);
  const auto requests = static_cast<double>(result.requests);
  state.counters["errors"] = static_cast<double>(result.errors.total());
  state.counters["load_cpu_percent"] = result.cpu_percent();
  state.counters["load_cpu_us_per_op"] = result.cpu_s * 1e6 / requests;
  // Less is the granularity of the server itself and not that of its connections.
  constexpr double least_growth = 64 * 1024;
  const double grown = server.connection_memory().pss_bytes;
  if (grown >= least_growth) {
    state.counters["pss_bytes_per_task"] = grown / static_cast<double>(which.connections);
  }
}

}  // namespace switchyard::echo
