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
#include <optional>
#include <thread>
#include <vector>

namespace switchyard::harness {
namespace {

constexpr std::size_t pages = 2'000;

const counted_events& page_faults() {
  static const counted_events events{
      counted_event{"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, true}};
  return events;
}

void touch_pages() {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
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
double counted(const event_counters& counters) { return counters.read().front().value_or(-1); }

TEST(event_counters, CountThisThreadNewThreadsAndReapedChildren) {
  const event_counters counters(page_faults(), std::vector{::getpid()});
  if (counted(counters) < 0) GTEST_SKIP() << "perf_event_open is not allowed here";
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
  const event_counters counters(page_faults(), std::vector{other});
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

TEST(event_counters, CountTheCallingThreadAlone) {
  const event_counters counters(page_faults());
  if (counted(counters) < 0) GTEST_SKIP() << "perf_event_open is not allowed here";
  touch_pages();
  EXPECT_GE(counted(counters), 1.0 * pages);
  EXPECT_LT(counted(counters), 2.0 * pages);
}

TEST(event_counters, AreLeftOutWhereTheKernelRefuses) {
  const counted_events unknown{counted_event{"nothing", PERF_TYPE_SOFTWARE, 1'000'000, true}};
  EXPECT_EQ(event_counters(unknown).read().front(), std::nullopt);
  EXPECT_EQ(event_counters(page_faults(), std::vector<pid_t>()).read().front(), std::nullopt);
  EXPECT_EQ(event_counters(counted_events()).read().front(), std::nullopt) << "none was asked for";
}

TEST(event_counters, HardwareEventsCountWhereTheyAreOffered) {
  const auto events = hardware_events();
  const event_counters counters(events);
  touch_pages();
  const auto counts = counters.read();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const bool offered = !events[i].name.empty();
    EXPECT_EQ(counts[i].has_value(), offered) << events[i].name;
    if (offered && !events[i].name.ends_with("cache_misses")) {
      EXPECT_GT(*counts[i], 1.0 * pages) << events[i].name;
    }
  }
  EXPECT_FALSE(counts_events()) << "no launch counts them unasked";
}

}  // namespace
}  // namespace switchyard::harness
