// What the workloads about echo servers share: the servers, also those that --server names; CPUs
// for server and load, the server that stays from run to run, and what the kernel has to say of it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "bench/programs/echo/loaded_server.hpp"
#include "bench/programs/echo/outside.hpp"
#include "bench/programs/echo/workers.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::echo {

/// Google Benchmark calls a row several times and does not say which is the last: the server stays
/// until another row, or the end, replaces it.
class kept_server {
 public:
  void add_options(harness::command_line& line) {
    line.add("--server-cpus", server_cpus_, "CPUs of the server (default: the first)").cpu_list();
    line.add("--load-cpus", load_cpus_,
             "CPUs of the load generator, a thread on each (default: two for each of the server's, "
             "or as many as are left)")
        .cpu_list();
  }

  /// Calls `row(server)`. One that has failed serves no further row.
  template <class Row>
  void with(const echo_case& which, Row row) {
    const places where = take_places(which);
    try {
      if (!current_ || current_->which() != which) {
        end_current();  // the old server has gone before the new one asks for room, and starts
        require_room(which, where);
        current_ = std::make_unique<loaded_server>(which, where);
      }
      row(*current_);
    } catch (...) {
      current_.reset();
      throw;
    }
  }

  /// The exit code of a program that would end with `code`: a server that leaves something behind
  /// is a failure, which nobody knows before its row is told.
  int close(int code) {
    end_current();
    return complained_ && code == 0 ? harness::exit_failure : code;
  }

 private:
  void end_current() {
    if (!current_) return;
    const std::string wrong = current_->end();
    if (!wrong.empty()) {
      complained_ = true;
      std::fprintf(stderr, "%s: %s\n", current_->which().by->name.c_str(), wrong.c_str());
    }
    current_.reset();
  }

  [[nodiscard]] std::vector<int> cpus_of_server(const echo_case& which) const {
    const bool are_given = !server_cpus_.empty();
    auto cpus = are_given ? harness::parse_cpu_list(server_cpus_)
                          : harness::cores_first(harness::cpus_at_start());
    const auto as_it_is = are_given ? cpus.size() : 1;
    const auto wanted = which.cpus > 0 ? static_cast<std::size_t>(which.cpus) : as_it_is;
    if (cpus.size() < wanted) {
      throw limit_error("this row's server needs " + std::to_string(wanted) +
                        " CPUs, and may have " + std::to_string(cpus.size()));
    }
    cpus.resize(wanted);
    return cpus;
  }

  /// As the fastest servers need as much of a CPU for a message as the load does, two for each keep
  /// it busy. More would sleep most of the time, and have the server wake them for each message.
  [[nodiscard]] std::vector<int> cpus_of_load(const echo_case& which,
                                              const std::vector<int>& server) const {
    if (!which.load_is_beside) return server;
    if (!load_cpus_.empty()) return harness::parse_cpu_list(load_cpus_);
    return harness::cpus_beside(server, 2 * server.size());
  }

  /// Server and load generator on CPUs of their own, if that is how it is to be. limit_error when
  /// there is none left.
  [[nodiscard]] places take_places(const echo_case& which) const {
    places where{.server = cpus_of_server(which)};
    where.load = cpus_of_load(which, where.server);
    where.load.resize(std::min(where.load.size(), static_cast<std::size_t>(which.busy())));
    const auto parts = parts_for(static_cast<std::uint64_t>(which.connections));
    where.threads = std::max(where.load.size(), parts);
    if (can_have_workers(*which.by)) {
      where.workers = std::max<std::size_t>({1, static_cast<std::size_t>(which.cpus), parts});
    }
    // The server binds itself; to try it here first gives the better error.
    harness::pin_this_thread(where.server);
    harness::pin_this_thread(where.load);
    return where;
  }

  /// limit_error without room for so many connections, of which none may be there already.
  static void require_room(const echo_case& which, const places& where) {
    const auto connections = static_cast<std::uint64_t>(which.connections);
    // The kernel deals connections out by chance, a few more to one worker than to another.
    const auto most =
        where.workers > 1 ? (connections + connections / 20) / where.workers : connections;
    harness::require_open_files(most + files_besides);
    require_room_for(which.connections, which.by->kernel_tasks_per_connection,
                     which.by->idle_connection.memory_bytes + harness::both_sockets_bytes);
  }

  /// Into how many each end has to be cut, as a process may only open so many files.
  static std::size_t parts_for(std::uint64_t connections) {
    const auto files = harness::room_for_open_files().left();
    const auto each = files > 2 * files_besides ? (files - files_besides) * 9 / 10 : files;
    return static_cast<std::size_t>((connections + each - 1) / std::max<std::uint64_t>(each, 1));
  }

  std::string server_cpus_;
  std::string load_cpus_;
  std::unique_ptr<loaded_server> current_;
  bool complained_ = false;
};

/// Of what serves a message or a connection, so many sleeps are all that it takes, and less when
/// several are there at once: more would be wake-ups for nothing. Whoever wrote another server may
/// have had a reason for them: its row shows them, and that is all.
inline void expect_wake_ups(const server& by, const harness::usage& used, std::int64_t served,
                            const harness::expected_switches& each, std::int64_t connections) {
  if (by.is != kind::outside) harness::expect_switches(used, served, each, connections + 100);
}

/// A row about a server, beside the control: one for all, so that their ratios can be compared. For
/// what runs over io_uring the row `uring` is a nearer limit.
template <class Body>
harness::row row_of(const server& by, std::vector<harness::parameter> params,
                    const std::string& what, Body body) {
  const bool is_control = by.is == kind::limit;
  return {.runtime = by.name,
          .params = std::move(params),
          .what = what + (is_control ? " (control)" : ""),
          .body = std::move(body),
          .control = is_control ? "" : "epoll",
          .needs = by.needs,
          .outside = by.is == kind::outside,
          .command = by.command};
}

/// main() of a workload about servers. `add_rows` adds those of one server to `w`: of each that
/// there is, and of each that --server names, which is read before any row is told or run.
inline int run_main(
    int argc, char** argv, harness::workload& w, kept_server& kept,
    const std::function<void(const server&)>& add_rows,
    const std::function<void(harness::command_line&)>& add_options = [](harness::command_line&) {
    }) {
  w.takes_servers = true;
  for (const server& by : all_servers()) add_rows(by);
  return kept.close(harness::run_main(argc, argv, w, [&](harness::command_line& line) {
    kept.add_options(line);
    line.add_each(
        "--server", "NAME=COMMAND",
        [&](const std::string& asked) { add_rows(given_server(asked)); },
        "A server of your own beside the others, as often as you like: a program that prints "
        "'listening on HOST:PORT', or that has {port} in its command and answers there");
    add_options(line);
  }));
}

}  // namespace switchyard::echo
