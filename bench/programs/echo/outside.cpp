#include "bench/programs/echo/outside.hpp"

#include <unistd.h>
#include <wordexp.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "bench/harness/child_process.hpp"
#include "bench/harness/gevent_program.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::echo {
namespace {

using words = std::vector<std::string>;

/// A server of the suite, with what starts it.
struct known_server {
  const char* name;
  const char* what;
  const char* needs;
  words (*start)();
};

/// A program of outside/ in the interpreter that has `package`.
words in_python(const std::string& script, const std::string& package, const std::string& lack,
                words arguments) {
  const harness::python_program program("outside/" + script, package, lack);
  words command = program.command(std::move(arguments));
  command.insert(command.begin(), program.interpreter().string());
  return command;
}

words on_asyncio(const std::string& loop, const std::string& lack) {
  return in_python("asyncio/echo_server.py", loop, lack, {"--loop", loop, "--port", "0"});
}

/// As scripts/setup.sh builds it.
words in_go() {
  const auto program = harness::source_tree() / "build/outside/go/echo_server";
  if (::access(program.c_str(), X_OK) != 0) {
    throw limit_error("go's server is not built: scripts/setup.sh --go adds it");
  }
  return {program.string(), "--port", "0"};
}

const known_server known_servers[] = {
    {gevent::name, "the Python original, greenlets on one thread", gevent::name,
     [] {
       return in_python("gevent/echo_server.py", gevent::name, gevent::lack, {"--port", "0"});
     }},
    {"asyncio", "Python's asyncio, a Protocol object for each connection, on one thread", "",
     [] { return on_asyncio("asyncio", "there is no .venv: scripts/setup.sh makes it"); }},
    {"uvloop", "the same over uvloop, an event loop in C", "uvloop",
     [] {
       return on_asyncio("uvloop", "uvloop is not installed: scripts/setup.sh --uvloop adds it");
     }},
    {"go", "Go, a goroutine for each connection, on all CPUs that it is given", "go", in_go},
};

std::deque<server>& given_servers() {
  static std::deque<server> given;
  return given;
}

[[noreturn]] void refuse(const std::string& asked, const std::string& why) {
  throw std::invalid_argument("--server '" + asked + "': " + why);
}

std::string why_not_split(int error) {
  if (error == WRDE_BADCHAR) {
    return "the command has one of | & ; < > ( ) { } unquoted, and no shell runs it; for more than "
           "a program and its arguments name a script";
  }
  if (error == WRDE_BADVAL) return "the command names a variable that is not set";
  if (error == WRDE_CMDSUB) return "the command has a command in it; name a script for that";
  return "the command can't be split into words (are its quotes closed?)";
}

/// Split and expanded as by a shell, but that {port} stays. std::invalid_argument says why not.
words words_of(const std::string& command) {
  const std::string mark = "{port}";
  const std::string in_its_place = "\1port\1";  // braces are a shell's own
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
    return text;
  };
  wordexp_t found{};
  const int error =
      ::wordexp(replaced(command, mark, in_its_place).c_str(), &found, WRDE_NOCMD | WRDE_UNDEF);
  const std::unique_ptr<wordexp_t, decltype(&::wordfree)> owner(&found, &::wordfree);
  if (error != 0) throw std::invalid_argument(why_not_split(error));
  words all;
  for (std::size_t i = 0; i < found.we_wordc; ++i) {
    all.push_back(replaced(found.we_wordv[i], in_its_place, mark));
  }
  return all;
}

/// What a row's name, a filter and a list of names can carry.
bool can_be_a_name(const std::string& name) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  const auto fits = [&](unsigned char c) {
    return is_plain(c) || c == '_' || c == '.' || c == '-';
  };
  return std::ranges::all_of(name, fits) && is_plain(static_cast<unsigned char>(name.front()));
}

bool is_ours(const std::string& name) {
  bool found = std::ranges::count(all_servers(), name, &server::name) > 0;
  for_each_runtime([&]<class R>() { found = found || name == R::name; });
  return found;
}

bool is_there(const std::string& program) {
  if (program.find('/') == std::string::npos) return !harness::program_on_path(program).empty();
  return ::access(program.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(program);
}

/// The name in it, if it can be one.
std::string expect_name(const std::string& asked) {
  const auto equals = asked.find('=');
  if (equals == std::string::npos) refuse(asked, "it is no NAME=COMMAND");
  std::string name = asked.substr(0, equals);
  if (name.empty()) refuse(asked, "there is no name before the '='");
  if (!can_be_a_name(name)) {
    refuse(asked, "'" + name + "' can't be part of a row's name; take letters, digits, _, . and -" +
                      ", with a letter or digit first");
  }
  if (is_ours(name)) refuse(asked, "'" + name + "' is a row of the suite; take another name");
  if (std::ranges::count(given_servers(), name, &server::name) > 0) {
    refuse(asked, "'" + name + "' is given twice; take two names");
  }
  return name;
}

void expect_program(const std::string& asked, const std::string& command) {
  words all;
  try {
    all = words_of(command);
  } catch (const std::invalid_argument& wrong) {
    refuse(asked, wrong.what());
  }
  if (all.empty()) refuse(asked, "there is no command behind the '='");
  if (!is_there(all[0])) {
    const bool is_path = all[0].find('/') != std::string::npos;
    refuse(asked, is_path ? "'" + all[0] + "' is no program that can be started"
                          : "there is no program '" + all[0] + "' on PATH");
  }
}

}  // namespace

std::vector<server> outside_servers() {
  std::vector<server> servers;
  for (const known_server& known : known_servers) {
    servers.push_back(
        {.name = known.name, .what = known.what, .is = kind::outside, .needs = known.needs});
  }
  return servers;
}

const server& given_server(const std::string& asked) {
  const std::string name = expect_name(asked);
  const std::string command = asked.substr(name.size() + 1);
  expect_program(asked, command);
  return given_servers().emplace_back(server{.name = name,
                                             .what = "a server of your own: " + command,
                                             .is = kind::outside,
                                             .command = command});
}

std::vector<std::string> command_of(const server& by) {
  if (!by.command.empty()) return words_of(by.command);
  return std::ranges::find(known_servers, by.name, &known_server::name)->start();
}

}  // namespace switchyard::echo
