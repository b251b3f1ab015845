// echo: the article's echo server under load. One operation is one message sent, echoed and
// verified byte for byte; as many connections as the row says are all busy at once (closed loop),
// or with active:N only N of them, while the others stay open. bench_echo_open asks for the
// latency.
//
// The server is a program of its own (echo_server) on its own CPU, the load generator runs here on
// another. Both stay for all runs that Google Benchmark makes of a row, and its first, short ones
// are the warm-up. CPU time, switches and memory are the server's, its whole process tree's.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/echo/echo_setup.hpp"
#include "bench/harness/command_line.hpp"
#include "bench/harness/gevent_program.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage_meter.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using echo::cpu_choice;
using echo::echo_case;
using harness::measured;
using harness::suite;

echo::kept_setup current;

void echo_row(benchmark::State& state, const echo_case& which, const cpu_choice& chosen) {
  const cpu_choice cpus = echo::take_places(which, chosen);
  try {
    auto& setup = current.get(which, cpus);
    harness::load_result result;
    // A steady state needs several messages for each connection.
    constexpr std::int64_t messages_each = 8;
    const auto busy = which.active > 0 ? which.active : which.connections;
    const auto ops = harness::at_least(state.max_iterations, messages_each * busy);
    harness::record_batch(state, ops, [&] {
      const harness::tree_usage_meter server(setup.server_pid());
      result = setup.run(static_cast<std::uint64_t>(ops));
      auto used = server.used();
      // The server has also answered what was under way when the time was over.
      used *= static_cast<double>(ops) / static_cast<double>(result.latency.count());
      echo::expect_wake_ups(used, ops, which.connections);
      return measured{result.seconds, used};
    });
    harness::set_latency(state, result.latency);
    const auto requests = static_cast<double>(result.requests);
    state.counters["errors"] = static_cast<double>(result.errors.total());
    state.counters["load_cpu_percent"] = result.cpu_percent();
    state.counters["load_cpu_us_per_op"] = result.cpu_s * 1e6 / requests;
    // Less is the granularity of the server itself and not that of its connections.
    constexpr double least_growth = 64 * 1024;
    const double grown = setup.connection_memory().pss_bytes;
    if (grown >= least_growth) {
      state.counters["bytes_per_task"] = grown / static_cast<double>(which.connections);
    }
  } catch (...) {
    current.drop();
    throw;
  }
}

constexpr std::int64_t connection_counts[] = {1, 16, 64, 256, 1'024};

class row_maker {
 public:
  explicit row_maker(const cpu_choice& cpus) : cpus_(cpus) {}

  void add(const std::string& server, std::int64_t connections, std::int64_t bytes, suite set,
           const std::string& control, bool task_each) {
    const echo_case which{server, connections, bytes, task_each};
    rows.push_back(
        {.runtime = server,
         .params = {{"connections", connections}, {"bytes", bytes}},
         .what = std::to_string(connections) + " clients each send " + std::to_string(bytes) +
                 " bytes and wait for the echo" + (control.empty() ? " (control)" : ""),
         .body = [which, &cpus = cpus_](benchmark::State& s) { echo_row(s, which, cpus); },
         .set = set,
         .control = control});
  }

  void add_all(const std::string& server, const std::string& control, bool task_each) {
    for (const std::int64_t connections : connection_counts) {
      // A thousand kernel tasks take long to start.
      add(server, connections, 64, task_each && connections > 256 ? suite::full : suite::quick,
          control, task_each);
      add(server, connections, 4'096, connections == 64 ? suite::quick : suite::full, control,
          task_each);
    }
  }

  /// Many connections of which few are busy: what it costs to keep the others open.
  void add_mostly_idle(const std::string& server, std::int64_t connections,
                       const std::string& control, bool task_each) {
    constexpr std::int64_t active = 1'000;
    constexpr std::int64_t bytes = 64;
    const echo_case which{server, connections, bytes, task_each, active};
    rows.push_back(
        {.runtime = server,
         .params = {{"connections", connections}, {"active", active}, {"bytes", bytes}},
         .what = std::to_string(connections) + " clients are connected, " + std::to_string(active) +
                 " of them send 64 bytes and wait for the echo" +
                 (control.empty() ? " (control)" : ""),
         .body = [which, &cpus = cpus_](benchmark::State& s) { echo_row(s, which, cpus); },
         .set = suite::full,
         .control = control});
  }

  /// The Python original, an outside reference: one row is enough for the quick run.
  void add_gevent(const std::string& control) {
    for (const std::int64_t connections : connection_counts) {
      for (const std::int64_t bytes : {64, 4'096}) {
        const bool quick = connections == 64 && bytes == 64;
        add(gevent::name, connections, bytes, quick ? suite::quick : suite::full, control, false);
        rows.back().needs = gevent::name;
      }
    }
  }

  std::vector<harness::row> rows;

 private:
  const cpu_choice& cpus_;
};

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  cpu_choice cpus;
  row_maker maker(cpus);
  for_each_runtime([&]<class R>() {
    if constexpr (Sockets<R>) {
      if constexpr (R::concurrent) {
        const std::string name(R::name);
        maker.add_all(name, "epoll", R::runs_in_parallel);
        // Ten thousand forks take half a minute to start and to end.
        if (R::shares_memory) maker.add_mostly_idle(name, 10'000, "epoll", R::runs_in_parallel);
        if (!R::runs_in_parallel) maker.add_mostly_idle(name, 100'000, "epoll", false);
      } else {
        // One connection after another: a second client would wait for the first to leave.
        maker.add(std::string(R::name), 1, 64, suite::quick, "epoll", false);
      }
    }
  });
  maker.add_gevent("epoll");
  maker.add_all("epoll", "", false);
  for (const std::int64_t connections : {10'000, 100'000}) {
    maker.add_mostly_idle("epoll", connections, "", false);
  }
  // What our stream costs beside the plain loop of recv and send.
  for (const char* plain : {"plain_thread", "plain_process"}) {
    maker.add(plain, 64, 64, suite::full, "epoll", true);
  }
  harness::workload w{
      .name = "echo",
      .what =
          "Clients send messages to an echo server and verify the replies; one operation is one "
          "message there and back.",
      .compared_by = {"ops_per_s", "messages per second", "1/s", "higher"},
      .unit = benchmark::kMicrosecond,
      .rows = std::move(maker.rows)};
  const int code = harness::run_main(
      argc, argv, w, [&](harness::command_line& line) { echo::add_cpu_options(line, cpus); });
  current.drop();
  return code;
}
