// echo_load: load for any echo server, every reply verified byte for byte.
//
// Closed loop, or open loop with --rate; with --slo it looks for the highest rate that a latency
// objective allows. Warm-up and measuring are separate phases over the same connections. Ends by
// itself: after the duration, or when every connection has failed. Exit code 0, or 1 when anything
// was wrong.
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/load/slo_search.hpp"
#include "bench/programs/echo/load_command.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {
namespace {

struct options : programs::load_command {
  std::string slo;
  pid_t server_pid = 0;
};

using programs::length;
using programs::report_file;

/// What the server used while it was measured, as the echo rows of the benchmarks count it: also
/// for the messages that were under way when the time was over.
void add_server(nlohmann::ordered_json& summary, const harness::usage& used,
                const load::run_result& result) {
  const auto answered = static_cast<double>(result.answered());
  const double us_per_op = answered > 0 ? used.cpu_s * 1e6 / answered : 0;
  summary["server_cpu_s"] = used.cpu_s;
  summary["server_cpu_us_per_op"] = us_per_op;
  std::printf("server: %.3f s of CPU time, %.2f us per request\n", used.cpu_s, us_per_op);
}

void expect_process(pid_t pid) {
  if (std::filesystem::exists("/proc/" + std::to_string(pid))) return;
  throw std::invalid_argument("--server-pid " + std::to_string(pid) + ": there is no such process");
}

/// A connection that met an error is closed: what its server does for the others is no answer.
void expect_right(const load::error_counts& errors, const std::string& meanwhile) {
  if (errors.total() > 0) throw std::runtime_error(meanwhile + ": " + errors.first);
}

double closed_loop_maximum(load::generator& generator, const options& chosen,
                           const stop_source& stop) {
  const auto maximum = generator.run_for(length(chosen.duration_s));
  const std::string not_measured = "the closed-loop maximum could not be measured";
  if (stop.requested()) throw std::runtime_error(not_measured + ": stopped");
  expect_right(maximum.errors, not_measured);
  if (maximum.requests == 0) throw std::runtime_error(not_measured + ": no reply came back");
  return maximum.per_second();
}

/// Prints each trial as it comes. Exit code 1 when no rate held.
int search(load::generator& generator, const options& chosen, const stop_source& stop,
           const programs::warmed_up& warm_up, report_file& json) {
  expect_right(warm_up.errors, "in the warm-up");
  const auto wanted = load::parse_slo(chosen.slo);
  const double most = closed_loop_maximum(generator, chosen, stop);
  std::printf("closed loop, at most: %.0f per second\n", most);
  auto schedule = chosen.schedule;
  auto trials = nlohmann::ordered_json::array();
  const auto found = load::highest_rate(wanted, most, [&](double rate) {
    schedule.rate = rate;
    const auto result = generator.run_at(schedule, length(chosen.duration_s / load::most_trials));
    if (stop.requested()) throw std::runtime_error("stopped before the search was over");
    expect_right(result.errors, "in a trial of the search");
    ++schedule.seed;
    const double us = result.latency.value_at(wanted.quantile) / 1e3;
    const bool held = wanted.holds(result);
    std::printf("%10.0f per second: %s %.1f us, %llu unsent: %s\n", rate, wanted.name.c_str(), us,
                static_cast<unsigned long long>(result.unsent), held ? "holds" : "does not hold");
    std::fflush(stdout);
    trials.push_back({{"rate", rate}, {"us", us}, {"unsent", result.unsent}, {"holds", held}});
    return result;
  });
  json.write({{"slo", chosen.slo},
              {"closed_loop_ops_per_s", most},
              {"slo_ops_per_s", found.rate},
              {"slo_low_ops_per_s", found.low},
              {"slo_high_ops_per_s", found.high},
              {"probes", trials}});
  if (found.rate == 0) {
    std::printf("%s: no rate that was tried holds\n", chosen.slo.c_str());
    return harness::exit_failure;
  }
  std::printf(
      "%s holds up to %.0f per second, %.0f %% of the closed loop's; surely up to %.0f, surely "
      "not%s %.0f\n",
      chosen.slo.c_str(), found.rate, 100 * found.rate / most, found.low,
      found.high < most ? " from" : " above", found.high);
  return 0;
}

int measure_once(load::generator& generator, const options& chosen, const stop_source& stop,
                 const programs::warmed_up& warm_up, report_file& json, report_file& histogram) {
  const auto server_usage = [pid = chosen.server_pid] {
    return pid != 0 ? harness::usage_of_tree(pid) : harness::usage{};
  };
  const auto server_before = server_usage();
  const auto result = chosen.measure(generator, warm_up);
  const auto server_used = server_usage() - server_before;
  programs::expect_replies(result, result.errors.total());
  print_figures(chosen, result);
  auto summary = figures(chosen, result, stop.requested());
  if (chosen.server_pid != 0) add_server(summary, server_used, result);
  json.write(summary);
  auto distributions = histograms(chosen, result);
  distributions["figures"] = summary;
  histogram.write(distributions);
  return programs::exit_code(result.errors.total(), stop.signal());
}

void check_combination(const options& chosen) {
  chosen.check(chosen.is_open_loop() || !chosen.slo.empty());
  if (!chosen.slo.empty() && chosen.is_open_loop()) {
    throw std::invalid_argument("--slo looks for a rate, so it goes without --rate");
  }
  if (!chosen.slo.empty() && !chosen.histogram.empty()) {
    throw std::invalid_argument("--slo makes several runs, so it goes without --histogram");
  }
  if (!chosen.slo.empty() && chosen.server_pid != 0) {
    throw std::invalid_argument("--slo makes several runs, so it goes without --server-pid");
  }
  if (chosen.server_pid != 0) expect_process(chosen.server_pid);
}

int run_load(const options& chosen) {
  const auto addresses = chosen.targets();
  check_combination(chosen);
  report_file json("--json", chosen.json);
  report_file histogram("--histogram", chosen.histogram);
  const auto cpus = chosen.cpu_list();
  if (!cpus.empty()) harness::pin_this_thread(cpus);
  static stop_source stop;
  stop_source::on_signals(stop);

  const auto connected = programs::connect(chosen.wanted(stop, cpus), addresses);
  load::generator& generator = *connected;
  const auto warm_up = chosen.warm_up(generator, stop);
  return chosen.slo.empty() ? measure_once(generator, chosen, stop, warm_up, json, histogram)
                            : search(generator, chosen, stop, warm_up, json);
}

void add_options(harness::command_line& line, options& chosen) {
  chosen.add_to(line);
  line.add("--slo", chosen.slo,
           "Look for the highest rate with this percentile within its bound: p99=5ms; --duration "
           "is then that of a rate, five trials at most")
      .parsed_by(load::parse_slo, "pNN=TIME");
  line.add("--server-pid", chosen.server_pid,
           "Also tell the CPU time of this process and its children: the server's")
      .range(pid_t{1}, std::numeric_limits<pid_t>::max(), "PID");
  line.add_version();
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line(
      "echo_load", "Load for an echo server, closed or open loop; every reply is verified");
  add_options(line, chosen);
  line.parse_or_exit(argc, argv);
  chosen.take_schedule();
  return harness::run_program("echo_load", [&] { return run_load(chosen); });
}
