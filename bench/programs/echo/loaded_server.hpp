// An echo server and the load generator before it: what a row about a server needs, set up once for
// all runs that Google Benchmark makes of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/echo/servers.hpp"

namespace switchyard::echo {

/// What this process and a server have open besides connections, at most.
inline constexpr std::uint64_t files_besides = 32;

/// `cpus`: how many the server gets, and one on a single thread has as many workers; 0: one, or all
/// that it was given, as they are. `load_is_beside`: on other CPUs than it, or on the same ones.
struct echo_case {
  const server* by;
  std::int64_t connections;
  std::int64_t bytes = 64;
  std::int64_t active = 0;  // of the connections; 0: all
  std::int64_t cpus = 0;
  bool load_is_beside = true;

  [[nodiscard]] std::int64_t busy() const { return active > 0 ? active : connections; }
  bool operator==(const echo_case&) const = default;
};

enum class memory_is { read, not_read };

/// Where the two ends run, and in how many parts: the load has a thread for each of its CPUs. More
/// where a process, or a thread of the load, may not open as many files as there are connections.
struct places {
  std::vector<int> server = {};  // all that this process may use where none are named
  std::vector<int> load = {};    // wherever the calling thread is
  std::size_t workers = 1;
  std::size_t threads = 1;
};

class loaded_server {
 public:
  explicit loaded_server(const echo_case& which, const places& where = {},
                         memory_is wanted = memory_is::read);
  ~loaded_server() { static_cast<void>(end()); }
  loaded_server& operator=(loaded_server&&) = delete;

  /// Ends it before its time; what was wrong with its end, such as processes that it left, or "".
  std::string end();

  [[nodiscard]] const echo_case& which() const { return which_; }
  /// Of the server, or of the keeper above an outside one: its whole tree is what is measured.
  [[nodiscard]] pid_t pid() const { return program_.pid(); }
  /// What the server's tree grew by as the connections came.
  [[nodiscard]] const harness::memory_use& connection_memory() const { return grown_; }
  /// Until all connections were there and had had a message echoed.
  [[nodiscard]] double connect_seconds() const { return connect_seconds_; }

  /// Closed loop. Throws when a reply was wrong or missing, with the reason if the server has died;
  /// so do the others.
  load::run_result run(std::uint64_t requests);

  /// The same with a new connection for each message.
  load::run_result run_connections(std::uint64_t count);

  /// Open loop.
  load::run_result run_at(const load::send_schedule::plan& when, std::chrono::nanoseconds length);

  /// Messages per second in a closed loop: the median of a second's five parts, measured once.
  double closed_loop_rate();

 private:
  void connect(std::size_t connections);
  [[noreturn]] void complain(const load::run_result& result);

  echo_case which_;
  places places_;
  harness::child_process program_;
  harness::announced where_;
  std::unique_ptr<load::generator> load_;
  harness::memory_use grown_;
  double connect_seconds_ = 0;
  double closed_loop_rate_ = 0;
};

}  // namespace switchyard::echo
