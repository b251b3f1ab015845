// echo_load: load for any echo server, every reply verified byte for byte.
//
// Closed loop, or open loop with --rate; with --slo it looks for the highest rate that a latency
// objective allows. Warm-up and measuring are separate phases over the same connections. Ends by
// itself: after the duration, or when every connection has failed. Exit code 0, or 1 when anything
// was wrong.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/load/slo_search.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/load_report.hpp"
#include "bench/programs/echo/load_room.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {
namespace {

using namespace std::chrono;
using load::send_schedule;

struct options : programs::load_options {
  double duration_s = 5;
  double warmup_s = 1;
  std::string how = "constant";
  std::string slo;
  std::string cpus;
  std::string json;
  std::string histogram;
  pid_t server_pid = 0;
  bool allow_remote = false;
};

/// A file for results, opened before the run: a measurement must not be lost to a mistyped path.
class report_file {
 public:
  report_file(const char* option, const std::string& path) : name_(path), option_(option) {
    if (path.empty()) return;
    file_.open(path);
    if (!file_) throw std::invalid_argument(option_ + " '" + path + "': can't be written");
  }

  void write(const nlohmann::ordered_json& content) {
    if (file_.is_open() && !(file_ << content.dump(2) << '\n').flush()) {
      throw std::runtime_error(option_ + " '" + name_ + "': writing failed");
    }
  }

 private:
  std::string name_;
  std::string option_;
  std::ofstream file_;
};

nanoseconds length(double seconds) { return duration_cast<nanoseconds>(duration<double>(seconds)); }

load::run_result measure(load::generator& generator, const options& chosen, double seconds) {
  return chosen.is_open_loop() ? generator.run_at(chosen.schedule, length(seconds))
                               : generator.run_for(length(seconds));
}

/// What the server used while it was measured, as the echo rows of the benchmarks count it: also
/// for the messages that were under way when the time was over.
void add_server(nlohmann::ordered_json& summary, const harness::usage& used,
                const load::run_result& result) {
  const auto answered = static_cast<double>(result.service.count() > 0 ? result.service.count()
                                                                       : result.latency.count());
  const double us_per_op = answered > 0 ? used.cpu_s * 1e6 / answered : 0;
  summary["server_cpu_s"] = used.cpu_s;
  summary["server_cpu_us_per_op"] = us_per_op;
  std::printf("server: %.3f s of CPU time, %.2f us per request\n", used.cpu_s, us_per_op);
}

void expect_process(pid_t pid) {
  if (std::filesystem::exists("/proc/" + std::to_string(pid))) return;
  throw std::invalid_argument("--server-pid " + std::to_string(pid) + ": there is no such process");
}

/// Prints each trial as it comes. Exit code 1 when no rate held.
int search(load::generator& generator, const options& chosen, const stop_source& stop,
           report_file& json) {
  const auto wanted = load::parse_slo(chosen.slo);
  const auto maximum = generator.run_for(length(chosen.duration_s));
  if (stop.requested() || maximum.errors.total() > 0 || maximum.requests == 0) {
    throw std::runtime_error("the closed-loop maximum could not be measured: " +
                             (maximum.errors.first.empty() ? "stopped" : maximum.errors.first));
  }
  const double most = maximum.per_second();
  std::printf("closed loop, at most: %.0f per second\n", most);
  auto schedule = chosen.schedule;
  auto trials = nlohmann::ordered_json::array();
  const auto found = load::highest_rate(wanted, most, [&](double rate) {
    schedule.rate = rate;
    const auto result = generator.run_at(schedule, length(chosen.duration_s / load::most_trials));
    if (stop.requested()) throw std::runtime_error("stopped before the search was over");
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
                 const load::run_result& warm_up, report_file& json, report_file& histogram) {
  const auto server_usage = [pid = chosen.server_pid] {
    return pid != 0 ? harness::usage_of_tree(pid) : harness::usage{};
  };
  const auto server_before = server_usage();
  auto result = measure(generator, chosen, chosen.duration_s);
  const auto server_used = server_usage() - server_before;
  auto errors = warm_up.errors;
  errors.merge(std::exchange(result.errors, {}));
  result.errors = errors;
  if (result.requests == 0 && result.errors.total() == 0 && result.unsent == 0) {
    throw std::runtime_error(
        "no reply came back in the measured time; a longer --duration may help");
  }
  print_figures(chosen, result);
  auto summary = figures(chosen, result, stop.requested());
  if (chosen.server_pid != 0) add_server(summary, server_used, result);
  json.write(summary);
  histogram.write(histograms(chosen, result));
  if (stop.requested()) {
    std::puts("stopped before the time was over: the figures are of a shorter run");
    return 128 + stop.signal();
  }
  return result.errors.total() == 0 ? 0 : harness::exit_failure;
}

void check_combination(const options& chosen) {
  if (chosen.active > chosen.connections) {
    throw std::invalid_argument("--active " + std::to_string(chosen.active) +
                                " is more than the --connections " +
                                std::to_string(chosen.connections));
  }
  if (const auto busy = chosen.active == 0 ? chosen.connections : chosen.active;
      chosen.threads > busy) {
    throw std::invalid_argument("--threads " + std::to_string(chosen.threads) +
                                " is more than the " + std::to_string(busy) +
                                " connections that get messages");
  }
  if (!chosen.slo.empty() && chosen.is_open_loop()) {
    throw std::invalid_argument("--slo looks for a rate, so it goes without --rate");
  }
  if (!chosen.slo.empty() && !chosen.histogram.empty()) {
    throw std::invalid_argument("--slo makes several runs, so it goes without --histogram");
  }
  if (chosen.server_pid != 0) expect_process(chosen.server_pid);
}

/// With a CPU for each thread: every thread on its own. Else all may use all of them.
std::function<void(std::size_t)> binding(const options& chosen) {
  if (chosen.cpus.empty()) return {};
  const auto cpus = harness::parse_cpu_list(chosen.cpus);
  if (cpus.size() != chosen.threads) return {};
  return [cpus](std::size_t number) { harness::pin_this_thread({cpus[number]}); };
}

/// Its connections open, to the first address of --host at which they can be.
std::unique_ptr<load::generator> connect(const options& chosen,
                                         const std::vector<endpoint>& addresses,
                                         const stop_source& stop) {
  for (auto target = addresses.begin();;) {
    auto generator =
        std::make_unique<load::generator>(echo::with_room({.target = *target,
                                                           .connections = chosen.connections,
                                                           .active = chosen.active,
                                                           .bytes = chosen.bytes,
                                                           .stop = &stop,
                                                           .threads = chosen.threads,
                                                           .enter_thread = binding(chosen)}));
    try {
      generator->connect();
      return generator;
    } catch (const std::exception&) {
      if (++target == addresses.end() || stop.requested()) throw;
    }
  }
}

int run_load(const options& chosen) {
  const auto addresses = resolve_all(chosen.host, chosen.port);
  if (!std::all_of(addresses.begin(), addresses.end(), is_loopback) && !chosen.allow_remote) {
    throw std::invalid_argument("--host '" + chosen.host + "' is not this machine; --allow-remote" +
                                " says that its owner agrees to the load");
  }
  check_combination(chosen);
  report_file json("--json", chosen.json);
  report_file histogram("--histogram", chosen.histogram);
  if (!chosen.cpus.empty()) harness::pin_this_thread(harness::parse_cpu_list(chosen.cpus));
  static stop_source stop;
  stop_source::on_signals(stop);

  const auto connected = connect(chosen, addresses, stop);
  load::generator& generator = *connected;
  // An idle connection has to be one that the server has taken and served.
  auto warm_up = generator.greet();
  if (warm_up.errors.total() == 0) warm_up = measure(generator, chosen, chosen.warmup_s);
  if (stop.requested()) throw std::runtime_error("stopped in the warm-up: nothing was measured");
  if (generator.open_connections() == 0) {
    throw std::runtime_error("no connection outlived the warm-up; the first error: " +
                             warm_up.errors.first);
  }
  return chosen.slo.empty() ? measure_once(generator, chosen, stop, warm_up, json, histogram)
                            : search(generator, chosen, stop, json);
}

void add_options(harness::command_line& line, options& chosen) {
  constexpr std::size_t most_connections = 1'000'000'000;
  constexpr std::size_t most_threads = 1'024;
  line.add("--host", chosen.host, "Where the server is").with_default();
  line.add("--port", chosen.port, "Its port").port(1).with_default();
  line.add("--connections", chosen.connections, "Connections that are open")
      .range(std::size_t{1}, most_connections)
      .with_default();
  line.add("--active", chosen.active, "Of these, how many get messages (default: all)")
      .range(std::size_t{1}, most_connections);
  line.add("--bytes", chosen.bytes, "Bytes per message")
      .range(std::size_t{1}, std::size_t{64} << 20)
      .with_default();
  line.add("--threads", chosen.threads, "Threads that share the connections out among them")
      .range(std::size_t{1}, most_threads)
      .with_default();
  line.add("--duration", chosen.duration_s,
           "Measured time, such as 500ms or 5s; of --slo that of a rate, five trials at most")
      .duration()
      .with_default("5s");
  line.add("--warmup", chosen.warmup_s, "Time before it, not measured")
      .duration(0)
      .with_default("1s");
  line.add("--rate", chosen.schedule.rate,
           "Open loop: so many messages per second, whatever the server does")
      .range(0.01, 1e8);
  line.add("--schedule", chosen.how, "Of the open loop: constant or poisson")
      .one_of({"constant", "poisson"}, "HOW")
      .with_default();
  line.add("--seed", chosen.schedule.seed, "Of the times of a poisson schedule").with_default();
  line.add("--slo", chosen.slo,
           "Look for the highest rate with this percentile within its bound: p99=5ms")
      .parsed_by(load::parse_slo, "pNN=TIME");
  line.add("--cpus", chosen.cpus,
           "CPUs to run on, such as 1 (default: all); as many as --threads: one for each")
      .cpu_list();
  line.add("--json", chosen.json, "Also write the figures to this file");
  line.add("--histogram", chosen.histogram,
           "Also write the latency histograms to this file (for switchyard.sh merge)");
  line.add("--server-pid", chosen.server_pid,
           "Also tell the CPU time of this process and its children: the server's")
      .range(pid_t{1}, std::numeric_limits<pid_t>::max(), "PID");
  line.add_flag("--allow-remote", chosen.allow_remote,
                "Load a host other than this one; its owner has to agree");
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
  if (chosen.how == "poisson") chosen.schedule.how = send_schedule::kind::poisson;
  return harness::run_program("echo_load", [&] { return run_load(chosen); });
}
