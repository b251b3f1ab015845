// A load of several threads is one load: what they count adds up, they begin and end together, and
// a fault in one of them is told and ends the others.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/load/generator.hpp"
#include "bench/load/load_thread.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "tests/support/running_server.hpp"

// Each thread has a table of descriptors of its own, so that the same number in two threads is no
// one's to share. The thread sanitizer does not know, and takes their opening and closing for
// races.
extern "C" const char* __tsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "race:switchyard::unique_fd::reset\nrace:switchyard::open_tcp\n";
}

namespace switchyard::load {
namespace {

using namespace std::chrono_literals;

class load_threads : public ::testing::Test {
 protected:
  [[nodiscard]] load::options of(std::size_t threads, std::size_t connections) const {
    return {.target = server.where(), .connections = connections, .threads = threads};
  }

  /// "served 10 connections, echoed 640 bytes, ..."
  std::vector<std::uint64_t> totals() {
    server.program().stop();
    const std::string line = server.program().rest_of_output();
    std::vector<std::uint64_t> numbers;
    for (auto at = line.find_first_of("0123456789"); at != std::string::npos;
         at = line.find_first_of("0123456789", line.find(' ', at))) {
      numbers.push_back(std::stoull(line.substr(at)));
    }
    return numbers;
  }

  running_server server{"thread"};
};

#if !SWITCHYARD_ASAN && !SWITCHYARD_TSAN  // need terabytes of address space
TEST(load_thread, WithoutRoomForItALimitIsNamed) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{1, 1};  // what is there stays
    ::setrlimit(RLIMIT_AS, &none);
    try {
      load_thread one({}, [] {});
    } catch (const limit_error& limit) {
      ::_exit(std::string(limit.what()).starts_with("no further thread") ? 0 : 2);
    }
    ::_exit(1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif

TEST_F(load_threads, CountExactlyWhatWasAsked) {
  load::generator generator(of(3, 7));
  generator.connect();
  std::uint64_t answered = 0;
  for (const std::uint64_t count : {1U, 2U, 500U, 5'000U}) {
    const auto result = generator.run_requests(count);
    EXPECT_EQ(result.requests, count);
    EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
    EXPECT_GE(result.latency.count(), count);
    EXPECT_GT(result.seconds, 0);
    answered += result.latency.count();
  }
  EXPECT_EQ(generator.open_connections(), 7U);
  const auto told = totals();
  EXPECT_EQ(told.at(0), 7U);
  EXPECT_EQ(told.at(1), 64 * answered) << "the threads' counts differ from the server's";
}

TEST_F(load_threads, GreetEveryConnectionAndLeaveTheIdleOnesOpen) {
  auto options = of(4, 50);
  options.active = 6;
  load::generator generator(options);
  generator.connect();
  EXPECT_EQ(generator.greet().requests, 50U);
  const auto result = generator.run_requests(1'000);
  EXPECT_EQ(result.requests, 1'000U);
  EXPECT_LE(result.latency.count(), 1'005U) << "more than six were under way at the end";
  EXPECT_EQ(generator.open_connections(), 50U);
}

TEST_F(load_threads, RenewConnectionsOnEachThread) {
  load::generator generator(of(2, 6));
  generator.connect();
  const auto result = generator.run_connections(300);
  EXPECT_EQ(result.requests, 300U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  EXPECT_EQ(totals().at(0), 6 + result.latency.count());
}

TEST_F(load_threads, ShareOutTheScheduleOfAnOpenLoop) {
  load::generator generator(of(3, 12));
  generator.connect();
  for (const auto how : {send_schedule::kind::constant, send_schedule::kind::poisson}) {
    const auto result = generator.run_at({.rate = 2'000, .how = how}, 1s);
    // Poisson: 2,000 with a standard deviation of 45.
    EXPECT_NEAR(static_cast<double>(result.due), 2'000,
                how == send_schedule::kind::constant ? 1 : 230);
    EXPECT_EQ(result.latency.count(), result.due) << "each message counts once";
    EXPECT_EQ(result.service.count() + result.unsent, result.due);
  }
}

TEST_F(load_threads, OfSeveralProcessesShareAsThoseOfOneDo) {
  std::uint64_t due = 0;
  std::size_t open = 0;
  for (const std::size_t rank : {0U, 1U}) {
    auto options = of(2, 11);
    options.rank = rank;
    options.ranks = 2;
    load::generator generator(options);
    generator.connect();
    open += generator.open_connections();
    EXPECT_EQ(generator.greet().requests, generator.open_connections());
    due += generator.run_at({.rate = 1'001}, 200ms).due;
  }
  EXPECT_EQ(open, 11U);
  EXPECT_EQ(due, 201U) << "a message was nobody's, or that of two";
  auto too_many = of(2, 3);
  too_many.ranks = 2;
  EXPECT_THROW(load::generator{too_many}, std::invalid_argument);
}

TEST_F(load_threads, BeginAtTheAgreedTime) {
  load::generator generator(of(2, 2));
  generator.connect();
  const auto agreed = std::chrono::steady_clock::now() + 100ms;
  generator.begin_next_at(agreed);
  generator.run_requests(10);
  EXPECT_GE(generator.begun(), agreed);
  const auto next = std::chrono::steady_clock::now();
  generator.run_requests(10);
  EXPECT_GE(generator.begun(), next) << "it was agreed on for one run alone";
}

TEST_F(load_threads, EndWithTheLastReplyThatCounts) {
  load::generator generator(of(2, 2));
  generator.connect();
  const auto by_time = generator.run_for(200ms);
  EXPECT_GE(by_time.seconds, 0.2);
  EXPECT_GE(by_time.latency.count(), by_time.requests);
  EXPECT_LE(by_time.latency.count(), by_time.requests + 2) << "more than what was under way";
  EXPECT_GT(by_time.cpu_s, by_time.least_cpu_s);
}

TEST_F(load_threads, BeginWhereTheyAreTold) {
  auto options = of(3, 3);
  std::atomic<int> entered = 0;
  std::atomic<int> sum = 0;
  options.enter_thread = [&](std::size_t number) {
    ++entered;
    sum += static_cast<int>(number);
  };
  load::generator generator(options);
  generator.connect();
  EXPECT_EQ(generator.run_requests(10).requests, 10U);
  EXPECT_EQ(entered, 3);
  EXPECT_EQ(sum, 0 + 1 + 2);
}

TEST_F(load_threads, ThrowWhatOneOfThemThrows) {
  auto options = of(3, 3);
  options.enter_thread = [](std::size_t number) {
    if (number == 1) throw std::runtime_error("thread 1 can't begin");
  };
  EXPECT_THROW(load::generator{options}, std::runtime_error);
  options.enter_thread = {};
  options.target.port(1);
  load::generator generator(options);
  EXPECT_THROW(generator.connect(), std::system_error);
}

TEST_F(load_threads, HaveTheLimitOnOpenFilesEachForItself) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{60, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  load::generator generator(of(3, 120));
  generator.connect();
  EXPECT_EQ(generator.greet().requests, 120U);
  EXPECT_EQ(generator.open_connections(), 120U);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(load_threads, AllEndWithTheFirstError) {
  auto options = of(2, 4);
  options.stop_at_first_error = true;
  load::generator generator(options);
  generator.connect();
  ASSERT_EQ(generator.greet().errors.total(), 0U);
  std::thread later([&] {
    std::this_thread::sleep_for(200ms);
    server.program().stop();
  });
  const auto result = generator.run_for(60s);
  later.join();
  EXPECT_GT(result.errors.total(), 0U);
  EXPECT_FALSE(result.errors.first.empty());
  EXPECT_LT(result.seconds, 30) << "they went on after the error";
}

TEST_F(load_threads, MoreThanThereIsWorkForAreRefused) {
  EXPECT_THROW(load::generator{of(3, 2)}, std::invalid_argument);
  EXPECT_THROW(load::generator{of(0, 2)}, std::invalid_argument);
  auto options = of(3, 10);
  options.active = 2;
  EXPECT_THROW(load::generator{options}, std::invalid_argument);
}

TEST(machine_needs, ArePortsForAllRanksOnTheHostAndFilesForAThread) {
  options wanted{.target = {boost::asio::ip::make_address("192.0.2.1"), 1},
                 .connections = 60'001,
                 .threads = 2,
                 .ranks = 4};
  EXPECT_EQ(needs_of(wanted).ports_of_an_address, 15'001U) << "a host for each";
  const auto files = needs_of(wanted).open_files;
  EXPECT_GE(files, 7'501U);
  wanted.ranks_on_host = 2;
  EXPECT_EQ(needs_of(wanted).ports_of_an_address, 30'002U);
  wanted.ranks_on_host = 4;
  EXPECT_EQ(needs_of(wanted).ports_of_an_address, 60'001U) << "no more than there are connections";
  EXPECT_EQ(needs_of(wanted).open_files, files) << "each thread has its own";
  wanted.target = {boost::asio::ip::make_address("127.0.0.1"), 1};
  EXPECT_EQ(needs_of(wanted).ports_of_an_address, connections_per_address);
}

TEST(send_schedule, PartsMakeUpTheWhole) {
  const std::chrono::steady_clock::time_point begin{};
  const send_schedule::plan plan{.rate = 1'000};
  std::multiset<std::int64_t> parts;
  for (const std::uint64_t number : {0U, 1U, 2U}) {
    send_schedule mine(plan, begin, {.number = number, .of = 3});
    for (int i = 0; i < 100; ++i, mine.advance()) parts.insert((mine.next() - begin).count());
  }
  send_schedule whole(plan, begin);
  for (const auto at : parts) {
    EXPECT_EQ(at, (whole.next() - begin).count());
    whole.advance();
  }
}

TEST(send_schedule, PartsOfAPoissonProcessDiffer) {
  const std::chrono::steady_clock::time_point begin{};
  const send_schedule::plan plan{.rate = 1'000, .how = send_schedule::kind::poisson, .seed = 7};
  std::set<std::int64_t> first;
  double last = 0;
  for (const std::uint64_t number : {0U, 1U}) {
    send_schedule mine(plan, begin, {.number = number, .of = 2});
    first.insert((mine.next() - begin).count());
    for (int i = 0; i < 10'000; ++i) mine.advance();
    last = std::chrono::duration<double>(mine.next() - begin).count();
    EXPECT_NEAR(last, 20, 1) << "half of the rate";
  }
  EXPECT_EQ(first.size(), 2U);
}

}  // namespace
}  // namespace switchyard::load
