// The bodies of the `channel` rows: tasks that push items into one channel and tasks that pop them.
// What they measure stands at the top of bench_channel.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>

#include "bench/harness/limits.hpp"
#include "bench/harness/task_group.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/mutex_channel.hpp"

namespace switchyard::channel_rows {

using task_group::expect;
using task_group::interval;
using task_group::measured;
using task_group::placement;

/// `pairs` producers and as many consumers.
struct channel_case {
  std::int64_t pairs;
  std::int64_t capacity;
  placement where;
};

/// Its number in the sequence and a mix of it; all further words follow from these.
template <std::size_t Bytes>
struct item {
  std::array<std::uint64_t, Bytes / 8> words;
};

inline constexpr std::uint64_t odd_constant = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

/// Sequence numbers are below 2^32: Google Benchmark asks for 10^9 iterations at most.
constexpr std::uint64_t first_word(std::uint64_t number) {
  return number << 32 | (number * odd_constant) >> 32;
}

template <std::size_t Bytes>
void write_item(item<Bytes>& to, std::uint64_t number) {
  const std::uint64_t first = first_word(number);
  for (std::size_t i = 0; i < to.words.size(); ++i) to.words[i] = first + i;
}

/// What arrived: the order does not matter, but each item does.
struct received_items {
  std::int64_t items = 0;
  std::uint64_t sum = 0;

  template <std::size_t Bytes>
  void take(const item<Bytes>& from) {
    const std::uint64_t first = from.words[0];
    std::uint64_t wrong = first ^ first_word(first >> 32);
    for (std::size_t i = 1; i < from.words.size(); ++i) wrong |= from.words[i] ^ (first + i);
    if (wrong != 0) throw std::runtime_error("an item was damaged");
    ++items;
    sum += first;
  }

  /// All items below `count`, each once.
  static received_items of_all(std::int64_t count) {
    received_items all{count};
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) all.sum += first_word(i);
    return all;
  }
  bool operator==(const received_items&) const = default;
};

/// What producers and consumers share, with the channel between them. Members take turns: an even
/// one produces, an odd one consumes; the producer that is done last closes the channel.
template <class Channel, std::size_t Bytes>
struct exchange {
  Channel& channel;
  std::int64_t pairs;
  std::int64_t items;
  std::size_t members = 2 * static_cast<std::size_t>(pairs);
  task_group::start_line line{members};
  shared_object<std::atomic<std::int64_t>> producing{pairs};
  shared_array<received_items> popped{members};

  [[nodiscard]] static bool produces(std::size_t i) { return i % 2 == 0; }

  /// Every so many of the numbers up to `items`.
  void produce(std::size_t i) const {
    item<Bytes> next;
    for (auto number = static_cast<std::int64_t>(i / 2); number < items; number += pairs) {
      write_item(next, static_cast<std::uint64_t>(number));
      channel.push(next);
    }
    has_produced();
  }
  void consume(std::size_t i) const {
    received_items all;
    while (const auto next = channel.pop()) all.take(*next);
    popped[i] = all;
  }

  /// The same for a stackless runtime.
  template <Stackless R>
  auto produce_awaited(std::size_t i) const -> typename R::template awaitable<void> {
    item<Bytes> next;
    for (auto number = static_cast<std::int64_t>(i / 2); number < items; number += pairs) {
      write_item(next, static_cast<std::uint64_t>(number));
      co_await channel.push(next);
    }
    has_produced();
  }
  template <Stackless R>
  auto consume_awaited(std::size_t i) const -> typename R::template awaitable<void> {
    received_items all;
    while (const auto next = co_await channel.pop()) all.take(*next);
    popped[i] = all;
  }

  void has_produced() const {
    if (--*producing == 0) channel.close();
  }
  void break_up() const {
    line.break_up();
    channel.close();
  }

  void expect_all() const {
    received_items all;
    for (const received_items& of_one : popped.span()) {
      all.items += of_one.items;
      all.sum += of_one.sum;
    }
    expect(all == received_items::of_all(items), "items were lost or doubled");
  }
};

/// The time is that from the moment at which all are ready until every consumer has seen the end.
template <Runtime R, std::size_t Bytes, class Channel>
measured hand_over(R& rt, const channel_case& c, std::int64_t items, Channel& channel) {
  const exchange<Channel, Bytes> shared{channel, c.pairs, items};
  const auto member = [&](std::size_t i) {
    if constexpr (KernelTasks<R>) task_group::pin_member(c.where, i);
    const auto work = [&] { shared.produces(i) ? shared.produce(i) : shared.consume(i); };
    const auto all_ready = shared.line.wait([&] { rt.yield(); });
    try {
      interval span = task_group::measure_interval(work, c.where);
      span.begin = all_ready;
      return span;
    } catch (const channel_closed&) {
      throw task_group::broken_group();  // somebody has failed, and tells why
    } catch (const peer_died&) {
      throw task_group::broken_group();  // so does whoever joins the dead
    }
  };
  const measured whole =
      task_group::measure_group(rt, shared.members, member, [&] { shared.break_up(); });
  shared.expect_all();
  return whole;
}

template <Stackless R, std::size_t Bytes, class Channel>
measured hand_over(R& rt, const channel_case& c, std::int64_t items, Channel& channel) {
  const exchange<Channel, Bytes> shared{channel, c.pairs, items};
  const auto member = [&](std::size_t i) -> typename R::template awaitable<interval> {
    const auto work = [&] {
      return shared.produces(i) ? shared.template produce_awaited<R>(i)
                                : shared.template consume_awaited<R>(i);
    };
    const auto all_ready = co_await shared.line.template await_start<R>([&] { return rt.yield(); });
    try {
      interval span = co_await task_group::await_interval<R>(work);
      span.begin = all_ready;
      co_return span;
    } catch (const channel_closed&) {
      throw task_group::broken_group();
    }
  };
  const measured whole =
      task_group::measure_group(rt, shared.members, member, [&] { shared.break_up(); });
  shared.expect_all();
  return whole;
}

/// As the runtime makes it.
template <class Channel, class R>
Channel make_channel(R& rt, std::int64_t capacity) {
  const auto items = static_cast<std::size_t>(capacity);
  if constexpr (Stackless<R>) {
    return Channel(rt, items);
  } else {
    return Channel(items);
  }
}

/// Enough items that the start and the end of the tasks are lost among them.
inline harness::batch_size items_for(const benchmark::State& state, const channel_case& c) {
  constexpr benchmark::IterationCount fewest = 2'048;
  return harness::at_least(std::max(state.max_iterations, fewest), c.pairs);
}

/// On one CPU producers have to give way when the channel is full, and consumers when it is empty.
/// At most, each side waits for the other with each item, and for the lock before and after that.
template <class R>
harness::expected_switches switches_of_an_item(const channel_case& c, std::size_t capacity) {
  if (!KernelTasks<R>) return {};
  const bool same = c.where == placement::same;
  return {.at_least = same ? 2.0 / static_cast<double>(capacity) : 0.0,
          .sleeps_at_most = 6,
          .uncounted = 2 * c.pairs};
}

template <class R, class Channel, std::size_t Bytes>
void channel_row(benchmark::State& state, const channel_case& c) {
  require_kernel_tasks<R>(2 * static_cast<std::size_t>(c.pairs));
  harness::require_placement(c.where);
  task_group::pin_member(placement::same, 0);
  const harness::batch_size items = items_for(state, c);
  harness::record_batch_in<R>(state, items, [&](R& rt) {
    auto channel = make_channel<Channel>(rt, c.capacity);
    state.counters["capacity"] = static_cast<double>(channel.capacity());
    std::size_t before = 0;
    if constexpr (CountsSwitches<R>) before = rt.user_switches();
    measured took = hand_over<R, Bytes>(rt, c, items, channel);
    if constexpr (CountsSwitches<R>) took.user_switches = rt.user_switches() - before;
    harness::expect_switches(took.used, items, switches_of_an_item<R>(c, channel.capacity()));
    return took;
  });
}

/// The floor: one task fills a plain ring and empties it, and so on. No lock, no waiting, no
/// switch.
template <std::size_t Bytes>
void plain_queue_row(benchmark::State& state, const channel_case& c) {
  task_group::pin_member(placement::same, 0);
  const harness::batch_size items = items_for(state, c);
  const auto capacity = static_cast<std::size_t>(c.capacity);
  std::vector<item<Bytes>> places(capacity);
  harness::record_batch(state, items, [&] {
    ring_positions ring(capacity);
    received_items popped;
    const interval all = task_group::measure_alone([&] {
      item<Bytes> next;
      for (std::int64_t number = 0; number < items;) {
        for (; number < items && !ring.full(); ++number) {
          write_item(next, static_cast<std::uint64_t>(number));
          places[ring.put()] = next;
        }
        while (!ring.empty()) popped.take(places[ring.take()]);
      }
    });
    expect(popped == received_items::of_all(items), "items were lost or doubled");
    harness::expect_switches(all.used, items, {});
    return all.total();
  });
  state.counters["capacity"] = static_cast<double>(capacity);
}

}  // namespace switchyard::channel_rows
