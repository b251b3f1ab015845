// What http_origin answers: body, latency, framing, order, and what it refuses.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "bench/programs/http/http_body.hpp"
#include "tests/support/origin_client.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

std::string_view field_of(const http_response& response, http::field name) {
  const auto value = response[name];
  return {value.data(), value.size()};
}

TEST(http_body, IsTheDocumentedSequence) {
  EXPECT_EQ(http_body_slice(0, 8), "7ZKCq64)");
  std::uint64_t x = 1;
  for (std::size_t i = 0; i < http_body_block_bytes; ++i) {
    x = (x * 1103515245 + 12345) % (std::uint64_t{1} << 31);
    ASSERT_EQ(http_body_block()[i], static_cast<char>(32 + (x >> 16) % 95)) << "byte " << i;
  }
}

TEST(http_body, RepeatsAndIsCheckedAtAnyOffset) {
  const std::string twice = std::string(http_body_block()) + std::string(http_body_block());
  EXPECT_TRUE(is_http_body(twice));
  for (const std::size_t offset : {std::size_t{1}, http_body_block_bytes - 1}) {
    auto piece = twice.substr(offset, http_body_block_bytes);
    EXPECT_TRUE(is_http_body(piece, offset));
    EXPECT_TRUE(is_http_body(piece, offset + 5 * http_body_block_bytes));
    EXPECT_FALSE(is_http_body(piece, offset + 1));
    piece.back() = static_cast<char>(piece.back() ^ 1);
    EXPECT_FALSE(is_http_body(piece, offset));
  }
}

const std::vector<std::size_t> sizes{
    0, 1, 1000, 4096, 4097, 262'144, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3'000'001};

TEST(http_origin, OptionsSetTheBodyOfEveryAnswer) {
  const running_origin usual;
  EXPECT_EQ(usual.fetch("/").body().size(), 1024U);
  const running_origin server({"--bytes", "5000"});
  const auto response = server.fetch("/any/path");
  EXPECT_EQ(response.result_int(), 200U);
  EXPECT_EQ(response.body().size(), 5000U);
  EXPECT_TRUE(is_http_body(response.body()));
}

TEST(http_origin, AQuerySetsTheBodyOfOneAnswer) {
  const running_origin server;
  auto client = server.client();
  for (const auto bytes : sizes) {
    const auto response = client.ask(get("/?bytes=" + std::to_string(bytes)));
    EXPECT_EQ(response.result_int(), 200U) << response.body();
    EXPECT_EQ(field_of(response, http::field::content_length), std::to_string(bytes));
    EXPECT_EQ(response.body().size(), bytes);
    EXPECT_TRUE(is_http_body(response.body())) << bytes;
  }
  EXPECT_EQ(client.ask(get("/")).body().size(), 1024U);
}

TEST(http_origin, ChunksCarryTheSameBody) {
  const running_origin server;
  auto client = server.client();
  for (const auto bytes : sizes) {
    const auto response = client.ask(get("/?chunked=1&bytes=" + std::to_string(bytes)));
    EXPECT_EQ(field_of(response, http::field::transfer_encoding), "chunked");
    EXPECT_FALSE(response.has_content_length());
    EXPECT_EQ(response.body().size(), bytes);
    EXPECT_TRUE(is_http_body(response.body())) << bytes;
  }
}

TEST(http_origin, AnAnswerTakesAtLeastTheLatencyAskedFor) {
  const running_origin server({"--latency-ms", "80"});
  auto client = server.client();
  const struct {
    const char* target;
    clock::duration latency;
  } cases[] = {{"/", 80ms}, {"/?latency_ms=120", 120ms}, {"/", 80ms}};
  for (const auto& one : cases) {
    const auto begin = clock::now();
    EXPECT_EQ(client.ask(get(one.target)).result_int(), 200U);
    EXPECT_GE(clock::now() - begin, one.latency) << one.target;
  }
}

TEST(http_origin, ManyRequestsOnOneConnection) {
  running_origin server;
  auto client = server.client();
  for (std::size_t i = 0; i < 200; ++i) {
    const auto response = client.ask(get("/?bytes=" + std::to_string(i / 2)));
    ASSERT_EQ(response.body().size(), i / 2);
    ASSERT_TRUE(response.keep_alive());
  }
  EXPECT_EQ(server.totals(),
            "served 200 requests on 1 connections, 9900 body bytes, 0 bad requests");
}

TEST(http_origin, PipelinedRequestsAreAnsweredInOrder) {
  const running_origin server;
  auto client = server.client();
  const std::string text = get("/?bytes=10&latency_ms=100") + get("/?bytes=20") +
                           get("/?bytes=3000000") + get("/?bytes=30&chunked=1") +
                           get("/?bytes=40&latency_ms=20") + get("/?bytes=50");
  client.send(text);
  for (const std::size_t bytes : {10U, 20U, 3'000'000U, 30U, 40U, 50U}) {
    const auto response = client.receive();
    EXPECT_EQ(response.body().size(), bytes);
    EXPECT_TRUE(is_http_body(response.body()));
  }
}

TEST(http_origin, AFewHundredPipelinedRequestsAtOnce) {
  const running_origin server;
  auto client = server.client();
  std::string text;
  for (int i = 0; i < 500; ++i) text += get("/?bytes=" + std::to_string(i % 7));
  client.send(text);
  for (std::size_t i = 0; i < 500; ++i) ASSERT_EQ(client.receive().body().size(), i % 7) << i;
}

TEST(http_origin, RequestsMayComeByteByByte) {
  const running_origin server;
  auto client = server.client();
  for (const char byte : get("/?bytes=12", "X-Field: text\r\n") + get("/?bytes=13")) {
    ASSERT_FALSE(client.send(std::string(1, byte)));
  }
  EXPECT_EQ(client.receive().body().size(), 12U);
  EXPECT_EQ(client.receive().body().size(), 13U);
}

TEST(http_origin, HeadGetsTheHeaderAlone) {
  const running_origin server;
  auto client = server.client();
  for (const std::string target : {"/?bytes=77", "/?bytes=77&chunked=1"}) {
    const auto head = client.ask("HEAD " + target + " HTTP/1.1\r\nHost: test\r\n\r\n", asked::head);
    EXPECT_EQ(head.result_int(), 200U);
    EXPECT_EQ(head.has_content_length(), target == "/?bytes=77");
    const auto next = client.ask(get(target));
    EXPECT_EQ(next.result_int(), 200U) << "bytes came after a header alone";
    EXPECT_EQ(next.body().size(), 77U);
  }
}

TEST(http_origin, EndsTheConnectionWhenEitherSideAsksForIt) {
  const running_origin server;
  for (const auto& text :
       {get("/", "Connection: close\r\n"), get("/?close=1"), get("/?close=1&chunked=1"),
        std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string("GET /?close=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")}) {
    auto client = server.client();
    const auto response = client.ask(text);
    EXPECT_EQ(response.body().size(), 1024U) << text;
    EXPECT_EQ(field_of(response, http::field::connection), "close") << text;
    EXPECT_TRUE(client.is_ended()) << text;
  }
}

TEST(http_origin, Http10KeepsTheConnectionWhenAskedAndGetsNoChunks) {
  const running_origin server;
  auto client = server.client();
  for (int i = 0; i < 3; ++i) {
    const auto response =
        client.ask("GET /?chunked=1&bytes=9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(field_of(response, http::field::connection), "keep-alive");
    EXPECT_EQ(field_of(response, http::field::content_length), "9");
    EXPECT_EQ(response.body().size(), 9U);
  }
  const auto refused = client.ask("GET /?bytes=x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(refused.result_int(), 400U);
  EXPECT_EQ(field_of(refused, http::field::connection), "close");
  EXPECT_TRUE(client.is_ended());
}

TEST(http_origin, AnswersWithTheStatusAskedFor) {
  const running_origin server;
  auto client = server.client();
  for (const unsigned status : {200U, 201U, 404U, 500U, 503U, 599U}) {
    const auto response = client.ask(get("/?bytes=5&status=" + std::to_string(status)));
    EXPECT_EQ(response.result_int(), status);
    EXPECT_TRUE(is_http_body(response.body()));
    EXPECT_EQ(response.body().size(), 5U);
  }
  for (const unsigned status : {204U, 304U}) {
    const auto response = client.ask(get("/?status=" + std::to_string(status)));
    EXPECT_EQ(response.result_int(), status);
    EXPECT_EQ(response.body(), "");
    EXPECT_FALSE(response.has_content_length());
  }
}

TEST(http_origin, RedirectsToWhereTheQuerySays) {
  const running_origin server;
  const auto response = server.fetch("/?status=302&location=%2Fthere%3Fbytes%3D5%26close%3D1");
  EXPECT_EQ(response.result_int(), 302U);
  EXPECT_EQ(field_of(response, http::field::location), "/there?bytes=5&close=1");
  EXPECT_EQ(server.fetch("/?status=301&location=/there").result_int(), 301U);
}

TEST(http_origin, RefusesAQueryThatItCantServeAndSaysWhy) {
  const running_origin server;
  auto client = server.client();
  const struct {
    const char* target;
    const char* why;
  } cases[] = {
      {"/?bytes=1073741825", "bytes=1073741825: must be a number from 0 to 1073741824"},
      {"/?bytes=99999999999999999999999", "must be a number"},
      {"/?bytes=-1", "bytes=-1: must be a number"},
      {"/?bytes=1k", "bytes=1k: must be a number"},
      {"/?bytes=", "bytes=: must be a number"},
      {"/?bytes", "must be a number"},
      {"/?latency_ms=600001", "latency_ms=600001: must be a number from 0 to 600000"},
      {"/?status=199", "status=199: must be a number from 200 to 599"},
      {"/?chunked=yes", "chunked=yes: must be a number from 0 to 1"},
      {"/?bytes=1&latancy_ms=5", "unknown parameter 'latancy_ms'; there are bytes, latency_ms"},
      {"/?location=%0d%0aSet-Cookie:x", "location: must be printable ASCII"},
      {"/%zz", "not a URL"},
      {"nowhere", "not a URL"},
      {"*", "not a URL"},
  };
  for (const auto& one : cases) {
    const auto response = client.ask(get(one.target));
    EXPECT_EQ(response.result_int(), 400U) << one.target;
    EXPECT_NE(response.body().find(one.why), std::string::npos)
        << one.target << ": " << response.body();
    EXPECT_TRUE(response.keep_alive());
  }
  EXPECT_EQ(client.ask(get("http://elsewhere/?bytes=3")).body().size(), 3U) << "as to a proxy";
}

TEST(http_origin, RefusesWhatIsNotARequestAndEndsTheConnection) {
  running_origin server;
  const std::string endless(20'000, 'x');
  const std::string in_chunks = "Host: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  const struct {
    std::string text;
    unsigned status;
  } cases[] = {
      {"garbage\r\n\r\n", 400},
      {"\x16\x03\x01\x02", 400},  // the beginning of TLS
      {"GET / HTTP/2.0\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n", 400},
      {"GET /" + endless + " HTTP/1.1\r\nHost: test\r\n\r\n", 431},
      {get("/", "X-Endless: " + endless + "\r\n"), 431},
      {"GET / HTTP/1.1\r\nHost: test\r\nX-Endless: " + endless + endless, 431},
      {"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999999\r\n\r\n", 413},
      {"GET / HTTP/1.1\r\n" + in_chunks + "5;" + endless, 431},
      {"GET / HTTP/1.1\r\n" + in_chunks + "5\r\nhello\r\n0\r\nX-Endless: " + endless, 431},
  };
  for (const auto& one : cases) {
    auto client = server.client();
    const auto response = client.ask(one.text);
    EXPECT_EQ(response.result_int(), one.status) << one.text.substr(0, 60) << response.body();
    EXPECT_TRUE(client.is_ended()) << one.text.substr(0, 60);
  }
  EXPECT_EQ(server.fetch("/?bytes=1").body(), "7");
  EXPECT_EQ(server.totals(), "served 13 requests on 13 connections, 1 body bytes, 12 bad requests");
}

TEST(http_origin, RefusesOtherMethodsAndReadsOverTheirBodies) {
  const running_origin server;
  auto client = server.client();
  for (const std::string fields : {"Content-Length: 5\r\n\r\nhello",
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    const auto response = client.ask("POST / HTTP/1.1\r\nHost: test\r\n" + fields);
    EXPECT_EQ(response.result_int(), 405U);
    EXPECT_EQ(field_of(response, http::field::allow), "GET, HEAD");
    EXPECT_EQ(client.ask(get("/?bytes=2")).body().size(), 2U);
  }
  EXPECT_EQ(client.ask("GET / HTTP/1.1\r\n\r\n").result_int(), 400U) << "without a Host field";
}

}  // namespace
}  // namespace switchyard
