// What every runtime promises of its sockets, written once and run on each.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/beast/core/stream_traits.hpp>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include "runtimes/all.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

template <class R>
class SocketConformance : public ::testing::Test {};
TYPED_TEST_SUITE(SocketConformance, all_test_types, runtime_name);

static_assert(boost::beast::is_sync_stream<blocking_stream>::value);
static_assert(boost::beast::is_sync_stream<fiber_stream>::value);

const endpoint any_port(boost::asio::ip::make_address("127.0.0.1"), 0);

TYPED_TEST(SocketConformance, AStreamCarriesBytesBothWaysAndThenItsEnd) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    error_code ec;
    auto client = rt.connect(listener.local_endpoint(), ec);
    ASSERT_FALSE(ec) << ec.message();
    auto server = listener.accept(ec);
    ASSERT_FALSE(ec) << ec.message();

    const auto carry = [](auto& from, auto& to, const std::string& text) {
      from.write_some(boost::asio::buffer(text));
      std::string got(text.size(), '?');
      got.resize(to.read_some(boost::asio::buffer(got)));
      return got;
    };
    EXPECT_EQ(carry(client, server, "there"), "there");
    EXPECT_EQ(carry(server, client, "and back"), "and back");

    client.shutdown_send(ec);
    char rest = 0;
    EXPECT_EQ(server.read_some(boost::asio::buffer(&rest, 1), ec), 0U);
    EXPECT_EQ(ec, boost::asio::error::eof);
    EXPECT_THROW(server.read_some(boost::asio::buffer(&rest, 1)), boost::system::system_error);
  });
}

TYPED_TEST(SocketConformance, ARefusedConnectionIsAnErrorCode) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    const auto closed_port = listener.local_endpoint();
    listener.close();
    error_code ec;
    const auto stream = rt.connect(closed_port, ec);
    EXPECT_EQ(ec, boost::asio::error::connection_refused) << ec.message();
  });
}

TYPED_TEST(SocketConformance, AConnectWithoutADescriptorIsAnErrorCode) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    error_code ec;
    const auto stream = rt.connect(listener.local_endpoint(), ec);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(ec, boost::asio::error::no_descriptors) << ec.message();
  });
}

TYPED_TEST(SocketConformance, ATakenPortIsNamed) {
  TypeParam rt;
  rt.run([&] {
    auto first = rt.listen(any_port);
    try {
      const auto second = rt.listen(first.local_endpoint());
      ADD_FAILURE() << "two listeners on one port";
    } catch (const std::system_error& taken) {
      EXPECT_NE(std::string(taken.what()).find(describe(first.local_endpoint())), std::string::npos)
          << taken.what();
    }
  });
}

// Deadlines ---------------------------------------------------------------------------------------

TYPED_TEST(SocketConformance, AReadEndsAtItsDeadline) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    error_code ec;
    const auto deadline = clock::now() + 30ms;
    auto client = rt.connect(listener.local_endpoint(), ec, deadline);
    ASSERT_FALSE(ec) << ec.message();
    auto silent = listener.accept(ec);
    char byte = 0;
    EXPECT_EQ(client.read_some(boost::asio::buffer(&byte, 1), ec), 0U);
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
    EXPECT_GE(clock::now(), deadline);
    // Also when there would be something to read by now, and later again.
    silent.write_some(boost::asio::buffer("x", 1));
    EXPECT_EQ(client.read_some(boost::asio::buffer(&byte, 1), ec), 0U);
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
    client.expires_at(clock::time_point::max());
    EXPECT_EQ(client.read_some(boost::asio::buffer(&byte, 1), ec), 1U) << ec.message();
  });
}

TYPED_TEST(SocketConformance, AWriteToAFullSocketEndsAtItsDeadline) {
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    error_code ec;
    auto client = rt.connect(listener.local_endpoint(), ec, clock::now() + 50ms);
    ASSERT_FALSE(ec) << ec.message();
    const auto reads_nothing = listener.accept(ec);
    const std::vector<char> much(1 << 20);
    std::size_t sent = 0;
    while (!ec) sent += client.write_some(boost::asio::buffer(much), ec);
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
    EXPECT_GT(sent, 0U);
  });
}

// A listener whose queue is full leaves a further connect without an answer.
TYPED_TEST(SocketConformance, AConnectEndsAtItsDeadline) {
  const unique_fd full = open_tcp(any_port);
  ASSERT_EQ(::bind(full.get(), any_port.data(), static_cast<socklen_t>(any_port.size())), 0);
  ASSERT_EQ(::listen(full.get(), 0), 0);
  const auto where = local_endpoint_of(full.get());
  TypeParam rt;
  rt.run([&] {
    std::vector<typename TypeParam::stream> queued;
    error_code ec;
    for (int i = 0; i < 10 && !ec; ++i) {
      queued.push_back(rt.connect(where, ec, clock::now() + 50ms));
    }
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
  });
}

TYPED_TEST(SocketConformance, WaitReadableTellsWhetherItWasInTime) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const unique_fd read_end(ends[0]);
  const unique_fd write_end(ends[1]);
  TypeParam rt;
  rt.run([&] {
    EXPECT_FALSE(rt.wait_readable(read_end.get(), clock::now() + 5ms));
    ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
    EXPECT_TRUE(rt.wait_readable(read_end.get(), clock::now() + 5ms));
    EXPECT_TRUE(rt.wait_readable(read_end.get(), clock::time_point::max()));
  });
}

// The article's server and its clients, all of them tasks of one runtime.
template <class R>
class ConcurrentConformance : public ::testing::Test {};
TYPED_TEST_SUITE(ConcurrentConformance, concurrent_test_types, runtime_name);

TYPED_TEST(ConcurrentConformance, TasksTalkToEachOtherThroughSockets) {
  constexpr int clients = 20;
  TypeParam rt;
  rt.run([&] {
    auto listener = rt.listen(any_port);
    const auto where = listener.local_endpoint();
    const auto start_client = [&](int number) {
      return rt.spawn([&rt, where, number] {
        error_code ec;
        auto stream = rt.connect(where, ec);
        if (ec) throw boost::system::system_error(ec);
        stream.write_some(boost::asio::buffer(&number, sizeof number));
        int answer = 0;
        stream.read_some(boost::asio::buffer(&answer, sizeof answer));
        return answer;
      });
    };
    std::vector<decltype(start_client(0))> started;
    for (int i = 0; i < clients; ++i) started.push_back(start_client(i));
    for (int i = 0; i < clients; ++i) {
      error_code ec;
      auto peer = listener.accept(ec);
      ASSERT_FALSE(ec) << ec.message();
      int number = 0;
      peer.read_some(boost::asio::buffer(&number, sizeof number));
      number += 1000;
      peer.write_some(boost::asio::buffer(&number, sizeof number));
    }
    for (int i = 0; i < clients; ++i) {
      EXPECT_EQ(started[static_cast<std::size_t>(i)].join(), 1000 + i);
    }
  });
}

}  // namespace
}  // namespace switchyard
