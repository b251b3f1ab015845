// A server and the load generator before it: what an `echo` row needs, set up once for all runs
// that Google Benchmark makes of it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/command_line.hpp"
#include "bench/harness/expectation.hpp"
#include "bench/harness/gevent_program.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/memory.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/addresses.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::echo {

using namespace std::chrono_literals;

struct cpu_choice {
  std::string server;
  std::string load;
};

/// Where the kernel decides.
inline cpu_choice any_cpus() {
  std::string all;
  for (const int cpu : harness::allowed_cpus()) {
    all.append(all.empty() ? "" : ",").append(std::to_string(cpu));
  }
  return {all, all};
}

struct echo_case {
  std::string server;
  std::int64_t connections;
  std::int64_t bytes;
  bool task_each;           // the server needs a kernel task for each connection
  std::int64_t active = 0;  // of the connections; 0: all

  bool operator==(const echo_case&) const = default;
};

/// What this process and a server have open besides connections, at most.
inline constexpr std::uint64_t files_besides = 32;

/// What starts a server: our echo_server, or the Python original.
struct server_command {
  std::filesystem::path program;
  std::vector<std::string> arguments;

  server_command(const std::string& server, const std::string& cpus) {
    if (server == gevent::name) {
      const auto original = gevent::original("echo_server.py");
      program = original.interpreter();
      arguments = original.command(gevent::attached({"--port", "0"}, cpus));
    } else {
      program = harness::program_beside("echo_server");
      arguments = {"--runtime", server, "--port",   "0",
                   "--cpus",    cpus,   "--parent", std::to_string(::getpid())};
    }
  }
};

enum class memory_is { read, not_read };

/// A server and its load, from the first run of a row to the last.
class bench_setup {
 public:
  bench_setup(const echo_case& which, const cpu_choice& cpus, memory_is wanted = memory_is::read)
      : bench_setup(which, server_command(which.server, cpus.server), wanted) {}

  [[nodiscard]] const echo_case& which() const { return which_; }
  [[nodiscard]] pid_t server_pid() const { return server_.pid(); }
  /// What the server's tree grew by as the connections came.
  [[nodiscard]] const harness::memory_use& connection_memory() const { return grown_; }
  /// Until all connections were there and had had a message echoed.
  [[nodiscard]] double connect_seconds() const { return connect_seconds_; }

  /// Closed loop. Throws when a reply was wrong or missing, with the reason if the server has died;
  /// so do the others.
  harness::load_result run(std::uint64_t requests) {
    auto result = load_->run_requests(requests);
    if (result.errors.total() > 0 || result.requests != requests) complain(result);
    return result;
  }

  /// Open loop.
  harness::load_result run_at(const harness::send_schedule::plan& when,
                              std::chrono::nanoseconds length) {
    auto result = load_->run_at(when, length);
    if (result.errors.total() > 0 || result.latency.count() != result.due) complain(result);
    return result;
  }

  /// Messages per second in a closed loop, measured once.
  double closed_loop_rate() {
    if (closed_loop_rate_ == 0) {
      const auto result = load_->run_for(300ms);
      if (result.errors.total() > 0 || result.requests == 0) complain(result);
      closed_loop_rate_ = static_cast<double>(result.requests) / result.seconds;
    }
    return closed_loop_rate_;
  }

 private:
  bench_setup(const echo_case& which, const server_command& server, memory_is wanted)
      : which_(which), server_(server.program, server.arguments) {
    const auto port = harness::announced_port(server_);
    const auto connections = static_cast<std::size_t>(which.connections);
    if (wanted == memory_is::not_read) {
      connect(port, connections);
      return;
    }
    connect(port, 1);  // what the first session alone brings into memory belongs to none
    auto first = std::move(load_);
    // It stays until all is read, or another one would take over what it leaves behind. But a
    // server that serves one after another has room for no second.
    if (connections == 1) {
      first.reset();
      wait_until_alone();
    }
    const auto empty = harness::memory_of_tree(server_.pid());
    const auto begin = std::chrono::steady_clock::now();
    connect(port, connections);
    const std::chrono::duration<double> connecting = std::chrono::steady_clock::now() - begin;
    connect_seconds_ = connecting.count();
    grown_ = harness::memory_of_tree(server_.pid()) - empty;
  }

  /// Afterwards every session has started and answered.
  void connect(int port, std::size_t connections) {
    load_ = std::make_unique<harness::load_generator>(
        harness::load_options{.target = resolve("127.0.0.1", port),
                              .connections = connections,
                              .active = std::min(connections, active()),
                              .bytes = static_cast<std::size_t>(which_.bytes),
                              // The last of many waits until all others have been started.
                              .reply_patience = std::max(4'000ms, which_.connections * 1ms),
                              .stop_at_first_error = true});
    load_->connect();
    const auto hello = load_->greet();
    if (hello.errors.total() > 0 || hello.requests != connections) complain(hello);
  }

  [[nodiscard]] std::size_t active() const {
    return static_cast<std::size_t>(which_.active > 0 ? which_.active : which_.connections);
  }

  [[noreturn]] void complain(const harness::load_result& result) {
    const std::string why = result.errors.first.empty() ? "too few replies" : result.errors.first;
    const auto death = server_.how_it_ended(200ms);
    if (!death) throw_if_limit_was_met();
    throw std::runtime_error((death ? "the server " + *death + "; " : "") +
                             std::to_string(result.errors.total()) + " errors, first: " + why);
  }

  /// The server's last line tells whether it turned a connection away for want of room.
  void throw_if_limit_was_met() {
    server_.stop();
    const std::string totals = server_.rest_of_output();
    constexpr std::string_view sign = "limit met: ";
    if (const auto at = totals.find(sign); at != std::string::npos) {
      throw limit_error("the server met one: " + totals.substr(at + sign.size()));
    }
  }

  void wait_until_alone() const {
    for (int i = 0; i < 200 && !harness::descendants(server_.pid()).empty(); ++i) ::usleep(5'000);
  }

  echo_case which_;
  harness::child_process server_;
  std::unique_ptr<harness::load_generator> load_;
  harness::memory_use grown_;
  double connect_seconds_ = 0;
  double closed_loop_rate_ = 0;
};

/// What the kernel has to say of any of these servers: it sleeps at most once for each message, and
/// less often when several are there at once. More would be wake-ups for nothing.
inline void expect_wake_ups(const harness::usage& used, std::int64_t messages,
                            std::int64_t connections) {
  harness::expect_switches(used, messages, {.sleeps_at_most = 1}, connections + 100);
}

/// Google Benchmark calls a row several times and does not say which is the last: the setup stays
/// until another row, or the end, replaces it.
class kept_setup {
 public:
  bench_setup& get(const echo_case& which, const cpu_choice& cpus) {
    if (!current_ || current_->which() != which) {
      current_.reset();  // the old server has gone before the new one starts
      current_ = std::make_unique<bench_setup>(which, cpus);
    }
    return *current_;
  }
  /// A broken setup serves no further row.
  void drop() { current_.reset(); }

 private:
  std::unique_ptr<bench_setup> current_;
};

/// Server and load generator on a CPU each. limit_error when there is no second one, or no room for
/// so many connections.
inline cpu_choice take_places(const echo_case& which, const cpu_choice& chosen) {
  const cpu_choice cpus{
      chosen.server.empty() ? std::to_string(harness::first_cpu()) : chosen.server,
      chosen.load.empty() ? std::to_string(harness::second_cpu()) : chosen.load};
  const auto connections = static_cast<std::uint64_t>(which.connections);
  // Here and in the server, which raises its own limit.
  harness::require_open_files(connections + files_besides);
  if (which.task_each) harness::require_tasks(connections);
  // The server binds itself; to try it here first gives the better error.
  harness::pin_this_thread(harness::parse_cpu_list(cpus.server));
  harness::pin_this_thread(harness::parse_cpu_list(cpus.load));
  return cpus;
}

inline void add_cpu_options(harness::command_line& line, cpu_choice& cpus) {
  line.add("--server-cpus", cpus.server, "CPUs of the server (default: the first)").cpu_list();
  line.add("--load-cpus", cpus.load, "CPUs of the load generator (default: the second)").cpu_list();
}

}  // namespace switchyard::echo
