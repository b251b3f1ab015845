#include "bench/harness/command_line.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>

#include "bench/harness/placement.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {
namespace {

[[noreturn]] void exit_with(int code, const std::string& program, const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", program.c_str(), why.c_str());
  std::exit(code);
}

/// A descriptor opened by us must never become one of the standard streams.
void open_missing_standard_streams() {
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR)) {
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return;
    }
  }
}

std::string as_text(const std::string& held) { return held; }

std::string as_text(const std::vector<std::string>& held) {
  std::string all;
  for (const auto& one : held) all += (all.empty() ? "" : " ") + one;
  return all;
}

/// The shortest text that only this number has.
template <class Number>
std::string as_text(Number held) {
  std::array<char, 64> digits;
  return {digits.data(), std::to_chars(digits.begin(), digits.end(), held).ptr};
}

}  // namespace

template <class T>
option& option::range(T lowest, T highest, const std::string& shown_as) {
  CLI::Range bounds(lowest, highest);
  if (!shown_as.empty()) {
    bounds.description("");
    added_->type_name(shown_as);
  }
  added_->check(bounds);
  return *this;
}

option& option::duration(double shortest) {
  added_->transform(
      CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 1e-3}, {"s", 1}, {"m", 60}},
                            CLI::AsNumberWithUnit::CASE_SENSITIVE));
  return range(shortest, 3600.0);
}

option& option::byte_size() {
  added_->transform(CLI::AsSizeValue(false));
  return *this;
}

option& option::cpu_list() { return parsed_by(parse_cpu_list, "CPUS"); }

option& option::one_of(const std::vector<std::string>& words, const std::string& shown_as) {
  CLI::IsMember member(words);
  added_->check(member.description(""))->type_name(shown_as);
  return *this;
}

option& option::parsed_by(const std::function<void(const std::string&)>& parse,
                          const std::string& description) {
  added_->check(CLI::Validator(
      [parse](const std::string& text) {
        try {
          parse(text);
          return std::string();
        } catch (const std::invalid_argument& wrong) {
          return std::string(wrong.what());
        }
      },
      description));
  return *this;
}

option& option::excludes(const std::vector<std::string>& others) {
  for (const std::string& other : others) added_->excludes(other);
  return *this;
}

option& option::with_default(const std::string& text) {
  text.empty() ? added_->capture_default_str() : added_->default_str(text);
  return *this;
}

command_line::command_line(const std::string& program, const std::string& what)
    : app_(std::make_unique<CLI::App>(what, program)) {}

command_line::~command_line() = default;

option command_line::add(const std::string& name, option_value value, const std::string& what) {
  values_.emplace_back(name, value);
  return std::visit([&](auto to) { return option(*app_->add_option(name, to.get(), what)); },
                    value);
}

std::vector<std::pair<std::string, std::string>> command_line::values() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, value] : values_) {
    all.emplace_back(name, std::visit([](auto held) { return as_text(held.get()); }, value));
  }
  return all;
}

option command_line::add_flag(const std::string& name, bool& value, const std::string& what) {
  return option(*app_->add_flag(name, value, what));
}

option command_line::add_taken(const std::string& name, const std::string& shown_as,
                               const std::function<void(const std::string&)>& take,
                               const std::string& what) {
  return option(*app_->add_option_function(name, take, what)->type_name(shown_as));
}

option command_line::add_each(const std::string& name, const std::string& shown_as,
                              const std::function<void(const std::string&)>& take,
                              const std::string& what) {
  const std::function<void(const std::vector<std::string>&)> take_all =
      [take](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) take(text);
      };
  auto* added = app_->add_option_function(name, take_all, what);
  return option(*added->type_name(shown_as)->allow_extra_args(false));
}

void command_line::add_version() {
  app_->set_version_flag("--version", app_->get_name() + " " SWITCHYARD_VERSION);
}

void command_line::footer(const std::string& text) { app_->footer(text); }

std::string command_line::help() const { return app_->help(); }

void command_line::parse_or_exit(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::exit(app_->exit(asked));
  } catch (const CLI::ParseError& wrong) {
    exit_with(exit_bad_arguments, app_->get_name(), wrong.what() + std::string(" (see --help)"));
  }
}

failure current_failure() {
  try {
    throw;
  } catch (const std::invalid_argument& wrong) {
    return {exit_bad_arguments, wrong.what()};
  } catch (const limit_error& limit) {
    return {exit_bad_arguments, std::string("limit reached: ") + limit.what()};
  } catch (const std::exception& other) {
    return {exit_failure, other.what()};
  }
}

int run_program(const std::string& program, const std::function<int()>& body) {
  open_missing_standard_streams();
  try {
    const int code = body();
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout) {
      throw std::runtime_error("the output could not be written");
    }
    return code;
  } catch (...) {
    const auto [code, why] = current_failure();
    exit_with(code, program, why);
  }
}

template option& option::range(int, int, const std::string&);
template option& option::range(unsigned, unsigned, const std::string&);
template option& option::range(std::int64_t, std::int64_t, const std::string&);
template option& option::range(std::uint64_t, std::uint64_t, const std::string&);
template option& option::range(double, double, const std::string&);

}  // namespace switchyard::harness
