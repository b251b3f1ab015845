// Python programs of the source tree that stand beside a runtime of ours as an outside reference.
//
// They run with the interpreter in .venv, or with the one that the environment variable
// SWITCHYARD_PYTHON names. Where that, the script or a package is missing, the row has met a limit
// of this machine (limit_error), which is no failure.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace switchyard::harness {

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
