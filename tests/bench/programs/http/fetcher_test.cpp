// A fetch without a network: http_get over a stream in memory, and names that are slow to resolve.
// What servers of all kinds do to http_fetch is in test_http_fetch.py.
#include "bench/programs/http/fetcher.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/beast/core/buffers_to_string.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/programs/http/http_get.hpp"
#include "runtimes/all.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
namespace http = boost::beast::http;

const std::string ok = "HTTP/1.1 200 OK\r\n";

struct got {
  http_answer answer;
  error_code ec;
  std::string body;
  std::string next;  // what belongs to the next answer
  std::string asked;
  std::size_t buffered = 0;
};

got get(const std::string& text, std::size_t piece = 1'000'000, const http_limits& limits = {},
        error_code end = boost::asio::error::eof) {
  got result;
  memory_stream stream(text, {piece}, end);
  boost::beast::flat_buffer buffer;
  result.answer = http_get(
      stream, buffer, "GET", limits, [&](std::string_view part) { result.body += part; },
      result.ec);
  result.next = boost::beast::buffers_to_string(buffer.data()) + std::string(stream.unread());
  result.asked = stream.written();
  result.buffered = buffer.capacity();
  return result;
}

TEST(HttpGet, ReadsTheSameAnswerHoweverItIsCut) {
  struct answer {
    std::string text;
    unsigned status;
    std::string body;
    bool keep_alive;
    std::string next;
  };
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  const answer all[] = {
      {ok + "Content-Length: 5\r\n\r\nhello", 200, "hello", true, ""},
      {ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1", 200, "hello", true, "HTTP/1.1"},
      {ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, ""},
      {ok + "\r\nuntil the end", 200, "until the end", false, ""},
      {"HTTP/1.0 200 OK\r\n\r\nold", 200, "old", false, ""},
      {chunked + "5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\nmore", 200, "hello!", true,
       "more"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nmore", 204, "", true, "more"},
      {"HTTP/1.1 304 Not Modified\r\n\r\nmore", 304, "", true, "more"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok +
           "Content-Length: 2\r\n\r\nok",
       200, "ok", true, ""},
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 404, "none", true, ""},
  };
  for (const answer& expected : all) {
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1'000U}) {
      SCOPED_TRACE(expected.text + " in pieces of " + std::to_string(piece));
      const got result = get(expected.text, piece);
      EXPECT_FALSE(result.ec) << result.ec.message();
      EXPECT_EQ(result.answer.status, expected.status);
      EXPECT_EQ(result.answer.keep_alive, expected.keep_alive);
      EXPECT_EQ(result.answer.body_bytes, expected.body.size());
      EXPECT_EQ(result.body, expected.body);
      EXPECT_EQ(result.next, expected.next);
      EXPECT_EQ(result.asked, "GET");
    }
  }
}

TEST(HttpGet, ReadsOneAnswerAfterAnotherFromAConnection) {
  const std::string both =
      ok + "Content-Length: 5\r\n\r\nfirst" + ok + "Content-Length: 4\r\n\r\nlast";
  memory_stream stream(both, {1'000});
  boost::beast::flat_buffer buffer;
  for (const std::string expected : {"first", "last"}) {
    std::string body;
    error_code ec;
    http_get(
        stream, buffer, "GET", {}, [&](std::string_view part) { body += part; }, ec);
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_EQ(body, expected);
  }
  EXPECT_EQ(stream.written(), "GETGET");
}

TEST(HttpGet, TellsWhereARedirectLeads) {
  const std::string location = "Location: /there?x\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(get("HTTP/1.1 302 Found\r\n" + location).answer.location, "/there?x");
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\n" + location).answer.location, "");
}

TEST(HttpGet, SaysWhatIsWrong) {
  struct wrong {
    std::string text;
    error_code why;
  };
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  const wrong all[] = {
      {"", http::error::end_of_stream},
      {"HT", http::error::partial_message},
      {ok, http::error::partial_message},
      {ok + "Content-Length: 5\r\n\r\nhell", http::error::partial_message},
      {chunked + "5\r\nhello\r\n0\r\n", http::error::partial_message},
      {chunked + "x\r\n", http::error::bad_chunk},
      {"SSH-2.0-OpenSSH\r\n\r\n", http::error::bad_version},
      {"HTTP/1.1 2xx OK\r\n\r\n", http::error::bad_status},
      {"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", http::error::bad_status},
      {"HTTP/1.1 099 None\r\nContent-Length: 0\r\n\r\n", http::error::bad_status},
      {ok + "Content-Length: -1\r\n\r\n", http::error::bad_content_length},
      {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", http::error::multiple_content_length},
  };
  for (const wrong& expected : all) {
    SCOPED_TRACE(expected.text);
    EXPECT_EQ(get(expected.text).ec, expected.why);
  }
  EXPECT_EQ(get(ok, 1'000, {}, boost::asio::error::timed_out).ec, boost::asio::error::timed_out);
}

TEST(HttpGet, HasHadEnoughOfInformationalAnswers) {
  std::string endless;
  for (int i = 0; i < 1'000; ++i) endless += "HTTP/1.1 102 Processing\r\n\r\n";
  const got result = get(endless, 100);
  EXPECT_EQ(result.ec, http::error::bad_status);
  EXPECT_FALSE(result.next.empty());
}

TEST(HttpGet, TakesABodyUpToItsLimit) {
  const http_limits ten{.body_bytes = 10};
  for (const bool too_long : {false, true}) {
    const std::string body(too_long ? 11 : 10, 'x');
    const std::string size = too_long ? "b" : "a";
    for (const std::string& text :
         {ok + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
          ok + "\r\n" + body,
          ok + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + body + "\r\n0\r\n\r\n",
          ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + (too_long ? "a" : "9") + "\r\n" +
              body.substr(1) + "\r\n0\r\n\r\n"}) {
      SCOPED_TRACE(text);
      const got result = get(text, 3, ten);
      EXPECT_EQ(result.ec, too_long ? error_code(http::error::body_limit) : error_code());
      EXPECT_LE(result.answer.body_bytes, 10U);
    }
  }
}

// Whatever has no end of its own: neither memory nor patience is spent on it.
TEST(HttpGet, IsNotFilledByAnEndlessHeader) {
  const std::string endless(10'000'000, 'x');
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& head : {std::string("HTTP/1.1 200 "), ok + "X: ", ok, chunked + "1;",
                                  chunked + "0;x=", chunked + "0\r\nX: "}) {
    SCOPED_TRACE(head);
    const got result = get(head + endless);
    EXPECT_TRUE(result.ec == http::error::header_limit || result.ec == http::error::buffer_overflow)
        << result.ec.message();
    EXPECT_GT(result.next.size(), endless.size() / 2);
    EXPECT_LT(result.buffered, 200'000U);
  }
}

TEST(HttpGet, TakesTheLongestFieldThatTheLimitAllows) {
  const std::string rest = "\r\nContent-Length: 2\r\n\r\n";
  const std::size_t room = http_limits{}.header_bytes - ok.size() - 3 - rest.size();
  const got result = get(ok + "X: " + std::string(room, 'x') + rest + "ok");
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(result.body, "ok");
}

TEST(FetchResult, CutsALongReason) {
  fetch_result result;
  result.fail(std::string(1'000, 'x'));
  EXPECT_EQ(std::string(result.reason.data()).size(), result.reason.size() - 1);
}

/// All helper threads of `helpers` hang, as if their names were never resolved, until `release()`.
class hanging_helpers {
 public:
  hanging_helpers() {
    int ends[2];
    check(::pipe(ends), "create a pipe");
    release_.reset(ends[1]);
    const auto shared = std::make_shared<unique_fd>(ends[0]);
    constexpr int more_than_there_will_be = 400;
    for (int i = 0; i < more_than_there_will_be; ++i) {
      helpers.run([shared] {
        char byte = 0;
        [[maybe_unused]] const auto end = ::read(shared->get(), &byte, 1);
      });
    }
  }
  void release() { release_.reset(); }

  helper_threads helpers;

 private:
  unique_fd release_;
};

template <class R>
class Names : public ::testing::Test {};
TYPED_TEST_SUITE(Names, as_test_types<sharing_runtimes>::type, runtime_name);

TYPED_TEST(Names, AreGivenUpInTime) {
  TypeParam rt;
  hanging_helpers hanging;
  rt.run([&] {
    EXPECT_THROW(resolve_aside(rt, hanging.helpers, "localhost", "80", clock::now() + 20ms),
                 fetch_error);
  });
}

TYPED_TEST(Names, ThatAreNumbersWaitForNobody) {
  TypeParam rt;
  hanging_helpers hanging;
  rt.run([&] {
    for (const char* number : {"127.0.0.1", "::1"}) {
      const auto found = resolve_aside(rt, hanging.helpers, number, "8080", clock::now() + 60s);
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(found[0].address().to_string(), number);
      EXPECT_EQ(found[0].port(), 8080);
    }
  });
}

template <class R>
class SlowNames : public ::testing::Test {};
using concurrent_sharing_runtimes =
    as_test_types<decltype(only_concurrent(std::type_identity<sharing_runtimes>{}))>::type;
TYPED_TEST_SUITE(SlowNames, concurrent_sharing_runtimes, runtime_name);

// The first task waits for its name until the second one has run: had it stalled that one, it would
// wait in vain.
TYPED_TEST(SlowNames, DoNotStallOtherTasks) {
  TypeParam rt;
  hanging_helpers hanging;
  rt.run([&] {
    auto resolving = rt.spawn([&] {
      return resolve_aside(rt, hanging.helpers, "localhost", "80", clock::now() + 60s).size();
    });
    auto another = rt.spawn([&] {
      for (int i = 0; i < 10; ++i) rt.sleep_for(1ms);
      hanging.release();
    });
    EXPECT_GE(resolving.join(), 1U);
    another.join();
  });
}

TEST(NameService, NamesTheHostThatDoesNotExist) {
  try {
    look_up("no.such.host.invalid", "80");
    ADD_FAILURE() << "resolved";
  } catch (const std::runtime_error& why) {
    EXPECT_NE(std::string(why.what()).find("'no.such.host.invalid'"), std::string::npos);
  }
}

}  // namespace
}  // namespace switchyard
