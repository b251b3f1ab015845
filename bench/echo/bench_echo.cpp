// echo: the article's echo server under load. One operation is one message sent, echoed and
// verified byte for byte; as many connections as the row says are all busy at once (closed loop),
// or with active:N only N of them, while the others stay open. bench_echo_open asks for the
// latency.
//
// The server is a program of its own (echo_server) on its own CPU, the load generator runs here on
// another. Both stay for all runs that Google Benchmark makes of a row, and its first, short ones
// are the warm-up. CPU time, switches and memory are the server's, its whole process tree's.

#include "bench/echo/closed_loop.hpp"

namespace switchyard {
namespace {

using echo::echo_case;
using echo::kind;

echo::kept_server kept;

/// The quick run: short messages of 64 clients, and of a thousand where so many start at once. One
/// row is enough for what is not ours; the full run alone has what our stream costs.
bool is_quick(const echo_case& which) {
  if (which.active > 0 || which.bytes > 64 || which.by->is == kind::plain) return false;
  if (which.connections == 64) return true;
  const bool needs_one = which.by->is == kind::outside || which.by->name == "uring";
  return !needs_one && which.connections == 1'024 && 1'024 <= which.by->quick_connections;
}

harness::row make_row(const echo_case& which) {
  std::vector<harness::parameter> params{{"connections", which.connections}};
  if (which.active > 0) params.emplace_back("active", which.active);
  params.emplace_back("bytes", which.bytes);
  const std::string bytes = std::to_string(which.bytes) + " bytes and wait for the echo";
  const std::string clients = std::to_string(which.connections) + " clients ";
  const std::string what =
      which.active > 0
          ? clients + "are connected, " + std::to_string(which.active) + " of them send " + bytes
          : clients + "each send " + bytes;
  auto row = echo::row_of(*which.by, std::move(params), what, [which](benchmark::State& s) {
    kept.with(which, [&](echo::loaded_server& server) { echo::closed_loop(s, server); });
  });
  row.quick = is_quick(which);
  return row;
}

std::vector<echo_case> cases_of(const echo::server& by) {
  // One connection after another: a second client would wait for the first to leave.
  if (!by.concurrent) return {{&by, 1}};
  if (by.is == kind::plain) return {{&by, 64}};
  std::vector<echo_case> cases;
  for (const std::int64_t connections : {1, 16, 64, 256, 1'024}) {
    for (const std::int64_t bytes : {64, 4'096}) cases.push_back({&by, connections, bytes});
  }
  if (by.is == kind::outside) return cases;
  // Of many connections few are busy: what it costs to keep the others open. Ten thousand forks
  // take half a minute to start and to end.
  for (const std::int64_t connections : {10'000, 100'000}) {
    if (connections <= 10 * by.quick_connections) cases.push_back({&by, connections, 64, 1'000});
  }
  return cases;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "echo",
      .what =
          "Clients send messages to an echo server and verify the replies; one operation is one "
          "message there and back.",
      .compared_by = {"ops_per_s", "messages per second", "1/s", "higher"},
      .unit = benchmark::kMicrosecond};
  return echo::run_main(argc, argv, w, kept, [&](const echo::server& by) {
    for (const echo_case& which : cases_of(by)) w.rows.push_back(make_row(which));
  });
}
