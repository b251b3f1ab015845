// What a workload's binary is made of: rows, each one Google Benchmark, and one main for all.
//
// Names are joined here and nowhere else. Google Benchmark keeps its flags, its reporters and its
// JSON; we add --describe, which tells the runner what the rows are, --iterations, which its
// versions before 1.8 lack, and --hardware-counters, for a launch that counts events.
#pragma once

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bench/harness/batch_size.hpp"
#include "bench/harness/usage.hpp"

namespace switchyard::harness {

/// The figure that a workload is compared by: a counter's name, or "real_time".
struct metric {
  std::string key;
  std::string label;
  std::string unit;    // s for real_time, 1/s for a rate
  std::string better;  // "lower" or "higher"
};

enum class suite { quick, full };

using parameter = std::pair<std::string, std::variant<std::int64_t, std::string>>;

struct row {
  std::string runtime;  // or the control's name
  std::vector<parameter> params;
  std::string what;  // one line
  std::function<void(benchmark::State&)> body;
  suite set = suite::full;
  std::string control = {};  // the runtime column that is this row's limit, if any
  std::string needs = {};    // a program or package that a machine may lack: wrk, gevent
  bool once = false;         // not repeated, however short: the time is not what it is about
  bool one_round = false;    // launched once in a run: it takes long, or is always the same
};

struct workload {
  std::string name;
  std::string what;  // one sentence, and what one operation is
  metric compared_by;
  benchmark::TimeUnit unit;
  std::vector<row> rows;
  bool counts_events = true;  // its rows have operations to count hardware events for
};

/// "echo/fiber/connections:64/bytes:64"
std::string row_name(std::string_view workload, const row& r);

/// main() of every bench_* binary. `add_options` may add options of the workload's own, which are
/// parsed before the first row runs. Exit code 0, 1 (a row failed), 2 (bad arguments, no row).
int run_main(
    int argc, char** argv, const workload& w,
    const std::function<void(CLI::App&)>& add_options = [](CLI::App&) {});

/// What one batch of operations took.
struct measured {
  double seconds = 0;     // wall time, as the workload defines it
  usage used = {};        // by the side under test, in that time
  std::int64_t done = 0;  // operations, where they can be others than were asked for
};

/// Has Google Benchmark record the operations that `batch() -> measured` does at one go, with the
/// counters that all workloads share. As many are reported as `state.max_iterations` at least.
void record_batch(benchmark::State& state, batch_size ops, const std::function<measured()>& batch);

/// Has it record the time, in seconds, that `run()` gives, for what has no operations to be
/// counted. Without the counters of record_batch: it may be shorter than a tick of steal.
void record_time(benchmark::State& state, const std::function<double()>& run);

/// The counters p50_us, p90_us, p99_us, p999_us and max_us.
template <class Histogram>
void set_latency(benchmark::State& state, const Histogram& latency) {
  const std::pair<const char*, double> quantiles[] = {
      {"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
  for (const auto& [name, quantile] : quantiles) {
    state.counters[name] = latency.value_at(quantile) / 1e3;
  }
  state.counters["max_us"] = static_cast<double>(latency.max()) / 1e3;
}

/// The smallest multiple of `step` that is enough for Google Benchmark's wish. Rows that take their
/// number of operations from here are slowed down where that is built in.
batch_size at_least(benchmark::IterationCount wished, std::int64_t step);

}  // namespace switchyard::harness
