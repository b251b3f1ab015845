// What echo_load and echo_load_mpi are told alike, and how both come to a load and out of it: the
// options, the target, the connections, the warm-up, the exit code.
#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/load_report.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard::programs {

/// What happened before the measured time.
struct warmed_up {
  load::error_counts errors;
  std::uint64_t messages;  // that were answered
};

struct load_command : load_options {
  double duration_s = 5;
  double warmup_s = 1;
  std::string how = "constant";
  std::string cpus;
  std::string json;
  std::string histogram;
  bool allow_remote = false;

  void add_to(harness::command_line& line);
  /// To be called when the line was parsed.
  void take_schedule();

  /// Throws std::invalid_argument for what can't go together, on so many ranks. Only
  /// what `opens_loop` has a schedule.
  void check(bool opens_loop, std::size_t ranks = 1) const;

  /// All addresses of --host. Throws std::invalid_argument when there is none, or one of another
  /// machine without --allow-remote.
  [[nodiscard]] std::vector<endpoint> targets() const;

  /// The load, without its target; the threads bound to CPUs where there is one of `cpus` for each,
  /// or to all of them.
  [[nodiscard]] load::options wanted(const stop_source& stop,
                                     const std::vector<int>& on_cpus) const;

  /// Of --cpus; empty without.
  [[nodiscard]] std::vector<int> cpu_list() const;

  /// A greeting on each connection and the time before the measured one. Throws std::runtime_error
  /// when no connection outlived it, or a stop was requested.
  [[nodiscard]] warmed_up warm_up(load::generator& generator, const stop_source& stop) const;
  /// Closed or open loop, as asked for, for the measured time. The errors are those of the warm-up
  /// as well.
  [[nodiscard]] load::run_result measure(load::generator& generator, const warmed_up& before) const;
};

/// Its connections open, to the first of `addresses` at which they can be.
std::unique_ptr<load::generator> connect(load::options wanted,
                                         const std::vector<endpoint>& addresses);

std::chrono::nanoseconds length(double seconds);

/// Throws std::runtime_error when no reply came, and neither errors nor a schedule tell why.
void expect_replies(const load::run_result& result, std::uint64_t errors);

/// Of a run that was told, which a signal may have ended early (else 0): then it says so.
int exit_code(std::uint64_t errors, int signal);

/// A file for results, opened before the run: a measurement must not be lost to a mistyped path,
/// nor an older one to a run that fails. Until something is written it is as it was found.
class report_file {
 public:
  /// Without a path, what is written to it is dropped.
  report_file(const char* option, const std::string& path);
  ~report_file();
  report_file& operator=(report_file&&) = delete;

  void write(const nlohmann::ordered_json& content);

 private:
  std::string name_;
  std::string option_;
  std::ofstream file_;
  bool is_only_tried_ = false;  // it was not there, and nothing is in it
};

}  // namespace switchyard::programs
