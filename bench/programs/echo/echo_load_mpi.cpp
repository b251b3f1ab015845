// echo_load_mpi: the load of echo_load from several machines at once, as ranks of an MPI job.
//
// The ranks share connections and rate as the threads of echo_load do, begin together and end
// together; what they measured is one result, which rank 0 tells. With --probe rank 0 is set apart:
// it measures at a low rate what the others' load does to a client that has nothing to do with it,
// whose own queues are not in the latency. Whatever goes wrong in a rank ends all, and names it.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/echo/load_command.hpp"
#include "bench/programs/echo/rank_report.hpp"
#include "bench/programs/echo/ranks.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {
namespace {

using nlohmann::ordered_json;
using programs::report_file;

struct options : programs::load_command {
  double probe = 0;  // messages per second; 0: no rank is set apart
  std::size_t probe_connections = 1;

  [[nodiscard]] bool has_probe() const { return probe > 0; }

  /// What the rank that is set apart does.
  [[nodiscard]] programs::load_command of_probe() const {
    programs::load_command apart = *this;
    apart.connections = probe_connections;
    apart.active = 0;
    apart.threads = 1;
    apart.schedule = {.rate = probe};
    return apart;
  }
};

void add_options(harness::command_line& line, options& chosen) {
  chosen.add_to(line);
  line.add("--probe", chosen.probe,
           "Set rank 0 apart: it measures, with so many messages per second, and loads nothing")
      .range(0.01, 1e6);
  line.add("--probe-connections", chosen.probe_connections, "Connections of that rank")
      .range(std::size_t{1}, std::size_t{1'000})
      .with_default();
  line.add_version();
  line.footer(
      "It is started by mpirun, one rank or several on each host; --connections, --active "
      "and --rate are those of all ranks together, --threads those of each.");
}

/// Throws std::invalid_argument, at rank 0, when a rank was told otherwise or is of another
/// version. CPUs are each host's own affair.
void agree(ranks::job& job, const harness::command_line& line) {
  ranks::settings mine = {
      {"version", std::string(SWITCHYARD_VERSION ", ") + load::histogram_format}};
  for (auto& one : line.values()) {
    if (one.first != "--cpus") mine.push_back(std::move(one));
  }
  std::vector<ranks::member> all;
  for (const auto& told : job.gather(ordered_json{{"host", job.host()}, {"has", mine}}.dump())) {
    const auto read = ordered_json::parse(told);
    all.push_back({read.at("host"), read.at("has").get<ranks::settings>()});
  }
  if (const auto difference = ranks::first_difference(all)) {
    throw std::invalid_argument(*difference);
  }
}

/// Throws std::invalid_argument at rank 0 alone, as all ranks were told the same.
void check(const ranks::job& job, const options& chosen) {
  if (job.rank() != 0) return;
  if (chosen.has_probe() && job.size() < 2) {
    throw std::invalid_argument("--probe sets a rank apart, so it needs two ranks or more");
  }
  chosen.check(job.size() - (chosen.has_probe() ? 1 : 0));
}

/// The load of this rank: a share of the whole, or the probe's.
class rank_load {
 public:
  rank_load(const ranks::job& job, const options& chosen)
      : is_probe_(chosen.has_probe() && job.rank() == 0),
        does_(is_probe_ ? chosen.of_probe() : static_cast<programs::load_command>(chosen)) {
    const std::size_t apart = chosen.has_probe() ? 1 : 0;
    auto cpus = chosen.cpu_list();
    if (!cpus.empty()) harness::pin_this_thread(cpus);
    wanted_ = does_.wanted(stop(), cpus_of(job, cpus));
    if (is_probe_) {
      wanted_.first = chosen.connections;
    } else {
      wanted_.rank = job.rank() - apart;
      wanted_.ranks = job.size() - apart;
    }
  }

  static stop_source& stop() {
    static stop_source requested;
    return requested;
  }

  [[nodiscard]] bool is_probe() const { return is_probe_; }

  ranks::rank_run run(ranks::job& job) {
    const auto connected = programs::connect(wanted_, does_.targets());
    const auto warm_up = does_.warm_up(*connected, stop());
    job.barrier();
    const auto before = job.measure_clock();
    const auto agreed = job.agree_on_start(before);
    connected->begin_next_at(agreed);
    auto result = does_.measure(*connected);
    auto errors = warm_up.errors;
    errors.merge(std::exchange(result.errors, {}));
    if (connected->open_connections() == 0) {
      throw std::runtime_error("no connection is left; the first error: " + errors.first);
    }
    result.errors = errors;
    const auto messages = warm_up.messages + result.answered();
    job.barrier(&stop());
    const auto after = job.measure_clock();
    return {.rank = job.rank(),
            .host = job.host(),
            .result = std::move(result),
            .messages = messages,
            .clock_before = before,
            .clock_after = after,
            .begun_late = connected->begun() - agreed,
            .signal = stop().signal()};
  }

 private:
  /// Those of --cpus that are this rank's own, where there is one for each thread on this host.
  static std::vector<int> cpus_of(const ranks::job& job, const std::vector<int>& all) {
    if (all.size() % job.ranks_on_host() != 0) return {};
    const auto each = static_cast<std::ptrdiff_t>(all.size() / job.ranks_on_host());
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(job.rank_on_host()) * each;
    return {begin, begin + each};
  }

  bool is_probe_;
  programs::load_command does_;
  load::options wanted_;
};

/// What all ranks but the probe measured; complete at rank 0.
load::run_result sum_up(ranks::job& job, const load::run_result& mine,
                        const std::vector<ordered_json>& rows) {
  load::run_result whole;
  whole.latency = job.reduce(mine.latency);
  whole.service = job.reduce(mine.service);
  whole.lateness = job.reduce(mine.lateness);
  whole.unread = job.reduce(mine.unread);
  for (const auto& row : rows) ranks::add_row(whole, row);
  return whole;
}

ordered_json probe_figures(const options& chosen, const load::run_result& measured,
                           const ordered_json& row, bool interrupted) {
  auto told = figures(chosen.of_probe(), measured, interrupted);
  told["rank"] = 0;
  told["host"] = row.at("host");
  return told;
}

/// By rank 0. The exit code.
int tell(const options& chosen, const load::run_result& whole, const load::run_result* probe,
         std::vector<ordered_json> rows, report_file& json, report_file& histogram) {
  int signal = 0;
  std::uint64_t errors = 0;
  for (const auto& row : rows) {
    signal = std::max(signal, row.at("signal").get<int>());
    errors += row.at("errors").get<std::uint64_t>();
  }
  ordered_json probe_row;
  if (probe != nullptr) {
    probe_row = rows.front();
    rows.erase(rows.begin());
  }
  if (whole.requests == 0 && errors == 0 && whole.unsent == 0) {
    throw std::runtime_error(
        "no reply came back in the measured time; a longer --duration may help");
  }
  print_figures(chosen, whole);
  for (const auto& row : rows) ranks::print_row(row);
  auto summary = figures(chosen, whole, signal != 0);
  auto distributions = histograms(chosen, whole);
  summary["ranks"] = rows;
  if (probe != nullptr) {
    std::printf("set apart, %s:\n",
                ranks::name_of(0, probe_row.at("host").get<std::string>()).c_str());
    print_figures(chosen.of_probe(), *probe);
    summary["probe"] = probe_figures(chosen, *probe, probe_row, signal != 0);
    distributions["histograms"]["probe_latency"] = probe->latency;
    distributions["histograms"]["probe_service_time"] = probe->service;
  }
  distributions["figures"] = summary;
  json.write(summary);
  histogram.write(distributions);
  if (signal != 0) {
    std::puts("stopped before the time was over: the figures are of a shorter run");
    return 128 + signal;
  }
  return errors == 0 ? 0 : harness::exit_failure;
}

/// `error_prefix` names who fails by what this throws: nobody alone, as long as it is about all.
int run_load(ranks::job& job, const harness::command_line& line, const options& chosen,
             std::string& error_prefix) {
  agree(job, line);
  check(job, chosen);
  const bool tells = job.rank() == 0;
  report_file json("--json", tells ? chosen.json : "");
  report_file histogram("--histogram", tells ? chosen.histogram : "");
  job.barrier();

  error_prefix = job.name() + ": ";
  harness::raise_open_files();  // MPI has some of its own
  stop_source::on_signals(rank_load::stop());
  rank_load mine(job, chosen);
  const auto run = mine.run(job);
  std::vector<ordered_json> rows;
  for (const auto& row : job.gather(row_of(run).dump())) rows.push_back(ordered_json::parse(row));
  auto loading = rows;
  if (tells && chosen.has_probe()) loading.erase(loading.begin());
  const auto whole = sum_up(job, mine.is_probe() ? load::run_result{} : run.result, loading);
  if (!tells) return 0;
  return tell(chosen, whole, mine.is_probe() ? &run.result : nullptr, rows, json, histogram);
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line("echo_load_mpi",
                             "The load of echo_load from several machines, as ranks of mpirun");
  add_options(line, chosen);
  line.parse_or_exit(argc, argv);
  chosen.take_schedule();
  return harness::run_program("echo_load_mpi", [&] {
    ranks::job job(argc, argv);
    std::string error_prefix;
    try {
      return run_load(job, line, chosen, error_prefix);
    } catch (...) {
      const auto [code, why] = harness::current_failure();
      std::fflush(stdout);
      std::fprintf(stderr, "echo_load_mpi: error: %s%s\n", error_prefix.c_str(), why.c_str());
      job.abort(code);
    }
  });
}
