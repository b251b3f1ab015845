// What holds for fibers alone: the article's four criteria of a coroutine, and the scheduler's
// promises that neither I/O nor sleepers nor busy fibers starve each other.
#include "runtimes/fiber.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

const endpoint any_port(boost::asio::ip::make_address("127.0.0.1"), 0);

struct connected {
  fiber_stream client;
  fiber_stream server;
};

connected connect_pair(fiber& rt) {
  auto listener = rt.listen(any_port);
  error_code ec;
  auto client = rt.connect(listener.local_endpoint(), ec);
  auto server = listener.accept(ec);
  return {std::move(client), std::move(server)};
}

// Criterion A: concurrency within a single thread.
TEST(fiber_criteria, TasksInterleaveOnOneThread) {
  std::string order;
  std::set<pid_t> threads;
  fiber rt;
  rt.run([&] {
    const auto steps = [&](char name) {
      return rt.spawn([&, name] {
        for (int i = 0; i < 3; ++i) {
          order += name;
          threads.insert(::gettid());
          rt.yield();
        }
      });
    };
    auto a = steps('a');
    auto b = steps('b');
    a.join();
    b.join();
  });
  EXPECT_EQ(order, "ababab");
  EXPECT_EQ(threads, std::set{::gettid()});
}

// Criterion B: shared data needs no lock. The increment is a plain one; a switch can only happen at
// a yield.
TEST(fiber_criteria, SharedDataNeedsNoLock) {
  long sum = 0;
  fiber rt;
  rt.run([&] {
    const auto adder = [&] {
      return rt.spawn([&] {
        for (int i = 0; i < 10'000; ++i) {
          sum = sum + 1;
          rt.yield();
        }
      });
    };
    std::vector<decltype(adder())> all;
    for (int i = 0; i < 10; ++i) all.push_back(adder());
    for (auto& task : all) task.join();
  });
  EXPECT_EQ(sum, 100'000);
}

// Criterion C: each flow of control has its own stack, kept while others run.
TEST(fiber_criteria, EachTaskKeepsItsOwnStack) {
  fiber rt;
  rt.run([&] {
    // Recursion with a switch at each depth: all frames of all tasks are alive at once.
    struct walker {
      fiber& rt;
      int down(int depth, int name) const {  // NOLINT(misc-no-recursion)
        const int local = name * 1000 + depth;
        rt.yield();
        const int below = depth == 0 ? 0 : down(depth - 1, name);
        return local == name * 1000 + depth ? below + 1 : -1'000'000;
      }
    };
    const walker walk{rt};
    const auto start = [&](int name) {
      return rt.spawn([&walk, name] { return walk.down(50, name); });
    };
    std::vector<decltype(start(0))> all;
    for (int name = 0; name < 20; ++name) all.push_back(start(name));
    for (auto& task : all) EXPECT_EQ(task.join(), 51);
  });
}

// Criterion D: a task that meets I/O gives way by itself.
TEST(fiber_criteria, ATaskThatMeetsIoGivesWay) {
  std::string order;
  fiber rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    auto reader = rt.spawn([&] {
      order += "asks ";
      char byte = 0;
      pair.server.read_some(boost::asio::buffer(&byte, 1));
      order += byte;
    });
    auto other = rt.spawn([&] {
      order += "meanwhile ";
      pair.client.write_some(boost::asio::buffer("!", 1));
    });
    reader.join();
    other.join();
  });
  EXPECT_EQ(order, "asks meanwhile !");
}

class BusyFibers : public ::testing::TestWithParam<int> {};

TEST_P(BusyFibers, DoNotStarveIo) {
  constexpr int bound = 5'000'000;
  bool arrived = false;
  int yields = 0;
  fiber rt;
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
    for (int i = 0; i < GetParam(); ++i) all.push_back(busy());
    rt.yield();
    pair.client.write_some(boost::asio::buffer("!", 1));
    for (auto& task : all) task.join();
    EXPECT_TRUE(arrived) << "after " << yields << " yields";
    error_code ignored;
    pair.client.shutdown_send(ignored);
    reader.join();
  });
}

INSTANTIATE_TEST_SUITE_P(fiber_scheduler, BusyFibers, ::testing::Values(1, 2, 10));

TEST(fiber_scheduler, ARuntimeEnteredAgainStillSleepsAndDoesIo) {
  fiber rt;
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

TEST(fiber_scheduler, StacksAreFreedWithTheirRuntime) {
  const auto mapped_kib = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmSize:")) return std::stol(line.substr(7));
    }
    return 0L;
  };
  const auto use_a_thousand_stacks = [] {
    fiber rt(1 << 20);
    rt.run([&] {
      std::vector<fiber::task<void>> all;
      for (int i = 0; i < 1'000; ++i) all.push_back(rt.spawn([] {}));
      for (auto& task : all) task.join();
    });
  };
  use_a_thousand_stacks();
  const long before = mapped_kib();
  use_a_thousand_stacks();
  EXPECT_LT(mapped_kib() - before, 100'000) << "of a GiB of stacks";
}

TEST(fiber_scheduler, YieldingFibersDoNotStarveSleepers) {
  bool woken = false;
  fiber rt;
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

TEST(fiber_scheduler, IoDoesNotStarveSleepers) {
  bool woken = false;
  long messages = 0;
  fiber rt;
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
TEST(fiber_scheduler, WaitingCostsNoCpu) {
  const auto cpu_seconds = [] {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
  };
  fiber rt;
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

// The timer stands for the earliest sleeper only: an earlier one re-arms it, a later one does not
// get lost.
TEST(fiber_scheduler, SleepersWakeInOrderWhateverTheOrderOfTheirStart) {
  std::vector<int> order;
  fiber rt;
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

TEST(fiber_scheduler, AYieldIsOneSwitch) {
  constexpr std::uint64_t yields = 100'000;
  fiber rt;
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

TEST(fiber_memory, StacksAreUsedAgain) {
  const auto slab = boost::intrusive_ptr<stack_slab>(new stack_slab(64 * 1024));
  stack_allocator allocator(slab);
  auto first = allocator.allocate();
  void* const where = first.sp;
  allocator.deallocate(first);
  const auto second = allocator.allocate();
  EXPECT_EQ(second.sp, where);
  EXPECT_GE(second.size, 60U * 1024);
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(fiber_memory, AHundredThousandSleepersHoldAtMostEightKibibytesEach) {
  constexpr std::size_t tasks = 100'000;
  const auto pss_bytes = [] {
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
      if (line.starts_with("Pss:")) return 1024 * std::stol(line.substr(4));
    }
    return 0L;
  };
  fiber rt;
  rt.run([&] {
    const long before = pss_bytes();
    std::vector<fiber::task<void>> all;
    all.reserve(tasks);
    for (std::size_t i = 0; i < tasks; ++i) all.push_back(rt.spawn([&] { rt.sleep_for(500ms); }));
    rt.yield();  // to each of them once
    const long each = (pss_bytes() - before) / static_cast<long>(tasks);
    EXPECT_LE(each, 8 * 1024);
    EXPECT_GE(each, 1024) << "they were not all alive";
    for (auto& task : all) task.join();
  });
}
#endif

#if !defined(__SANITIZE_ADDRESS__)  // which reserves more address space than any limit leaves
TEST(fiber_memory, NoAddressSpaceIsALimitNotACrash) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit little{256UL << 20, 256UL << 20};
    ::setrlimit(RLIMIT_AS, &little);
    fiber rt(1 << 20);
    int code = 1;
    rt.run([&] {
      std::vector<fiber::task<void>> tasks;
      try {
        for (int i = 0; i < 1'000; ++i) tasks.push_back(rt.spawn([] {}));
      } catch (const limit_error&) {
        code = 0;
      }
    });
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}
#endif

}  // namespace
}  // namespace switchyard
