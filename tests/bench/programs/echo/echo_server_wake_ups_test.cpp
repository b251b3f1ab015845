// How often the kernel has to wake an echo server, each kind of it: for a batch of messages or for
// each.
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "bench/harness/usage.hpp"
#include "bench/programs/echo/servers.hpp"
#include "tests/support/running_server.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

/// A server's voluntary switches once they rise no more, as all of its tasks sleep.
std::int64_t settled_sleeps(pid_t server) {
  std::int64_t seen = -1;
  for (int tries = 0, quiet = 0; quiet < 5 && tries < 200; ++tries) {
    std::this_thread::sleep_for(50ms);
    const auto now = harness::usage_of_tree(server).voluntary_switches;
    quiet = now == seen ? quiet + 1 : 0;
    seen = now;
  }
  return seen;
}

/// How often a server went to sleep for messages that were all there when it looked.
std::int64_t sleeps_for_a_batch(running_server& server, std::size_t messages) {
  std::vector<blocking_stream> clients;
  while (clients.size() < messages) clients.push_back(server.client());
  for (auto& client : clients) EXPECT_EQ(echoed(client, "hello"), "hello");
  const pid_t pid = server.program().pid();
  settled_sleeps(
      pid);  // a task that was stopped before it slept would not have to sleep for its own
  ::kill(pid, SIGSTOP);
  error_code ec;
  for (auto& client : clients) client.write_some(boost::asio::buffer("x", 1), ec);
  const auto before = settled_sleeps(pid);
  ::kill(pid, SIGCONT);
  char byte = 0;
  for (auto& client : clients) EXPECT_EQ(client.read_some(boost::asio::buffer(&byte, 1), ec), 1U);
  return settled_sleeps(pid) - before;
}

TEST(echo_server_wake_ups, OneKernelTaskWakesUpForABatchAndNotForAMessage) {
  for (const echo::server& s : echo::all_servers()) {
    const bool is_one = s.concurrent && s.kernel_tasks_per_connection == 0;
    if (!is_one || s.is == echo::kind::outside) continue;
    running_server server(s.name);
    EXPECT_LE(sleeps_for_a_batch(server, 64), 10) << s.name;
  }
}

TEST(echo_server_wake_ups, AKernelTaskForEachConnectionSleepsForEachMessage) {
  running_server server("thread");
  const auto sleeps = sleeps_for_a_batch(server, 64);
  EXPECT_GE(sleeps, 64);
  EXPECT_LE(sleeps, 64 + 10);
}

}  // namespace
}  // namespace switchyard
