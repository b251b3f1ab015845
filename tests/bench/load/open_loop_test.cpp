// The open loop: messages go out when they are due, whatever the server does, and nothing that a
// slow server causes is left out of the latency.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/load/generator.hpp"

namespace switchyard::load {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::steady_clock;

std::vector<double> times_of(const send_schedule::plan& plan, int count) {
  const steady_clock::time_point begin{};
  send_schedule schedule(plan, begin);
  std::vector<double> times;
  for (int i = 0; i < count; ++i, schedule.advance()) {
    times.push_back(duration<double>(schedule.next() - begin).count());
  }
  return times;
}

TEST(send_schedule, AConstantRateHasEqualGaps) {
  const auto times = times_of({.rate = 8'000}, 10'001);
  EXPECT_EQ(times[0], 0);
  EXPECT_NEAR(times[1], 125e-6, 2e-9);
  EXPECT_NEAR(times[10'000], 1.25, 2e-9) << "rounding errors have summed up";
}

TEST(send_schedule, APoissonProcessHasItsMeanAndItsSpread) {
  constexpr int count = 100'000;
  const auto times =
      times_of({.rate = 1'000, .how = send_schedule::kind::poisson, .seed = 7}, count);
  double sum = 0;
  double squares = 0;
  for (int i = 1; i < count; ++i) {
    const double gap = times[static_cast<std::size_t>(i)] - times[static_cast<std::size_t>(i - 1)];
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / (count - 1);
  EXPECT_NEAR(mean, 1e-3, 2e-5);
  EXPECT_NEAR(squares / (count - 1) - mean * mean, 1e-6, 1e-7) << "exponential: variance is mean^2";
  EXPECT_EQ(times,
            times_of({.rate = 1'000, .how = send_schedule::kind::poisson, .seed = 7}, count));
  EXPECT_NE(times,
            times_of({.rate = 1'000, .how = send_schedule::kind::poisson, .seed = 8}, count));
}

/// Our echo server as a program of its own, so that it can be stopped.
class stoppable_server {
 public:
  stoppable_server()
      : server_(harness::program_beside("echo_server"),
                {"--runtime", "fiber", "--port", "0", "--parent", std::to_string(::getpid())}),
        where_(boost::asio::ip::make_address("127.0.0.1"),
               static_cast<std::uint16_t>(harness::announced_port(server_))) {}
  ~stoppable_server() { go_on(); }

  void pause() const { ::kill(server_.pid(), SIGSTOP); }
  void go_on() const { ::kill(server_.pid(), SIGCONT); }

  [[nodiscard]] load::options options(std::size_t connections) const {
    return {.target = where_, .connections = connections};
  }

 private:
  harness::child_process server_;
  boost::asio::ip::tcp::endpoint where_;
};

TEST(open_loop, KeepsItsRate) {
  const stoppable_server server;
  load::generator generator(server.options(32));
  generator.connect();
  for (const auto how : {send_schedule::kind::constant, send_schedule::kind::poisson}) {
    const auto result = generator.run_at({.rate = 2'000, .how = how}, 1s);
    EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
    // Poisson: 2,000 with a standard deviation of 45.
    EXPECT_NEAR(static_cast<double>(result.due), 2'000,
                how == send_schedule::kind::constant ? 1 : 230);
    EXPECT_EQ(result.latency.count(), result.due) << "each message counts once";
    EXPECT_EQ(result.service.count() + result.unsent, result.due);
    EXPECT_LE(result.most_busy, 32U);
  }
}

/// Has the kernel refuse epoll_pwait2 to this thread with `error`, as an old one or a sandbox does.
bool refuse_pwait2(int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(open_loop, KeepsItsRateAndSleepsWhereTheKernelHasNoPreciseWait) {
  const stoppable_server server;
  for (const int error : {ENOSYS, EPERM}) {
    bool refused = false;
    load::run_result result;
    std::thread generating([&] {
      refused = refuse_pwait2(error);
      load::generator generator(server.options(4));
      generator.connect();
      result = generator.run_at({.rate = 100}, 500ms);
    });
    generating.join();
    if (!refused) GTEST_SKIP() << "no filter can be set here";
    EXPECT_EQ(result.service.count(), 50U) << strerror(error) << ": " << result.errors.first;
    EXPECT_LT(result.cpu_percent(), 50) << strerror(error) << ": it spins";
  }
}

std::uint64_t count_above(const histogram& h, std::chrono::nanoseconds value) {
  std::uint64_t above = 0;
  h.for_each_bucket([&](std::uint64_t lowest, std::uint64_t, std::uint64_t count) {
    if (lowest >= static_cast<std::uint64_t>(value.count())) above += count;
  });
  return above;
}

// What a closed loop, or a clock started at the sending, hides: while the server stands still few
// messages are under way, but all that would have been sent in that second are late.
TEST(open_loop, AServerThatStopsForASecondShowsThatSecond) {
  const stoppable_server server;
  load::generator generator(server.options(16));
  generator.connect();
  std::thread interruption([&] {
    std::this_thread::sleep_for(1s);
    server.pause();
    std::this_thread::sleep_for(1s);
    server.go_on();
  });
  const auto result = generator.run_at({.rate = 1'000}, 4s);
  interruption.join();
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  // Half of the thousand messages that were due in that second waited for 0.5 s or more. By the
  // other clock the 16 that were under way are slow; a machine that stalls by itself adds as many.
  const auto late = count_above(result.latency, 500ms);
  const auto slow = count_above(result.service, 500ms);
  EXPECT_GE(late, 450U);
  EXPECT_GE(slow, 1U);
  EXPECT_LT(5 * slow, late);
  EXPECT_GT(result.latency.value_at(0.95), 0.4e9) << "an eighth of all messages";
  EXPECT_GT(static_cast<double>(result.latency.max()), 0.9e9);
}

TEST(open_loop, WhatCannotBeSentIsCounted) {
  const stoppable_server server;
  auto options = server.options(4);
  options.reply_patience = 10s;
  load::generator generator(options);
  generator.connect();
  EXPECT_EQ(generator.greet().errors.total(), 0U);
  server.pause();
  std::thread later([&] {
    std::this_thread::sleep_for(3s);
    server.go_on();
  });
  const auto result = generator.run_at({.rate = 1'000}, 1s);
  later.join();
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  EXPECT_EQ(result.due, 1'000U);
  EXPECT_EQ(result.most_busy, 4U) << "no more under way than there are connections";
  EXPECT_EQ(result.unsent, 996U);
  EXPECT_EQ(result.requests, 0U);
  EXPECT_EQ(result.latency.count(), 1'000U) << "those that were never sent count with their wait";
}

TEST(active_connections, OnlyThatManyAreBusyAndTheOthersStayOpen) {
  const stoppable_server server;
  auto options = server.options(50);
  options.active = 5;
  load::generator generator(options);
  generator.connect();
  const auto hello = generator.greet();
  EXPECT_EQ(hello.requests, 50U) << hello.errors.first;
  const auto result = generator.run_requests(1'000);
  EXPECT_EQ(result.requests, 1'000U);
  EXPECT_LE(result.latency.count(), 1'004U) << "more than five were under way at the end";
  EXPECT_EQ(generator.open_connections(), 50U);
  options.active = 51;
  EXPECT_THROW(load::generator{options}, std::invalid_argument);
}

std::chrono::nanoseconds unread_after(connection_set& connections, std::chrono::milliseconds away) {
  connections.send_next(0);
  std::this_thread::sleep_for(away);
  std::span<const connection_set::reply> replies;
  while (replies.empty() && connections.waiting() > 0) replies = connections.take_replies(10ms);
  EXPECT_EQ(replies.size(), 1U);
  return replies.empty() ? 0ns : std::chrono::nanoseconds(replies[0].when - replies[0].since);
}

TEST(open_loop, AReplyThatLayUnreadIsTheGeneratorsOwnLatencyAndOneItWaitedForIsNot) {
  const stoppable_server server;
  connection_set connections(server.options(1));
  connections.open_all();
  EXPECT_GE(unread_after(connections, 200ms), 150ms);
  server.pause();
  std::thread later([&] {
    std::this_thread::sleep_for(400ms);
    server.go_on();
  });
  EXPECT_LT(unread_after(connections, 0ms), 200ms);
  later.join();
}

}  // namespace
}  // namespace switchyard::load
