// The article's four criteria of a coroutine, as true statements about fibers.
#include "runtimes/fiber.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "tests/support/fiber_pair.hpp"

namespace switchyard {
namespace {

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

}  // namespace
}  // namespace switchyard
