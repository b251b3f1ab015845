// The rings of the `switch` workload: a member that fails, or can't be started, ends the row with
// its own error instead of leaving the others waiting for ever, and so does one whose process is
// killed. And the proofs of switches can fail.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/switch/stackless_rows.hpp"
#include "bench/switch/switch_rows.hpp"
#include "runtimes/all.hpp"
#include "tests/support/one_row.hpp"

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

constexpr std::size_t ring_size = 10;

/// What ends a ring of ten whose members do `member(rt, i, broken)`.
template <class R, class Member, class Break>
std::string failure_of_a_ring(Member member, Break break_up) {
  const shared_object<std::atomic<bool>> broken;
  R rt;
  return rt.run([&]() -> std::string {
    try {
      run_group(
          rt, ring_size, [&](std::size_t i) { return member(rt, i, *broken); },
          [&] {
            *broken = true;
            break_up();
          });
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return "no failure";
  });
}

/// Members that wait for their batons, of which number 7 calls `fail()` before it hands its own on.
template <class R, class Baton>
std::string failure_of_a_baton_ring(void (*fail)()) {
  auto batons = harness::make_batons<Baton>(ring_size);
  const auto member = [&](R&, std::size_t i, const std::atomic<bool>& broken) {
    if (i == 0) batons[0].post();
    batons[i].wait();
    if (broken) throw broken_group();
    if (i == 7) fail();
    batons[(i + 1) % ring_size].post();
    batons[i].wait();
    if (broken) throw broken_group();
    return interval{};
  };
  return failure_of_a_ring<R>(member, [&] {
    for (std::size_t i = 0; i < ring_size; ++i) batons[i].post();
  });
}

/// Members that yield until all are there, of which number 7 calls `fail()` instead.
template <class R>
std::string failure_of_a_yielding_ring(void (*fail)()) {
  const shared_object<std::atomic<std::size_t>> arrived;
  const auto member = [&](R& rt, std::size_t i, const std::atomic<bool>& broken) {
    if (i == 7) fail();
    yield_until_all(rt, ring_size, *arrived, broken);
    return interval{};
  };
  return failure_of_a_ring<R>(member, [] {});
}

void throw_own_error() { throw std::runtime_error("number 7 is out of order"); }
void die() { ::raise(SIGKILL); }

TYPED_TEST(Rings, AFailingMemberEndsTheRingWithItsOwnError) {
  const std::string own_error = "number 7 is out of order";
  EXPECT_EQ((failure_of_a_baton_ring<TypeParam, harness::futex_baton>(throw_own_error)), own_error);
  EXPECT_EQ((failure_of_a_baton_ring<TypeParam, harness::pipe_baton>(throw_own_error)), own_error);
  EXPECT_EQ(failure_of_a_yielding_ring<TypeParam>(throw_own_error), own_error);
}

void expect_killed(const std::string& failure) {
  EXPECT_NE(failure.find("was killed by signal 9"), std::string::npos) << failure;
}

TEST(rings, AKilledMemberEndsTheRing) {
  expect_killed(failure_of_a_baton_ring<process, harness::futex_baton>(die));
  expect_killed(failure_of_a_baton_ring<process, harness::pipe_baton>(die));
  expect_killed(failure_of_a_yielding_ring<process>(die));
}

TEST(rings, AKilledMemberEndsAGroupThatWaitsAtItsStart) {
  const start_line line(ring_size);
  const auto member = [&](process& rt, std::size_t i, const std::atomic<bool>&) {
    if (i == 7) die();
    line.wait([&] { rt.yield(); });
    return interval{};
  };
  expect_killed(failure_of_a_ring<process>(member, [&] { line.break_up(); }));
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
  auto batons = harness::make_batons<harness::futex_baton>(ring_size);
  const shared_object<std::atomic<bool>> broken;
  short_of_tasks rt;
  const auto member = [&](std::size_t i) {
    batons[i].wait();
    if (*broken) throw broken_group();
    return interval{};
  };
  EXPECT_THROW(run_group(rt, ring_size, member,
                         [&] {
                           *broken = true;
                           for (std::size_t i = 0; i < ring_size; ++i) batons[i].post();
                         }),
               limit_error);
}

/// A block that says after all turns that one of them left it out.
struct left_out {
  void touch() noexcept {}
  void expect_touched(std::uint64_t) const { expect(false, "a block was not touched"); }
};

template <class MakeWork>
std::vector<int> codes_of_user_rings(MakeWork make_work) {
  constexpr std::size_t tasks = 2;
  // Without optimisation a transfer is a call, and each turn takes some of the stack.
  constexpr int turns = 10'000;
  const auto code_of = [](const auto& row) {
    return code_of_a_row([&](benchmark::State& state) { row(state); }, turns);
  };
  return {code_of([&](auto& state) { context_row(state, tasks, make_work); }),
          code_of([&](auto& state) { transfer_row(state, tasks, make_work); }),
          code_of([&](auto& state) { post_row(state, tasks, make_work); }),
          code_of([&](auto& state) { greenlet_row(state, make_work); }),
          code_of([&](auto& state) { yield_row<fiber>(state, tasks, make_work); }),
          code_of([&](auto& state) { yield_row<coroutine>(state, tasks, make_work); })};
}

TEST(rings, ABlockThatWasNotTouchedFailsTheRow) {
  EXPECT_EQ(codes_of_user_rings([] { return no_work(); }), std::vector<int>(6, 0));
  EXPECT_EQ(codes_of_user_rings([] { return left_out(); }), std::vector<int>(6, 1));
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
