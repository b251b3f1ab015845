// What the harness does itself while fetches over kept connections are measured: it is in their
// time, so it is the same, and next to nothing, whatever runtime they are on.
#include "bench/http_fetch/fetch_batch.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "bench/http_fetch/origin_process.hpp"
#include "runtimes/all.hpp"

namespace {
std::atomic<int> looks_at_usage = 0;
}

/// In the place of the library's: it counts.
extern "C" int getrusage(__rusage_who_t who, rusage* used) noexcept {
  ++looks_at_usage;
  return static_cast<int>(::syscall(SYS_getrusage, who, used));
}

namespace switchyard::fetching {
namespace {

constexpr fetch_case many{.urls = 50, .latency_ms = 0, .bytes = 1'024, .keep_alive = true};

/// How often the usage was looked at, by this process, for a batch on R.
template <class R>
int looks_for_a_batch(const origin_process& origin) {
  const std::string request = http_request(describe(origin.where()), "/", many.keep_alive);
  R rt;
  looks_at_usage = 0;
  const auto took = harness::within(
      rt, [&] { return fetch_connected(rt, origin.where(), request, many, 3, [] {}); });
  EXPECT_EQ(took.done, 3 * many.urls);
  EXPECT_GT(took.used.cpu_s, 0);
  return looks_at_usage;
}

TEST(fetch_connected, LooksAtTheUsageAtItsBeginningAndItsEndAlone) {
  constexpr int of_process_and_children = 2;
  const origin_process origin(many.latency_ms, many.bytes, harness::allowed_cpus().back());
  EXPECT_EQ(looks_for_a_batch<fiber>(origin), 2 * of_process_and_children);
  EXPECT_EQ(looks_for_a_batch<coroutine>(origin), 2 * of_process_and_children);
}

TEST(fetch_connected, LooksAtEachTaskOfTheKernelsByItself) {
  const origin_process origin(many.latency_ms, many.bytes, harness::allowed_cpus().back());
  EXPECT_GE(looks_for_a_batch<thread>(origin), 2 * many.urls);
}

}  // namespace
}  // namespace switchyard::fetching
