// libFuzzer: http_get, fed with whatever a server may send, then follow() with the redirect found.
//
// The first four bytes choose how the answer arrives (two sizes of pieces, limits, how it ends), so
// that what comes of it can be compared with the same answer in one piece: it must not depend on
// how the network cuts it. The rest is the answer; tests/fuzz/corpus has some to begin with.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "bench/programs/http/http_get.hpp"
#include "bench/programs/http/url.hpp"
#include "tests/support/memory_stream.hpp"

namespace {

using namespace switchyard;

void require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << std::endl;
  std::abort();
}

struct exchange {
  http_answer answer;
  std::string body;
  boost::system::error_code ec;
  std::size_t left = 0;  // bytes that belong to the next answer
};

exchange get(std::string_view bytes, std::vector<std::size_t> pieces, const http_limits& limits,
             boost::system::error_code end) {
  exchange done;
  memory_stream stream(bytes, std::move(pieces), end);
  boost::beast::flat_buffer buffer;
  const auto request = http_request("localhost", "/", true);
  done.answer = http_get(
      stream, buffer, request, limits, [&](std::string_view piece) { done.body += piece; },
      done.ec);
  done.left = buffer.size() + stream.unread().size();
  require(stream.written() == request, "the request is sent once and whole");
  return done;
}

void check(const exchange& done, const http_limits& limits) {
  require(done.body.size() == done.answer.body_bytes, "every byte of the body is handed over");
  require(done.answer.body_bytes <= limits.body_bytes, "the body keeps to its limit");
  if (done.ec) return;
  require(done.answer.status >= 200 && done.answer.status <= 999, "an answer is a final one");
}

// Two things do depend on the cut, as Beast looks at a header when all of it is there or at what
// came of it so far: which error it is, and whether a first line counts for the limit on the
// header.
void compare(const exchange& one, const exchange& other) {
  const auto too_large = make_error_code(boost::beast::http::error::header_limit);
  if (one.ec == too_large || other.ec == too_large) return;
  require(one.ec.failed() == other.ec.failed(), "it fails in pieces, too, or in none");
  if (one.ec) return;
  require(one.answer.status == other.answer.status, "the same status in pieces");
  require(one.answer.location == other.answer.location, "the same location in pieces");
  require(one.answer.keep_alive == other.answer.keep_alive, "the same keep-alive in pieces");
  require(one.body == other.body, "the same body in pieces");
  require(one.left == other.left, "the same rest in pieces");
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f) return false;
  }
  return !text.empty();
}

/// What stands in a request must not be able to end a line of it.
void check(const fetch_url& url) {
  require(!url.host.empty(), "there is a host");
  require(is_plain(url.authority), "the Host field is plain");
  require(is_plain(url.target) && url.target.front() == '/', "the target is a plain path");
  const auto port = std::stoul(url.service);
  require(port > 0 && port <= 65'535, "the port is one");
  const fetch_url again = parse_url(url.whole);
  require(again.host == url.host && again.service == url.service && again.target == url.target &&
              again.authority == url.authority && again.tls == url.tls,
          "a URL that was taken apart can be put together");
}

template <class Make>
void check_url(Make make) {
  try {
    check(make());
  } catch (const fetch_error&) {  // what is no URL says so
  }
}

}  // namespace

// Boost's assertions find what a build without them would silently do wrong. One is wrong itself
// (boostorg/beast #2861): an empty chunked body of which "0\r\n" came first.
void boost::assertion_failed(const char* what, const char*, const char*, long) {
  require(what == std::string_view("n >= 5"), what);
}
void boost::assertion_failed_msg(const char* what, const char*, const char*, const char*, long) {
  require(false, what);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t head = 4;
  if (size < head) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + head, size - head);
  http_limits limits;
  if ((data[2] & 1) != 0) limits.header_bytes = 256;
  if ((data[2] & 2) != 0) limits.body_bytes = data[3];
  const boost::system::error_code end = (data[2] & 4) != 0
                                            ? make_error_code(boost::asio::error::timed_out)
                                            : make_error_code(boost::asio::error::eof);
  const auto whole = get(bytes, {bytes.size() + 1}, limits, end);
  const auto pieces = get(bytes, {data[0] + std::size_t{1}, data[1] + std::size_t{1}}, limits, end);
  check(whole, limits);
  check(pieces, limits);
  compare(whole, pieces);

  static const fetch_url from = parse_url("http://localhost:8080/a/b?c");
  check_url([&] { return follow(from, whole.answer.location); });
  check_url([&] { return parse_url(bytes); });
  return 0;
}
