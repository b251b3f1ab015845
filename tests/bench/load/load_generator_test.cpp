// The load generator against servers that misbehave: each wrong answer is an error of its kind, and
// nothing hangs. The servers here are threads of the test with blocking sockets.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/generator.hpp"
#include "runtimes/support/blocking_runtime.hpp"
#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard::load {
namespace {

using namespace std::chrono_literals;

/// Gets the bytes of one read and answers on the stream; false ends the connection.
using answer = std::function<bool(blocking_stream&, const std::string&)>;

bool send_all(blocking_stream& peer, const std::string& bytes) {
  error_code ec;
  for (std::size_t sent = 0; sent < bytes.size() && !ec;) {
    sent += peer.write_some(boost::asio::buffer(bytes.data() + sent, bytes.size() - sent), ec);
  }
  return !ec;
}

bool echo(blocking_stream& peer, const std::string& bytes) { return send_all(peer, bytes); }

/// One thread for each connection, ended with the server.
class test_server {
 public:
  explicit test_server(answer how)
      : how_(std::move(how)), listener_(endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {
    acceptor_ = std::thread([this] {
      accept_until_stopped(listener_, stop_, [this](blocking_stream peer) {
        peers_.push_back(std::move(peer));
        sessions_.emplace_back([this, &mine = peers_.back()] { serve(mine); });
      });
    });
  }
  ~test_server() {
    stop_.request();
    acceptor_.join();
    for (auto& peer : peers_) ::shutdown(peer.native_handle(), SHUT_RDWR);
    for (auto& session : sessions_) session.join();
  }

  [[nodiscard]] endpoint where() const { return listener_.local_endpoint(); }

 private:
  void serve(blocking_stream& peer) {
    std::string buffer(64 * 1024, '\0');
    for (;;) {
      error_code ec;
      const auto got = peer.read_some(boost::asio::buffer(buffer), ec);
      if (ec || !how_(peer, buffer.substr(0, got))) break;
    }
    ::shutdown(peer.native_handle(), SHUT_RDWR);
  }

  answer how_;
  blocking_listener listener_;
  stop_source stop_;
  std::list<blocking_stream> peers_;
  std::list<std::thread> sessions_;
  std::thread acceptor_;
};

load::options load_on(const test_server& server, std::size_t connections, std::size_t bytes = 64) {
  return {.target = server.where(),
          .connections = connections,
          .bytes = bytes,
          .reply_patience = 500ms};
}

load::run_result load(const test_server& server, const load::options& options,
                      std::uint64_t requests) {
  (void)server;
  load::generator generator(options);
  generator.connect();
  return generator.run_requests(requests);
}

std::uint64_t errors_of(const load::run_result& result, const std::string& kind) {
  const auto found = result.errors.by_kind.find(kind);
  return found == result.errors.by_kind.end() ? 0 : found->second;
}

TEST(load_generator, CountsExactlyWhatWasAsked) {
  const test_server server(echo);
  const auto result = load(server, load_on(server, 5), 1'000);
  EXPECT_EQ(result.requests, 1'000U);
  EXPECT_GE(result.latency.count(), 1'000U);
  EXPECT_LE(result.latency.count(), 1'004U) << "and at most the four others under way at the end";
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  EXPECT_GT(result.seconds, 0);
  EXPECT_GT(result.cpu_s, 0);
}

TEST(load_generator, KeepsItsConnectionsForTheNextRun) {
  const test_server server(echo);
  load::generator generator(load_on(server, 3));
  generator.connect();
  for (const std::uint64_t count : {1U, 2U, 300U}) {
    const auto result = generator.run_requests(count);
    EXPECT_EQ(result.requests, count);
    EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  }
  EXPECT_EQ(generator.open_connections(), 3U);
}

TEST(load_generator, MessagesOfAllSizesArriveThroughPartialSends) {
  const test_server server(echo);
  for (const std::size_t bytes : {1U, 7U, 16U, 17U, 65'536U, 3'000'000U}) {
    const auto result = load(server, load_on(server, 2, bytes), 6);
    EXPECT_EQ(result.requests, 6U) << bytes;
    EXPECT_EQ(result.errors.total(), 0U) << bytes << ": " << result.errors.first;
  }
}

TEST(load_generator, RepliesInPiecesAreOneReply) {
  const test_server server([](blocking_stream& peer, const std::string& bytes) {
    for (const char byte : bytes) {
      if (!send_all(peer, std::string(1, byte))) return false;
    }
    return true;
  });
  const auto result = load(server, load_on(server, 2), 20);
  EXPECT_EQ(result.requests, 20U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
}

TEST(load_generator, AWrongByteAnywhereIsAnError) {
  for (const std::size_t at : {0U, 15U, 16U, 63U}) {
    const test_server server([at](blocking_stream& peer, const std::string& sent) {
      std::string bytes = sent;
      bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
      return send_all(peer, bytes);
    });
    const auto result = load(server, load_on(server, 1), 10);
    EXPECT_EQ(errors_of(result, "wrong_reply"), 1U) << "byte " << at;
    EXPECT_NE(result.errors.first.find("byte " + std::to_string(at)), std::string::npos)
        << result.errors.first;
    EXPECT_EQ(result.requests, 0U);
  }
}

TEST(load_generator, AnOldReplyIsAnError) {
  const test_server server(
      [first = std::string()](blocking_stream& peer, const std::string& bytes) mutable {
        if (first.empty()) first = bytes;
        return send_all(peer, first);
      });
  const auto result = load(server, load_on(server, 1), 10);
  EXPECT_EQ(result.requests, 1U);
  EXPECT_EQ(errors_of(result, "wrong_reply"), 1U);
}

TEST(load_generator, TheReplyToAnotherConnectionIsAnError) {
  // Both connections send their first message; each is answered with the other's.
  std::mutex mutex;
  std::vector<std::pair<int, std::string>> waiting;
  const test_server server([&](blocking_stream& peer, const std::string& bytes) {
    const std::lock_guard lock(mutex);
    waiting.emplace_back(peer.native_handle(), bytes);
    if (waiting.size() == 2) {
      ::send(waiting[0].first, waiting[1].second.data(), waiting[1].second.size(), MSG_NOSIGNAL);
      ::send(waiting[1].first, waiting[0].second.data(), waiting[0].second.size(), MSG_NOSIGNAL);
    }
    return true;
  });
  const auto result = load(server, load_on(server, 2), 10);
  EXPECT_EQ(errors_of(result, "wrong_reply"), 2U);
}

TEST(load_generator, MoreThanWasSentIsAnError) {
  const test_server server([](blocking_stream& peer, const std::string& bytes) {
    return send_all(peer, bytes + "more");
  });
  const auto result = load(server, load_on(server, 1), 10);
  EXPECT_EQ(errors_of(result, "wrong_reply"), 1U) << result.errors.first;
}

TEST(load_generator, AClosedConnectionIsAnError) {
  const test_server server([](blocking_stream&, const std::string&) { return false; });
  const auto result = load(server, load_on(server, 3), 10);
  EXPECT_EQ(errors_of(result, "closed") + errors_of(result, "reset"), 3U);
  EXPECT_EQ(result.requests, 0U);
}

TEST(load_generator, HalfAReplyAndTheEndIsAnError) {
  const test_server server([](blocking_stream& peer, const std::string& bytes) {
    send_all(peer, bytes.substr(0, bytes.size() / 2));
    return false;
  });
  const auto result = load(server, load_on(server, 1), 10);
  EXPECT_EQ(result.errors.total(), 1U);
  EXPECT_EQ(errors_of(result, "unanswered"), 0U) << "it waited instead of looking";
}

TEST(load_generator, NoReplyAtAllIsAnErrorAndNotAHang) {
  const test_server server([](blocking_stream&, const std::string&) { return true; });
  const auto result = load(server, load_on(server, 4), 10);
  EXPECT_EQ(errors_of(result, "unanswered"), 4U);
}

/// Never answers the connection that comes first. One thread serves one connection.
answer echo_to_all_but_one(std::atomic<bool>& first) {
  return [&first](blocking_stream& peer, const std::string& bytes) {
    thread_local bool ignored = false;
    if (first.exchange(false)) ignored = true;
    return ignored || send_all(peer, bytes);
  };
}

TEST(load_generator, OneConnectionThatIsNeverAnsweredIsAnError) {
  std::atomic<bool> first = true;
  const test_server server(echo_to_all_but_one(first));
  const auto result = load(server, load_on(server, 4), 500);
  EXPECT_EQ(result.requests, 500U);
  EXPECT_EQ(errors_of(result, "unanswered"), 1U);
}

TEST(load_generator, AQuietConnectionIsNoticedWhileTheOthersAreBusy) {
  std::atomic<bool> first = true;
  const test_server server(echo_to_all_but_one(first));
  auto options = load_on(server, 4);
  options.stop_at_first_error = true;
  load::generator generator(options);
  generator.connect();
  const auto result = generator.run_for(60s);
  EXPECT_EQ(errors_of(result, "unanswered"), 1U);
  EXPECT_LT(result.seconds, 30) << "it went on after the error";
}

TEST(load_generator, ALargeReplyThatKeepsComingIsNotGivenUp) {
  // Three times the patience in all, but never that long without a byte.
  const test_server server([](blocking_stream& peer, const std::string& bytes) {
    for (const char byte : bytes.substr(0, 15)) {
      if (!send_all(peer, std::string(1, byte))) return false;
      std::this_thread::sleep_for(100ms);
    }
    return send_all(peer, bytes.substr(15));
  });
  const auto result = load(server, load_on(server, 1), 1);
  EXPECT_EQ(result.requests, 1U) << result.errors.first;
}

TEST(load_generator, ARefusedConnectionNamesTheAddress) {
  endpoint nobody;
  {
    const test_server server(echo);
    nobody = server.where();
  }
  load::generator generator({.target = nobody, .connections = 1});
  try {
    generator.connect();
    ADD_FAILURE();
  } catch (const std::system_error& refused) {
    EXPECT_EQ(refused.code(), std::errc::connection_refused);
    EXPECT_NE(std::string(refused.what()).find(describe(nobody)), std::string::npos);
  }
}

TEST(load_generator, AStopEndsTheRunEarly) {
  const test_server server(echo);
  stop_source stop;
  auto options = load_on(server, 2);
  options.stop = &stop;
  load::generator generator(options);
  generator.connect();
  std::thread stopper([&] {
    std::this_thread::sleep_for(100ms);
    stop.request();
  });
  const auto result = generator.run_for(60s);
  stopper.join();
  EXPECT_LT(result.seconds, 30);
  EXPECT_GT(result.requests, 0U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
}

}  // namespace
}  // namespace switchyard::load
