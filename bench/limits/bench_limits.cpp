// limits: how many tasks or connections there can be at once. The number doubles until the runtime
// or the machine stops it; one operation is one such climb. A climb that ends at a limit is a
// result: `reached` is the largest number of which all were alive at one moment, and the row's
// label names the limit.
//
// It gives the same number each time, but for what else the machine does: a run makes it once.
//
// It stops before it does harm. Each limit is known beforehand: 80 % of what is shared with others,
// half of the available memory, and nothing is begun for which there is no room. A step that takes
// more than ten seconds is the last one. `--most` bounds all climbs.
#include <algorithm>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/workload.hpp"
#include "bench/limits/limit_climb.hpp"
#include "bench/programs/echo/loaded_server.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

std::int64_t most = 1 << 20;  // for all climbs
constexpr std::int64_t most_of_a_quick_row = 1'024;

void expect_all(std::int64_t parked, std::int64_t count) {
  if (parked != count) throw std::runtime_error("not all tasks were alive at once");
}

template <Runtime R>
void park_and_end(R& rt, std::int64_t count) {
  rt.run([&] {
    parked_tasks<R> parked(rt, count);
    parked.add(count, 0, step_guard());
    expect_all(parked.count(), count);
    parked.end();
  });
}

template <Stackless R>
void park_and_end(R& rt, std::int64_t count) {
  parked_tasks<R> parked(rt, count);
  rt.run([&]() -> typename R::template awaitable<void> {
    const typename parked_tasks<R>::let_go_at_end guard(parked);
    parked.add(count, step_guard());
    expect_all(parked.count(), count);
    co_await parked.end();
  });
}

template <class R>
climb climb_tasks(std::int64_t bound) {
  const auto room = [] {
    return headroom_for(R::idle_task, R::kernel_tasks_per_task, climb_memory_percent);
  };
  const auto step = [](std::int64_t count) {
    R rt;
    park_and_end(rt, count);
  };
  return in_a_child<process>([&] { return climb_by_doubling(bound, room, step); });
}

/// Both ends of a connection are on this machine, and each is an open file of its process.
harness::headroom headroom_for_connections(const echo::server& by) {
  auto files = harness::room_for_open_files();
  files.taken = echo::files_besides;
  task_footprint each = by.idle_connection;
  each.memory_bytes += harness::both_sockets_bytes;
  const auto left =
      harness::tightest({headroom_for(each, by.kernel_tasks_per_connection, climb_memory_percent),
                         files.for_each(1)});
  // Of ports each address needs a few only, as the load comes from as many as it takes.
  const auto ports = harness::room_for_ports();
  const bool enough = ports.left() >= load::connections_per_address;
  return enough ? left : harness::tightest({left, ports.for_each(1)});
}

climb climb_connections(const echo::server& by, std::int64_t bound) {
  const auto room = [&by] { return headroom_for_connections(by); };
  return climb_by_doubling(bound, room, [&by](std::int64_t count) {
    echo::loaded_server server({&by, count}, {}, echo::memory_is::not_read);
    server.run(static_cast<std::uint64_t>(count));  // once more, when all are there
  });
}

/// `climb_up_to(bound)`, and what it is called in the row's name and text.
template <class Climb>
harness::row make_row(std::string_view runtime, const std::string& of, const std::string& what,
                      Climb climb_up_to) {
  const auto body = [=](benchmark::State& state) {
    climb last;
    harness::record_time(
        state, [&] { return harness::measure([&] { last = climb_up_to(most); }).seconds; });
    state.counters["reached"] = static_cast<double>(last.reached);
    state.counters["limit_reached"] = last.at_limit ? 1 : 0;
    state.SetLabel(last.why.str());
  };
  return {.runtime = std::string(runtime),
          .params = {{"of", of}},
          .what = what,
          .body = body,
          .once = true,
          .most_rounds = 1};
}

template <class R>
void add_tasks(std::vector<harness::row>& rows) {
  rows.push_back(make_row(R::name, "tasks", "as many idle tasks at once as there is room for",
                          climb_tasks<R>));
  rows.push_back(make_row(
      R::name, "tasks", "idle tasks at once, at most " + std::to_string(most_of_a_quick_row),
      [](std::int64_t bound) { return climb_tasks<R>(std::min(bound, most_of_a_quick_row)); }));
  rows.back().params.emplace_back("most", most_of_a_quick_row);
  rows.back().quick = most_of_a_quick_row <= R::quick_tasks;
}

void add_connections(std::vector<harness::row>& rows, const echo::server& by) {
  rows.push_back(make_row(by.name, "connections",
                          "as many idle connections of an echo server as there is room for",
                          [&by](std::int64_t bound) { return climb_connections(by, bound); }));
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "limits",
      .what =
          "The number of tasks or connections doubles until a limit stops it; one operation is "
          "one such climb.",
      .compared_by = {"reached", "tasks or connections at once", "", "higher"},
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
  return harness::run_main(argc, argv, w, [](harness::command_line& line) {
    line.add("--most", most, "Tasks or connections at which each climb ends")
        .range(std::int64_t{1}, std::int64_t{1} << 24, "N")
        .with_default();
  });
}
