// The promises of the fibers' scheduler, over each kind of I/O: neither I/O nor sleepers nor busy
// fibers starve each other, waiting costs nothing, and a yield is one switch.
#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "tests/support/fiber_pair.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class R>
class FiberScheduler : public ::testing::Test {};
TYPED_TEST_SUITE(FiberScheduler, fiber_test_types, runtime_name);

TYPED_TEST(FiberScheduler, BusyFibersDoNotStarveIo) {
  constexpr int bound = 5'000'000;
  for (const int busy_fibers : {1, 2, 10}) {
    bool arrived = false;
    int yields = 0;
    TypeParam rt;
    rt.run([&] {
      auto pair = connect_pair(rt);
      auto reader = rt.spawn([&] {
        char byte = 0;
        pair.server.read_some(boost::asio::buffer(&byte, 1));
        arrived = true;
      });
      const auto busy = [&] {
        return rt.spawn([&] {
          while (!arrived && ++yields < bound) rt.yield();
        });
      };
      std::vector<decltype(busy())> all;
      for (int i = 0; i < busy_fibers; ++i) all.push_back(busy());
      rt.yield();
      pair.client.write_some(boost::asio::buffer("!", 1));
      for (auto& task : all) task.join();
      EXPECT_TRUE(arrived) << "after " << yields << " yields of " << busy_fibers;
      error_code ignored;
      pair.client.shutdown_send(ignored);
      reader.join();
    });
  }
}

TYPED_TEST(FiberScheduler, ARuntimeEnteredAgainStillSleepsAndDoesIo) {
  TypeParam rt;
  for (int i = 0; i < 3; ++i) {
    rt.run([&] {
      rt.sleep_for(2ms);
      auto pair = connect_pair(rt);
      auto reader = rt.spawn([&] {
        char byte = 0;
        pair.server.read_some(boost::asio::buffer(&byte, 1));
        return byte;
      });
      pair.client.write_some(boost::asio::buffer("!", 1));
      EXPECT_EQ(reader.join(), '!');
    });
  }
}

TYPED_TEST(FiberScheduler, YieldingFibersDoNotStarveSleepers) {
  bool woken = false;
  TypeParam rt;
  rt.run([&] {
    auto sleeper = rt.spawn([&] {
      rt.sleep_for(20ms);
      woken = true;
    });
    const auto deadline = clock::now() + 20s;
    while (!woken && clock::now() < deadline) rt.yield();
    EXPECT_TRUE(woken);
    sleeper.join();
  });
}

TYPED_TEST(FiberScheduler, IoDoesNotStarveSleepers) {
  bool woken = false;
  long messages = 0;
  TypeParam rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    const auto deadline = clock::now() + 20s;
    auto echo = rt.spawn([&] {
      char byte = 0;
      error_code ec;
      while (pair.server.read_some(boost::asio::buffer(&byte, 1), ec) == 1 && !ec) {
        pair.server.write_some(boost::asio::buffer(&byte, 1), ec);
      }
    });
    auto sleeper = rt.spawn([&] {
      rt.sleep_for(50ms);
      woken = true;
    });
    char byte = 'x';
    while (!woken && clock::now() < deadline) {
      pair.client.write_some(boost::asio::buffer(&byte, 1));
      pair.client.read_some(boost::asio::buffer(&byte, 1));
      ++messages;
    }
    EXPECT_TRUE(woken);
    EXPECT_GT(messages, 10);
    error_code ignored;
    pair.client.shutdown_send(ignored);
    echo.join();
    sleeper.join();
  });
}

// An idle scheduler sleeps in the kernel: CPU time, unlike wall time, does not depend on what else
// the machine does.
TYPED_TEST(FiberScheduler, WaitingCostsNoCpu) {
  const auto cpu_seconds = [] {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
  };
  TypeParam rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    auto reader = rt.spawn([&] {
      char byte = 0;
      error_code ec;
      pair.server.read_some(boost::asio::buffer(&byte, 1), ec);
    });
    const double before = cpu_seconds();
    rt.sleep_for(1s);
    EXPECT_LT(cpu_seconds() - before, 0.01);
    error_code ignored;
    pair.client.shutdown_send(ignored);
    reader.join();
  });
}

// A read behind a write may begin later than it is asked for: by then its time may be over.
TYPED_TEST(FiberScheduler, AReadBehindAWriteEndsAtADeadlineThatPassesBeforeItBegins) {
  TypeParam rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    const auto read_one = [&] {
      char byte = '!';
      error_code ec;
      pair.client.write_some(boost::asio::buffer(&byte, 1), ec);
      pair.client.expires_at(clock::now() + 1ms);
      const auto got = pair.client.read_some(boost::asio::buffer(&byte, 1), ec);
      EXPECT_EQ(got, 0U);
      return ec;
    };
    for (int i = 0; i < 3; ++i) {
      pair.client.expires_at(never);
      auto reader = rt.spawn(read_one);
      auto busy = rt.spawn([] {
        const auto end = clock::now() + 5ms;
        while (clock::now() < end) continue;
      });
      EXPECT_EQ(reader.join(), boost::asio::error::timed_out);
      busy.join();
    }
    pair.client.expires_at(never);
    pair.server.write_some(boost::asio::buffer("x", 1));
    char byte = 0;
    EXPECT_EQ(pair.client.read_some(boost::asio::buffer(&byte, 1)), 1U);
    EXPECT_EQ(byte, 'x');
  });
}

// The timer stands for the earliest sleeper only: an earlier one re-arms it, a later one does not
// get lost.
TYPED_TEST(FiberScheduler, SleepersWakeInOrderWhateverTheOrderOfTheirStart) {
  std::vector<int> order;
  TypeParam rt;
  rt.run([&] {
    const auto sleeper = [&](int ms) {
      return rt.spawn([&, ms] {
        rt.sleep_for(std::chrono::milliseconds(ms));
        order.push_back(ms);
      });
    };
    std::vector<decltype(sleeper(0))> all;
    for (const int ms : {200, 20, 120, 60, 160}) all.push_back(sleeper(ms));
    for (auto& task : all) task.join();
  });
  EXPECT_EQ(order, (std::vector{20, 60, 120, 160, 200}));
}

TYPED_TEST(FiberScheduler, AYieldIsOneSwitch) {
  constexpr std::uint64_t yields = 100'000;
  TypeParam rt;
  rt.run([&] {
    const auto busy = [&] {
      return rt.spawn([&] {
        for (std::uint64_t i = 0; i < yields; ++i) rt.yield();
      });
    };
    const auto before = rt.user_switches();
    auto a = busy();
    auto b = busy();
    a.join();
    b.join();
    const auto switches = rt.user_switches() - before;
    EXPECT_GE(switches, 2 * yields);
    EXPECT_LE(switches, 2 * yields * 105 / 100) << "the dispatcher is resumed too often";
  });
}

}  // namespace
}  // namespace switchyard
