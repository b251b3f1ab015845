// What the rows of `echo_open` and `echo_capacity` share: messages that are due at random times (a
// Poisson process, as from many clients that know nothing of each other) and at a fixed rate,
// whatever the server does.
//
// The times are others in each launch, so that a run's rounds are more than one pattern; the seed
// is told, and --seed repeats it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "bench/echo/echo_rows.hpp"

namespace switchyard::echo {

class open_loop {
 public:
  /// main() of one of them: `add_rows` adds the rows of a server to `w`.
  int run_main(
      int argc, char** argv, harness::workload& w,
      const std::function<void(const server&)>& add_rows,
      const std::function<void(harness::command_line&)>& add_options = [](harness::command_line&) {
      }) {
    const auto where_open = [&](const server& by) {
      if (has_open_loop(by)) add_rows(by);
    };
    return echo::run_main(argc, argv, w, kept_, where_open, [&](harness::command_line& line) {
      line.add("--seed", seed_, "Of the times of the messages (default: another in each launch)");
      add_options(line);
    });
  }

  /// 64 clients with 64 bytes each, and what tells this row from the others of the server.
  template <class Body>
  harness::row row_of(const server& by, harness::parameter last, const std::string& what,
                      Body body) {
    const echo_case which{&by, 64};
    return echo::row_of(
        by, {{"connections", which.connections}, {"bytes", which.bytes}, std::move(last)},
        "64 clients, " + what, [this, which, body](benchmark::State& state) {
          kept_.with(which, [&](loaded_server& server) { body(state, server); });
        });
  }

  /// The runs of a launch that are one sample each have times of their own by their numbers.
  load::run_result run(loaded_server& server, double rate, std::chrono::nanoseconds length,
                       std::uint64_t number = 0) const {
    return server.run_at(
        {.rate = rate, .how = load::send_schedule::kind::poisson, .seed = seed_ + number}, length);
  }

  /// A row at `rate`, with all counters but those of the latency. The server's usage is also for
  /// what it answered after the end. `since`: a search, whose stolen time counts as well.
  load::run_result record(benchmark::State& state, loaded_server& server, double rate,
                          const harness::taken_time& since = {}) const {
    const std::chrono::duration<double> wished(static_cast<double>(state.max_iterations) / rate);
    const auto length =
        std::max(shortest, std::chrono::duration_cast<std::chrono::nanoseconds>(wished));
    const auto ops = std::max<std::int64_t>(
        state.max_iterations, std::llround(rate * std::chrono::duration<double>(length).count()));
    load::run_result r;
    harness::record_batch(
        state, {ops, ops},
        [&] {
          const harness::usage_meter meter(server.pid());
          r = run(server, rate, length);
          const auto used = meter.used();
          const auto answered = static_cast<std::int64_t>(r.service.count());
          expect_wake_ups(*server.which().by, used, answered, {.sleeps_at_most = 1},
                          server.which().connections);
          return harness::measured{.seconds = r.seconds,
                                   .used = used,
                                   .done = static_cast<std::int64_t>(r.requests),
                                   .done_by_used = answered};
        },
        since);
    for (const auto& [name, quantile] : {std::pair{"p50_us", 0.5}, {"p99_us", 0.99}}) {
      state.counters[std::string("service_") + name] = r.service.value_at(quantile) / 1e3;
      state.counters[std::string("late_") + name] = r.lateness.value_at(quantile) / 1e3;
      state.counters[std::string("unread_") + name] = r.unread.value_at(quantile) / 1e3;
    }
    state.counters["due_per_s"] = static_cast<double>(r.due) / r.seconds;
    state.counters["unsent"] = static_cast<double>(r.unsent);
    state.counters["errors"] = static_cast<double>(r.errors.total());
    state.counters["seed"] = static_cast<double>(seed_);
    return r;
  }

 private:
  // The shortest run whose 99.9th percentile has some values above it at the lowest rates.
  static constexpr std::chrono::nanoseconds shortest = std::chrono::milliseconds(500);

  /// Models, the limit, and servers that somebody asked for; none that serves one connection after
  /// another.
  static bool has_open_loop(const server& s) {
    return s.concurrent && (s.is_model() || s.is == kind::limit || !s.command.empty());
  }

  kept_server kept_;
  std::uint32_t seed_ = std::random_device()();
};

}  // namespace switchyard::echo
