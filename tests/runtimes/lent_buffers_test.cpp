// What a read into a buffer of the loop's promises: the bytes are the reader's alone for as long as
// it keeps them, nobody who waits holds a buffer, and it ends as any other read does.
#include "runtimes/support/lent_buffers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/coroutine.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using nothing = coroutine::awaitable<void>;

/// Both ends of a connection.
struct connection {
  coroutine::stream client;
  coroutine::stream server;
};

coroutine::awaitable<connection> connected(coroutine& rt) {
  auto listener = rt.listen(endpoint(boost::asio::ip::make_address("127.0.0.1"), 0));
  error_code ec;
  auto client = co_await rt.connect(listener.local_endpoint(), ec);
  EXPECT_FALSE(ec) << ec.message();
  auto server = co_await listener.accept(ec);
  EXPECT_FALSE(ec) << ec.message();
  co_return connection{std::move(client), std::move(server)};
}

std::string text_of(const lent_bytes& read) {
  return {static_cast<const char*>(read.bytes().data()), read.size()};
}

TEST(lent_buffers, ABufferIsUsedAgainOnceItHasBeenGivenBack) {
  boost::asio::io_context io;
  auto& lender = boost::asio::use_service<buffer_lender>(io);
  auto first = lender.lend();
  const auto second = lender.lend();
  EXPECT_NE(first.get(), second.get());
  const void* const where = first.get();
  first.reset();
  EXPECT_EQ(lender.lend().get(), where);
}

TEST(lent_buffers, WhatIsReadStaysWhileItIsKeptAndOthersRead) {
  coroutine rt;
  rt.run([&]() -> nothing {
    auto one = co_await connected(rt);
    auto other = co_await connected(rt);
    error_code ec;
    co_await one.client.write_some(boost::asio::buffer("first", 5));
    const lent_bytes kept = co_await one.server.read_lent(ec);
    EXPECT_FALSE(ec) << ec.message();
    co_await other.client.write_some(boost::asio::buffer("other", 5));
    const lent_bytes read = co_await other.server.read_lent(ec);
    EXPECT_EQ(text_of(read), "other");
    EXPECT_EQ(text_of(kept), "first");
  });
}

TEST(lent_buffers, ThoseThatReadInTurnShareABuffer) {
  constexpr std::size_t readers = 10;
  std::vector<const void*> seen;
  coroutine rt;
  rt.run([&]() -> nothing {
    std::vector<connection> all;
    std::vector<coroutine::task<void>> tasks;
    while (all.size() < readers) {
      auto one = co_await connected(rt);
      all.push_back(std::move(one));
    }
    for (connection& each : all) {
      tasks.push_back(rt.spawn([&seen, &each]() -> nothing {
        error_code ec;
        const lent_bytes read = co_await each.server.read_lent(ec);
        EXPECT_EQ(text_of(read), "x") << ec.message();
        seen.push_back(read.bytes().data());
      }));
    }
    co_await rt.sleep_for(5ms);  // all of them wait
    for (connection& each : all) co_await each.client.write_some(boost::asio::buffer("x", 1));
    for (auto& task : tasks) co_await task.join();
  });
  EXPECT_EQ(seen, std::vector<const void*>(readers, seen.at(0)));
}

TEST(lent_buffers, ALongMessageComesInSeveralPiecesAndThenTheEnd) {
  const std::string sent(3 * lent_bytes::most + 1, 'y');
  std::string got;
  coroutine rt;
  rt.run([&]() -> nothing {
    auto ends = co_await connected(rt);
    auto writer = rt.spawn([&]() -> nothing {
      for (std::size_t at = 0; at < sent.size();) {
        at += co_await ends.client.write_some(boost::asio::buffer(sent) + at);
      }
      error_code ec;
      ends.client.shutdown_send(ec);
    });
    error_code ec;
    while (!ec) {
      const lent_bytes piece = co_await ends.server.read_lent(ec);
      EXPECT_LE(piece.size(), lent_bytes::most);
      got += text_of(piece);
    }
    EXPECT_EQ(ec, boost::asio::error::eof) << ec.message();
    co_await writer.join();
  });
  EXPECT_EQ(got, sent);
}

TEST(lent_buffers, AReadEndsAtItsDeadline) {
  coroutine rt;
  rt.run([&]() -> nothing {
    auto ends = co_await connected(rt);
    const auto deadline = clock::now() + 30ms;
    ends.server.expires_at(deadline);
    error_code ec;
    const lent_bytes none = co_await ends.server.read_lent(ec);
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
    EXPECT_EQ(none.size(), 0U);
    EXPECT_GE(clock::now(), deadline);
    // Also when there would be something to read by now, and later again.
    co_await ends.client.write_some(boost::asio::buffer("late", 4));
    const lent_bytes still_none = co_await ends.server.read_lent(ec);
    EXPECT_EQ(ec, boost::asio::error::timed_out) << ec.message();
    EXPECT_EQ(still_none.size(), 0U);
    ends.server.expires_at(never);
    const lent_bytes late = co_await ends.server.read_lent(ec);
    EXPECT_EQ(text_of(late), "late") << ec.message();
  });
}

}  // namespace
}  // namespace switchyard
