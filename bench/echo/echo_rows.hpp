// What the rows of `echo` and `echo_open` share: CPUs for server and load, the server that stays
// from run to run, and what the kernel has to say of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/workload.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/programs/echo/loaded_server.hpp"

namespace switchyard::echo {

struct cpu_choice {
  std::string server;
  std::string load;
};

inline void add_cpu_options(harness::command_line& line, cpu_choice& cpus) {
  line.add("--server-cpus", cpus.server, "CPUs of the server (default: the first)").cpu_list();
  line.add("--load-cpus", cpus.load, "CPUs of the load generator (default: the second)").cpu_list();
}

/// Server and load generator on a CPU each; gives the server's. limit_error when there is no second
/// one, or no room for so many connections.
inline std::string take_places(const echo_case& which, const cpu_choice& chosen) {
  const cpu_choice cpus{
      chosen.server.empty() ? std::to_string(harness::first_cpu()) : chosen.server,
      chosen.load.empty() ? std::to_string(harness::second_cpu()) : chosen.load};
  const auto connections = static_cast<std::uint64_t>(which.connections);
  // Here and in the server, which raises its own limit.
  harness::require_open_files(connections + files_besides);
  if (which.by->kernel_tasks_per_connection > 0) harness::require_tasks(connections);
  // The server binds itself; to try it here first gives the better error.
  harness::pin_this_thread(harness::parse_cpu_list(cpus.server));
  harness::pin_this_thread(harness::parse_cpu_list(cpus.load));
  return cpus.server;
}

/// Google Benchmark calls a row several times and does not say which is the last: the server stays
/// until another row, or the end, replaces it.
class kept_server {
 public:
  /// Calls `row(server)`. One that has failed serves no further row.
  template <class Row>
  void with(const echo_case& which, const cpu_choice& chosen, Row row) {
    const std::string cpus = take_places(which, chosen);
    try {
      if (!current_ || current_->which() != which) {
        drop();  // the old server has gone before the new one starts
        current_ = std::make_unique<loaded_server>(which, cpus);
      }
      row(*current_);
    } catch (...) {
      drop();
      throw;
    }
  }
  void drop() { current_.reset(); }

 private:
  std::unique_ptr<loaded_server> current_;
};

/// Any of these servers sleeps at most once for each message, and less often when several are there
/// at once. More would be wake-ups for nothing.
inline void expect_wake_ups(const harness::usage& used, std::int64_t messages,
                            std::int64_t connections) {
  harness::expect_switches(used, messages, {.sleeps_at_most = 1}, connections + 100);
}

/// "" for that control itself.
inline std::string control_of(const server& by) { return by.is == kind::limit ? "" : "epoll"; }
inline std::string control_mark(const server& by) {
  return by.is == kind::limit ? " (control)" : "";
}

}  // namespace switchyard::echo
