#include "bench/harness/workload.hpp"

#include <sys/prctl.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/harness/command_line.hpp"
#include "bench/harness/placement.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/io_uring_lack.hpp"

namespace switchyard::harness {
namespace {

constexpr benchmark::IterationCount most_iterations = 1'000'000'000;  // as Google Benchmark

bool a_row_failed = false;

// Whether no other row ran before in this process. The kernel scales its samples of user and system
// time to the sum of all that a process has ever used: a row has the others' mixture in its own.
bool is_first_row = true;

/// A failure ends its row, not the program: the rows after it still run.
void run_row(const row& r, benchmark::State& state) {
  begin_row();
  static const row* const first = &r;
  is_first_row = &r == first;
  try {
    if (needs_io_uring(r.runtime)) require_io_uring();
    r.body(state);
  } catch (const limit_error& limit) {
    state.SkipWithError((std::string("limit reached: ") + limit.what()).c_str());
  } catch (const std::exception& failure) {
    a_row_failed = true;
    state.SkipWithError(failure.what());
  }
}

std::string per_op(const std::string& figure) { return figure + "_per_op"; }

nlohmann::ordered_json description(const workload& w) {
  auto rows = nlohmann::ordered_json::array();
  for (const row& r : w.rows) {
    nlohmann::ordered_json params = nlohmann::ordered_json::object();
    for (const auto& [key, value] : r.params) {
      std::visit([&, &name = key](const auto& v) { params[name] = v; }, value);
    }
    const auto or_null = [](const std::string& text) {
      return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
    };
    const std::string needs = needs_io_uring(r.runtime) ? io_uring_name : r.needs;
    rows.push_back(
        {{"name", row_name(w.name, r)},
         {"runtime", r.runtime},
         {"params", params},
         {"what", r.what},
         {"set", r.quick ? "quick" : "full"},
         {"control", or_null(r.control)},
         {"needs", or_null(needs)},
         {"outside", r.outside},
         {"command", or_null(r.command)},
         {"rounds", r.most_rounds > 0 ? nlohmann::ordered_json(r.most_rounds) : nullptr}});
  }
  auto counters = nlohmann::ordered_json::array();
  for (const counted_event& event : hardware_events()) {
    if (w.counts_events && !event.name.empty()) counters.push_back(per_op(event.name));
  }
  auto lacks = nlohmann::ordered_json::object();
  if (const std::string why = io_uring_lack(); !why.empty()) lacks[io_uring_name] = why;
  return {{"workload", w.name},
          {"what", w.what},
          {"lacks", lacks},
          {"hardware_counters", counters},
          {"takes_servers", w.takes_servers},
          {"metric",
           {{"key", w.compared_by.key},
            {"label", w.compared_by.label},
            {"unit", w.compared_by.unit},
            {"better", w.compared_by.better}}},
          {"rows", rows}};
}

void set_usage(benchmark::State& state, const usage& used, double ops) {
  const auto set = [&](const char* figure, double value) {
    state.counters[per_op(figure)] = value / ops;
  };
  set("cpu_us", used.cpu_s * 1e6);
  if (used.system_s && is_first_row && used.cpu_s >= least_cpu_s_to_split()) {
    set("system_us", *used.system_s * 1e6);
  }
  set("kernel_switches", static_cast<double>(used.kernel_switches()));
  set("involuntary_switches", static_cast<double>(used.involuntary_switches));
  set("page_faults", static_cast<double>(used.page_faults));
  if (used.migrations) set("migrations", static_cast<double>(*used.migrations));
  for (std::size_t i = 0; i < used.events.size(); ++i) {
    if (used.events[i]) set(events_of_this_launch()[i].name.c_str(), *used.events[i]);
  }
}

}  // namespace

std::string row_name(std::string_view workload, const row& r) {
  std::string name = std::string(workload) + '/' + r.runtime;
  for (const auto& [key, value] : r.params) {
    name += '/' + key + ':';
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      name += std::to_string(*number);
    } else {
      name += std::get<std::string>(value);
    }
  }
  return name;
}

int run_main(int argc, char** argv, const workload& w,
             const std::function<void(command_line&)>& add_options) {
  const std::string program = "bench_" + w.name;
  return run_program(program, [&] {
    first_cpu();  // remembers the CPUs before any row binds this thread
    // The kernel wakes a sleeping task up to 50 us late, to put wake-ups together, but not the
    // fiber whose scheduler waits for a timer descriptor. Here nobody has that slack: all threads
    // and children inherit it (prctl(2)).
    check(::prctl(PR_SET_TIMERSLACK, 1UL), "set the timer slack");
    command_line line(program, w.what);
    bool describe = false;
    line.add_flag("--describe", describe, "Print what the rows are, as JSON, and exit");
    benchmark::IterationCount iterations = 0;
    line.add("--iterations", iterations,
             "Run each row once with so many iterations; its name then ends in /iterations:N")
        .range(benchmark::IterationCount{1}, most_iterations, "N");
    bool hardware = false;
    line.add_flag("--hardware-counters", hardware,
                  "Count cycles, instructions and cache misses, where the machine lets us; the "
                  "times are then worth nothing");
    line.add_version();
    add_options(line);
    static const std::string help = line.help();  // Google Benchmark wants a plain function
    benchmark::Initialize(&argc, argv, [] {
      std::fputs((help + "\nand all of Google Benchmark's:\n").c_str(), stdout);
      benchmark::PrintDefaultHelp();
    });
    line.parse_or_exit(argc, argv);
    if (describe) {
      std::puts(description(w).dump(2).c_str());
      return 0;
    }
    if (hardware) count_hardware_events();
    for (const row& r : w.rows) {
      auto* registered = benchmark::RegisterBenchmark(
          row_name(w.name, r).c_str(), [&r](benchmark::State& state) { run_row(r, state); });
      registered->UseManualTime()->Unit(w.unit);
      if (r.once) registered->Iterations(1);
      if (iterations > 0) registered->Iterations(iterations);
    }
    if (benchmark::RunSpecifiedBenchmarks() == 0) return exit_bad_arguments;
    return a_row_failed ? exit_failure : 0;
  });
}

void record_batch(benchmark::State& state, batch_size ops, const std::function<measured()>& batch,
                  const taken_time& since) {
  while (state.KeepRunningBatch(ops.reported)) {
    const measured m = batch();
    const auto done = m.done.value_or(ops.reported);
    const auto done_by_used = m.done_by_used.value_or(done);
    if (done == 0 || done_by_used == 0) throw std::runtime_error("no operation was done");
    const auto n = static_cast<double>(done);
    state.SetIterationTime(m.seconds);
    state.counters["ops_per_s"] = n / m.seconds;
    set_usage(state, m.used, static_cast<double>(done_by_used));
    if (m.user_switches) {
      state.counters["user_switches_per_op"] = static_cast<double>(*m.user_switches) / n;
    }
    state.counters["steal_percent"] = since.steal_percent();
    if (const auto throttled = since.throttled_percent()) {
      state.counters["throttled_percent"] = *throttled;
    }
    if (ends_share_a_core()) state.counters["ends_share_a_core"] = 1;
  }
}

void record_time(benchmark::State& state, const std::function<double()>& run) {
  while (state.KeepRunning()) state.SetIterationTime(run());
}

bool kernel_locks_sleep() {
  static const bool realtime = number_in("/sys/kernel/realtime") == 1;
  return realtime;
}

void expect_switches(const usage& used, std::int64_t ops, const expected_switches& each,
                     std::int64_t once) {
  if (counts_events()) return;
  const auto n = static_cast<double>(ops);
  const auto fail = [&](const char* what, std::int64_t counted, const char* bound, double limit) {
    throw std::runtime_error(std::string("the kernel counted ") + std::to_string(counted) + what +
                             " for " + std::to_string(ops) + " operations, expected at " + bound +
                             ' ' + std::to_string(std::llround(limit)));
  };
  const double least = 0.98 * each.at_least * n - static_cast<double>(each.uncounted);
  if (static_cast<double>(used.kernel_switches()) < least) {
    fail(" switches", used.kernel_switches(), "least", least);
  }
  const double most = (each.sleeps_at_most * 1.02 + 0.001) * n + static_cast<double>(once);
  if (static_cast<double>(used.voluntary_switches) > most && !kernel_locks_sleep()) {
    fail(" sleeps", used.voluntary_switches, "most", most);
  }
}

batch_size batch_of(std::int64_t wished, std::int64_t step, std::int64_t slowdown_percent) {
  const auto whole_steps = [step](std::int64_t ops) { return (ops + step - 1) / step * step; };
  if (slowdown_percent == 0) return whole_steps(wished);
  const std::int64_t cost = 100 + slowdown_percent;
  for (std::int64_t done = whole_steps((wished * cost + 99) / 100);; done += step) {
    const std::int64_t reported = (100 * done + cost / 2) / cost;
    const std::int64_t off = std::abs(100 * done - reported * cost);
    if (reported >= wished && off * 1'000 <= reported * cost) return {done, reported};
  }
}

batch_size at_least(benchmark::IterationCount wished, std::int64_t step) {
  return batch_of(wished, step, SWITCHYARD_INJECT_SLOWDOWN);
}

}  // namespace switchyard::harness
