// switch: what one context switch costs. N tasks stand in a ring and hand control on; two tasks are
// the classic ping-pong. One operation is one switch.
//
//   via:futex, via:pipe   a task posts its successor's baton and waits for its own (threads and
//                         processes through the same calls)
//   via:sched_yield       every task yields; the kernel chooses the next. It can only give way to a
//                         task on its own CPU, so there is no placement:cross
//   via:yield             the runtime's own yield (fibers, stackless coroutines)
//   via:switch            two greenlets name each other: no scheduler, as in Python's greenlet
//   via:sleep0            gevent.sleep(0), through gevent's hub (Python)
//   via:resume            raw Boost.Context, no scheduler: the floor (runtime `context`)
//   via:transfer          bare coroutine_handles, each of which resumes the next in its place
//                         (symmetric transfer): the floor of stackless ones (`coroutine_handle`)
//   via:post              Asio's own: awaitables that give way by a post to its event loop
//                         (`awaitable`)
//   working_set:N         each task reads and writes a block of N bytes of its own in each turn (a
//                         word of each cache line). The time is that of turn and switch; beside it
//                         stand the block alone, as a task has it that is never switched away from
//                         (block_ns), and the rest: the switch with what it costs to get the block
//                         back into the caches (switch_ns)
//   placement:            same, all on one CPU; smt, cross and node, in turn on two threads of a
//                         core, two cores, two NUMA nodes; free, wherever the scheduler puts them
//   self_pipe             control: one task writes to its own pipe and reads it back. A pipe switch
//                         less this is the switch without its I/O
// Every row proves its switches. On one CPU the kernel has to count one for each operation, or next
// to none where it has no part in them, or the row fails; across CPUs the count is reported
// (kernel_switches_per_op). A user-space scheduler counts its own (user_switches_per_op). And a
// number in shared memory that only the holder of the baton raises has to come out right.

#include "bench/harness/gevent_program.hpp"
#include "bench/switch/stackless_rows.hpp"
#include "bench/switch/switch_rows.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using rings::placement;
using row_list = std::vector<harness::row>;

const std::vector<std::int64_t> ring_sizes{2, 16, 128, 1'024};
constexpr std::int64_t quick_ring = 128;  // the largest that starts at once with any kind of task
constexpr std::int64_t largest_with_working_sets = 16;

constexpr std::size_t working_sets[] = {0, 16 << 10, 256 << 10, 4 << 20};  // bytes

constexpr auto no_work = [] { return rings::no_work(); };

harness::row make_row(std::string_view runtime, std::string_view via, std::int64_t tasks,
                      placement where, std::string what,
                      std::function<void(benchmark::State&)> body) {
  // The quick run takes ping-pong on one CPU, and by each runtime's first mechanism across CPUs and
  // in a larger ring.
  const bool is_same = where == placement::same;
  const bool is_first = via == "futex" || (is_same && via != "pipe" && via != "sched_yield");
  const auto& placed = harness::texts_of(where);
  return {.runtime = std::string(runtime),
          .params = {{"via", std::string(via)}, {"tasks", tasks}, {"placement", placed.name}},
          .what = std::move(what),
          .body = std::move(body),
          .quick = tasks <= 2 ? is_same || (where == placement::cross && is_first)
                              : tasks == quick_ring && is_same && is_first,
          .needs = placed.needs};
}

std::string ring_text(std::int64_t tasks, placement where) {
  return (tasks == 2 ? "ping-pong between 2 tasks"
                     : "ring of " + std::to_string(tasks) + " tasks") +
         ", " + harness::texts_of(where).description;
}

/// Rows on one CPU for each ring that is small enough and each size of the block. `body(state,
/// tasks, make_work)` is that of a row without one.
template <class Body>
void add_working_sets(row_list& rows, std::string_view runtime, std::string_view via,
                      const std::vector<std::int64_t>& sizes, Body body) {
  for (const std::int64_t tasks : sizes) {
    if (tasks > largest_with_working_sets) continue;
    for (const std::size_t bytes : working_sets) {
      const auto size = rings::size_text(bytes);
      rows.push_back(make_row(runtime, via, tasks, placement::same,
                              ring_text(tasks, placement::same) + ", each touches " + size +
                                  " bytes of its own in its turn",
                              [=](benchmark::State& s) {
                                const auto block = [bytes] { return rings::working_set(bytes); };
                                body(s, static_cast<std::size_t>(tasks), block);
                                rings::set_working_set(s, bytes);
                              }));
      rows.back().params.emplace_back("working_set", size);
      rows.back().quick = false;
    }
  }
}

/// Rings on one CPU that the kernel does not switch, without and with a block to touch. `what` is a
/// row's text, with N for the number of tasks.
template <class Body>
void add_user_rings(row_list& rows, std::string_view runtime, std::string_view via,
                    const std::vector<std::int64_t>& sizes, const std::string& what, Body body) {
  for (const std::int64_t tasks : sizes) {
    auto text = what;
    text.replace(text.find('N'), 1, std::to_string(tasks));
    rows.push_back(make_row(runtime, via, tasks, placement::same, text, [=](benchmark::State& s) {
      body(s, static_cast<std::size_t>(tasks), no_work);
    }));
  }
  add_working_sets(rows, runtime, via, sizes, body);
}

/// Runtimes whose tasks the kernel schedules.
template <class R>
void add_kernel_rows(row_list& rows) {
  const auto add_ring = [&]<class Baton>(std::string_view via, const std::string& how,
                                         std::int64_t tasks, placement where) {
    rows.push_back(make_row(R::name, via, tasks, where,
                            ring_text(tasks, where) + ", " + how + ", SCHED_BATCH",
                            [=, size = static_cast<std::size_t>(tasks)](benchmark::State& s) {
                              rings::baton_row<R, Baton>(s, size, where, no_work);
                            }));
  };
  const auto add_rings = [&](std::int64_t tasks, placement where) {
    add_ring.template operator()<harness::futex_baton>("futex", "futex wake and wait", tasks,
                                                       where);
    add_ring.template operator()<harness::pipe_baton>("pipe", "one byte by pipe", tasks, where);
  };
  for (const std::int64_t n : ring_sizes) {
    add_rings(n, placement::same);
    rows.push_back(make_row(R::name, "sched_yield", n, placement::same,
                            std::to_string(n) + " tasks that all call sched_yield, one CPU",
                            [size = static_cast<std::size_t>(n)](benchmark::State& s) {
                              rings::sched_yield_row<R>(s, size);
                            }));
  }
  for (const std::int64_t n : ring_sizes) add_rings(n, placement::cross);
  for (const placement where : {placement::smt, placement::node, placement::free}) {
    add_rings(2, where);
  }
  add_working_sets(rows, R::name, "futex", ring_sizes,
                   [](benchmark::State& s, std::size_t tasks, auto make_work) {
                     rings::baton_row<R, harness::futex_baton>(s, tasks, placement::same,
                                                               make_work);
                   });
}

template <class R>
void add_user_rows(row_list& rows) {
  add_user_rings(rows, R::name, "yield", ring_sizes,
                 "N tasks that all yield to the runtime's own scheduler",
                 [](benchmark::State& s, std::size_t tasks, auto make_work) {
                   rings::yield_row<R>(s, tasks, make_work);
                 });
}

/// The Python original. It does many switches even if few are asked for: its start takes as long.
void gevent_row(benchmark::State& state, const std::string& via) {
  constexpr benchmark::IterationCount fewest = 250'000;
  const auto original = gevent::original("switch.py");
  const auto ops = harness::at_least(std::max(state.max_iterations, fewest), 2);
  harness::pin_this_thread({harness::first_cpu()});
  const auto arguments = gevent::attached({"--via", via, "--switches", std::to_string(ops.done)});
  const auto patience = std::chrono::milliseconds(60'000 + ops / 50);
  const auto figures = gevent::record(state, ops, original, arguments, patience);
  rings::expect(figures.at("switches") == static_cast<double>(ops.done), "a switch is missing");
  rings::expect_no_kernel_switches(gevent::measured_part(figures).used, ops);
}

void add_gevent(row_list& rows) {
  const auto add = [&](const std::string& via, const std::string& what) {
    rows.push_back(make_row(gevent::name, via, 2, placement::same, "Python: " + what,
                            [=](benchmark::State& s) { gevent_row(s, via); }));
    rows.back().needs = gevent::name;
    rows.back().outside = true;
  };
  add("switch", "ping-pong between 2 greenlets that switch to each other by name");
  add("sleep0", "2 greenlets that both call gevent.sleep(0), through gevent's hub");
  rows.back().quick = false;  // the article's own is enough
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{.name = "switch",
                      .what = "Tasks hand control to each other; one operation is one switch.",
                      .compared_by = {"real_time", "time per switch", "s", "lower"},
                      .unit = benchmark::kNanosecond};
  for_each_runtime([&]<class R>() {
    // Without tasks of its own it has another's yields, but for a look at its I/O every 61 of them.
    if constexpr (OwnTasks<R> && CountsSwitches<R> && (Yields<R> || Stackless<R>)) {
      add_user_rows<R>(w.rows);
    } else if constexpr (KernelTasks<R> && Yields<R>) {
      add_kernel_rows<R>(w.rows);
    }
  });
  add_user_rings(
      w.rows, "greenlet", "switch", {2},
      "ping-pong between N greenlets that switch to each other by name",
      [](benchmark::State& s, std::size_t, auto make_work) { rings::greenlet_row(s, make_work); });
  add_gevent(w.rows);
  add_user_rings(w.rows, "context", "resume", ring_sizes,
                 "floor: N bare Boost.Context stacks resume each other in a ring",
                 [](benchmark::State& s, std::size_t tasks, auto make_work) {
                   rings::context_row(s, tasks, make_work);
                 });
  add_user_rings(w.rows, "coroutine_handle", "transfer", ring_sizes,
                 "floor: N bare coroutines transfer to each other in a ring",
                 [](benchmark::State& s, std::size_t tasks, auto make_work) {
                   rings::transfer_row(s, tasks, make_work);
                 });
  add_user_rings(w.rows, "awaitable", "post", {2},
                 "control: N of Asio's awaitables post themselves to the event loop",
                 [](benchmark::State& s, std::size_t tasks, auto make_work) {
                   rings::post_row(s, tasks, make_work);
                 });
  w.rows.push_back(make_row("self_pipe", "pipe", 1, placement::same,
                            "control: one task writes a byte to its own pipe and reads it back",
                            rings::self_pipe_row));
  return harness::run_main(argc, argv, w);
}
