// echo_open: latency of the article's echo server against its load. One operation is one message
// there and back, verified byte for byte.
//
// Messages are due at random times (a Poisson process, as from many clients that know nothing of
// each other) and at a fixed rate, whatever the server does. Latency counts from the time at which
// a message was due, so the wait of those that a slow server keeps from being sent is in it; the
// service time, counted from the sending, stands beside it.
//   load:N     N per cent of this server's own closed-loop maximum, which is measured in the same
//              launch just before: 110 asks for more than it can do
//   find:slo   the highest rate at which a percentile stays within a bound (--slo, default p99=5ms)
#include <algorithm>
#include <cmath>

#include "bench/echo/echo_rows.hpp"
#include "bench/load/slo_search.hpp"
#include "bench/programs/echo/servers.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using echo::echo_case;
using echo::loaded_server;
using harness::measured;
using load::send_schedule;

echo::kept_server kept;
load::slo wanted;  // of the rows find:slo

// The shortest run whose 99.9th percentile has some values above it at the lowest rates.
constexpr std::chrono::nanoseconds shortest = 500ms;
constexpr std::chrono::nanoseconds a_probe = 400ms;

send_schedule::plan poisson(double rate) {
  return {.rate = rate, .how = send_schedule::kind::poisson};
}

void set_counters(benchmark::State& state, const load::run_result& r) {
  harness::set_latency(state, r.latency);
  // Of fewer values one in ten thousand is no more than the largest.
  if (r.latency.count() >= 10'000) state.counters["p9999_us"] = r.latency.value_at(0.9999) / 1e3;
  state.counters["service_p50_us"] = r.service.value_at(0.5) / 1e3;
  state.counters["service_p99_us"] = r.service.value_at(0.99) / 1e3;
  state.counters["late_p99_us"] = r.lateness.value_at(0.99) / 1e3;
  state.counters["due_per_s"] = static_cast<double>(r.due) / r.seconds;
  state.counters["unsent"] = static_cast<double>(r.unsent);
  state.counters["errors"] = static_cast<double>(r.errors.total());
}

/// With the server's usage; those that it answered after the end are in it too.
measured run_at(loaded_server& server, double rate, std::chrono::nanoseconds length,
                load::run_result& r) {
  const harness::usage_meter meter(server.pid());
  r = server.run_at(poisson(rate), length);
  const auto used = meter.used();
  const auto answered = static_cast<std::int64_t>(r.service.count());
  echo::expect_wake_ups(used, answered, server.which().connections);
  return {.seconds = r.seconds,
          .used = used,
          .done = static_cast<std::int64_t>(r.requests),
          .done_by_used = answered};
}

void load_row(benchmark::State& state, loaded_server& server, std::int64_t percent) {
  const double most = server.closed_loop_rate();
  const double rate = most * static_cast<double>(percent) / 100;
  const std::chrono::duration<double> wished(static_cast<double>(state.max_iterations) / rate);
  const auto length =
      std::max(shortest, std::chrono::duration_cast<std::chrono::nanoseconds>(wished));
  const auto ops = std::max<std::int64_t>(
      state.max_iterations, std::llround(rate * std::chrono::duration<double>(length).count()));
  load::run_result result;
  harness::record_batch(state, {ops, ops}, [&] { return run_at(server, rate, length, result); });
  set_counters(state, result);
  state.counters["closed_loop_ops_per_s"] = most;
}

/// The figures of the row are those of the best probe that held, or of the last one when none did:
/// then slo_ops_per_s is 0.
void slo_row(benchmark::State& state, loaded_server& server) {
  const harness::taken_time since;
  const double most = server.closed_loop_rate();
  load::run_result best;
  measured there;
  bool one_held = false;
  const auto found = load::highest_rate(wanted, most, [&](double rate) {
    load::run_result result;
    const measured m = run_at(server, rate, a_probe, result);
    const bool holds = wanted.holds(result);
    if (holds || !one_held) {
      best = result;
      there = m;
    }
    one_held = one_held || holds;
    return result;
  });
  const auto ops = std::max<std::int64_t>(state.max_iterations, there.done);
  harness::record_batch(
      state, {ops, ops}, [&] { return there; }, since);
  set_counters(state, best);
  state.counters["slo_ops_per_s"] = found.rate;
  state.counters["slo_bound_us"] = static_cast<double>(wanted.bound.count()) / 1e3;
  state.counters["slo_percentile"] = 100 * wanted.quantile;
  state.counters["closed_loop_ops_per_s"] = most;
}

constexpr std::int64_t loads[] = {10, 25, 50, 75, 90, 100, 110};  // per cent

void add_rows(std::vector<harness::row>& rows, const echo::server& by) {
  const echo_case which{&by, 64};
  const auto add = [&](harness::parameter last, const std::string& what, auto body) {
    rows.push_back(echo::row_of(
        by, {{"connections", which.connections}, {"bytes", which.bytes}, std::move(last)}, what,
        [=](benchmark::State& s) {
          kept.with(which, [&](loaded_server& server) { body(s, server); });
        }));
  };
  for (const std::int64_t percent : loads) {
    add({"load", percent},
        "64 clients, open loop at " + std::to_string(percent) + " % of the closed-loop maximum",
        [=](benchmark::State& s, loaded_server& server) { load_row(s, server, percent); });
  }
  add({"find", std::string("slo")},
      "64 clients, the highest open-loop rate that a latency objective allows", slo_row);
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
  for (const echo::server& by : echo::all_servers()) {
    const bool is_measured = by.is_model() || by.is == echo::kind::limit;
    if (is_measured && by.concurrent) add_rows(w.rows, by);
  }
  return harness::run_main(argc, argv, w, [](harness::command_line& line) {
    kept.add_options(line);
    line.add_taken(
            "--slo", "pNN=TIME", [](const std::string& text) { wanted = load::parse_slo(text); },
            "The objective of the rows find:slo")
        .with_default("p99=5ms");
  });
}
