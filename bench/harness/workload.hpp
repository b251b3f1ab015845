// What a workload's binary is made of: rows, each one Google Benchmark, and one main for all. And
// what a row expects of the kernel, held against what the kernel counted: a row whose tasks were
// switched by somebody else than it says, or woken for nothing, fails.
//
// Names are joined here and nowhere else. Google Benchmark keeps its flags, its reporters and its
// JSON; we add --describe, which tells the runner what the rows are, --iterations, which its
// versions before 1.8 lack, and --hardware-counters, for a launch that counts events.
//
// All that rows are made of comes with this header, and what the headers of a workload's own folder
// include comes with them: its files name the other parts only.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bench/harness/event_counters.hpp"
#include "bench/harness/taken_time.hpp"
#include "bench/harness/usage.hpp"
#include "runtimes/concepts.hpp"

namespace switchyard::harness {

class command_line;

/// The figure that a workload is compared by: a counter's name, or "real_time".
struct metric {
  std::string key;
  std::string label;
  std::string unit;    // s for real_time, 1/s for a rate
  std::string better;  // "lower" or "higher"
};

using parameter = std::pair<std::string, std::variant<std::int64_t, std::string>>;

/// So many rounds still give the interval of a ratio (docs/method.md).
inline constexpr int enough_rounds = 3;

struct row {
  std::string runtime;  // or the control's name
  std::vector<parameter> params;
  std::string what;  // one line
  std::function<void(benchmark::State&)> body;
  bool quick = false;        // part of the quick run as well as of the full one
  std::string control = {};  // the runtime column that is this row's limit, if any
  std::string needs = {};    // a program or package that a machine may lack: wrk, gevent
  bool outside = false;      // a program that is not ours: a reference, and no contender
  std::string command = {};  // what --server was told for it
  bool once = false;         // not repeated, however short: the time is not what it is about
  int most_rounds = 0;       // of a run that launch it, if not all: it takes long
};

struct workload {
  std::string name;
  std::string what;  // one sentence, and what one operation is
  metric compared_by;
  benchmark::TimeUnit unit;
  std::vector<row> rows = {};
  bool counts_events = true;   // its rows have operations to count hardware events for
  bool takes_servers = false;  // it has the option --server
};

/// "echo/fiber/connections:64/bytes:64"
std::string row_name(std::string_view workload, const row& r);

/// main() of every bench_* binary. `add_options` may add options of the workload's own, which are
/// parsed before the first row runs. Exit code 0, 1 (a row failed), 2 (bad arguments, no row).
int run_main(
    int argc, char** argv, const workload& w,
    const std::function<void(command_line&)>& add_options = [](command_line&) {});

/// How many operations a batch does, and how many of them are reported: the same number, unless
/// this build is slowed down on purpose (SWITCHYARD_INJECT_SLOWDOWN), to see that a regression
/// check notices. Then a batch does so many more, and no clock is tampered with.
struct batch_size {
  std::int64_t done;
  std::int64_t reported;

  /// Of a row that can't do more than it reports: it is never slowed down.
  constexpr batch_size(std::int64_t as_many) : batch_size(as_many, as_many) {}
  constexpr batch_size(std::int64_t d, std::int64_t r) : done(d), reported(r) {}

  /// For the row, which has nothing to do with what is reported.
  constexpr operator std::int64_t() const noexcept { return done; }
};

/// The smallest multiple of `step` of which at least `wished` operations can be reported, each of
/// which costs `slowdown_percent` more than one operation done. Both numbers are whole: the ratio
/// is right to a thousandth.
batch_size batch_of(std::int64_t wished, std::int64_t step, std::int64_t slowdown_percent);

/// With the slowdown of this build: enough for Google Benchmark's wish.
batch_size at_least(benchmark::IterationCount wished, std::int64_t step);

/// What one batch of operations took.
struct measured {
  double seconds = 0;  // wall time, as the workload defines it
  usage used = {};     // by the side under test, in that time
  // Operations, where they can be others than were asked for.
  std::optional<std::int64_t> done = {};
  // And those that `used` is for, where others were under way as the time was over.
  std::optional<std::int64_t> done_by_used = {};
  // Between tasks, by the side under test itself: those that the kernel does not see.
  std::optional<std::uint64_t> user_switches = {};

  /// With another batch, made after this one.
  measured& operator+=(const measured& next) {
    seconds += next.seconds;
    used += next.used;
    done = sum_of(done, next.done);
    return *this;
  }
};

/// The wall time of `batch()`, and what this process and its reaped children used for it.
template <class Batch>
measured measure(Batch batch) {
  const usage_meter meter;
  const auto begin = std::chrono::steady_clock::now();
  batch();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  return {wall.count(), meter.used()};
}

/// Has Google Benchmark record the operations that `batch() -> measured` does at one go, with the
/// counters that all workloads share. As many are reported as `state.max_iterations` at least. What
/// was taken from it counts from `since` on: for a row that has done its work before. Throws
/// std::runtime_error when nothing was done: no figure is for so many operations.
void record_batch(benchmark::State& state, batch_size ops, const std::function<measured()>& batch,
                  const taken_time& since = {});

/// Calls `f()` within a runtime; if that is a stackless one, `f` enters it by itself, as often as
/// it has something to await.
template <class R, class F>
auto within(R& rt, F f) {
  if constexpr (Stackless<R>) {
    return f();
  } else {
    return rt.run(f);
  }
}

/// The same for `batch(runtime)` within a runtime.
template <class R, class Batch>
void record_batch_in(benchmark::State& state, batch_size ops, Batch batch) {
  R rt;
  within(rt, [&] { record_batch(state, ops, [&] { return batch(rt); }); });
}

/// Has it record the time, in seconds, that `run()` gives, for what has no operations to be
/// counted. Without the counters of record_batch: it may be shorter than a tick of steal.
void record_time(benchmark::State& state, const std::function<double()>& run);

/// Of the kernel's switches for one operation.
struct expected_switches {
  double at_least = 0;         // of both kinds: whoever waits, or shares a CPU, can't do with less
  double sleeps_at_most = 0;   // voluntary ones; the others are as others use the CPU
  std::int64_t uncounted = 2;  // of those at least: the switches of whoever comes first and last
};

/// Whether the kernel is a PREEMPT_RT one, whose own locks put tasks to sleep.
bool kernel_locks_sleep();

/// Throws std::runtime_error when `ops` operations took more or fewer. 2 % are left for what else
/// the tasks wait for, and `once` for sleeps that are not one operation's: the tasks' start and
/// end. No sleep is too many where the kernel's own locks sleep, and nothing is looked at in a
/// launch that counts hardware events, which adds sleeps at each start of a task.
void expect_switches(const usage& used, std::int64_t ops, const expected_switches& each,
                     std::int64_t once = 100);

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

}  // namespace switchyard::harness
