// http_origin with very many clients, with bad ones, and at its end.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "bench/harness/limits.hpp"
#include "bench/harness/usage.hpp"
#include "bench/programs/http/http_body.hpp"
#include "tests/support/origin_client.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using harness::child_process;

/// Clients that have all been accepted and have had an answer.
std::vector<origin_client> connected_clients(const running_origin& server, std::size_t count) {
  std::vector<origin_client> clients;
  clients.reserve(count);
  while (clients.size() < count) {
    clients.push_back(server.client());
    if (clients.size() % 1000 == 0) clients.back().ask(get("/?bytes=0"));  // the backlog is finite
  }
  return clients;
}

TEST(http_origin_load, TenThousandRequestsWaitAtOnceAndCheaply) {
  constexpr std::size_t count = 10'000;
  constexpr double most_bytes_per_request = 40.0 * 1024;
  try {
    harness::require_open_files(count + 100);
  } catch (const limit_error& limit) {
    GTEST_SKIP() << limit.what();
  }
  running_origin server;
  const double before = harness::tree_pss_bytes(server.program().pid());
  auto clients = connected_clients(server, count);
  auto probe = server.client();

  // On a slow machine the first ones are due before the last one is sent: then once more, longer.
  for (const auto latency : {2s, 10s, 25s}) {
    const auto begin = clock::now();
    const auto text =
        get("/?bytes=100&latency_ms=" + std::to_string(std::chrono::milliseconds(latency).count()));
    for (auto& client : clients) ASSERT_FALSE(client.send(text));
    probe.ask(get("/"));  // answered after all of them were read
    const double grown = harness::tree_pss_bytes(server.program().pid()) - before;
    const bool all_waited = clock::now() - begin < latency;
    for (auto& client : clients) {
      const auto response = client.receive();
      ASSERT_EQ(response.body().size(), 100U) << response.body();
      ASSERT_TRUE(is_http_body(response.body()));
    }
    EXPECT_GE(clock::now() - begin, latency);
    EXPECT_LT(grown / count, most_bytes_per_request);
    RecordProperty("bytes_per_request", static_cast<int>(grown / count));
    if (all_waited) break;
    ASSERT_LT(latency, 25s) << "the requests never waited all at once";
  }
  for (auto& client : clients) client.reset();
}

TEST(http_origin_load, SigtermEndsItInTheMiddleOfEverything) {
  running_origin server;
  auto idle = server.client();
  EXPECT_EQ(idle.ask(get("/?bytes=7")).body().size(), 7U);
  auto waits = connected_clients(server, 50);
  for (auto& client : waits) client.send(get("/?latency_ms=600000"));
  auto never_reads = server.client();
  never_reads.send(get("/?bytes=1000000000"));
  auto half = server.client();
  half.send("GET / HT");
  auto last = server.client();  // accepted after all the others
  EXPECT_EQ(last.ask(get("/?bytes=8")).body().size(), 8U);
  const auto begin = clock::now();
  EXPECT_EQ(server.totals(), "served 2 requests on 54 connections, 15 body bytes, 0 bad requests");
  EXPECT_LT(clock::now() - begin, 15s);
  EXPECT_TRUE(idle.is_ended());
}

TEST(http_origin_load, SigintEndsItTooAndThePortIsFree) {
  running_origin server;
  EXPECT_EQ(server.fetch("/?close=1").result_int(), 200U);
  ::kill(server.program().pid(), SIGINT);
  EXPECT_EQ(server.program().how_it_ended(20s), "exited with code 0");
  EXPECT_NO_THROW(open_listener(server.where()));
}

TEST(http_origin_load, ClientsThatVanishHarmNobodyElse) {
  const running_origin server;
  for (int i = 0; i < 20; ++i) {
    auto vanishes = server.client();
    vanishes.send(i % 2 == 0 ? get("/?latency_ms=50") : get("/?bytes=100000000"));
    vanishes.reset();
    auto leaves = server.client();
    leaves.send("GET / HTTP/1.1\r\nHo");
  }
  EXPECT_EQ(server.fetch("/?latency_ms=100").result_int(), 200U);
}

TEST(http_origin_load, AClientThatNeverReadsHarmsNobodyElse) {
  const running_origin server;
  auto never_reads = server.client();
  never_reads.send(get("/?bytes=1000000000"));
  auto client = server.client();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.ask(get("/")).body().size(), 1024U);
}

TEST(http_origin_load, EndsConnectionsThatAskNothingOrNeverFinishAsking) {
  const running_origin server({"--idle-timeout", "500ms", "--request-timeout", "300ms"});
  auto silent = server.client();
  auto half = server.client();
  half.send("GET / HTTP/1.1\r\n");
  auto done = server.client();
  EXPECT_EQ(done.ask(get("/")).result_int(), 200U);
  auto waits = server.client();
  waits.send(get("/?latency_ms=3000"));
  EXPECT_TRUE(silent.is_ended());
  EXPECT_TRUE(half.is_ended());
  EXPECT_TRUE(done.is_ended());
  EXPECT_EQ(waits.receive().result_int(), 200U) << "who waits for an answer is not idle";
}

TEST(http_origin_load, ASlowRequestIsEndedHoweverOftenAByteComes) {
  const running_origin server({"--request-timeout", "500ms"});
  auto client = server.client();
  const auto begin = clock::now();
  while (!client.send("x") && clock::now() - begin < 30s) std::this_thread::sleep_for(50ms);
  EXPECT_LT(clock::now() - begin, 30s);
}

TEST(http_origin_load, EndsAConnectionThatTakesNothing) {
  running_origin server({"--idle-timeout", "500ms"});
  auto never_reads = server.client();
  never_reads.send(get("/?bytes=1000000000"));
  // What the kernel had taken is still read; then the connection is found to have ended early.
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(never_reads.receive().result_int(), 0U);
  EXPECT_EQ(server.totals(), "served 0 requests on 1 connections, 0 body bytes, 0 bad requests");
}

TEST(http_origin_load, WithoutADescriptorClientsWaitAndItDoesNotSpin) {
  child_process shell(
      "/bin/sh", {"-c", "ulimit -n 40; exec " + harness::program_beside("http_origin").string() +
                            " --port 0 --parent $PPID"});
  const endpoint where(boost::asio::ip::make_address("127.0.0.1"),
                       static_cast<std::uint16_t>(harness::announced_port(shell)));
  std::vector<origin_client> clients;
  for (int i = 0; i < 60; ++i) {
    clients.emplace_back(where);
    clients.back().send(get("/?bytes=3"));
  }
  EXPECT_EQ(clients.front().receive().body().size(), 3U);
  const double before = harness::usage_of_tree(shell.pid()).cpu_s;
  std::this_thread::sleep_for(1s);
  EXPECT_LT(harness::usage_of_tree(shell.pid()).cpu_s - before, 0.1);
  clients.front().reset();
  for (std::size_t i = 1; i < clients.size(); ++i) {  // each that ends makes room for the next
    EXPECT_EQ(clients[i].receive().body().size(), 3U);
    clients[i].reset();
  }
  ::kill(shell.pid(), SIGTERM);
  EXPECT_EQ(shell.how_it_ended(20s), "exited with code 0");
  EXPECT_EQ(shell.read_line(20s),
            "served 60 requests on 60 connections, 180 body bytes, 0 bad requests; limit met: Too "
            "many open files");
}

TEST(http_origin_load, IdleConnectionsCostNoCpu) {
  running_origin server;
  auto idle = connected_clients(server, 1000);
  const double before = harness::usage_of_tree(server.program().pid()).cpu_s;
  std::this_thread::sleep_for(2s);
  EXPECT_LT(harness::usage_of_tree(server.program().pid()).cpu_s - before, 0.02) << "1 % of a core";
  for (auto& client : idle) client.reset();
}

TEST(http_origin_load, BadArgumentsAreOneLineAndExitCodeTwo) {
  const std::vector<std::vector<std::string>> cases{
      {"--bytes", "1073741825"}, {"--bytes", "-1"}, {"--latency-ms", "600001"},
      {"--port", "65536"},       {"--cpus", "x"},   {"--idle-timeout", "5 parsecs"},
      {"--no-such-option"},      {"surplus"}};
  for (const auto& arguments : cases) {
    child_process program(harness::program_beside("http_origin"), arguments,
                          harness::errors::into_output);
    EXPECT_EQ(program.how_it_ended(20s), "exited with code 2") << arguments.front();
    const auto said = program.rest_of_output();
    EXPECT_TRUE(said.starts_with("http_origin: error: ")) << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  }
}

}  // namespace
}  // namespace switchyard
