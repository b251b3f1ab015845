// echo_load_mpi: the load of echo_load from several machines at once, as ranks of an MPI job.
//
// The ranks share connections and rate as the threads of echo_load do, begin together and end
// together; what they measured is one result, which rank 0 tells. With --probe rank 0 is set apart:
// it measures at a low rate what the others' load does to a client that has nothing to do with it,
// whose own queues are not in the latency. Whatever goes wrong in a rank ends all, and names it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
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
  [[nodiscard]] bool sets_apart(std::size_t rank) const { return has_probe() && rank == 0; }

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
      "and --rate are those of all ranks together, --threads those of each, --cpus those that the "
      "ranks of a host share.");
}

/// A version stays the same for long. What is left of an older build has other bytes.
std::string build_of_this_program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) throw std::runtime_error("/proc/self/exe can't be read");
  return std::to_string(std::hash<std::string>{}(bytes));
}

/// Throws std::invalid_argument, at rank 0, when a rank was told otherwise or is of another version
/// or build. CPUs are each host's own affair.
void agree(ranks::job& job, const harness::command_line& line) {
  ranks::settings mine = {
      {"version", std::string(SWITCHYARD_VERSION ", ") + load::histogram_format},
      {"build", build_of_this_program()}};
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
  if (!chosen.has_probe() && chosen.probe_connections != 1) {
    throw std::invalid_argument(
        "--probe-connections are those of the rank that --probe sets apart");
  }
  chosen.check(chosen.is_open_loop(), job.size() - (chosen.has_probe() ? 1 : 0));
}

/// The load of this rank: a share of the whole, or the probe's.
class rank_load {
 public:
  rank_load(const ranks::job& job, const options& chosen)
      : does_(chosen.sets_apart(job.rank()) ? chosen.of_probe()
                                            : static_cast<programs::load_command>(chosen)) {
    wanted_ = does_.wanted(stop(), bind(job, chosen));
    if (chosen.sets_apart(job.rank())) {
      wanted_.first = chosen.connections;
    } else {
      const std::size_t apart = chosen.has_probe() ? 1 : 0;
      wanted_.rank = job.rank() - apart;
      wanted_.ranks = job.size() - apart;
      wanted_.ranks_on_host =
          job.ranks_on_host().size() - (chosen.sets_apart(job.ranks_on_host().front()) ? 1 : 0);
    }
  }

  static stop_source& stop() {
    static stop_source requested;
    return requested;
  }

  ranks::rank_run run(ranks::job& job) {
    const auto connected = programs::connect(wanted_, does_.targets());
    job.barrier();
    const auto before = job.measure_clock();
    const auto warm_up = does_.warm_up(*connected, stop());
    job.barrier();
    const auto agreed = job.agree_on_start(before);
    connected->begin_next_at(agreed);
    auto result = does_.measure(*connected, warm_up);
    if (connected->open_connections() == 0) {
      throw std::runtime_error("no connection is left; the first error: " + result.errors.first);
    }
    const auto messages = warm_up.messages + result.answered();
    // A second after it told its ranks to stop, mpirun kills what is left of them.
    std::optional<ranks::clock_offset> after;
    if (!job.is_stopped(stop())) after = job.measure_clock();
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
  /// To the CPUs that are this rank's own, which it returns; without, to all of --cpus.
  static std::vector<int> bind(const ranks::job& job, const options& chosen) {
    const auto all = chosen.cpu_list();
    if (all.empty()) return {};
    std::vector<std::size_t> threads;
    for (const auto rank : job.ranks_on_host()) {
      threads.push_back(chosen.sets_apart(rank) ? 1 : chosen.threads);
    }
    auto own = ranks::cpus_of(job.rank_on_host(), threads, all);
    harness::pin_this_thread(own.empty() ? all : own);
    return own;
  }

  programs::load_command does_;
  load::options wanted_;
};

struct probe_result {
  std::string host;
  load::run_result measured;
};

/// What all ranks measured; complete at rank 0.
struct job_result {
  load::run_result whole;          // of those that load
  std::vector<ordered_json> rows;  // theirs
  std::optional<probe_result> probe;
  std::uint64_t errors = 0;  // of all, the probe's too
  int signal = 0;            // that ended it early, or 0
};

job_result collect(ranks::job& job, const options& chosen, ranks::rank_run mine) {
  job_result all;
  for (const auto& told : job.gather(row_of(mine).dump())) {
    const auto& row = all.rows.emplace_back(ordered_json::parse(told));
    all.errors += row.at("errors").get<std::uint64_t>();
    all.signal = std::max(all.signal, row.at("signal").get<int>());
  }
  if (chosen.sets_apart(job.rank())) {
    all.probe = probe_result{mine.host, std::exchange(mine.result, {})};
    all.rows.erase(all.rows.begin());
  }
  all.whole.latency = job.reduce(mine.result.latency);
  all.whole.service = job.reduce(mine.result.service);
  all.whole.lateness = job.reduce(mine.result.lateness);
  all.whole.unread = job.reduce(mine.result.unread);
  for (const auto& row : all.rows) ranks::add_row(all.whole, row);
  return all;
}

/// Prints it, and adds it to what is written to files.
void tell_probe(const options& chosen, const probe_result& probe, bool interrupted,
                ordered_json& summary, ordered_json& distributions) {
  std::printf("set apart, %s:\n", ranks::name_of(0, probe.host).c_str());
  print_figures(chosen.of_probe(), probe.measured);
  auto told = figures(chosen.of_probe(), probe.measured, interrupted);
  told["rank"] = 0;
  told["host"] = probe.host;
  summary["probe"] = told;
  distributions["histograms"]["probe_latency"] = probe.measured.latency;
  distributions["histograms"]["probe_service_time"] = probe.measured.service;
}

/// By rank 0. The exit code.
int tell(const options& chosen, const job_result& all, report_file& json, report_file& histogram) {
  programs::expect_replies(all.whole, all.errors);
  const bool interrupted = all.signal != 0;
  print_figures(chosen, all.whole);
  for (const auto& row : all.rows) ranks::print_row(row);
  auto summary = figures(chosen, all.whole, interrupted);
  auto distributions = histograms(chosen, all.whole);
  summary["ranks"] = all.rows;
  if (all.probe) tell_probe(chosen, *all.probe, interrupted, summary, distributions);
  distributions["figures"] = summary;
  json.write(summary);
  histogram.write(distributions);
  return programs::exit_code(all.errors, all.signal);
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
  const auto all = collect(job, chosen, mine.run(job));
  return tells ? tell(chosen, all, json, histogram) : 0;
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
