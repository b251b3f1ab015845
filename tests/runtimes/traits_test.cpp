// What each runtime says of itself (runtimes/concepts.hpp), held against what can be seen of it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include "bench/harness/limits.hpp"
#include "bench/harness/parked_tasks.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/task_group.hpp"
#include "bench/harness/usage.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class R>
class Traits : public ::testing::Test {};
TYPED_TEST_SUITE(Traits, all_test_types, runtime_name);

/// Nothing of its own where nothing waits for I/O: the channels are `Other`'s, the streams are not.
template <class R, class Other>
constexpr bool has_tasks_of() {
  if constexpr (Sockets<R> && Sockets<Other> && Channels<R> && Channels<Other>) {
    return std::is_same_v<typename R::template channels<int>,
                          typename Other::template channels<int>> &&
           !std::is_same_v<typename R::stream, typename Other::stream>;
  }
  return false;
}

TYPED_TEST(Traits, OwnTasksIsTrue) {
  using measured = typename measured_runtime<TypeParam>::type;
  bool is_before = true;
  bool of_another = false;
  for_each_runtime([&]<class Other>() {
    is_before = is_before && !std::is_same_v<Other, measured>;
    of_another = of_another || (is_before && has_tasks_of<measured, Other>());
  });
  EXPECT_EQ(of_another, !TypeParam::own_tasks);
}

TYPED_TEST(Traits, ConcurrentIsTrue) {
  const shared_object<std::atomic<bool>> spawn_has_returned;
  TypeParam rt;
  const bool seen_within_task = rt.run([&] {
    auto task = rt.spawn([&] {
      // Bounded: a runtime that is not concurrent never sets the flag while this runs.
      for (int i = 0; i < (TypeParam::concurrent ? 2'000 : 20) && !*spawn_has_returned; ++i) {
        rt.sleep_for(5ms);
      }
      return spawn_has_returned->load();
    });
    *spawn_has_returned = true;
    return task.join();
  });
  EXPECT_EQ(seen_within_task, TypeParam::concurrent);
}

TYPED_TEST(Traits, SharesMemoryIsTrue) {
  int written = 0;
  TypeParam rt;
  rt.run([&] { rt.spawn([&] { written = 1; }).join(); });
  EXPECT_EQ(written == 1, TypeParam::shares_memory);
}

/// Kernel switches of the calling kernel task so far.
long switches_so_far() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw + used.ru_nivcsw;
}

// Two tasks meet without either having left its CPU meanwhile: so they ran at the same instant. No
// clock in it; on a busy machine it takes a few more tries.
TYPED_TEST(Traits, RunsInParallelIsTrue) {
  constexpr int tries = 2'000;
  if constexpr (!TypeParam::runs_in_parallel) {
    TypeParam rt;
    rt.run([&] {
      const pid_t own = ::gettid();
      auto a = rt.spawn([] { return ::gettid(); });
      auto b = rt.spawn([] { return ::gettid(); });
      EXPECT_EQ(a.join(), own) << "one kernel task can't run twice at once";
      EXPECT_EQ(b.join(), own);
    });
    return;
  }
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two CPUs";
  const shared_array<std::atomic<int>> turn(2);
  TypeParam rt;
  const auto meet = [&](std::size_t me) {
    int undisturbed = 0;
    for (int i = 1; i <= tries; ++i) {
      const long before = switches_so_far();
      for (const int half : {2 * i, 2 * i + 1}) {
        turn[me] = half;
        while (turn[1 - me] < half) {
        }
      }
      undisturbed += switches_so_far() == before ? 1 : 0;
    }
    return undisturbed;
  };
  rt.run([&] {
    auto a = rt.spawn([&] { return meet(0); });
    auto b = rt.spawn([&] { return meet(1); });
    const int undisturbed = a.join() + b.join();
    // More than half of all: at least one meeting was undisturbed on both sides.
    EXPECT_GT(undisturbed, tries);
  });
}

TYPED_TEST(Traits, PreemptiveIsTrue) {
  if constexpr (!TypeParam::concurrent) {
    EXPECT_FALSE(TypeParam::preemptive);
    return;
  }
  const shared_object<std::atomic<bool>> other_has_run;
  TypeParam rt;
  const bool seen = rt.run([&] {
    auto spinner = rt.spawn([&] {
      const auto deadline = clock::now() + (TypeParam::preemptive ? 20s : 100ms);
      while (!*other_has_run && clock::now() < deadline) {
      }
      return other_has_run->load();
    });
    auto other = rt.spawn([&] { *other_has_run = true; });
    const bool result = spinner.join();
    other.join();
    return result;
  });
  EXPECT_EQ(seen, TypeParam::preemptive);
}

TYPED_TEST(Traits, KernelTasksPerTaskIsTrue) {
  constexpr std::size_t tasks = 8;
  const shared_array<std::atomic<pid_t>> kernel_task_of(tasks);
  const shared_object<std::atomic<std::size_t>> arrived;
  TypeParam rt;
  rt.run([&] {
    const auto stay = [&](std::size_t i) {
      return rt.spawn([&, i] {
        kernel_task_of[i] = ::gettid();
        ++*arrived;
        // All at once, or the kernel might give a number twice.
        while (TypeParam::concurrent && *arrived < tasks) rt.sleep_for(1ms);
      });
    };
    std::vector<decltype(stay(0))> all;
    for (std::size_t i = 0; i < tasks; ++i) all.push_back(stay(i));
    for (auto& task : all) task.join();
  });
  const auto of_all = kernel_task_of.span();
  std::set<pid_t> others(of_all.begin(), of_all.end());
  others.erase(::gettid());
  EXPECT_EQ(others.size(), tasks * TypeParam::kernel_tasks_per_task);
}

/// Voluntary switches so far, of this process and of its children that were joined.
std::int64_t sleeps_so_far() { return harness::usage_of_self_and_reaped().voluntary_switches; }

TYPED_TEST(Traits, WaitsInKernelIsTrue) {
  constexpr std::int64_t tasks = 50;
  TypeParam rt;
  const auto sleeps = rt.run([&] {
    const auto before = sleeps_so_far();
    const auto sleeper = [&] { return rt.spawn([&] { rt.sleep_for(5ms); }); };
    std::vector<decltype(sleeper())> all;
    for (std::int64_t i = 0; i < tasks; ++i) all.push_back(sleeper());
    for (auto& task : all) task.join();
    return sleeps_so_far() - before;
  });
  EXPECT_EQ(sleeps >= tasks, TypeParam::waits_in_kernel) << sleeps << " for " << tasks << " tasks";
}

TYPED_TEST(Traits, SleepsPerJoinIsTrue) {
  if (harness::kernel_locks_sleep()) GTEST_SKIP() << "the kernel's own locks sleep";
  constexpr std::int64_t tasks = 200;
  const auto cpus = harness::allowed_cpus();
  harness::pin_this_thread({cpus.front()});  // on another one a task may end before it is joined
  TypeParam rt;
  const auto sleeps = rt.run([&] {
    const auto before = sleeps_so_far();
    for (std::int64_t i = 0; i < tasks; ++i) rt.spawn([] {}).join();
    return sleeps_so_far() - before;
  });
  harness::pin_this_thread(cpus);
  EXPECT_LE(sleeps, tasks * TypeParam::sleeps_per_join + tasks / 10);
  EXPECT_GE(sleeps, tasks * TypeParam::sleeps_per_join / 2);
}

#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN  // shadow memory counts too
TYPED_TEST(Traits, AnIdleTaskTakesNoMoreThanItSays) {
  // Of a stackless runtime, coroutine_test.cpp proves it: here its tasks have stacks.
  if constexpr (TypeParam::concurrent &&
                std::is_same_v<TypeParam, typename measured_runtime<TypeParam>::type>) {
    constexpr std::int64_t tasks = 128;
    constexpr double slack = 256 * 1024;  // what the first of them brings with it
    const auto n = static_cast<double>(tasks);
    TypeParam rt;
    rt.run([&] {
      parked_tasks<TypeParam> parked(rt, tasks);
      const auto mappings = harness::room_for_mappings().taken;
      const auto address_space = harness::room_for_address_space().taken;
      const auto memory = harness::memory_of_tree(::getpid());
      parked.add(tasks, 0, [] {});
      const auto grown = harness::memory_of_tree(::getpid()) - memory;
      constexpr task_footprint says = TypeParam::idle_task;
      EXPECT_LE(grown.total_bytes(), n * static_cast<double>(says.memory_bytes) + slack);
      EXPECT_LE(static_cast<double>(harness::room_for_mappings().taken - mappings),
                n * says.mappings + 10);
      EXPECT_LE(static_cast<double>(harness::room_for_address_space().taken - address_space),
                n * static_cast<double>(says.address_space_bytes) + 4 * slack);
      parked.end();
    });
  }
}
#endif

/// So many tasks that do nothing, a hundred at once.
template <Runtime R>
void start_and_end(R& rt, std::int64_t tasks) {
  rt.run([&] {
    const auto start = [&](std::int64_t) { return rt.spawn([] {}); };
    for (std::int64_t done = 0; done < tasks; done += 100) {
      for (auto& task : spawn_each(100, start)) task.join();
    }
  });
}

/// Without the stacks that all other tests lend them.
template <Stackless R>
void start_and_end(R& rt, std::int64_t tasks) {
  using nothing = typename R::template awaitable<void>;
  rt.run([&]() -> nothing {
    const auto start = [&](std::int64_t) { return rt.spawn([]() -> nothing { co_return; }); };
    for (std::int64_t done = 0; done < tasks; done += 100) {
      auto all = spawn_each(100, start);
      for (auto& task : all) co_await task.join();
    }
  });
}

TYPED_TEST(Traits, QuickTasksAreQuick) {
  typename measured_runtime<TypeParam>::type rt;
  const auto begin = clock::now();
  start_and_end(rt, TypeParam::quick_tasks);
  EXPECT_LT(clock::now() - begin, 5s) << "on a machine with nothing else to do: a tenth of it";
}

}  // namespace
}  // namespace switchyard
