// Python programs of the source tree that stand beside a runtime of ours as an outside reference:
// the originals in outside/gevent/ as rows. Each is started as a program of its own, does the work
// of one call by Google Benchmark and prints what it took. Python's start is not in it.
//
// They run with the interpreter in .venv, or with the one that the environment variable
// SWITCHYARD_PYTHON names. Where that, the script or a package is missing, the row has met a limit
// of this machine (limit_error), which is no failure.
#pragma once

#include <filesystem>
#include <map>

#include "bench/harness/workload.hpp"

namespace switchyard::harness {

/// The folder of the sources, as CMake noted it beside the binaries; limit_error when it did not.
std::filesystem::path source_tree();

using figures_by_name = std::map<std::string, double>;

class python_program {
 public:
  /// `script`: a path within the source tree. `package`: what it imports. `otherwise`: what the
  /// limit_error says when one of them, or the interpreter, is missing.
  python_program(const std::string& script, const std::string& package,
                 const std::string& otherwise);

  [[nodiscard]] const std::filesystem::path& interpreter() const { return interpreter_; }

  /// What the interpreter has to be given to run the script with `arguments`.
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> arguments) const;

  /// Runs it to its end; gives the numbers in the last line that it printed, a JSON object. Throws
  /// std::runtime_error when it fails, with its own reason, or does not end within `patience`.
  [[nodiscard]] figures_by_name figures(std::vector<std::string> arguments,
                                        std::chrono::milliseconds patience) const;

 private:
  std::filesystem::path interpreter_;
  std::filesystem::path script_;
};

}  // namespace switchyard::harness

namespace switchyard::gevent {

inline constexpr const char* name = "gevent";  // of the runtime, of what it needs, of the package

inline constexpr const char* lack = "gevent is not installed: scripts/setup.sh --gevent adds it";

/// `script` in outside/gevent/; limit_error when it can't be run.
harness::python_program original(const std::string& script);

/// With those that bind a program to this process's life. It runs on this thread's CPUs, whose
/// stolen time the row tells.
std::vector<std::string> attached(std::vector<std::string> arguments);

/// Records the operations that the original does in one run; gives the figures that it printed.
harness::figures_by_name record(benchmark::State& state, harness::batch_size ops,
                                const harness::python_program& original,
                                const std::vector<std::string>& arguments,
                                std::chrono::milliseconds patience);

/// What every original tells of the part that it measured.
harness::measured measured_part(const harness::figures_by_name& figures);

}  // namespace switchyard::gevent
