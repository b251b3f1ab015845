// What the rows of `echo` and `echo_open` share: CPUs for server and load, the server that stays
// from run to run, and what the kernel has to say of it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "bench/programs/echo/loaded_server.hpp"

namespace switchyard::echo {

/// Google Benchmark calls a row several times and does not say which is the last: the server stays
/// until another row, or the end, replaces it.
class kept_server {
 public:
  void add_options(harness::command_line& line) {
    line.add("--server-cpus", server_cpus_, "CPUs of the server (default: the first)").cpu_list();
    line.add("--load-cpus", load_cpus_, "CPU of the load generator (default: the second)")
        .parsed_by(expect_one_cpu, "CPU");
  }

  /// Calls `row(server)`. One that has failed serves no further row.
  template <class Row>
  void with(const echo_case& which, Row row) {
    const std::string cpus = take_places(which);
    try {
      if (!current_ || current_->which() != which) {
        current_.reset();  // the old server has gone before the new one starts
        current_ = std::make_unique<loaded_server>(which, cpus);
      }
      row(*current_);
    } catch (...) {
      current_.reset();
      throw;
    }
  }

 private:
  static void expect_one_cpu(const std::string& list) {
    if (harness::parse_cpu_list(list).size() == 1) return;
    throw std::invalid_argument("the load generator is one thread, which would only wander over " +
                                list + ": give it one CPU");
  }

  /// Server and load generator on a CPU each; gives the server's. limit_error when there is no
  /// second one, or no room for so many connections.
  [[nodiscard]] std::string take_places(const echo_case& which) const {
    const auto server = server_cpus_.empty() ? std::to_string(harness::first_cpu()) : server_cpus_;
    const auto load = load_cpus_.empty() ? std::to_string(harness::second_cpu()) : load_cpus_;
    const auto connections = static_cast<std::uint64_t>(which.connections);
    // Here and in the server, which raises its own limit.
    harness::require_open_files(connections + files_besides);
    if (which.by->kernel_tasks_per_connection > 0) harness::require_tasks(connections);
    // The server binds itself; to try it here first gives the better error.
    harness::pin_this_thread(harness::parse_cpu_list(server));
    harness::pin_this_thread(harness::parse_cpu_list(load));
    return server;
  }

  std::string server_cpus_;
  std::string load_cpus_;
  std::unique_ptr<loaded_server> current_;
};

/// Any of these servers sleeps at most once for each message, and less often when several are there
/// at once. More would be wake-ups for nothing.
inline void expect_wake_ups(const harness::usage& used, std::int64_t messages,
                            std::int64_t connections) {
  harness::expect_switches(used, messages, {.sleeps_at_most = 1}, connections + 100);
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
          .control = is_control ? "" : "epoll"};
}

}  // namespace switchyard::echo
