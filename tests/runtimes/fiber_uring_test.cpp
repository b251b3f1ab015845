// What fibers over io_uring could do wrong and those over Asio could not: completions that come
// late, buffers that all share, a ring that a forked child sees as well.
#include "runtimes/fiber_uring.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fiber_pair.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using pair_of_streams = connected<fiber_uring>;

template <class R>
class Uring : public ::testing::Test {};
// So that the name says what it needs.
TYPED_TEST_SUITE(Uring, ::testing::Types<fiber_uring>, runtime_name);

std::string carried(uring_stream& from, uring_stream& to, const std::string& text) {
  from.write_some(boost::asio::buffer(text));
  std::string got(text.size() + 1, '?');
  got.resize(to.read_some(boost::asio::buffer(got)));
  return got;
}

// The kernel has received for the old stream what it has not read, and has more to tell of it, as
// the new one gets its descriptor and its place.
TYPED_TEST(Uring, WhatComesForAClosedStreamReachesNoOther) {
  TypeParam rt;
  rt.run([&] {
    for (int i = 0; i < 200; ++i) {
      auto old = connect_pair(rt);
      EXPECT_EQ(carried(old.client, old.server, "first"), "first");
      ::send(old.client.native_handle(), "late", 4, MSG_NOSIGNAL);
      if (i % 2 == 0) rt.yield();
      old.server = uring_stream();
      ::send(old.client.native_handle(), "later", 5, MSG_NOSIGNAL);
      auto next = connect_pair(rt);
      EXPECT_EQ(carried(next.client, next.server, std::to_string(i)), std::to_string(i));
    }
  });
}

// It waits in the ring's queue when its stream is closed, and goes to the kernel when the next one
// has its place.
TYPED_TEST(Uring, AReadThatTimesOutBeforeItBeginsTakesNothingFromTheNextStream) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    error_code ec;
    std::vector<uring_stream> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(rt.connect(listener.local_endpoint(), ec));
    const auto first = listener.accept(ec);
    ::send(clients[2].native_handle(), "hello", 5, MSG_NOSIGNAL);
    rt.sleep_for(5ms);  // the others have been accepted meanwhile
    char bytes[5] = {};
    auto old = listener.accept(ec);
    old.expires_at(clock::now() + 1ms);
    auto busy = rt.spawn([] { std::this_thread::sleep_for(5ms); });  // nobody asks the kernel
    old.read_some(boost::asio::buffer(bytes), ec);
    ASSERT_EQ(ec, boost::asio::error::timed_out);
    old = uring_stream();
    auto next = listener.accept(ec);
    next.expires_at(clock::now() + 1s);
    EXPECT_EQ(next.read_some(boost::asio::buffer(bytes), ec), 5U) << ec.message();
    busy.join();
  });
}

TYPED_TEST(Uring, AStreamThatIsClosedEndsForItsPeer) {
  TypeParam rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    EXPECT_EQ(carried(pair.client, pair.server, "x"), "x");
    pair.server = uring_stream();
    char byte = 0;
    error_code ec;
    pair.client.expires_at(clock::now() + 10s);
    EXPECT_EQ(pair.client.read_some(boost::asio::buffer(&byte, 1), ec), 0U);
    EXPECT_EQ(ec, boost::asio::error::eof) << ec.message();
  });
}

TYPED_TEST(Uring, AListenerThatIsClosedEndsTheAcceptThatWaitsOnIt) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    auto waiting = rt.spawn([&] {
      error_code ec;
      const auto none = listener.accept(ec);
      return ec == boost::asio::error::operation_aborted;
    });
    rt.sleep_for(5ms);
    listener.close();
    EXPECT_TRUE(waiting.join());
    error_code ec;
    const auto none = listener.accept(ec);
    EXPECT_TRUE(ec);
  });
}

class listener_at_a_limit : public uring_listener {
 public:
  using uring_listener::uring_listener;
  static uring_stream accept(error_code&) { throw limit_error("no room for a connection"); }
};

struct io_at_a_limit : uring_fiber_io {
  using listener = listener_at_a_limit;
  listener listen(const listen_address& at) { return {*this, at}; }
};

// The fiber that waits for a stop has to end as well.
TYPED_TEST(Uring, AnAcceptThatThrowsEndsTheServer) {
  fiber_runtime<io_at_a_limit> rt;
  stop_source stop;
  const auto serve = [&] {
    auto listener = rt.listen(any_port);
    return rt.serve(listener, stop, [](uring_stream&) {});
  };
  EXPECT_THROW(rt.run(serve), limit_error);
}

// Each byte that is sent alone takes a buffer. Together these connections would hold more than
// there are, so that nobody else could receive.
TYPED_TEST(Uring, ThoseThatDoNotReadKeepNobodyFromReading) {
  constexpr std::size_t idle = 300;
  constexpr int bytes = 20;
  TypeParam rt;
  rt.run([&] {
    std::vector<pair_of_streams> pairs;
    for (std::size_t i = 0; i < idle; ++i) {
      pairs.push_back(connect_pair(rt));
      ASSERT_EQ(carried(pairs[i].client, pairs[i].server, "0"), "0");
    }
    for (int n = 1; n <= bytes; ++n) {
      for (auto& pair : pairs) {
        const char byte = static_cast<char>('0' + n);
        ASSERT_EQ(::send(pair.client.native_handle(), &byte, 1, MSG_NOSIGNAL), 1);
      }
      rt.sleep_for(1ms);
    }
    auto fresh = connect_pair(rt);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(carried(fresh.client, fresh.server, "hello"), "hello");
    for (auto& pair : pairs) {
      for (int n = 1; n <= bytes; ++n) {
        char byte = 0;
        ASSERT_EQ(pair.server.read_some(boost::asio::buffer(&byte, 1)), 1U);
        ASSERT_EQ(byte, static_cast<char>('0' + n));
      }
    }
  });
}

TYPED_TEST(Uring, AForkedChildLeavesTheRingAlone) {
  TypeParam rt;
  rt.run([&] {
    auto pair = connect_pair(rt);
    EXPECT_EQ(carried(pair.client, pair.server, "before"), "before");
    const pid_t child = ::fork();
    if (child == 0) {
      error_code ec;
      char byte = 0;
      pair.server.read_some(boost::asio::buffer(&byte, 1), ec);
      const bool refused = ec == boost::asio::error::operation_not_supported;
      pair.server = uring_stream();
      rt.sleep_for(1ms);
      TypeParam own;  // and can have its own
      const bool works = own.run([&] {
        auto inner = connect_pair(own);
        return carried(inner.client, inner.server, "own") == "own";
      });
      ::_exit(refused && works ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(carried(pair.client, pair.server, "after"), "after");
      EXPECT_EQ(carried(pair.server, pair.client, "back"), "back");
    }
  });
}

TYPED_TEST(Uring, ARuntimeMayBeEnteredOnAnotherThread) {
  TypeParam rt;
  const auto once = [&] {
    rt.run([&] {
      auto pair = connect_pair(rt);
      EXPECT_EQ(carried(pair.client, pair.server, "x"), "x");
    });
  };
  once();
  std::thread(once).join();
  once();
}

}  // namespace
}  // namespace switchyard
