// How far a workload may go: the limits as they are told beforehand, and the climb that ends at
// them. What can be lowered for a child is; the rest is made up.
#include "bench/harness/limits.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/parked_tasks.hpp"
#include "bench/harness/usage.hpp"
#include "bench/limits/limit_climb.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using harness::headroom;
using harness::room;

TEST(room, LeavesAShareOfWhatOthersNeed) {
  const room shared{
      .limit = "kernel.pid_max", .counts = "tasks", .total = 32'768, .taken = 214, .percent = 80};
  EXPECT_EQ(shared.allowed(), 26'214U);
  EXPECT_EQ(shared.left(), 26'000U);
  EXPECT_EQ(shared.for_each(2).count, 13'000U);
  EXPECT_EQ(shared.for_each(1.0 / 64).count, 64U * 26'000);
  EXPECT_EQ(shared.for_each(1).limit, "kernel.pid_max: 80 % of 32768");
  EXPECT_NO_THROW(shared.require(26'000));
  try {
    shared.require(26'001);
    ADD_FAILURE() << "there was no room for it";
  } catch (const limit_error& limit) {
    EXPECT_STREQ(limit.what(),
                 "needs 26001 tasks beside the 214 that are taken, 80 % of kernel.pid_max allows "
                 "26214");
  }
}

TEST(room, IsNeverLessThanNothing) {
  const room full{.limit = "RLIMIT_AS", .counts = "of address space", .total = 10, .taken = 20};
  EXPECT_EQ(full.left(), 0U);
  EXPECT_EQ(full.for_each(1).count, 0U);
}

TEST(room, WithoutALimitThereIsNoEndToIt) {
  const room endless{.limit = "RLIMIT_AS", .counts = "of address space", .taken = 20};
  EXPECT_EQ(endless.for_each(1'000).count, harness::unlimited);
  EXPECT_EQ(room{endless}.for_each(0).count, harness::unlimited) << "of what takes nothing of it";
}

TEST(room, TheTightestLimitIsTheOneThatIsNamed) {
  const headroom found = harness::tightest({{100, "files"}, {7, "ports"}, {8, "tasks"}});
  EXPECT_EQ(found.count, 7U);
  EXPECT_EQ(found.limit, "ports");
}

TEST(room, MappingsAreCounted) {
  constexpr std::size_t page = 4096;
  const auto before = harness::room_for_mappings().left();
  // Neighbours with unlike rights are not merged.
  std::vector<void*> pages;
  for (int i = 0; i < 200; ++i) {
    pages.push_back(::mmap(nullptr, page, i % 2 == 0 ? PROT_READ : PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  const auto after = harness::room_for_mappings().left();
  for (void* const one : pages) ::munmap(one, page);
  if (before == harness::unlimited) GTEST_SKIP() << "vm.max_map_count can't be read";
  EXPECT_GE(before - after, 150U);
}

/// The name of what bounds R's tasks in a child that has lowered one limit of its own.
template <class R>
std::string limit_named_under(int resource, rlim_t lowered) {
  return in_a_child<process>([=] {
           const rlimit bound{lowered, lowered};
           ::setrlimit(static_cast<__rlimit_resource>(resource), &bound);
           return short_text(
               headroom_for(R::idle_task, R::kernel_tasks_per_task, climb_memory_percent).limit);
         })
      .str();
}

TEST(room, ALoweredLimitIsNamedForThoseWhomItBounds) {
  EXPECT_EQ(limit_named_under<thread>(RLIMIT_NPROC, 100), "RLIMIT_NPROC: 80 % of 100");
  EXPECT_EQ(limit_named_under<process>(RLIMIT_NPROC, 100), "RLIMIT_NPROC: 80 % of 100");
  EXPECT_EQ(limit_named_under<fiber>(RLIMIT_NPROC, 100).find("NPROC"), std::string::npos);
#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN  // need terabytes of it
  EXPECT_EQ(limit_named_under<thread>(RLIMIT_AS, 200 << 20), "RLIMIT_AS: 80 % of 200 MiB");
  EXPECT_EQ(limit_named_under<fiber>(RLIMIT_AS, 200 << 20), "RLIMIT_AS: 80 % of 200 MiB");
  EXPECT_EQ(limit_named_under<process>(RLIMIT_AS, 200 << 20).find("RLIMIT_AS"), std::string::npos);
#endif
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
  EXPECT_EQ(in_a_child<process>([] {
              const rlimit few{64, 64};
              ::setrlimit(RLIMIT_NOFILE, &few);
              return whether_limit_names([] { harness::require_open_files(1024); },
                                         "RLIMIT_NOFILE");
            }),
            0);
}

TEST(limits, TheSoftLimitOnOpenFilesIsRaised) {
  EXPECT_EQ(in_a_child<process>([] {
              const rlimit soft{64, 512};
              ::setrlimit(RLIMIT_NOFILE, &soft);
              harness::require_open_files(300);
              rlimit now{};
              ::getrlimit(RLIMIT_NOFILE, &now);
              return now.rlim_cur >= 300 ? 0 : 1;
            }),
            0);
}

TEST(limits, TooFewTasks) {
  EXPECT_EQ(in_a_child<process>([] {
              const rlimit few{20, 20};
              ::setrlimit(RLIMIT_NPROC, &few);
              return whether_limit_names([] { harness::require_tasks(1000); }, "RLIMIT_NPROC");
            }),
            0);
}

TEST(limits, TooMuchOfWhatIsShared) {
  EXPECT_EQ(whether_limit_names([] { harness::require_tasks(100'000'000); }, "allows"), 0);
  EXPECT_EQ(whether_limit_names([] { harness::require_memory(std::uint64_t{1} << 50); }, "MiB"), 0);
  EXPECT_EQ(whether_limit_names([] { harness::require_ports(10'000'000); }, "ip_local_port_range"),
            0);
  EXPECT_NO_THROW(harness::require_tasks(1));
  EXPECT_NO_THROW(harness::require_memory(1 << 20));
  EXPECT_NO_THROW(harness::require_ports(10));
}

TEST(climb, EndsBeforeTheStepForWhichThereIsNoRoom) {
  std::vector<std::int64_t> steps;
  const climb up = climb_by_doubling(
      1'000,
      [] {
        return headroom{10, "RLIMIT_NOFILE: 10"};
      },
      [&](std::int64_t count) { steps.push_back(count); });
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 4, 8}));
  EXPECT_EQ(up.reached, 8);
  EXPECT_TRUE(up.at_limit);
  EXPECT_EQ(up.why.str(), "RLIMIT_NOFILE: 10");
}

TEST(climb, EndsWhereTheRuntimeItselfMeetsALimit) {
  const climb up = climb_by_doubling(
      1'000, [] { return headroom{}; },
      [](std::int64_t count) {
        if (count > 20) throw limit_error("no further thread");
      });
  EXPECT_EQ(up.reached, 16);
  EXPECT_TRUE(up.at_limit);
  EXPECT_EQ(up.why.str(), "no further thread");
}

TEST(climb, EndsAtItsCapWithoutALimit) {
  const climb up = climb_by_doubling(
      100, [] { return headroom{}; }, [](std::int64_t) {});
  EXPECT_EQ(up.reached, 100) << "what it says it found no limit up to";
  EXPECT_FALSE(up.at_limit);
  EXPECT_EQ(up.why.str(), "no limit up to 100");
}

TEST(climb, EndsWithTheStepThatTakesTooLong) {
  const climb up = climb_by_doubling(
      8, [] { return headroom{}; },
      [](std::int64_t count) {
        if (count == 8) throw step_too_slow();
      });
  EXPECT_EQ(up.reached, 4);
  EXPECT_FALSE(up.at_limit);
  EXPECT_EQ(up.why.str(), "a step of 8 takes more than 10 s");
}

TEST(climb, AWrongAnswerIsNoResult) {
  const auto wrong = [](std::int64_t) { throw std::runtime_error("not all were alive"); };
  EXPECT_THROW(climb_by_doubling(
                   100, [] { return headroom{}; }, wrong),
               std::runtime_error);
}

TEST(in_a_child, GivesTheResultOrWhatWentWrong) {
  EXPECT_EQ(in_a_child<process>([] { return 42; }), 42);
  const auto told = [](auto f) {
    try {
      in_a_child<process>(f);
    } catch (const limit_error& limit) {
      return std::string("limit: ") + limit.what();
    } catch (const std::exception& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  EXPECT_EQ(told([]() -> int { throw limit_error("no room"); }), "limit: no room");
  EXPECT_EQ(told([]() -> int { throw std::runtime_error("wrong"); }), "wrong");
  EXPECT_NE(told([]() -> int { return ::raise(SIGKILL); }).find("killed by signal 9"),
            std::string::npos);
}

template <class R>
class parked_tasks_of : public testing::Test {};
TYPED_TEST_SUITE(parked_tasks_of, concurrent_test_types, runtime_name);

TYPED_TEST(parked_tasks_of, AreAllAliveUntilTheyAreLetGo) {
  TypeParam rt;
  rt.run([&] {
    parked_tasks<TypeParam> parked(rt, 20);
    parked.add(5, 0, [] {});
    EXPECT_EQ(parked.count(), 5);
    parked.add(15, 8192, [] {});
    EXPECT_EQ(parked.count(), 20);
    parked.end();
    EXPECT_EQ(parked.count(), 0);
  });
}

TYPED_TEST(parked_tasks_of, EndWithTheirOwnerWhenItGivesUp) {
  TypeParam rt;
  int calls = 0;
  rt.run([&] {
    const auto give_up = [&] {
      if (++calls > 10) throw limit_error("enough");
    };
    parked_tasks<TypeParam> parked(rt, 20);
    EXPECT_THROW(parked.add(20, 0, give_up), limit_error);
  });
  EXPECT_EQ(calls, 11);
}

TEST(parked_tasks, OneThatIsKilledIsNoticed) {
  process rt;
  rt.run([&] {
    parked_tasks<process> parked(rt, 2);
    parked.add(2, 0, [] {});
    const auto victims = harness::descendants(::getpid());
    ASSERT_EQ(victims.size(), 2U);
    ::kill(victims.front(), SIGKILL);
    EXPECT_THROW(parked.end(), std::runtime_error);
  });
}

}  // namespace
}  // namespace switchyard
