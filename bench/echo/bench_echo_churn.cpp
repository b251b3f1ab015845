// echo_churn: what a connection costs that comes for one message and goes. One operation is a
// connect, one message there and back, verified byte for byte, and the end of the connection; as
// many clients as the row says do that over and over, each with one connection at a time.
//
// A model pays here for what it makes for each connection: a fork, a thread, a fiber, or nothing.
// What is compared is the server's CPU time: to connect takes the client longer than most servers
// need to serve it, so that the rate of many clients is the load generator's own. The latency, of
// one client that has the server to itself, is from the connect to the reply, the first that it
// hears. Clients end a connection by a reset, so that no port is left waiting; to the server that
// is an error in place of an end, the same for all.
#include "bench/echo/echo_rows.hpp"

namespace switchyard {
namespace {

using echo::echo_case;
using echo::kind;
using harness::measured;

echo::kept_server kept;

/// The server sleeps at most once for a connection to come, and once for each of its message and
/// its end.
constexpr harness::expected_switches switches_each{.sleeps_at_most = 3};

void churn_row(benchmark::State& state, echo::loaded_server& server) {
  const echo_case& which = server.which();
  const bool takes_counts_along = which.by->kernel_tasks_per_connection > 0;
  load::run_result result;
  constexpr std::int64_t connections_each = 8;
  const auto ops = harness::at_least(state.max_iterations, connections_each * which.connections);
  harness::record_batch(state, ops, [&] {
    const harness::usage_meter meter(server.pid());
    result = server.run_connections(static_cast<std::uint64_t>(ops));
    const auto used = meter.used();
    const auto answered = static_cast<std::int64_t>(result.latency.count());
    // A kernel task that has ended takes the count of its switches with it.
    if (!takes_counts_along) {
      echo::expect_wake_ups(*which.by, used, answered, switches_each, which.connections);
    }
    return measured{.seconds = result.seconds, .used = used, .done_by_used = answered};
  });
  state.counters["errors"] = static_cast<double>(result.errors.total());
  if (takes_counts_along) {
    for (const char* lost :
         {"kernel_switches_per_op", "involuntary_switches_per_op", "migrations_per_op"}) {
      state.counters.erase(lost);
    }
  }
  if (which.connections == 1) {
    harness::set_latency(state, result.latency);
    state.counters["load_cpu_percent"] = result.cpu_percent();
  }
}

harness::row make_row(const echo_case& which) {
  const std::string what =
      std::to_string(which.connections) +
      (which.connections == 1 ? " client connects, sends " : " clients each connect, send ") +
      std::to_string(which.bytes) + " bytes, take the echo and go";
  auto row =
      echo::row_of(*which.by, {{"connections", which.connections}, {"bytes", which.bytes}}, what,
                   [which](benchmark::State& s) {
                     kept.with(which, [&](echo::loaded_server& server) { churn_row(s, server); });
                   });
  row.quick = which.connections == 64 && which.by->is != kind::outside;
  return row;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "echo_churn",
      .what =
          "Clients connect to an echo server for one message each; one operation "
          "is one connection.",
      .compared_by = {"cpu_us_per_op", "server CPU time per connection", "us", "lower"},
      .unit = benchmark::kMicrosecond};
  return echo::run_main(argc, argv, w, kept, [&](const echo::server& by) {
    if (by.is == echo::kind::plain) return;
    for (const std::int64_t connections : {1, 64}) {
      if (connections == 1 || by.concurrent) w.rows.push_back(make_row({&by, connections}));
    }
  });
}
