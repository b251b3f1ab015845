// What http_origin is asked for (its options say it for every request, a query for one), and how
// that is put into a reply.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <cstdint>
#include <string>

namespace switchyard {

struct origin_request {
  boost::beast::http::verb method{};
  std::string target;
  bool http_11 = false;
  bool keep_alive = false;
  bool names_host = false;

  bool operator==(const origin_request&) const = default;
};

/// Beast's parser of one HTTP/1 request, whose body is read and forgotten. Not
/// http::request_parser, which allocates a node for every header field: this one copies the target
/// into a string that is used again, and a request costs no allocation.
class origin_request_parser final : public boost::beast::http::basic_parser<true> {
 public:
  static constexpr std::uint32_t most_header_bytes = 8 * 1024;
  static constexpr std::uint64_t most_request_body_bytes = 1024 * 1024;

  explicit origin_request_parser(origin_request& into) : into_(into) {
    eager(true);
    header_limit(most_header_bytes);
    body_limit(most_request_body_bytes);
  }

  /// Takes what can be taken of `buffer`. True when the request is complete; false without an `ec`
  /// when more of it has to come.
  bool read(boost::beast::flat_buffer& buffer, boost::beast::error_code& ec) {
    namespace http = boost::beast::http;
    buffer.consume(put(buffer.cdata(), ec));
    if (ec == http::error::need_more) ec = {};
    if (ec || is_done()) return !ec;
    // Beast's own limits let the extension of a chunk grow for ever, and the trailers.
    if (buffer.size() > most_header_bytes) ec = http::error::header_limit;
    return false;
  }

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using field = boost::beast::http::field;

  void on_request_impl(boost::beast::http::verb method, string_view, string_view target,
                       int version, error_code&) override {
    into_.method = method;
    into_.target.assign(target.data(), target.size());
    into_.http_11 = version == 11;
    into_.names_host = false;
  }
  void on_field_impl(field name, string_view, string_view, error_code&) override {
    if (name == field::host) into_.names_host = true;
  }
  void on_finish_impl(error_code&) override { into_.keep_alive = keep_alive(); }

  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }

  origin_request& into_;
};

/// Beyond these a request is refused: a slip of the keyboard must not keep a server busy.
inline constexpr std::uint64_t most_body_bytes = std::uint64_t{1} << 30;
inline constexpr std::chrono::milliseconds most_latency = std::chrono::minutes(10);

struct origin_answer {
  unsigned status = 200;
  std::uint64_t bytes = 1024;
  std::chrono::milliseconds latency{0};  // from the complete request to the first byte
  bool chunked = false;                  // chunked transfer coding instead of Content-Length
  bool close = false;                    // ends the connection
  std::string location = {};             // of a redirect
  std::string refusal = {};              // in place of a body: a line that says what is wrong
};

/// What the target of `request`, such as "/any/path?bytes=1000&latency_ms=50", asks for; what it
/// does not say is as in `defaults`. The path means nothing. Or a refusal: of another method than
/// GET and HEAD, of what is no URL, an unknown parameter, a value out of range.
origin_answer answer_to(const origin_request& request, const origin_answer& defaults);

/// To what the parser took for no request. A server that can't make out where the next one starts
/// must not keep the connection alive.
origin_answer refusal_of(const boost::beast::error_code& why);

/// As bytes. The body is that of http_body.hpp, whoever sends it.
struct origin_reply {
  std::string head;  // the text of a refusal included
  std::uint64_t body_bytes = 0;
  bool chunked = false;
  bool keep_alive = false;
};

/// `answer`, framed as who sent `request` can take it.
origin_reply reply_to(const origin_request& request, const origin_answer& answer);

}  // namespace switchyard
