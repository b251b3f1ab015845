// Beast's parser of HTTP/1 requests, keeping only what http_origin looks at.
//
// Not http::request_parser, which allocates a node for every header field: this one copies the
// target into a string that is used again, and a request costs no allocation.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/verb.hpp>
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

/// One request, whose body is read and forgotten.
class origin_request_parser final : public boost::beast::http::basic_parser<true> {
 public:
  static constexpr std::uint32_t most_header_bytes = 8 * 1024;
  static constexpr std::uint64_t most_request_body_bytes = 1024 * 1024;

  explicit origin_request_parser(origin_request& into) : into_(into) {
    eager(true);
    header_limit(most_header_bytes);
    body_limit(most_request_body_bytes);
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

}  // namespace switchyard
