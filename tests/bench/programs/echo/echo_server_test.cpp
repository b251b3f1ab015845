// The echo server program, each runtime and each control: what clients of all kinds get, and how it
// ends.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/echo/servers.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/thread.hpp"
#include "tests/support/running_server.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class Which>
std::vector<std::string> names_of(Which which) {
  std::vector<std::string> names;
  for (const echo::server& s : echo::all_servers()) {
    if (which(s)) names.push_back(s.name);
  }
  return names;
}

void reset(blocking_stream& client) {
  const linger at_once{1, 0};
  ::setsockopt(client.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client = blocking_stream();
}

/// Sends until neither side takes more, and never reads.
void clog(const blocking_stream& client) {
  const std::string block(64 * 1024, 'x');
  for (int unmoved = 0; unmoved < 20;) {
    const auto sent =
        ::send(client.native_handle(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    unmoved = sent > 0 ? 0 : unmoved + 1;
    if (sent <= 0) std::this_thread::sleep_for(10ms);
  }
}

bool is_free(const endpoint& where) {
  try {
    const auto fd = open_listener(where);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

class EchoServer : public ::testing::TestWithParam<std::string> {
 protected:
  running_server server{GetParam()};
};

TEST_P(EchoServer, EveryMessageFromOneByteToOneMebibyteArrivesIntact) {
  std::mt19937 random(2026);
  std::vector<std::size_t> sizes{1, 1 << 20};
  for (int i = 0; i < 12; ++i) {
    sizes.push_back(std::uniform_int_distribution<std::size_t>(1, 1 << (4 + i))(random));
  }
  for (const auto bytes : sizes) {
    const auto result = server.load(1, bytes, 3);
    EXPECT_EQ(result.requests, 3U) << bytes << " bytes";
    EXPECT_EQ(result.errors.total(), 0U) << bytes << " bytes: " << result.errors.first;
  }
}

// The article's client: it sends a line when it has the one before it back.
TEST_P(EchoServer, ASingleClientGetsItsLinesBackInOrder) {
  auto client = server.client();
  for (int count = 0; count < 100; ++count) {
    const std::string line = "hello " + std::to_string(count);
    ASSERT_EQ(echoed(client, line), line);
  }
}

TEST_P(EchoServer, AClientThatClosesEarlyOrResetsHarmsNobodyElse) {
  {
    auto leaves = server.client();
    leaves.write_some(boost::asio::buffer("unread", 6));
  }
  auto breaks = server.client();
  breaks.write_some(boost::asio::buffer("unread", 6));
  reset(breaks);
  auto silent = server.client();
  reset(silent);
  auto client = server.client();
  EXPECT_EQ(echoed(client, "still here"), "still here");
}

TEST_P(EchoServer, TheEndOfTheClientsStreamEndsTheConnection) {
  auto client = server.client();
  EXPECT_EQ(echoed(client, "bye"), "bye");
  error_code ec;
  client.shutdown_send(ec);
  char byte = 0;
  EXPECT_EQ(client.read_some(boost::asio::buffer(&byte, 1), ec), 0U);
  EXPECT_EQ(ec, boost::asio::error::eof) << ec.message();
}

// All of it has come, the end included, before the server has its first look; and a part of it is
// exactly as long as what a server reads at once.
TEST_P(EchoServer, WhatCameBeforeTheEndIsEchoedBeforeTheEnd) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{16'384}, std::size_t{100'000}}) {
    auto client = server.client();
    EXPECT_EQ(echoed(client, "there"), "there");
    ::kill(server.program().pid(), SIGSTOP);
    const std::string sent(bytes, 'y');
    error_code ec;
    boost::asio::write(client, boost::asio::buffer(sent), ec);
    client.shutdown_send(ec);
    ::kill(server.program().pid(), SIGCONT);
    std::string got(bytes + 1, ' ');
    got.resize(boost::asio::read(client, boost::asio::buffer(got), ec));
    EXPECT_EQ(got, sent) << bytes << " bytes";
    EXPECT_EQ(ec, boost::asio::error::eof) << ec.message();
  }
}

TEST_P(EchoServer, SigtermEndsItWithExitCodeZeroATotalAndAFreePort) {
  auto client = server.client();
  EXPECT_EQ(echoed(client, "0123456789"), "0123456789");
  ::kill(server.program().pid(), SIGTERM);
  EXPECT_EQ(server.program().how_it_ended(20s), "exited with code 0");
  EXPECT_EQ(server.program().read_line(20s),
            "served 1 connections, echoed 10 bytes, turned away 0");
  EXPECT_TRUE(is_free(server.where()));
}

TEST_P(EchoServer, KilledItLeavesNoProcessAndNoPort) {
  auto client = server.client();
  EXPECT_EQ(echoed(client, "one"), "one");
  ::kill(server.program().pid(), SIGKILL);
  EXPECT_EQ(server.program().how_it_ended(20s), "was killed by signal 9");
  char byte = 0;
  error_code ec;
  client.read_some(boost::asio::buffer(&byte, 1), ec);
  EXPECT_TRUE(ec) << "somebody still serves the connection";
  for (int i = 0; i < 1'000 && !is_free(server.where()); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(is_free(server.where()));
}

TEST_P(EchoServer, IdleConnectionsCostNoCpu) {
  std::vector<blocking_stream> idle;
  const std::size_t connections = echo::server_named(GetParam()).concurrent ? 100 : 1;
  while (idle.size() < connections) idle.push_back(server.client());
  for (auto& client : idle) ASSERT_EQ(echoed(client, "hello"), "hello");
  const auto idle_time = GetParam() == "fiber" ? 5s : 1s;
  const double before = harness::usage_of_tree(server.program().pid()).cpu_s;
  std::this_thread::sleep_for(idle_time);
  const double used = harness::usage_of_tree(server.program().pid()).cpu_s - before;
  EXPECT_LT(used, 0.01 * std::chrono::duration<double>(idle_time).count()) << "1 % of a core";
}

INSTANTIATE_TEST_SUITE_P(All, EchoServer, ::testing::ValuesIn(names_of([](const echo::server& s) {
                           return s.is != echo::kind::outside;
                         })),
                         [](const auto& instance) { return instance.param; });

class ConcurrentEchoServer : public EchoServer {};

TEST_P(ConcurrentEchoServer, TwoHundredClientsAtOnce) {
  const auto result = server.load(200, 64, 4'000);
  EXPECT_EQ(result.requests, 4'000U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
}

TEST_P(ConcurrentEchoServer, AClientThatNeverReadsHarmsNobodyElse) {
  const auto never_reads = server.client();
  clog(never_reads);
  const auto result = server.load(20, 1000, 400);
  EXPECT_EQ(result.requests, 400U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  // And it does not keep the server from ending.
  ::kill(server.program().pid(), SIGTERM);
  EXPECT_EQ(server.program().how_it_ended(20s), "exited with code 0");
}

TEST_P(ConcurrentEchoServer, AServerThatDiesUnderLoadIsAnErrorAndNotAHang) {
  load::generator generator({.target = server.where(), .connections = 16});
  generator.connect();
  std::thread killer([pid = server.program().pid()] {
    std::this_thread::sleep_for(200ms);
    ::kill(pid, SIGKILL);
  });
  const auto begin = clock::now();
  const auto result = generator.run_for(60s);
  killer.join();
  EXPECT_EQ(result.errors.total(), 16U);
  EXPECT_LT(clock::now() - begin, 30s);
}

TEST_P(ConcurrentEchoServer, AServerThatStopsAnsweringIsAnErrorAndNotAHang) {
  load::generator generator(
      {.target = server.where(), .connections = 16, .reply_patience = 1000ms});
  generator.connect();
  std::thread stopper([&, pid = server.program().pid()] {
    std::this_thread::sleep_for(200ms);
    for (const pid_t child : harness::descendants(pid)) ::kill(child, SIGSTOP);
    ::kill(pid, SIGSTOP);
  });
  const auto result = generator.run_for(60s);
  stopper.join();
  EXPECT_EQ(result.errors.by_kind.at("unanswered"), 16U);
}

INSTANTIATE_TEST_SUITE_P(All, ConcurrentEchoServer,
                         ::testing::ValuesIn(names_of([](const echo::server& s) {
                           return s.concurrent && (s.is_model() || s.is == echo::kind::limit);
                         })),
                         [](const auto& instance) { return instance.param; });

// A client that always has more to send and takes all that comes back: it must not keep the server
// to itself.
TEST_P(ConcurrentEchoServer, AClientThatNeverRunsDryKeepsNobodyWaiting) {
  auto greedy = server.client();
  std::atomic<bool> done = false;
  std::thread sender([&] {
    const std::string block(256 * 1024, 'x');
    error_code ec;
    while (!done && !ec) boost::asio::write(greedy, boost::asio::buffer(block), ec);
    greedy.shutdown_send(ec);
  });
  std::thread reader([&] {
    std::string block(256 * 1024, ' ');
    error_code ec;
    while (!ec) greedy.read_some(boost::asio::buffer(block), ec);
  });
  const auto result = server.load(4, 64, 400);
  done = true;
  sender.join();
  reader.join();
  EXPECT_EQ(result.requests, 400U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
}

/// The events that a process watches for with epoll, by descriptor.
std::vector<unsigned long> watched_events(pid_t pid) {
  std::vector<unsigned long> events;
  const auto folder = std::filesystem::path("/proc") / std::to_string(pid) / "fdinfo";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream lines(entry.path());
    for (std::string word; lines >> word;) {
      if (word == "events:" && lines >> word) events.push_back(std::stoul(word, nullptr, 16));
    }
  }
  return events;
}

// Level-triggered the kernel would look at each connection twice.
TEST(epoll_echo_server, IsToldOfEachMessageOnce) {
  running_server server("epoll");
  auto client = server.client();
  EXPECT_EQ(echoed(client, "x"), "x");
  const auto watched = watched_events(server.program().pid());
  EXPECT_EQ(watched.size(), 3U) << "the listener, what stops it, and the client";
  for (const auto events : watched) EXPECT_TRUE(events & EPOLLET) << std::hex << events;
}

// Rows ask for room by these before they open so many: too little would drive others out.
TEST(echo_server, AKernelTaskForEachConnectionCountsAsOne) {
  for (const echo::server& s : echo::all_servers()) {
    if (s.kernel_tasks_per_connection == 0) continue;
    EXPECT_GE(s.idle_connection.memory_bytes, thread::idle_task.memory_bytes) << s.name;
    EXPECT_LE(s.quick_connections, thread::quick_tasks) << s.name;
  }
}

}  // namespace
}  // namespace switchyard
