// What an echo server leaves of processes: none, however a connection, the server or its parent
// ends.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "tests/support/running_server.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using harness::child_process;

/// Not gone, nor a zombie that waits for its new parent.
bool lives(pid_t pid) {
  std::ifstream command("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text;
  return static_cast<bool>(std::getline(command, text)) && !text.empty();
}

TEST(process_echo_server, LeavesNoZombieBehindAClosedConnection) {
  running_server server("process");
  {
    auto client = server.client();
    EXPECT_EQ(echoed(client, "x"), "x");
  }
  const auto children = [&] { return harness::descendants(server.program().pid()).size(); };
  for (int i = 0; i < 1'000 && children() > 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(children(), 0U);
}

TEST(process_echo_server, ChildrenEndWithAKilledServer) {
  running_server server("process");
  auto client = server.client();
  EXPECT_EQ(echoed(client, "x"), "x");
  const auto children = harness::descendants(server.program().pid());
  ASSERT_EQ(children.size(), 1U);
  ::kill(server.program().pid(), SIGKILL);
  server.program().how_it_ended(20s);
  for (int i = 0; i < 1'000 && lives(children[0]); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(lives(children[0]));
}

TEST(echo_server, EndsWithItsParent) {
  // A shell in between is the parent that dies.
  child_process shell("/bin/sh", {"-c", harness::program_beside("echo_server").string() +
                                            " --port 0 --parent $$ & echo pid $!; wait"});
  const auto first = shell.read_line(20s);
  const auto second = shell.read_line(20s);
  const auto& pid_line = first.starts_with("pid ") ? first : second;
  const auto pid = static_cast<pid_t>(std::stoi(pid_line.substr(4)));
  ::kill(shell.pid(), SIGKILL);
  for (int i = 0; i < 1'000 && lives(pid); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(lives(pid));
}

}  // namespace
}  // namespace switchyard
