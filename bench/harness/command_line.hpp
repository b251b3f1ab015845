// How every binary of ours reads its arguments: CLI11, --version, and one line on what is wrong.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include "bench/harness/placement.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {

inline constexpr int exit_failure = 1;
inline constexpr int exit_bad_arguments = 2;

[[noreturn]] inline void exit_with(int code, const std::string& program, const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", program.c_str(), why.c_str());
  std::exit(code);
}

/// For options that take CPU lists: says at once what is wrong with one.
inline CLI::Validator cpu_list() {
  return {[](const std::string& text) {
            try {
              parse_cpu_list(text);
              return std::string();
            } catch (const std::invalid_argument& wrong) {
              return std::string(wrong.what());
            }
          },
          "CPUS"};
}

/// For options that take a length of time, such as 500ms, 5s or 2m: turns it into seconds.
inline CLI::AsNumberWithUnit duration_in_seconds() {
  return CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 1e-3}, {"s", 1}, {"m", 60}},
                               CLI::AsNumberWithUnit::CASE_SENSITIVE);
}

/// For options that take a TCP port; `lowest` is 0 where 0 means any.
inline CLI::Range port_from(int lowest) { return {lowest, 65535}; }

inline void add_version(CLI::App& app) {
  app.set_version_flag("--version", app.get_name() + " " SWITCHYARD_VERSION);
}

/// Parses, or prints what was asked for (--help, --version) and exits 0, or prints one line and
/// exits 2.
inline void parse_or_exit(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::exit(app.exit(asked));
  } catch (const CLI::ParseError& wrong) {
    exit_with(exit_bad_arguments, app.get_name(), wrong.what() + std::string(" (see --help)"));
  }
}

/// A descriptor opened by us must never become one of the standard streams.
inline void open_missing_standard_streams() {
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return;
    }
  }
}

/// Runs a program's body; what it throws becomes one line and an exit code: 2 for what the caller
/// can put right in the arguments (std::invalid_argument, limit_error), else 1.
template <class Body>
int run_program(const std::string& program, Body body) {
  open_missing_standard_streams();
  try {
    const int code = body();
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout) {
      throw std::runtime_error("the output could not be written");
    }
    return code;
  } catch (const std::invalid_argument& wrong) {
    exit_with(exit_bad_arguments, program, wrong.what());
  } catch (const limit_error& limit) {
    exit_with(exit_bad_arguments, program, std::string("limit reached: ") + limit.what());
  } catch (const std::exception& failure) {
    exit_with(exit_failure, program, failure.what());
  }
}

}  // namespace switchyard::harness
