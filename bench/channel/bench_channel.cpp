// channel: what it costs to hand an item from one task to another through a bounded channel.
// Producers push numbered items, as many consumers pop them; one operation is one item. Each item
// is checked where it arrives, and count and sum of all have to come out, or the row fails.
//
//   process via:pipe              write(2) and read(2); a semaphore bounds it by items
//           via:shared_memory     a ring in shared memory, under a robust mutex
//   thread  via:mutex             a ring under std::mutex, with two condition variables
//   fiber   via:buffered_channel  that of Boost.Fiber
//   coroutine via:coroutine_queue a ring, and a queue of coroutines on either side
//   plain_queue via:ring          control: one task fills a ring and empties it, on one CPU: the
//                                 copying alone. Pairs mean nothing to it
//
// Threads use the condition variable of the library, which has more work than processes have with a
// bare futex: with pairs:4 on one CPU that is most of the difference between the two.
//
// placement:same has all tasks on one CPU, cross the producers on one and the consumers on another,
// smt and node on another thread of the core or another NUMA node where there is one; with free the
// scheduler decides.
// The counter `capacity` is how many items the channel really holds: Boost's ring of 64 holds 63,
// and a pipe of 1 MiB, the most that an unprivileged process may have, 1,021 of 1,024 bytes.
#include <tuple>

#include "bench/channel/channel_rows.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using channel_rows::channel_case;
using task_group::placement;

/// Calls `f.template operator()<Bytes>(channel_case)` for every case of one placement.
template <class F>
void for_each_case(placement where, F f) {
  if (where != placement::same && where != placement::cross) {
    return f.template operator()<8>(channel_case{1, 64, where});
  }
  for (const std::int64_t pairs : {1, 4}) {
    for (const std::int64_t capacity : {1, 64, 1'024}) {
      f.template operator()<8>(channel_case{pairs, capacity, where});
    }
    for (const std::int64_t capacity : {1, 64, 1'024}) {
      f.template operator()<1'024>(channel_case{pairs, capacity, where});
    }
  }
}

harness::row make_row(std::string_view runtime, std::string_view via, std::size_t bytes,
                      const channel_case& c, std::string what,
                      std::function<void(benchmark::State&)> body) {
  const bool usual = c.where == placement::same || c.where == placement::cross;
  const auto& placed = harness::texts_of(c.where);
  return {.runtime = std::string(runtime),
          .params = {{"via", std::string(via)},
                     {"pairs", c.pairs},
                     {"bytes", static_cast<std::int64_t>(bytes)},
                     {"capacity", c.capacity},
                     {"placement", placed.name}},
          .what = std::move(what),
          .body = std::move(body),
          .quick = usual && c.pairs == 1 && c.capacity == 64 && bytes == 8,
          .needs = placed.needs};
}

template <class Channel>
std::string text(const channel_case& c, std::size_t bytes) {
  std::string holds;
  if constexpr (requires { Channel::holds(1U); }) {
    const auto asked = static_cast<std::size_t>(c.capacity);
    if (Channel::holds(asked) != asked) {
      holds = " (holds " + std::to_string(Channel::holds(asked)) + ")";
    }
  }
  const auto some = [&c](const std::string& who) {
    return std::to_string(c.pairs) + who + (c.pairs == 1 ? ", " : "s, ");
  };
  return some(" producer") + some(" consumer") + std::to_string(bytes) +
         " bytes an item, room for " + std::to_string(c.capacity) + holds + ", " +
         harness::texts_of(c.where).description;
}

/// All kinds of channels that the runtime has.
template <class R>
void add_rows(std::vector<harness::row>& rows, placement where) {
  const auto add_kind = [&]<std::size_t Kind>(std::integral_constant<std::size_t, Kind>) {
    for_each_case(where, [&]<std::size_t Bytes>(const channel_case& c) {
      using channels = typename R::template channels<channel_rows::item<Bytes>>;
      using channel = std::tuple_element_t<Kind, channels>;
      rows.push_back(make_row(
          R::name, channel::via, Bytes, c, text<channel>(c, Bytes),
          [=](benchmark::State& s) { channel_rows::channel_row<R, channel, Bytes>(s, c); }));
      // One task is on one CPU: it is no limit for what crosses to another.
      if (where == placement::same) rows.back().control = "plain_queue";
    });
  };
  [&]<std::size_t... Kind>(std::index_sequence<Kind...>) {
    (add_kind(std::integral_constant<std::size_t, Kind>()), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<typename R::template channels<int>>>{});
}

void add_controls(std::vector<harness::row>& rows) {
  for_each_case(placement::same, [&]<std::size_t Bytes>(const channel_case& c) {
    rows.push_back(
        make_row("plain_queue", "ring", Bytes, c,
                 "one task fills a plain ring of " + std::to_string(c.capacity) +
                     " and empties it, " + std::to_string(Bytes) + " bytes an item",
                 [=](benchmark::State& s) { channel_rows::plain_queue_row<Bytes>(s, c); }));
  });
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "channel",
      .what = "Producers push items, consumers pop them; one operation is one item.",
      .compared_by = {"ops_per_s", "items per second", "1/s", "higher"},
      .unit = benchmark::kNanosecond};
  for_each_runtime([&]<class R>() {
    if constexpr (OwnTasks<R> && ((Channels<R> && Yields<R>) || StacklessChannels<R>)) {
      add_rows<R>(w.rows, placement::same);
      if constexpr (R::runs_in_parallel) {
        for (const placement where :
             {placement::cross, placement::smt, placement::node, placement::free}) {
          add_rows<R>(w.rows, where);
        }
      }
    }
  });
  add_controls(w.rows);
  return harness::run_main(argc, argv, w);
}
