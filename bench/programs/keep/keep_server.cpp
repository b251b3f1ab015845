// keep_server: makes any server one that can be measured like ours. It gives it its CPUs, tells
// where it listens, and ends it with all that it started, at a signal or with its parent.
//
// What it says of a server is what the kernel says: whoever only claims to listen, or whose port
// another program has, is no server here. Between start and end it looks twice a second whether all
// is well, for less than a ten thousandth of a CPU's time (93 us a second where it was measured):
// the use of its whole tree is as good as the server's.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/programs/keep/kept_tree.hpp"
#include "bench/programs/keep/listeners.hpp"
#include "bench/programs/server_program.hpp"

namespace switchyard::keep {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr const char* port_mark = "{port}";

struct options {
  std::string cpus;
  pid_t parent = 0;
  double patience_s = 20;
  std::vector<std::string> command;
};

/// The command with a free port for each {port}; `port` is 0 when it has none.
std::vector<std::string> with_port(std::vector<std::string> command, std::uint16_t& port) {
  for (std::string& word : command) {
    for (auto at = word.find(port_mark); at != std::string::npos; at = word.find(port_mark)) {
      if (port == 0) port = free_port();
      word.replace(at, std::char_traits<char>::length(port_mark), std::to_string(port));
    }
  }
  return command;
}

/// The port in a line "listening on HOST:PORT", whatever stands around it; 0: none yet.
std::uint16_t announced_in(const std::string& output) {
  static const std::regex announcement("listening on \\S*:([0-9]{1,5})(?![0-9])",
                                       std::regex::icase);
  constexpr std::size_t longest_line = 1'000;  // a regular expression takes its time and its stack
  for (std::size_t begin = 0, end; (end = output.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    const std::string line = output.substr(begin, std::min(end - begin, longest_line));
    std::smatch found;
    if (!std::regex_search(line, found, announcement)) continue;
    const int port = std::stoi(found[1].str());
    if (port <= 65'535) return static_cast<std::uint16_t>(port);
  }
  return 0;
}

std::string with_last_words(const std::string& what, const kept_tree& server) {
  const std::string said = server.last_words();
  const bool is_news = !said.empty() && announced_in(said + '\n') == 0;
  return what + (is_news ? "; its last words: " + said : "");
}

/// Why it is no server, when it has ended by itself.
void expect_alive(kept_tree& server) {
  const auto how = server.how_it_ended();
  if (!how) return;
  const std::string left = server.kill_all();
  throw std::runtime_error(with_last_words(
      "the server " + *how +
          (left.empty() ? "" : " and left " + left + " (it has to stay in the foreground)"),
      server));
}

/// Where the server is, or why it is not there although somebody is; neither: nobody is.
struct look {
  std::optional<endpoint> where = {};
  std::string wrong = {};
};

look look_at(std::uint16_t port, const kept_tree& server) {
  const auto listeners = listeners_at(port, server.processes());
  look seen;
  for (const listener& each : listeners) {
    if (!each.ours) continue;
    const auto where = reached_from_here(each.where);
    if (!where) {
      seen.wrong = "the server listens on " + describe(each.where) +
                   ", and its clients are on 127.0.0.1: have it listen there";
    } else if (!others_take(listeners, *where)) {
      return {.where = where};
    }
  }
  if (!listeners.empty() && seen.wrong.empty()) {
    seen.wrong = "port " + std::to_string(port) +
                 ", which is to be the server's, is another program's: the server has to be what "
                 "the command starts, and the port free";
  }
  return seen;
}

endpoint wait_until_listening(kept_tree& server, std::uint16_t port, duration<double> patience) {
  constexpr milliseconds a_look = 10ms;
  const bool announces = port == 0;
  // A server may listen on several addresses, one after another, and in a process that was not
  // there yet when it was looked for.
  constexpr int looks_until_certain = 30;
  int wrong_looks = 0;
  std::string wrong;
  const auto deadline = steady_clock::now() + duration_cast<milliseconds>(patience);
  while (steady_clock::now() < deadline) {
    if (port == 0) port = announced_in(server.next_lines());
    expect_alive(server);
    if (port != 0) {
      const look seen = look_at(port, server);
      if (seen.where) return *seen.where;
      wrong = seen.wrong;
      wrong_looks = wrong.empty() ? 0 : wrong_looks + 1;
      if (wrong_looks == looks_until_certain) break;
    }
    if (server.wait(a_look) == woken::asked_to_stop) {
      throw std::runtime_error("asked to stop before the server listened");
    }
  }
  if (!wrong.empty()) throw std::runtime_error(wrong);
  const std::string lacking = announces && port == 0
                                  ? "it prints no line 'listening on HOST:PORT', and there is no "
                                    "{port} in its command"
                                  : "nobody listens at port " + std::to_string(port);
  throw std::runtime_error(with_last_words("the server is not there in time: " + lacking, server));
}

int keep(const options& chosen) {
  if (chosen.parent != 0) die_with(chosen.parent, SIGTERM);
  if (!chosen.cpus.empty()) harness::pin_this_thread(harness::parse_cpu_list(chosen.cpus));
  harness::raise_open_files();
  ::signal(SIGPIPE, SIG_IGN);
  std::uint16_t port = 0;
  const auto command = with_port(chosen.command, port);
  kept_tree server(command);
  announce(wait_until_listening(server, port, duration<double>(chosen.patience_s)));
  while (server.wait(500ms) != woken::asked_to_stop) {
    expect_alive(server);
    server.cut_output();
  }
  expect_alive(server);  // it may have been first
  const std::string left = server.stop();
  if (left.empty()) return 0;
  throw std::runtime_error("the server ended and left " + left +
                           " (it has to end what it starts; a script's last line is `exec ...`)");
}

}  // namespace
}  // namespace switchyard::keep

int main(int argc, char** argv) {
  using namespace switchyard;
  keep::options chosen;
  harness::command_line line(
      "keep_server",
      "Starts a server that is not ours, tells where it listens, and ends it with all that it "
      "started: keep_server [OPTIONS] -- PROGRAM [ARGUMENT...]");
  line.add("command", chosen.command,
           "The server; it prints 'listening on HOST:PORT', or has {port}, for which a free one is "
           "put, in an argument");
  line.add("--cpus", chosen.cpus, "CPUs to run on, such as 0 or 0,2-3 (default: all)").cpu_list();
  line.add("--parent", chosen.parent, "End when this process, its parent, ends");
  line.add("--patience", chosen.patience_s, "How long it may take until it listens")
      .duration()
      .with_default("20s");
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("keep_server", [&] {
    if (chosen.command.empty()) {
      throw std::invalid_argument("no server to start: keep_server -- PROGRAM [ARGUMENT...]");
    }
    return keep::keep(chosen);
  });
}
