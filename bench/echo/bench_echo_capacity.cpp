// echo_capacity: how much the article's echo server can do. One operation is one message there and
// back, verified byte for byte, of messages that are due at a fixed rate.
//   load:N     N per cent of this server's own closed-loop maximum, which is measured in the same
//              launch just before: at 100 and more the queue grows without end, and the latency
//              would be the length of the run. What counts is what is answered all the same, what
//              could not be sent, and how fast the queue grew
//   find:slo   the highest rate at which a percentile stays within a bound (--slo, default p99=5ms)
#include "bench/echo/open_loop.hpp"
#include "bench/load/slo_search.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using echo::loaded_server;

echo::open_loop rows;
load::slo wanted;  // of the rows find:slo

// Some fifty of them make a row.
constexpr std::chrono::nanoseconds a_trial = 200ms;

void overload_row(benchmark::State& state, loaded_server& server, std::int64_t percent) {
  const double most = server.closed_loop_rate();
  const auto r = rows.record(state, server, most * static_cast<double>(percent) / 100);
  const auto due = static_cast<double>(r.due);
  state.counters["unsent_percent"] = 100 * static_cast<double>(r.unsent) / due;
  state.counters["queue_growth_per_s"] = (due - static_cast<double>(r.requests)) / r.seconds;
  state.counters["closed_loop_ops_per_s"] = most;
}

/// The search, and then a run at what it found, whose figures the row has.
void slo_row(benchmark::State& state, loaded_server& server) {
  const harness::taken_time since;
  const double most = server.closed_loop_rate();
  std::uint64_t trials = 0;
  const auto found = load::highest_rate(
      wanted, most, [&](double rate) { return rows.run(server, rate, a_trial, ++trials); });
  if (found.rate == 0) {
    throw limit_error(wanted.name + " is above the bound at each rate that was tried");
  }
  const auto r = rows.record(state, server, found.rate, since);
  harness::set_latency(state, r.latency);
  state.counters["slo_ops_per_s"] = found.rate;
  state.counters["slo_low_ops_per_s"] = found.low;
  state.counters["slo_high_ops_per_s"] = found.high;
  state.counters["slo_bound_us"] = static_cast<double>(wanted.bound.count()) / 1e3;
  state.counters["slo_percentile"] = 100 * wanted.quantile;
  state.counters["closed_loop_ops_per_s"] = most;
}

void add_rows(std::vector<harness::row>& all, const echo::server& by) {
  for (const std::int64_t percent : {100, 110}) {
    all.push_back(rows.row_of(
        by, {"load", percent},
        "open loop at " + std::to_string(percent) + " % of the closed-loop maximum",
        [=](benchmark::State& s, loaded_server& server) { overload_row(s, server, percent); }));
  }
  all.push_back(rows.row_of(by, {"find", std::string("slo")},
                            "the highest open-loop rate that a latency objective allows", slo_row));
  all.back().once = true;
  all.back().most_rounds = harness::enough_rounds;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "echo_capacity",
      .what =
          "More messages are due to an echo server than it can answer, or as many as a latency "
          "objective allows.",
      .compared_by = {"ops_per_s", "messages answered per second", "1/s", "higher"},
      .unit = benchmark::kMicrosecond};
  return rows.run_main(
      argc, argv, w, [&](const echo::server& by) { add_rows(w.rows, by); },
      [](harness::command_line& line) {
        line.add_taken(
                "--slo", "pNN=TIME",
                [](const std::string& text) { wanted = load::parse_slo(text); },
                "The objective of the rows find:slo")
            .with_default("p99=5ms");
      });
}
