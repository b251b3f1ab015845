// memory: what an idle task or an idle connection holds of the machine's memory, told so that it is
// fair to fork: bench/harness/usage.hpp says what counts. Each task has touched its stack to a
// depth and gone back before it waits; each connection has had one message echoed. One operation,
// whose time is taken, is the coming of all of them, up to the moment when all wait.
//
// All figures are differences to the same processes before. One task or connection is there already
// then: what the first one alone brings into memory belongs to none.

#include "bench/harness/limits.hpp"
#include "bench/harness/workload.hpp"
#include "bench/memory/memory_reading.hpp"
#include "bench/programs/echo/loaded_server.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using harness::memory_use;

void set_counters(benchmark::State& state, const memory_use& grown, std::int64_t count) {
  const auto n = static_cast<double>(count);
  state.counters["bytes_per_task"] = grown.total_bytes() / n;
  state.counters["pss_bytes_per_task"] = grown.pss_bytes / n;
  state.counters["private_bytes_per_task"] = grown.private_bytes / n;
  state.counters["page_table_bytes_per_task"] = grown.page_table_bytes / n;
  state.counters["kernel_stack_bytes_per_task"] = grown.kernel_stack_bytes() / n;
}

template <class R>
void tasks_row(benchmark::State& state, std::int64_t tasks, std::size_t stack_bytes) {
  require_room_for_tasks<R>(tasks + 1, stack_bytes);
  memory_reading last;
  harness::record_time(state, [&] {
    last = memory_of_parked_tasks<R>(tasks, stack_bytes);
    return last.seconds;
  });
  set_counters(state, last.grown, tasks);
}

void connections_row(benchmark::State& state, const echo::server& by, std::int64_t connections) {
  const auto count = static_cast<std::uint64_t>(connections);
  harness::require_open_files(count + echo::files_besides);  // here, and in the server
  require_room_for(connections, by.kernel_tasks_per_connection,
                   by.idle_connection.memory_bytes + harness::both_sockets_bytes);
  memory_use grown;
  double socket_bytes = 0;
  harness::record_time(state, [&] {
    const double before = harness::tcp_buffer_bytes();
    echo::loaded_server server({&by, connections});
    socket_bytes = harness::tcp_buffer_bytes() - before;
    grown = server.connection_memory();
    expect_kernel_tasks(grown, by.kernel_tasks_per_connection * connections);
    server.run(count);  // all of them still answer
    return server.connect_seconds();
  });
  set_counters(state, grown, connections);
  state.counters["socket_bytes_per_task"] = socket_bytes / static_cast<double>(connections);
}

// As many of the kernel's own as there may be; so many of any kind take long.
constexpr std::int64_t many = 10'000;
constexpr std::int64_t counts[] = {10, 100, 1'000, many, 100'000};
constexpr std::int64_t depths_kib[] = {0, 4, 16, 64};
// All tasks together touch this much at most.
constexpr std::int64_t most_touched_kib = 2 << 20;

harness::row make_row(std::string_view runtime, const std::string& of, std::int64_t count,
                      const std::string& what, std::function<void(benchmark::State&)> body) {
  return {.runtime = std::string(runtime),
          .params = {{"of", of}, {"count", count}},
          .what = std::to_string(count) + what,
          .body = std::move(body),
          .quick = count == 100,
          .once = true,
          .most_rounds = count >= many ? 1 : 0};
}

template <class R>
void add_tasks(std::vector<harness::row>& rows) {
  for (const std::int64_t count : counts) {
    if (KernelTasks<R> && count > many) continue;
    for (const std::int64_t kib : depths_kib) {
      if (count * kib > most_touched_kib || (Stackless<R> && kib > 0)) continue;
      const std::string touched =
          kib == 0 ? "" : ", each has touched " + std::to_string(kib) + " KiB of its stack";
      const auto stack_bytes = static_cast<std::size_t>(kib) * 1024;
      rows.push_back(make_row(R::name, "tasks", count, " idle tasks" + touched,
                              [=](benchmark::State& s) { tasks_row<R>(s, count, stack_bytes); }));
      rows.back().params.emplace_back("stack_kib", kib);
      if (kib != 0 && kib != 16) rows.back().quick = false;
    }
  }
}

void add_connections(std::vector<harness::row>& rows, const echo::server& by) {
  for (const std::int64_t count : counts) {
    if (count > many) continue;
    rows.push_back(make_row(by.name, "connections", count, " idle connections of an echo server",
                            [=, &by](benchmark::State& s) { connections_row(s, by, count); }));
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "memory",
      .what =
          "Idle tasks, or idle connections of an echo server, and what each holds of memory; "
          "one operation is the coming of all of them.",
      .compared_by = {"bytes_per_task", "pages, page tables and kernel stack of each", "B",
                      "lower"},
      .unit = benchmark::kMillisecond,
      .counts_events = false};
  for_each_runtime([&]<class R>() {
    if constexpr (OwnTasks<R> && R::concurrent && (Sleeps<R> || Stackless<R>)) {
      add_tasks<R>(w.rows);
    }
    if constexpr (R::concurrent && Serves<R>) {
      add_connections(w.rows, echo::server_named(std::string(R::name)));
    }
  });
  for (const echo::server& by : echo::all_servers()) {
    if (by.is == echo::kind::serve_only) add_connections(w.rows, by);
  }
  return harness::run_main(argc, argv, w);
}
