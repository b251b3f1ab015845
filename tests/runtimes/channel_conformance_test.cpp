// What every channel of every runtime promises, written once and run on each (runtimes/all.hpp).
// What happens when a process dies: channel_death_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtimes/all.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "tests/support/channel_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

template <class Kind>
class Channel : public ::testing::Test {};
TYPED_TEST_SUITE(Channel, channel_test_types, channel_kind_name);

/// Gives the others time until `reached()`; false after a long while.
template <class R, class Condition>
bool comes_true(R& rt, Condition reached) {
  for (int i = 0; i < 20'000 && !reached(); ++i) rt.sleep_for(1ms);
  return reached();
}

TYPED_TEST(Channel, ItemsArriveInTheirOrder) {
  constexpr int items = 20'000;
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(7);
    auto consumer = rt.spawn([&] {
      int next = 0;
      while (const std::optional<int> item = channel.pop()) {
        if (*item != next) return -1;
        ++next;
      }
      return next;
    });
    auto producer = rt.spawn([&] {
      for (int i = 0; i < items; ++i) channel.push(i);
      channel.close();
    });
    producer.join();
    EXPECT_EQ(consumer.join(), items);
  });
}

TYPED_TEST(Channel, NothingIsLostOrDoubledAmongFourProducersAndFourConsumers) {
  constexpr int pairs = 4;
  constexpr int each = 3'000;
  for (const std::size_t capacity : {1U, 3U, 64U}) {
    const shared_array<std::atomic<int>> seen(pairs * each);
    typename TypeParam::runtime rt;
    rt.run([&] {
      typename TypeParam::template channel<int> channel(capacity);
      const auto produce = [&](int first) {
        return rt.spawn([&, first] {
          for (int i = 0; i < each; ++i) channel.push(first + i);
        });
      };
      const auto consume = [&] {
        return rt.spawn([&] {
          while (const auto item = channel.pop()) ++seen[static_cast<std::size_t>(*item)];
        });
      };
      std::vector<decltype(consume())> producers;
      std::vector<decltype(consume())> consumers;
      for (int i = 0; i < pairs; ++i) producers.push_back(produce(i * each));
      for (int i = 0; i < pairs; ++i) consumers.push_back(consume());
      for (auto& task : producers) task.join();
      channel.close();
      for (auto& task : consumers) task.join();
    });
    for (const auto& times : seen.span()) ASSERT_EQ(times, 1) << "capacity " << capacity;
  }
}

TYPED_TEST(Channel, LargeAndSmallItemsArriveWhole) {
  struct large {
    std::array<int, 256> numbers;
  };
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<large> larges(5);
    typename TypeParam::template channel<char> smalls(5);
    auto producer = rt.spawn([&] {
      for (int i = 0; i < 1'000; ++i) {
        large item{};
        item.numbers.fill(i);
        larges.push(item);
        smalls.push(static_cast<char>(i));
      }
      larges.close();
      smalls.close();
    });
    int next = 0;
    while (const auto item = larges.pop()) {
      for (const int number : item->numbers) ASSERT_EQ(number, next);
      ASSERT_EQ(smalls.pop(), static_cast<char>(next));
      ++next;
    }
    EXPECT_EQ(next, 1'000);
    EXPECT_EQ(smalls.pop(), std::nullopt);
    producer.join();
  });
}

// So many pushes get through without a pop, and no further one. That the next push waits can only
// be seen by waiting a little: on a slow machine the test sees less, but does not fail.
TYPED_TEST(Channel, HoldsAsManyItemsAsItSaysAndLetsTheNextPushWait) {
  for (const std::size_t asked : {1U, 2U, 3U, 64U, 1'024U}) {
    const shared_object<std::atomic<std::size_t>> pushed;
    typename TypeParam::runtime rt;
    rt.run([&] {
      typename TypeParam::template channel<std::array<std::size_t, 128>> channel(asked);
      const std::size_t capacity = channel.capacity();
      EXPECT_GE(capacity, 1U);
      EXPECT_LE(capacity, asked);
      auto producer = rt.spawn([&] {
        for (std::size_t i = 0; i < capacity + 2; ++i) {
          channel.push({i});
          ++*pushed;
        }
      });
      ASSERT_TRUE(comes_true(rt, [&] { return *pushed == capacity; })) << *pushed;
      rt.sleep_for(30ms);
      EXPECT_EQ(*pushed, capacity);
      for (std::size_t i = 0; i < capacity + 2; ++i) {
        EXPECT_EQ(channel.pop()->front(), i);
        const auto room_for = std::min(capacity + 1 + i, capacity + 2);
        ASSERT_TRUE(comes_true(rt, [&] { return *pushed == room_for; })) << *pushed;
      }
      producer.join();
    });
  }
}

// For which capacities it holds fewer than asked for is no secret: ours of fibers is a ring of a
// power of two, of which one place stays empty.
TYPED_TEST(Channel, HoldsWhatWasAskedForOrSaysLess) {
  typename TypeParam::runtime rt;
  rt.run([&] {
    for (const std::size_t asked : {1U, 3U, 64U, 1'024U}) {
      const typename TypeParam::template channel<int> channel(asked);
      const bool even_for_fibers = asked < 64;
      const bool fibers = channel.via == std::string_view("buffered_channel");
      EXPECT_EQ(channel.capacity(), even_for_fibers || !fibers ? asked : asked - 1);
    }
    EXPECT_THROW(typename TypeParam::template channel<int>(0), std::invalid_argument);
  });
}

TYPED_TEST(Channel, GivesWhatIsLeftAfterTheCloseAndThenNothing) {
  typename TypeParam::runtime rt;
  rt.run([&] {
    for (const std::size_t left : {0U, 1U, 3U}) {
      typename TypeParam::template channel<std::size_t> channel(3);
      rt.spawn([&] {
          for (std::size_t i = 0; i < left; ++i) channel.push(i);
          channel.close();
        }).join();
      rt.spawn([&] {
          for (std::size_t i = 0; i < left; ++i) {
            if (channel.pop() != i) throw std::runtime_error("an item was lost");
          }
          if (channel.pop()) throw std::runtime_error("an item from nowhere");
        }).join();
      EXPECT_EQ(channel.pop(), std::nullopt) << "for every task";
      EXPECT_EQ(channel.pop(), std::nullopt) << "and as often as it asks";
    }
  });
}

TYPED_TEST(Channel, OneTaskMayPushAndPop) {
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(3);
    for (int i = 0; i < 10; ++i) {
      channel.push(i);
      channel.push(-i);
      EXPECT_EQ(channel.pop(), i);
      EXPECT_EQ(channel.pop(), -i);
    }
    channel.push(42);
    channel.close();
    EXPECT_EQ(channel.pop(), 42);
    EXPECT_EQ(channel.pop(), std::nullopt);
  });
}

TYPED_TEST(Channel, APushAfterTheCloseIsAnError) {
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(2);
    channel.push(1);
    channel.close();
    channel.close();
    EXPECT_THROW(channel.push(2), channel_closed);
    EXPECT_THROW(rt.spawn([&] { channel.push(3); }).join(), std::runtime_error);
    EXPECT_EQ(channel.pop(), 1);
    EXPECT_THROW(channel.push(4), channel_closed) << "also when there is room";
    EXPECT_EQ(channel.pop(), std::nullopt);
  });
}

TYPED_TEST(Channel, CloseEndsThePushesThatWait) {
  constexpr int producers = 3;
  const shared_object<std::atomic<int>> begun;
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(1);
    channel.push(0);
    const auto produce = [&](int item) {
      return rt.spawn([&, item] {
        ++*begun;
        try {
          channel.push(item);
        } catch (const channel_closed&) {
          return true;
        }
        return false;
      });
    };
    std::vector<decltype(produce(0))> waiting;
    for (int i = 1; i <= producers; ++i) waiting.push_back(produce(i));
    ASSERT_TRUE(comes_true(rt, [&] { return *begun == producers; }));
    rt.sleep_for(10ms);
    channel.close();
    for (auto& task : waiting) EXPECT_TRUE(task.join());
    EXPECT_EQ(channel.pop(), 0);
    EXPECT_EQ(channel.pop(), std::nullopt);
  });
}

TYPED_TEST(Channel, ConsumersThatComeFirstWaitAndCloseEndsThem) {
  constexpr int consumers = 4;
  const shared_object<std::atomic<int>> begun;
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(2);
    const auto consume = [&] {
      return rt.spawn([&] {
        ++*begun;
        int sum = 0;
        while (const auto item = channel.pop()) sum += *item;
        return sum;
      });
    };
    std::vector<decltype(consume())> waiting;
    for (int i = 0; i < consumers; ++i) waiting.push_back(consume());
    ASSERT_TRUE(comes_true(rt, [&] { return *begun == consumers; }));
    rt.sleep_for(10ms);
    channel.push(1);
    channel.push(2);
    rt.sleep_for(10ms);
    channel.close();
    int sum = 0;
    for (auto& task : waiting) sum += task.join();
    EXPECT_EQ(sum, 3);
  });
}

// Between processes the consumer looks now and then whether the others live: an end is no death.
TYPED_TEST(Channel, AConsumerWaitsForAProducerThatComesLongAfterAnotherHasEnded) {
  typename TypeParam::runtime rt;
  rt.run([&] {
    typename TypeParam::template channel<int> channel(4);
    auto consumer = rt.spawn([&] {
      int sum = 0;
      while (const auto item = channel.pop()) sum += *item;
      return sum;
    });
    rt.spawn([&] { channel.push(1); }).join();
    rt.sleep_for(250ms);
    auto failing = rt.spawn([&] {
      channel.push(10);
      throw std::runtime_error("enough");
    });
    EXPECT_THROW(failing.join(), std::runtime_error);
    rt.sleep_for(250ms);
    rt.spawn([&] { channel.push(100); }).join();
    channel.close();
    EXPECT_EQ(consumer.join(), 111);
  });
}

}  // namespace
}  // namespace switchyard
