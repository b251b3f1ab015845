// What the kernel says that something used: CPU time, switches, page faults, migrations, memory.
#include "bench/harness/usage.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <thread>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/taken_time.hpp"

namespace switchyard::harness {
namespace {

TEST(usage, CountsTheCpuTimeOfAWholeTree) {
  // A child that has a child that works; both live while they are looked at.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      for (;;) ::sched_yield();
    }
    ::pause();
  }
  usage used{};
  for (int i = 0; i < 2'000 && used.cpu_s < 0.05; ++i) {
    ::usleep(5'000);
    used = usage_of_tree(child);
  }
  const auto below = descendants(child);
  for (const pid_t pid : below) ::kill(pid, SIGKILL);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GE(used.cpu_s, 0.05);
  EXPECT_EQ(below.size(), 1U);
}

TEST(usage, CountsVoluntarySwitches) {
  const auto before = usage_of_this_thread();
  for (int i = 0; i < 10; ++i) ::usleep(100);
  EXPECT_GE((usage_of_this_thread() - before).voluntary_switches, 10);
}

TEST(usage, TellsTheKernelsShareAndPageFaults) {
  const auto before = usage_of_self_and_reaped();
  const auto tree_before = usage_of_tree(::getpid());
  constexpr std::size_t pages = 4'096;
  constexpr std::size_t bytes = pages * 4'096;
  void* block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  ::madvise(block, bytes, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < bytes; i += 4'096) static_cast<volatile char*>(block)[i] = 'x';
  while ((usage_of_self_and_reaped() - before).cpu_s < least_cpu_s_to_split()) ::getppid();
  const auto used = usage_of_self_and_reaped() - before;
  const auto tree = usage_of_tree(::getpid()) - tree_before;
  ::munmap(block, bytes);
  for (const auto& seen : {used, tree}) {
    EXPECT_GE(seen.page_faults, static_cast<std::int64_t>(pages));
    EXPECT_LT(seen.page_faults, static_cast<std::int64_t>(3 * pages));
  }
  ASSERT_TRUE(used.system_s);
  EXPECT_GT(*used.system_s, 0);
  EXPECT_LE(*used.system_s, used.cpu_s);
  EXPECT_FALSE(tree.system_s) << "the kernel tells it in ticks, rounded down in each process";
}

void call_the_kernel() {
  for (int call = 0; call < 3'000; ++call) ::sched_yield();
}

/// Nearly all of it is the kernel's. The kernel looks at each tick only, hence the wide margin.
void expect_the_kernels_if_told(const usage& used, const char* of_whom) {
  EXPECT_GT(used.system_s.value_or(used.cpu_s), 0.5 * used.cpu_s) << of_whom;
}

TEST(usage, TheKernelsShareIsTrueOrNotTold) {
  constexpr int tasks = 128;  // each of which is done before the kernel's clock has ticked
  usage by_threads{.system_s = 0};
  const auto before = usage_of_self_and_reaped();
  for (int i = 0; i < tasks; ++i) {
    std::thread([&by_threads] {
      const auto begin = usage_of_this_thread();
      call_the_kernel();
      by_threads += usage_of_this_thread() - begin;
    }).join();
  }
  const auto of_process = usage_of_self_and_reaped() - before;
  for (int i = 0; i < tasks; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      call_the_kernel();
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  }
  ASSERT_GT(by_threads.cpu_s, least_cpu_s_to_split());
  expect_the_kernels_if_told(by_threads, "threads, each by itself");
  expect_the_kernels_if_told(usage_of_self_and_reaped() - before, "children that were reaped");
  ASSERT_TRUE(of_process.system_s) << "of a process with all its threads the kernel tells it";
  expect_the_kernels_if_told(of_process, "a process with all its threads");
}

TEST(usage, TheKernelsShareIsAPartOfTheWholeHoweverShortTheTime) {
  constexpr double rounding_s = 1e-9;  // of differences of doubles
  for (int i = 0; i < 2'000; ++i) {
    const auto before = usage_of_self_and_reaped();
    for (int call = 0; call < 100; ++call) ::getppid();
    const auto used = usage_of_self_and_reaped() - before;
    ASSERT_TRUE(used.system_s);
    ASSERT_GE(*used.system_s, 0);
    ASSERT_LE(*used.system_s, used.cpu_s + rounding_s);
  }
}

TEST(taken_time, TheCpuThatLostMostCountsAmongThoseInUse) {
  const std::map<int, cpu_ticks> before{{0, {0, 100}}, {1, {5, 100}}, {2, {0, 100}}};
  const std::map<int, cpu_ticks> after{{0, {0, 200}}, {1, {25, 200}}, {2, {90, 200}}};
  EXPECT_EQ(most_stolen_percent(before, after, {0, 1}), 20);
  EXPECT_EQ(most_stolen_percent(before, after, {0}), 0);
  EXPECT_EQ(most_stolen_percent(before, after, {7}), 0) << "a CPU that is not there";
}

TEST(taken_time, KnowsTheTicksOfEachCpu) {
  const auto ticks = ticks_of_cpus();
  for (const int cpu : allowed_cpus()) EXPECT_GT(ticks.at(cpu).total, 0);
}

TEST(placement, TellsWhichCpusARowHasUsed) {
  const auto all = allowed_cpus();
  begin_row();
  EXPECT_EQ(cpus_in_use(), all) << "nothing was bound";
  pin_this_thread({all.back()});
  EXPECT_EQ(cpus_in_use(), std::vector{all.back()});
  const pid_t child = ::fork();
  if (child == 0) {
    pin_this_thread({all.front()});
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(cpus_in_use(), all.size() < 2 ? all : (std::vector{all.front(), all.back()}));
  begin_row();
  pin_this_thread(all);
}

TEST(usage, CountsReapedChildrenOfATree) {
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      while (usage_of_self_and_reaped().cpu_s < 0.1) {
      }
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    ::pause();
  }
  usage used{};
  for (int i = 0; i < 2'000 && used.cpu_s < 0.08; ++i) {
    ::usleep(5'000);
    used = usage_of_tree(parent);
  }
  for (int i = 0; i < 2'000 && !descendants(parent).empty(); ++i) ::usleep(5'000);
  const auto afterwards = usage_of_tree(parent);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_GE(afterwards.cpu_s, 0.08) << "what the child used was lost with it";
}

TEST(usage, CountsMigrationsWhereTheKernelTells) {
  const auto cpus = allowed_cpus();
  const auto before = migrations_of_this_thread();
  if (!before || cpus.size() < 2) GTEST_SKIP() << "one CPU, or a kernel without /proc/PID/sched";
  for (int i = 0; i < 10; ++i) pin_this_thread({cpus[static_cast<std::size_t>(i % 2)]});
  const auto moved = *migrations_of_this_thread() - *before;
  pin_this_thread(cpus);
  EXPECT_GE(moved, 9);
  EXPECT_LE(moved, 30);
}

TEST(usage, SumsAndDifferencesKeepEveryFigure) {
  usage a{.cpu_s = 2,
          .system_s = 1,
          .voluntary_switches = 10,
          .involuntary_switches = 4,
          .page_faults = 6,
          .migrations = 8};
  const usage once = a;
  a += once;
  a = a - once;
  const usage none = a - a;
  EXPECT_EQ(a.cpu_s, 2);
  EXPECT_EQ(a.system_s, 1);
  EXPECT_EQ(a.kernel_switches(), 14);
  EXPECT_EQ(a.page_faults, 6);
  EXPECT_EQ(a.migrations, 8);
  EXPECT_EQ(none.cpu_s, 0);
  EXPECT_EQ(none.kernel_switches(), 0);
  EXPECT_EQ(none.migrations, 0);
}

TEST(usage, SeesTouchedMemory) {
  constexpr std::size_t bytes = 32 << 20;
  const double before = tree_pss_bytes(::getpid());
  void* block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  EXPECT_LT(tree_pss_bytes(::getpid()) - before, 0.5 * bytes) << "untouched memory was counted";
  std::fill_n(static_cast<volatile char*>(block), bytes, 'x');
  const double touched = tree_pss_bytes(::getpid()) - before;
  ::munmap(block, bytes);
  EXPECT_NEAR(touched, bytes, 0.25 * bytes);
}

}  // namespace
}  // namespace switchyard::harness
