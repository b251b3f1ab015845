// The stacks of fibers: how much they hold, that they are used again and given back, and what
// happens when there is no room for more.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "bench/harness/limits.hpp"
#include "runtimes/fiber.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

TEST(fiber_memory, StacksAreFreedWithTheirRuntime) {
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

TEST(fiber_memory, StacksAreUsedAgain) {
  stack_allocator allocator(new stack_slab(64 * 1024));
  auto first = allocator.allocate();
  void* const where = first.sp;
  allocator.deallocate(first);
  const auto second = allocator.allocate();
  EXPECT_EQ(second.sp, where);
  EXPECT_GE(second.size, 60U * 1024);
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(fiber_memory, AMillionSleepersHoldAtMostSixKibibytesEach) {
  constexpr std::size_t tasks = 1'000'000;
  constexpr std::uint64_t room_bytes = 10ULL << 30;
  try {
    harness::require_memory(room_bytes);
  } catch (const limit_error& limit) {
    GTEST_SKIP() << limit.what();
  }
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
    for (std::size_t i = 0; i < tasks; ++i) all.push_back(rt.spawn([&] { rt.sleep_for(1s); }));
    rt.yield();  // to each of them once
    const long each = (pss_bytes() - before) / static_cast<long>(tasks);
    EXPECT_LE(each, 6 * 1024);
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
