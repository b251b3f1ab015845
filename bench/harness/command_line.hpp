// How every binary of ours reads its arguments: options, --help, --version, and one line on what is
// wrong. CLI11 does the work, in command_line.cpp alone: its headers take longer to compile than
// most programs that would include them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace switchyard::harness {

inline constexpr int exit_failure = 1;
inline constexpr int exit_bad_arguments = 2;

/// Where an option's value goes; to a vector: positional arguments.
using option_value =
    std::variant<std::reference_wrapper<int>, std::reference_wrapper<unsigned>,
                 std::reference_wrapper<std::int64_t>, std::reference_wrapper<std::uint64_t>,
                 std::reference_wrapper<double>, std::reference_wrapper<std::string>,
                 std::reference_wrapper<std::vector<std::string>>>;

/// What one option takes, said right where it is added.
class option {
 public:
  explicit option(CLI::Option& added) : added_(&added) {}

  /// Help tells the bounds, or `shown_as` in their place. T is the type of the option's value.
  template <class T>
  option& range(T lowest, T highest, const std::string& shown_as = "");
  /// A TCP port; `lowest` is 0 where 0 means any.
  option& port(int lowest) { return range(lowest, 65535); }
  /// A length of time, such as 500ms, 5s or 2m, as seconds.
  option& duration(double shortest = 0.001);
  /// A size such as 500kb or 100mb, as bytes.
  option& byte_size();
  option& cpu_list();
  option& one_of(const std::vector<std::string>& words, const std::string& shown_as);
  /// Wrong is what `parse` throws std::invalid_argument for.
  option& parsed_by(const std::function<void(const std::string&)>& parse,
                    const std::string& description);
  option& excludes(const std::vector<std::string>& others);
  /// Help tells `text`, or the value that it has now.
  option& with_default(const std::string& text = "");

 private:
  CLI::Option* added_;
};

class command_line {
 public:
  command_line(const std::string& program, const std::string& what);
  ~command_line();

  option add(const std::string& name, option_value value, const std::string& what);
  option add_flag(const std::string& name, bool& value, const std::string& what);
  /// What `take` throws is thrown by parse_or_exit.
  option add_taken(const std::string& name, const std::string& shown_as,
                   const std::function<void(const std::string&)>& take, const std::string& what);
  /// One that may be given several times: each is taken by itself.
  option add_each(const std::string& name, const std::string& shown_as,
                  const std::function<void(const std::string&)>& take, const std::string& what);
  void add_version();
  void footer(const std::string& text);

  [[nodiscard]] std::string help() const;

  /// Each option that takes a value, with what that is now, as text; the same text for the same
  /// value, however it was given.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> values() const;

  /// Parses, or prints what was asked for (--help, --version) and exits 0, or prints one line and
  /// exits 2.
  void parse_or_exit(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::pair<std::string, option_value>> values_;
};

/// What ends a program.
struct failure {
  int code;
  std::string why;
};

/// Of the exception that is being handled: 2 for what the caller can put right in the arguments
/// (std::invalid_argument, limit_error), else 1.
failure current_failure();

/// Runs a program's body; what it throws becomes one line and an exit code.
int run_program(const std::string& program, const std::function<int()>& body);

}  // namespace switchyard::harness
