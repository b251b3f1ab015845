// The article's crawler prints in the same order on our runtimes, one after another and at once.
// Its echo server and clients: echo_server_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/http_fetch/fetch_batch.hpp"
#include "bench/http_fetch/origin_process.hpp"
#include "runtimes/all.hpp"
#include "tests/support/longer_units.hpp"
#include "tests/support/runtime_types.hpp"
#include "tests/support/shared_log.hpp"

namespace switchyard {
namespace {

using std::chrono::milliseconds;

template <class R>
class ArticleCrawler : public ::testing::Test {};
TYPED_TEST_SUITE(ArticleCrawler, all_test_types, runtime_name);

/// The article's say(url): 1, 2, 3 for "get url", and 10 times that when the body is there. The
/// three URLs take 2, 1 and 3 units to answer.
template <class R>
std::vector<int> lines_of_crawler(const endpoint& origin, milliseconds unit) {
  const shared_log printed;
  R rt;
  rt.run([&] {
    const auto say = [&](int url, int units) {
      return rt.spawn([&rt, &printed, &origin, url, latency = units * unit] {
        printed.add(url);
        const auto request = http_request(describe(origin),
                                          "/?latency_ms=" + std::to_string(latency.count()), false);
        const fetching::fetch_case which{1, latency.count(), 1'000, false};
        fetching::fetcher<R>(rt, origin, request, which).fetch(1);
        printed.add(10 * url);
      });
    };
    auto first = say(1, 2);
    auto second = say(2, 1);
    auto third = say(3, 3);
    first.join();
    second.join();
    third.join();
  });
  return printed.entries();
}

TYPED_TEST(ArticleCrawler, PrintsInTheOrderOfTheAnswers) {
  const fetching::origin_process origin(0, 1'000, harness::first_cpu());
  const auto expected =
      TypeParam::concurrent ? std::vector{1, 2, 3, 20, 10, 30} : std::vector{1, 10, 2, 20, 3, 30};
  std::vector<int> lines;
  try_longer_units([&](milliseconds unit) {
    lines = lines_of_crawler<TypeParam>(origin.where(), unit);
    // The kernel promises no order among tasks that were just spawned.
    if (TypeParam::preemptive) std::sort(lines.begin(), lines.begin() + 3);
    return lines == expected;
  });
  EXPECT_EQ(lines, expected);
}

}  // namespace
}  // namespace switchyard
