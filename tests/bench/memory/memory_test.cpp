// What counts as memory of a tree of processes, and of tasks whose stacks were touched to a depth:
// each promise of bench/harness/usage.hpp on memory of known size.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "bench/harness/usage.hpp"
#include "bench/memory/memory_reading.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "tests/support/runtime_types.hpp"

// The sanitizers' own memory grows with ours.
#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN

namespace switchyard {
namespace {

using harness::memory_of_tree;
using harness::memory_use;

constexpr std::size_t block_bytes = 32 << 20;

/// Touched pages of this process alone.
class touched_block {
 public:
  touched_block()
      : memory_(::mmap(nullptr, block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0)) {
    ::madvise(memory_, block_bytes, MADV_NOHUGEPAGE);
    touch();
  }
  ~touched_block() { ::munmap(memory_, block_bytes); }
  touched_block(const touched_block&) = delete;
  touched_block& operator=(const touched_block&) = delete;

  void touch() { std::fill_n(static_cast<volatile char*>(memory_), block_bytes, 'x'); }

 private:
  void* memory_;
};

/// What this process grows by when it forks a child that calls `begin()` and then waits.
template <class Begin>
memory_use growth_by_a_child(Begin begin) {
  const memory_use before = memory_of_tree(::getpid());
  std::array<int, 2> ready{};
  EXPECT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    begin();
    [[maybe_unused]] const auto told = ::write(ready[1], "", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  const memory_use grown = memory_of_tree(::getpid()) - before;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : ready) ::close(end);
  return grown;
}

TEST(memory, WhatAForkSharesCountsOnceAndItsPageTablesTwice) {
  const touched_block block;
  const memory_use grown = growth_by_a_child([] {});
  EXPECT_LT(grown.pss_bytes, 0.1 * block_bytes);
  EXPECT_LT(grown.private_bytes, -0.9 * block_bytes) << "both map it now";
  const auto pages =
      static_cast<double>(block_bytes) / static_cast<double>(::sysconf(_SC_PAGESIZE));
  EXPECT_GE(grown.page_table_bytes, 8 * pages) << "eight bytes for each page";
  EXPECT_EQ(grown.kernel_tasks, 1);
}

TEST(memory, WhatAChildWritesItHoldsAlone) {
  touched_block block;
  const memory_use grown = growth_by_a_child([&] { block.touch(); });
  EXPECT_NEAR(grown.pss_bytes, block_bytes, 0.1 * block_bytes);
  EXPECT_NEAR(grown.private_bytes, block_bytes, 0.1 * block_bytes);
}

TEST(memory, AStackInTheKernelIsAPowerOfTwoPages) {
  const memory_use one{.kernel_tasks = 1};
  const auto bytes = static_cast<std::size_t>(one.kernel_stack_bytes());
  EXPECT_EQ(bytes & (bytes - 1), 0U);
  EXPECT_GE(bytes, 4U * 1024);
  EXPECT_LE(bytes, 64U * 1024);
  EXPECT_EQ(one.total_bytes(), one.kernel_stack_bytes());
}

TEST(memory, SocketsHoldWhatNobodyHasReadYet) {
  const double before = harness::tcp_buffer_bytes();
  const blocking_listener listener(endpoint(boost::asio::ip::address_v4::loopback(), 0));
  std::vector<blocking_stream> ends;
  const std::vector<std::byte> message(256 * 1024);
  double sent = 0;
  for (int i = 0; i < 16; ++i) {
    error_code ec;
    ends.push_back(blocking_connect(listener.local_endpoint(), ec));
    ASSERT_FALSE(ec) << ec.message();
    for (ssize_t got = 0; got >= 0;) {
      sent += static_cast<double>(got);
      got = ::send(ends.back().native_handle(), message.data(), message.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  }
  // Each CPU may have put a megabyte by that it has not counted yet.
  if (sent < 16e6) GTEST_SKIP() << "the kernel takes too little: " << sent << " bytes";
  EXPECT_GT(harness::tcp_buffer_bytes() - before, 0.5 * sent);
}

template <class R>
class parked : public testing::Test {
 protected:
  using runtime = typename measured_runtime<R>::type;
  static constexpr bool has_stacks = !Stackless<runtime>;
};
TYPED_TEST_SUITE(parked, concurrent_test_types, runtime_name);

TYPED_TEST(parked, TasksAreAllThereAndTheKernelAgrees) {
  constexpr std::int64_t tasks = 50;
  const memory_reading read = memory_of_parked_tasks<typename TestFixture::runtime>(tasks, 0);
  EXPECT_EQ(read.grown.kernel_tasks, TypeParam::kernel_tasks_per_task * tasks);
  const double least = TestFixture::has_stacks ? 3'000 : 0;  // a page of stack
  EXPECT_GE(read.grown.pss_bytes / tasks, least);
  EXPECT_GT(read.seconds, 0);
}

TYPED_TEST(parked, TouchedStacksAreHeldToTheirDepth) {
  constexpr std::int64_t tasks = 50;
  constexpr std::size_t depth = 64 * 1024;
  if (!TestFixture::has_stacks) GTEST_SKIP() << "it has no stacks";
  const auto none = memory_of_parked_tasks<typename TestFixture::runtime>(tasks, 0).grown;
  const auto deep = memory_of_parked_tasks<typename TestFixture::runtime>(tasks, depth).grown;
  // Two pages of sixteen: it is right to a hundred bytes, unless the kernel takes some back
  // meanwhile.
  const double off = 2 * static_cast<double>(::sysconf(_SC_PAGESIZE));
  EXPECT_NEAR((deep.pss_bytes - none.pss_bytes) / tasks, depth, off);
  EXPECT_NEAR((deep.private_bytes - none.private_bytes) / tasks, depth, off);
}

TYPED_TEST(parked, WhatWasUsedBeforeDoesNotCountForLess) {
  constexpr std::int64_t tasks =
      TestFixture::has_stacks ? 50 : 1'000;  // so that there is something to see
  const auto first = memory_of_parked_tasks<typename TestFixture::runtime>(tasks, 0).grown;
  const auto second = memory_of_parked_tasks<typename TestFixture::runtime>(tasks, 0).grown;
  EXPECT_NEAR(second.pss_bytes, first.pss_bytes, 0.15 * first.pss_bytes);
}

}  // namespace
}  // namespace switchyard

#endif
