// shared_counter: what it costs to change data that several tasks share. K tasks add 1 to one
// number; one operation is one addition. The sum has to come out, or the row fails.
//
//   thread  via:mutex     a lock around each addition
//           via:atomic    std::atomic, no lock
//   process via:atomic    std::atomic in memory that the processes share
//           via:messages  each addition is a message by pipe, written one at a time, to the process
//                         that alone holds the number; that one reads many at once
//   fiber   via:plain     a plain integer and no lock; each fiber yields after 64 additions, so
//                         that they really take turns
//   coroutine via:plain   the same
//   plain   via:loop      control: the additions of all K made by one task alone, on one CPU
//
// The time is that from the common start to the last addition; the usage is that of all tasks. On
// one CPU a kernel task meets another one in the number only when its time slice ends: there the
// figure is the price of the mechanism itself, and placement:cross shows what contention adds.

#include "bench/harness/workload.hpp"
#include "bench/shared_counter/shared_counter.hpp"

namespace switchyard {
namespace {

using counters::count_result;
using counters::job;
using task_group::placement;

struct mechanism {
  std::string runtime;
  std::string via;
  std::string what;
  count_result (*add)(const job&);
  double most_sleeps;  // for one addition: of whoever makes it, and of whoever receives it
  bool crosses;        // has rows on two CPUs
  bool quick_crossed;  // and the quick run takes one of them
};

void counter_row(benchmark::State& state, const mechanism& by, std::int64_t tasks,
                 placement where) {
  // Shorter turns would measure how far apart the tasks come off the start line.
  constexpr benchmark::IterationCount fewest_each = 1'000;
  harness::require_placement(where);
  const auto ops = harness::at_least(std::max(state.max_iterations, fewest_each * tasks), tasks);
  harness::record_batch(state, ops, [&] {
    const count_result t = by.add({static_cast<std::size_t>(tasks), ops / tasks, where});
    task_group::expect(t.sum == ops, "the sum is " + std::to_string(t.sum) + " after " +
                                         std::to_string(ops.done) + " additions");
    harness::expect_switches(t.took.used, ops, {.sleeps_at_most = by.most_sleeps});
    return t.took;
  });
}

const mechanism mechanisms[] = {
    {"process", "atomic", "an atomic number in shared memory", counters::by_atomic<process>, 0,
     true, true},
    {"process", "messages", "a message by pipe to the owner of the number for each addition",
     counters::by_messages, 2, true, false},
    {"thread", "mutex", "a mutex around each addition", counters::by_mutex, 1, true, true},
    {"thread", "atomic", "an atomic number", counters::by_atomic<thread>, 0, true, true},
    {"fiber", "plain", "a plain integer without a lock, a yield after 64 additions",
     counters::by_plain<fiber>, 0, false, false},
    {"coroutine", "plain", "a plain integer without a lock, a yield after 64 additions",
     counters::by_plain<coroutine>, 0, false, false},
    {"plain", "loop", "control: one task makes all additions alone, on one CPU", counters::by_loop,
     0, true, false},
};

harness::row make_row(const mechanism& by, std::int64_t tasks, placement where) {
  const bool is_control = by.runtime == "plain";
  const bool quick =
      tasks == 4 && (where == placement::same || (where == placement::cross && by.quick_crossed));
  const std::string who = tasks == 1 ? "1 task adds" : std::to_string(tasks) + " tasks add";
  const auto& placed = harness::texts_of(where);
  return {.runtime = by.runtime,
          .params = {{"via", by.via}, {"tasks", tasks}, {"placement", placed.name}},
          .what = is_control ? by.what : who + ", " + placed.description + ": " + by.what,
          .body = [=, &by](benchmark::State& s) { counter_row(s, by, tasks, where); },
          .quick = quick,
          .control = is_control ? "" : "plain",
          .needs = placed.needs};
}

std::vector<harness::row> make_rows() {
  std::vector<harness::row> rows;
  for (const mechanism& by : mechanisms) {
    for (const std::int64_t tasks : {1, 4, 16}) {
      rows.push_back(make_row(by, tasks, placement::same));
      // One task has nobody to meet on another CPU.
      if (by.crosses && tasks > 1) rows.push_back(make_row(by, tasks, placement::cross));
      if (!by.crosses || tasks != 4) continue;
      for (const placement where : {placement::smt, placement::node, placement::free}) {
        rows.push_back(make_row(by, tasks, where));
      }
    }
  }
  return rows;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  const harness::workload w{
      .name = "shared_counter",
      .what = "K tasks add to one number that they share; one operation is one addition.",
      .compared_by = {"real_time", "time per addition", "s", "lower"},
      .unit = benchmark::kNanosecond,
      .rows = make_rows()};
  return harness::run_main(argc, argv, w);
}
