// The echo servers that there are, and what each is: facts alone, so that a workload need not hold
// the servers it starts. The program, the workloads' rows, the tests and the help are made of them.
//
// Each runtime with sockets serves, by its own entry in runtimes/all.hpp; what serves and is not
// ours is in outside.hpp. A server of ours without a runtime is a file in servers/ that defines
// `serve_NAME` (serving.hpp), and a line here:
//   name, kind, kernel tasks for each connection, what it is
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtimes/concepts.hpp"

#if SWITCHYARD_LIBURING
#define SWITCHYARD_URING_SERVERS(SERVER) \
  SERVER(uring, limit, 0, "one thread over io_uring, written by hand")
#else
#define SWITCHYARD_URING_SERVERS(SERVER)
#endif

#define SWITCHYARD_ECHO_SERVERS(SERVER)                                                   \
  SERVER(callback, serve_only, 0, "Asio's callbacks on one thread, without coroutines")   \
  SERVER(epoll, limit, 0, "one thread over epoll, written by hand")                       \
  SWITCHYARD_URING_SERVERS(SERVER)                                                        \
  SERVER(plain_thread, plain, 1, "the thread runtime with a plain loop of recv and send") \
  SERVER(plain_process, plain, 1, "the process runtime with a plain loop of recv and send")

namespace switchyard {

/// How much one read takes at most. The same for every server, the hand-written ones included.
inline constexpr std::size_t echo_buffer_bytes = 16 * 1024;

}  // namespace switchyard

namespace switchyard::echo {

/// In the order of tables and plots.
enum class kind {
  runtime,     // each task a connection
  serve_only,  // a model that serves, and can't run tasks
  outside,     // a program that is not ours
  limit,       // control: what all others are held against
  plain        // control: a runtime without our stream, for what that costs
};

struct server {
  std::string name;  // after --runtime, and in benchmark names
  std::string what;  // one line
  kind is;
  int kernel_tasks_per_connection = 0;
  bool concurrent = true;                    // or it serves one connection after another
  std::int64_t quick_connections = 100'000;  // so many come and go in well under a second
  task_footprint idle_connection{.memory_bytes = 8 * 1024};
  std::string needs = {};    // what a machine may lack for it
  std::string command = {};  // as --server was told it, for which it was made

  [[nodiscard]] bool is_control() const { return is == kind::limit || is == kind::plain; }
  /// Measured like a runtime's: with all kinds of rows.
  [[nodiscard]] bool is_model() const { return is == kind::runtime || is == kind::serve_only; }
};

/// Ordered by kind; within a kind as they stand in the tables.
const std::vector<server>& all_servers();

const server& server_named(const std::string& name);

/// "serial, process, ...": those that are controls, or those of ours that are none.
std::string server_names(bool controls);

}  // namespace switchyard::echo
