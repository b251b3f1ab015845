// The rings of the `switch` workload: a member that fails, or can't be started, ends the row with
// its own error instead of leaving the others waiting for ever. And the proofs of switches can
// fail.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "bench/switch/switch_rows.hpp"
#include "runtimes/all.hpp"

namespace switchyard::rings {
namespace {

template <class R>
class Rings : public ::testing::Test {};
using kernel_runtimes = ::testing::Types<process, thread>;
struct runtime_name {
  template <class R>
  static std::string GetName(int) {
    return std::string(R::name);
  }
};
TYPED_TEST_SUITE(Rings, kernel_runtimes, runtime_name);

/// Ten members that wait for their batons, of which number 7 fails before it hands its own on.
template <class R, class Baton>
std::string failure_of_a_ring_with_a_bad_member() {
  constexpr std::size_t tasks = 10;
  auto batons = make_batons<Baton>(tasks);
  const shared_object<std::atomic<bool>> broken;
  const auto member = [&](std::size_t i) {
    if (i == 0) batons[0].post();
    batons[i].wait();
    if (*broken) throw broken_group();
    if (i == 7) throw std::runtime_error("number 7 is out of order");
    batons[(i + 1) % tasks].post();
    batons[i].wait();
    if (*broken) throw broken_group();
    return interval{};
  };
  R rt;
  return rt.run([&]() -> std::string {
    try {
      run_group(rt, tasks, member, [&] {
        *broken = true;
        for (std::size_t i = 0; i < tasks; ++i) batons[i].post();
      });
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return "no failure";
  });
}

TYPED_TEST(Rings, AFailingMemberEndsTheRingWithItsOwnError) {
  EXPECT_EQ((failure_of_a_ring_with_a_bad_member<TypeParam, harness::futex_baton>()),
            "number 7 is out of order");
  EXPECT_EQ((failure_of_a_ring_with_a_bad_member<TypeParam, harness::pipe_baton>()),
            "number 7 is out of order");
}

/// A runtime that runs out of tasks at the sixth.
class short_of_tasks : public thread {
 public:
  template <class F>
  auto spawn(F f) {
    if (++spawned_ == 6) throw limit_error("no sixth task");
    return thread::spawn(std::move(f));
  }

 private:
  int spawned_ = 0;
};

TEST(rings, AMemberThatCanNotBeStartedEndsTheOthers) {
  constexpr std::size_t tasks = 10;
  auto batons = make_batons<harness::futex_baton>(tasks);
  const shared_object<std::atomic<bool>> broken;
  short_of_tasks rt;
  const auto member = [&](std::size_t i) {
    batons[i].wait();
    if (*broken) throw broken_group();
    return interval{};
  };
  EXPECT_THROW(run_group(rt, tasks, member,
                         [&] {
                           *broken = true;
                           for (std::size_t i = 0; i < tasks; ++i) batons[i].post();
                         }),
               limit_error);
}

TEST(rings, TheProofsOfSwitchesCanFail) {
  const auto switches = [](std::int64_t count) {
    return harness::usage{.voluntary_switches = count};
  };
  EXPECT_NO_THROW(expect_kernel_switches(switches(10'000), 10'000, 16));
  EXPECT_THROW(expect_kernel_switches(switches(0), 10'000, 16), std::runtime_error);
  EXPECT_THROW(expect_kernel_switches(switches(8'900), 10'000, 16), std::runtime_error);
  EXPECT_THROW(expect_kernel_switches(switches(13'000), 10'000, 16), std::runtime_error);
  EXPECT_NO_THROW(expect_no_kernel_switches(switches(20), 1'000'000));
  EXPECT_THROW(expect_no_kernel_switches(switches(100'000), 1'000'000), std::runtime_error);
}

}  // namespace
}  // namespace switchyard::rings
