// One HTTP/1.1 GET over any stream: written once, used on every runtime.
//
// Boost.Beast parses; our stream suspends the task. The request is a finished text, as Beast would
// hand its parts to the stream one by one, a system call and a segment each. The body goes piece by
// piece to whoever wants it and is never held as a whole.
#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
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
#include <tuple>

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

/// Of one connection, and one answer after the other.
inline constexpr int most_informational = 8;
inline constexpr std::size_t most_read_bytes = 64 * 1024;

/// The parser of one answer, whose body goes to `sink`.
template <class Sink>
class answer_parser : public boost::beast::http::response_parser<sink_body<const Sink>> {
 public:
  answer_parser(const Sink& sink, const http_limits& limits) {
    this->get().body() = &sink;
    this->header_limit(limits.header_bytes);
    this->body_limit(limits.body_bytes);
  }

  /// When it has been read, or `ec` came in between. False when another answer comes after this
  /// one.
  bool is_final(http_answer& answer, boost::system::error_code& ec) {
    namespace http = boost::beast::http;
    if (this->is_header_done()) answer.status = this->get().result_int();
    if (!ec && answer.status / 100 == 1) return false;
    if (!ec && answer.status < 200) ec = http::error::bad_status;
    answer.keep_alive = !ec && this->keep_alive();
    if (answer.status / 100 == 3) answer.location = this->get()[http::field::location];
    return true;
  }
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
  http_answer answer;
  const auto counting = [&](std::string_view piece) {
    answer.body_bytes += piece.size();
    sink(piece);
  };
  // Beast's own limits let the extension of a chunk grow for ever, and the trailers.
  buffer.max_size(std::max<std::size_t>(limits.header_bytes, http_detail::most_read_bytes));
  boost::asio::write(stream, boost::asio::buffer(request), ec);
  for (int i = 0; !ec && i < http_detail::most_informational; ++i) {
    http_detail::answer_parser<decltype(counting)> parser(counting, limits);
    http::read(stream, buffer, parser, ec);
    if (parser.is_final(answer, ec)) return answer;
  }
  if (!ec) ec = http::error::bad_status;
  return answer;
}

/// The same on a stackless runtime, by Beast's asynchronous half. All arguments have to live until
/// it has been awaited.
template <class AsyncStream, class Sink>
auto await_http_get(AsyncStream& stream, boost::beast::flat_buffer& buffer,
                    std::string_view request, const http_limits& limits, Sink& sink,
                    boost::system::error_code& ec) ->
    typename AsyncStream::template awaitable<http_answer> {
  namespace http = boost::beast::http;
  constexpr auto as_result = boost::asio::as_tuple(boost::asio::deferred);
  http_answer answer;
  const auto counting = [&](std::string_view piece) {
    answer.body_bytes += piece.size();
    sink(piece);
  };
  buffer.max_size(std::max<std::size_t>(limits.header_bytes, http_detail::most_read_bytes));
  std::size_t moved = 0;
  std::tie(ec, moved) =
      co_await boost::asio::async_write(stream, boost::asio::buffer(request), as_result);
  for (int i = 0; !ec && i < http_detail::most_informational; ++i) {
    http_detail::answer_parser<decltype(counting)> parser(counting, limits);
    std::tie(ec, moved) = co_await http::async_read(stream, buffer, parser, as_result);
    if (parser.is_final(answer, ec)) co_return answer;
  }
  if (!ec) ec = http::error::bad_status;
  co_return answer;
}

}  // namespace switchyard
