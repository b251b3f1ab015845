// One HTTP/1.1 GET over any stream: written once, used on every runtime.
//
// Boost.Beast parses; our stream suspends the task. The request is a finished text, as Beast would
// hand its parts to the stream one by one, a system call and a segment each. The body goes piece by
// piece to whoever wants it and is never held as a whole.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/optional.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace switchyard {

/// What an answer may take.
struct http_limits {
  std::uint32_t header_bytes = 64 * 1024;  // at most: Beast holds no longer field
  std::uint64_t body_bytes = std::uint64_t{1} << 30;
};

/// What came before the body, and how much of that there was.
struct http_answer {
  unsigned status = 0;
  bool keep_alive = false;  // the connection may be used again
  std::uint64_t body_bytes = 0;
  std::string location;  // where a redirect leads; else empty
};

/// "GET /path HTTP/1.1" and the header fields that every server wants. `host` as in the URL, with
/// its port if it has one; `target` is path and query.
inline std::string http_request(std::string_view host, std::string_view target, bool keep_alive) {
  std::string text = "GET ";
  text.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  text.append("\r\nUser-Agent: switchyard/" SWITCHYARD_VERSION "\r\nAccept: */*\r\n");
  if (!keep_alive) text.append("Connection: close\r\n");
  return text.append("\r\n");
}

namespace http_detail {

/// A body for Beast's parser that hands each piece to `Sink::operator()(std::string_view)`.
template <class Sink>
struct sink_body {
  using value_type = Sink*;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(const boost::beast::http::header<is_request, Fields>&, value_type& sink) : sink_(sink) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& ec) { ec = {}; }
    template <class ConstBuffers>
    std::size_t put(const ConstBuffers& pieces, boost::system::error_code& ec) {
      ec = {};
      std::size_t taken = 0;
      for (const boost::asio::const_buffer piece : boost::beast::buffers_range_ref(pieces)) {
        (*sink_)(std::string_view(static_cast<const char*>(piece.data()), piece.size()));
        taken += piece.size();
      }
      return taken;
    }
    void finish(boost::system::error_code& ec) { ec = {}; }

   private:
    value_type& sink_;
  };
};

}  // namespace http_detail

/// Sends `request` and reads the answer; the body goes to `sink(std::string_view)`, piece by piece.
/// `buffer` belongs to the connection: it may hold the beginning of the next answer. Answers of the
/// kind 1xx, which may come first, are read over. `ec` is the stream's or of Beast's
/// http::error: partial_message, header_limit, body_limit, bad_version and so on; buffer_overflow
/// when what stands between the chunks of a body is too large.
template <class SyncStream, class Sink>
http_answer http_get(SyncStream& stream, boost::beast::flat_buffer& buffer,
                     std::string_view request, const http_limits& limits, Sink&& sink,
                     boost::system::error_code& ec) {
  namespace http = boost::beast::http;
  constexpr int most_informational = 8;
  constexpr std::size_t most_read_bytes = 64 * 1024;
  http_answer answer;
  const auto counting = [&](std::string_view piece) {
    answer.body_bytes += piece.size();
    sink(piece);
  };
  // Beast's own limits let the extension of a chunk grow for ever, and the trailers.
  buffer.max_size(std::max<std::size_t>(limits.header_bytes, most_read_bytes));
  boost::asio::write(stream, boost::asio::buffer(request), ec);
  for (int i = 0; !ec && i < most_informational; ++i) {
    http::response_parser<http_detail::sink_body<const decltype(counting)>> parser;
    parser.get().body() = &counting;
    parser.header_limit(limits.header_bytes);
    parser.body_limit(limits.body_bytes);
    http::read(stream, buffer, parser, ec);
    if (parser.is_header_done()) answer.status = parser.get().result_int();
    if (!ec && answer.status / 100 == 1) continue;
    if (!ec && answer.status < 200) ec = http::error::bad_status;
    answer.keep_alive = !ec && parser.keep_alive();
    if (answer.status / 100 == 3) answer.location = parser.get()[http::field::location];
    return answer;
  }
  if (!ec) ec = http::error::bad_status;
  return answer;
}

}  // namespace switchyard
