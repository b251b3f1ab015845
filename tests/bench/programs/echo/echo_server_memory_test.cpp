// How much an echo server holds for a connection that has been served and waits: what it says, by
// which rows ask for room, and for coroutines 2 KiB at most, as 100,000 of them are promised to
// fit.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/programs/echo/loaded_server.hpp"
#include "bench/programs/echo/servers.hpp"
#include "runtimes/support/sanitizers.hpp"

// The sanitizers' own memory grows with ours.
#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN

namespace switchyard {
namespace {

constexpr std::int64_t connections = 4'000;

/// After each of them has had one message back.
double bytes_of_an_idle_connection(const echo::server& by) {
  echo::loaded_server server({.by = &by, .connections = connections, .active = 1});
  return server.connection_memory().total_bytes() / static_cast<double>(connections);
}

class EchoServerMemory : public ::testing::TestWithParam<std::string> {};

TEST_P(EchoServerMemory, AnIdleConnectionTakesNoMoreThanItSays) {
  const echo::server& by = echo::server_named(GetParam());
  EXPECT_LE(bytes_of_an_idle_connection(by), static_cast<double>(by.idle_connection.memory_bytes));
}

std::vector<std::string> on_one_thread() {
  std::vector<std::string> names;
  for (const echo::server& s : echo::all_servers()) {
    const bool is_ours = s.is != echo::kind::outside;
    if (is_ours && s.concurrent && s.kernel_tasks_per_connection == 0) names.push_back(s.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, EchoServerMemory, ::testing::ValuesIn(on_one_thread()),
                         [](const auto& instance) { return instance.param; });

TEST(echo_server_memory, AnIdleConnectionOfACoroutineTakesTwoKibibytesAtMost) {
  const double each = bytes_of_an_idle_connection(echo::server_named("coroutine"));
  EXPECT_LE(each, 2'048);
  EXPECT_GT(each, 256) << "it takes something";
}

}  // namespace
}  // namespace switchyard

#endif
