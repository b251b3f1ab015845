// echo_open: latency of the article's echo server against its load. One operation is one message
// there and back, verified byte for byte.
//
// Latency counts from the time at which a message was due, so the wait of those that a slow server
// keeps from being sent is in it; the service time, counted from the sending, stands beside it.
//   load:N     N per cent of this server's own closed-loop maximum, which is measured in the same
//              launch just before
//   rate:N     N messages per second, the same for all servers
// Where a server can't keep up the queue grows for as long as the run lasts, and the latency is the
// length of the run: that is a limit and no latency. bench_echo_capacity has what it does then.
#include "bench/echo/open_loop.hpp"

namespace switchyard {
namespace {

using echo::loaded_server;

echo::open_loop rows;

// Any server keeps up with it, and is busy for a good part of the time.
constexpr std::int64_t quick_rate = 20'000;

/// A pause at the very end leaves as much unsent.
bool keeps_up(const load::run_result& r) {
  constexpr std::uint64_t one_in = 50;
  return one_in * r.unsent <= r.due;
}

void latency_row(benchmark::State& state, loaded_server& server, double rate) {
  const auto r = rows.record(state, server, rate);
  if (!keeps_up(r)) {
    // In the same words each time: they are a footnote of a table.
    throw limit_error("the server does not keep up: the latency would be the length of the run");
  }
  harness::set_latency(state, r.latency);
  // Of fewer values one in ten thousand is no more than the largest.
  if (r.latency.count() >= 10'000) state.counters["p9999_us"] = r.latency.value_at(0.9999) / 1e3;
}

void load_row(benchmark::State& state, loaded_server& server, std::int64_t percent) {
  const double most = server.closed_loop_rate();
  latency_row(state, server, most * static_cast<double>(percent) / 100);
  state.counters["closed_loop_ops_per_s"] = most;
}

void add_rows(std::vector<harness::row>& all, const echo::server& by) {
  for (const std::int64_t percent : {10, 25, 50, 75, 90}) {
    all.push_back(rows.row_of(
        by, {"load", percent},
        "open loop at " + std::to_string(percent) + " % of the closed-loop maximum",
        [=](benchmark::State& s, loaded_server& server) { load_row(s, server, percent); }));
  }
  for (const std::int64_t rate : {10'000, 20'000, 40'000, 80'000}) {
    all.push_back(rows.row_of(by, {"rate", rate},
                              "open loop at " + std::to_string(rate) + " messages per second",
                              [=](benchmark::State& s, loaded_server& server) {
                                latency_row(s, server, static_cast<double>(rate));
                              }));
    all.back().quick = rate == quick_rate && by.name != "uring" && by.is != echo::kind::outside;
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "echo_open",
      .what = "Messages to an echo server are due at a fixed rate; latency counts from that time.",
      .compared_by = {"p99_us", "99th percentile of the latency", "us", "lower"},
      .unit = benchmark::kMicrosecond};
  return rows.run_main(argc, argv, w, [&](const echo::server& by) { add_rows(w.rows, by); });
}
