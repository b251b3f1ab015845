// Events by perf_event_open(2). Few virtual machines have hardware counters: what is tested here is
// counted by the kernel, in the same way.
#include "bench/harness/event_counters.hpp"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <thread>
#include <vector>

namespace switchyard::harness {
namespace {

constexpr std::size_t page = 4'096;
constexpr std::size_t pages = 2'000;

const std::vector<counted_event>& page_faults() {
  static const std::vector<counted_event> events{
      {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, true}};
  return events;
}

void touch_pages() {
  void* block =
      ::mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  ::madvise(block, pages * page, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < pages; ++i) static_cast<volatile char*>(block)[i * page] = 'x';
  ::munmap(block, pages * page);
}

pid_t fork_toucher() {
  const pid_t child = ::fork();
  if (child == 0) {
    touch_pages();
    ::_exit(0);
  }
  return child;
}

/// What was counted since then; -1 where this kernel lets us count nothing.
double counted(const event_counters& counters) {
  const auto counts = counters.read();
  return counts.empty() ? -1 : counts.front().second;
}

#define COUNT_OR_SKIP(counters, processes)                 \
  const event_counters counters(page_faults(), processes); \
  if (counted(counters) < 0) GTEST_SKIP() << "perf_event_open is not allowed here"

TEST(event_counters, CountThisThreadNewThreadsAndReapedChildren) {
  COUNT_OR_SKIP(counters, {::getpid()});
  EXPECT_LT(counted(counters), 100);
  touch_pages();
  EXPECT_GE(counted(counters), 1.0 * pages);
  std::thread(touch_pages).join();
  EXPECT_GE(counted(counters), 2.0 * pages);
  const pid_t child = fork_toucher();
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_GE(counted(counters), 3.0 * pages);
  EXPECT_LT(counted(counters), 4.0 * pages);
}

TEST(event_counters, CountAnotherProcessAndNotThisOne) {
  int start[2];
  ASSERT_EQ(::pipe(start), 0);
  const pid_t other = ::fork();
  if (other == 0) {
    char go = 0;
    if (::read(start[0], &go, 1) == 1) {  // then itself, and by a child of its own
      touch_pages();
      ::waitpid(fork_toucher(), nullptr, 0);
    }
    ::pause();
  }
  const event_counters counters(page_faults(), {other});
  const bool allowed = counted(counters) >= 0;
  touch_pages();
  const double before = counted(counters);
  EXPECT_EQ(::write(start[1], "x", 1), 1);
  double seen = 0;
  for (int i = 0; allowed && i < 2'000 && seen < 2.0 * pages; ++i) {
    ::usleep(5'000);
    seen = counted(counters);
  }
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  ::close(start[0]);
  ::close(start[1]);
  if (!allowed) GTEST_SKIP() << "perf_event_open is not allowed here";
  EXPECT_LT(before, 100);
  EXPECT_GE(seen, 2.0 * pages);
  EXPECT_LT(seen, 3.0 * pages);
}

TEST(event_counters, AreLeftOutWhereTheKernelRefuses) {
  const std::vector<counted_event> unknown{{"nothing", PERF_TYPE_SOFTWARE, 1'000'000, true}};
  EXPECT_TRUE(event_counters(unknown, {::getpid()}).read().empty());
  EXPECT_TRUE(event_counters(page_faults(), {}).read().empty());
}

TEST(event_counters, HardwareEventsCountWhereTheyAreOffered) {
  const auto events = hardware_events();
  const event_counters counters(events, {::getpid()});
  touch_pages();
  for (const auto& [name, count] : counters.read()) {
    EXPECT_GT(count, name.ends_with("cache_misses") ? 0 : 1.0 * pages) << name;
  }
  EXPECT_LE(events.size(), 3U);
}

}  // namespace
}  // namespace switchyard::harness
