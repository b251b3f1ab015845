// The measuring tools themselves: histogram, CPU lists, limits, usage, child processes, names.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/batch_size.hpp"
#include "bench/harness/baton.hpp"
#include "bench/harness/child_process.hpp"
#include "bench/harness/histogram.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint64_t> latencies(std::size_t count) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> distribution(10, 2);  // 20 us, and a long tail
  std::vector<std::uint64_t> values(count);
  for (auto& v : values) v = static_cast<std::uint64_t>(distribution(random));
  return values;
}

TEST(histogram, EveryQuantileIsWithinOnePerCent) {
  auto values = latencies(100'000);
  histogram h;
  for (const auto v : values) h.record(v);
  std::ranges::sort(values);
  for (const double q : {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(h.value_at(q), exact, 0.01 * exact) << "quantile " << q;
  }
  EXPECT_EQ(h.value_at(1), static_cast<double>(values.back()));
  EXPECT_EQ(h.max(), values.back());
  EXPECT_EQ(h.count(), values.size());
}

TEST(histogram, SmallValuesAreExact) {
  for (std::uint64_t v = 0; v < 128; ++v) {
    histogram h;
    h.record(v);
    EXPECT_EQ(h.value_at(0.5), static_cast<double>(v));
  }
}

TEST(histogram, MergedPartsAreTheWhole) {
  const auto values = latencies(10'000);
  histogram whole;
  histogram even;
  histogram odd;
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.record(values[i]);
    (i % 2 == 0 ? even : odd).record(values[i]);
  }
  even.merge(odd);
  EXPECT_EQ(even.count(), whole.count());
  EXPECT_EQ(even.max(), whole.max());
  for (const double q : {0.0, 0.1, 0.5, 0.99, 1.0}) EXPECT_EQ(even.value_at(q), whole.value_at(q));
}

TEST(histogram, TakesTheLargestAndNoValueAtAll) {
  histogram h;
  EXPECT_EQ(h.value_at(0.5), 0);
  h.record(std::numeric_limits<std::int64_t>::max());
  EXPECT_GT(h.value_at(0.5), 9e18);
}

TEST(cpu_list, NumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0"), (std::vector{0}));
  EXPECT_EQ(parse_cpu_list("0,2-4"), (std::vector{0, 2, 3, 4}));
}

TEST(cpu_list, NonsenseIsNamed) {
  for (const std::string text :
       {"", "x", "1-", "-1", "3-1", "0,,1", "0 1", "99999999999", "5000"}) {
    try {
      parse_cpu_list(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const std::invalid_argument& wrong) {
      EXPECT_NE(std::string(wrong.what()).find("'" + text + "'"), std::string::npos)
          << wrong.what();
    }
  }
}

TEST(placement, BindsAndNamesACpuThatIsNotThere) {
  const auto before = allowed_cpus();
  pin_this_thread({before.back()});
  EXPECT_EQ(allowed_cpus(), std::vector{before.back()});
  EXPECT_EQ(::sched_getcpu(), before.back());
  EXPECT_THROW(pin_this_thread({1000}), std::invalid_argument);
  pin_this_thread(before);
}

/// Runs `f` in a child, as a limit once lowered stays lowered.
template <class F>
int exit_code_of_child(F f) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(f());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

template <class F>
int whether_limit_names(F require, const std::string& name) {
  try {
    require();
  } catch (const limit_error& limit) {
    return std::string(limit.what()).find(name) != std::string::npos ? 0 : 2;
  }
  return 1;
}

TEST(limits, TooFewOpenFiles) {
  EXPECT_EQ(exit_code_of_child([] {
              const rlimit few{64, 64};
              ::setrlimit(RLIMIT_NOFILE, &few);
              return whether_limit_names([] { require_open_files(1024); }, "RLIMIT_NOFILE");
            }),
            0);
}

TEST(limits, TheSoftLimitOnOpenFilesIsRaised) {
  EXPECT_EQ(exit_code_of_child([] {
              const rlimit soft{64, 512};
              ::setrlimit(RLIMIT_NOFILE, &soft);
              require_open_files(300);
              rlimit now{};
              ::getrlimit(RLIMIT_NOFILE, &now);
              return now.rlim_cur >= 300 ? 0 : 1;
            }),
            0);
}

TEST(limits, TooFewTasks) {
  EXPECT_EQ(exit_code_of_child([] {
              const rlimit few{20, 20};
              ::setrlimit(RLIMIT_NPROC, &few);
              return whether_limit_names([] { require_tasks(1000); }, "RLIMIT_NPROC");
            }),
            0);
}

TEST(limits, TooMuchOfWhatIsShared) {
  EXPECT_EQ(whether_limit_names([] { require_tasks(100'000'000); }, "allows"), 0);
  EXPECT_EQ(whether_limit_names([] { require_memory(std::uint64_t{1} << 50); }, "MiB"), 0);
  EXPECT_EQ(whether_limit_names([] { require_ports(10'000'000); }, "ip_local_port_range"), 0);
  EXPECT_NO_THROW(require_tasks(1));
  EXPECT_NO_THROW(require_memory(1 << 20));
  EXPECT_NO_THROW(require_ports(10));
}

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
  for (int i = 0; i < 300'000; ++i) ::getppid();
  const auto used = usage_of_self_and_reaped() - before;
  const auto tree = usage_of_tree(::getpid()) - tree_before;
  ::munmap(block, bytes);
  for (const auto& seen : {used, tree}) {
    EXPECT_GE(seen.page_faults, static_cast<std::int64_t>(pages));
    EXPECT_LT(seen.page_faults, static_cast<std::int64_t>(3 * pages));
    EXPECT_GT(seen.system_s, 0);
    EXPECT_LE(seen.system_s, seen.cpu_s + 0.03) << "the tree's is told in steps of 0.01 s";
  }
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

TEST(usage, SharesAndSumsKeepEveryFigure) {
  usage a{.cpu_s = 2,
          .system_s = 1,
          .voluntary_switches = 10,
          .involuntary_switches = 4,
          .page_faults = 6,
          .migrations = 8};
  a += a;
  a *= 0.5;
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

TEST(child_process, ReadsLinesAndSaysHowItEnded) {
  child_process child("/bin/sh", {"-c", "echo one; echo two; exit 3"});
  EXPECT_EQ(child.read_line(10s), "one");
  EXPECT_EQ(child.read_line(10s), "two");
  EXPECT_THROW(child.read_line(10s), std::runtime_error);
  EXPECT_EQ(child.how_it_ended(10s), "exited with code 3");
}

TEST(child_process, IsEndedWithItsOwnerEvenIfItDoesNotWantTo) {
  pid_t pid = 0;
  {
    child_process child("/bin/sh", {"-c", "trap '' TERM; echo ready; while :; do sleep 1; done"});
    child.read_line(10s);
    pid = child.pid();
    EXPECT_EQ(child.how_it_ended(), std::nullopt);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(child_process, AProgramThatIsNotThereIsNamed) {
  try {
    const child_process child("/no/such/program", {});
    ADD_FAILURE();
  } catch (const std::system_error& failure) {
    EXPECT_NE(std::string(failure.what()).find("/no/such/program"), std::string::npos);
  }
}

TEST(baton, AWaitEndsOnlyWithAPost) {
  futex_baton futex;
  futex.post();
  futex.wait();
  pipe_baton pipe;
  pipe.post();
  pipe.wait();
}

TEST(names, AreJoinedInOneWay) {
  const row r{.runtime = "fiber",
              .params = {{"connections", 64}, {"via", std::string("yield")}},
              .what = "",
              .body = {}};
  EXPECT_EQ(row_name("echo", r), "echo/fiber/connections:64/via:yield");
}

TEST(names, BatchesAreWholeRings) {
  EXPECT_EQ(at_least(1, 16), 16);
  EXPECT_EQ(at_least(16, 16), 16);
  EXPECT_EQ(at_least(17, 16), 32);
}

TEST(batch_size, WithoutASlowdownAllThatIsDoneIsReported) {
  for (const std::int64_t wished : {1, 16, 17, 1'000'000'000}) {
    const batch_size ops = batch_of(wished, 16, 0);
    EXPECT_EQ(ops.reported, ops.done);
    EXPECT_GE(ops.reported, wished);
    EXPECT_LT(ops.reported, wished + 16);
    EXPECT_EQ(ops.done % 16, 0);
  }
}

TEST(batch_size, ASlowdownIsRightToAThousandthHoweverFewOperations) {
  for (std::int64_t percent = 1; percent <= 100; ++percent) {
    for (const std::int64_t wished : {1, 2, 7, 999, 1'000'000'000}) {
      for (const std::int64_t step : {1, 2, 100, 1'024}) {
        const batch_size ops = batch_of(wished, step, percent);
        const double cost = static_cast<double>(ops.done) / static_cast<double>(ops.reported);
        const double wanted = 1 + static_cast<double>(percent) / 100;
        EXPECT_NEAR(cost / wanted, 1, 0.001) << percent << " % of " << wished;
        EXPECT_GE(ops.reported, wished);
        EXPECT_EQ(ops.done % step, 0);
      }
    }
  }
}

TEST(batch_size, ASlowdownTakesNoMoreOperationsThanItNeeds) {
  const batch_size few = batch_of(1, 1, 10);
  EXPECT_EQ(few.done, 11);
  EXPECT_EQ(few.reported, 10);
  const batch_size many = batch_of(1'000'000, 2, 2);
  EXPECT_EQ(many.done, 1'020'000);
  EXPECT_EQ(many.reported, 1'000'000);
}

}  // namespace
}  // namespace switchyard::harness
