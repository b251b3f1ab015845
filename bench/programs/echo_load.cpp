// echo_load: load for any echo server, every reply verified byte for byte.
//
// Warm-up and measuring are separate phases over the same connections. Ends by itself: after the
// duration, or when every connection has failed. Exit code 0, or 1 when anything was wrong.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/load_generator.hpp"
#include "bench/harness/placement.hpp"
#include "bench/programs/addresses.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {
namespace {

using namespace std::chrono;
using harness::load_result;

struct options {
  std::string host = "127.0.0.1";
  int port = 8001;
  std::size_t connections = 100;
  std::size_t bytes = 64;
  double duration_s = 5;
  double warmup_s = 1;
  std::string cpus;
  std::string json;
  bool allow_remote = false;
};

constexpr double saturated_percent = 95;

nlohmann::ordered_json as_json(const options& chosen, const load_result& r, bool interrupted) {
  const auto us = [&](double quantile) { return r.latency.value_at(quantile) / 1e3; };
  return {
      {"target", chosen.host + ":" + std::to_string(chosen.port)},
      {"connections", chosen.connections},
      {"bytes", chosen.bytes},
      {"interrupted", interrupted},
      {"requests", r.requests},
      {"seconds", r.seconds},
      {"ops_per_s", static_cast<double>(r.requests) / r.seconds},
      {"p50_us", us(0.5)},
      {"p90_us", us(0.9)},
      {"p99_us", us(0.99)},
      {"p999_us", us(0.999)},
      {"max_us", static_cast<double>(r.latency.max()) / 1e3},
      {"load_cpu_percent", r.cpu_percent()},
      {"load_cpu_us_per_op", r.requests > 0 ? r.cpu_s * 1e6 / static_cast<double>(r.requests) : 0},
      {"errors", r.errors.total()},
      {"errors_by_kind", r.errors.by_kind}};
}

void print(const nlohmann::ordered_json& r, const load_result& result) {
  std::printf("%llu requests in %.2f s: %.0f per second\n",
              static_cast<unsigned long long>(result.requests), result.seconds,
              r["ops_per_s"].get<double>());
  std::printf("latency us: p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
              r["p50_us"].get<double>(), r["p90_us"].get<double>(), r["p99_us"].get<double>(),
              r["p999_us"].get<double>(), r["max_us"].get<double>());
  std::printf("load generator: %.0f %% of its CPU, %.2f us per request%s\n", result.cpu_percent(),
              r["load_cpu_us_per_op"].get<double>(),
              result.cpu_percent() > saturated_percent
                  ? "; load generator saturated: the server can do more than this"
                  : "");
  if (result.errors.total() == 0) {
    std::puts("errors: none, every reply was right");
    return;
  }
  std::printf("errors:");
  for (const auto& [kind, count] : result.errors.by_kind) {
    std::printf(" %s %llu", kind.c_str(), static_cast<unsigned long long>(count));
  }
  std::printf("; first: %s\n", result.errors.first.c_str());
}

/// Opened before the run: a measurement must not be lost to a mistyped path.
std::ofstream open_report(const std::string& path) {
  std::ofstream file;
  if (path.empty()) return file;
  file.open(path);
  if (!file) throw std::invalid_argument("--json '" + path + "': can't be written");
  return file;
}

int load(const options& chosen) {
  const auto target = resolve(chosen.host, chosen.port);
  if (!is_loopback(target) && !chosen.allow_remote) {
    throw std::invalid_argument("--host '" + chosen.host + "' is not this machine; --allow-remote" +
                                " says that its owner agrees to the load");
  }
  auto report = open_report(chosen.json);
  if (!chosen.cpus.empty()) harness::pin_this_thread(harness::parse_cpu_list(chosen.cpus));
  static stop_source stop;
  stop_source::on_signals(stop);

  harness::load_generator generator(
      {.target = target, .connections = chosen.connections, .bytes = chosen.bytes, .stop = &stop});
  generator.connect();
  const auto seconds_of = [](double s) { return duration_cast<nanoseconds>(duration<double>(s)); };
  const auto warm_up = generator.run_for(seconds_of(chosen.warmup_s));
  if (stop.requested()) throw std::runtime_error("stopped in the warm-up: nothing was measured");
  if (generator.open_connections() == 0) {
    throw std::runtime_error("no connection outlived the warm-up; the first error: " +
                             warm_up.errors.first);
  }
  auto result = generator.run_for(seconds_of(chosen.duration_s));
  for (const auto& [kind, count] : warm_up.errors.by_kind) {
    result.errors.by_kind[kind] += count;
    result.errors.first = warm_up.errors.first;
  }
  if (result.requests == 0 && result.errors.total() == 0) {
    throw std::runtime_error(
        "no reply came back in the measured time; a longer --duration may help");
  }
  const auto summary = as_json(chosen, result, stop.requested());
  print(summary, result);
  if (report.is_open() && !(report << summary.dump(2) << '\n').flush()) {
    throw std::runtime_error("--json '" + chosen.json + "': writing failed");
  }
  if (stop.requested()) {
    std::puts("stopped before the time was over: the figures are of a shorter run");
    return 128 + stop.signal();
  }
  return result.errors.total() == 0 ? 0 : harness::exit_failure;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  CLI::App app("Closed-loop load for an echo server; every reply is verified", "echo_load");
  app.add_option("--host", chosen.host, "Where the server is")->capture_default_str();
  app.add_option("--port", chosen.port, "Its port")
      ->check(harness::port_from(1))
      ->capture_default_str();
  app.add_option("--connections", chosen.connections, "Connections, all busy at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--bytes", chosen.bytes, "Bytes per message")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64} << 20))
      ->capture_default_str();
  app.add_option("--duration", chosen.duration_s, "Measured time, such as 500ms or 5s")
      ->transform(harness::duration_in_seconds())
      ->check(CLI::Range(0.001, 3600.0))
      ->default_str("5s");
  app.add_option("--warmup", chosen.warmup_s, "Time before it, not measured")
      ->transform(harness::duration_in_seconds())
      ->check(CLI::Range(0.0, 3600.0))
      ->default_str("1s");
  app.add_option("--cpus", chosen.cpus, "CPUs to run on, such as 1 (default: all)")
      ->check(harness::cpu_list());
  app.add_option("--json", chosen.json, "Also write the figures to this file");
  app.add_flag("--allow-remote", chosen.allow_remote,
               "Load a host other than this one; its owner has to agree");
  harness::add_version(app);
  harness::parse_or_exit(app, argc, argv);
  return harness::run_program("echo_load", [&] { return load(chosen); });
}
