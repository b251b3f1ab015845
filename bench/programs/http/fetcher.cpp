#include "bench/programs/http/fetcher.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <stdexcept>

#include "bench/programs/http/http_get.hpp"

namespace switchyard {

fetch_error failure(const std::string& doing, const boost::system::error_code& ec,
                    std::uint64_t body_bytes) {
  namespace http = boost::beast::http;
  const auto so_far = " after " + std::to_string(body_bytes) + " bytes of the body";
  if (ec == boost::asio::error::timed_out) return fetch_error("timed out, " + doing);
  if (ec == http::error::end_of_stream) {
    return fetch_error("the server closed the connection without an answer");
  }
  if (ec == http::error::partial_message || ec == boost::asio::ssl::error::stream_truncated) {
    return fetch_error("the answer was cut short" + so_far);
  }
  if (ec == http::error::body_limit) return fetch_error("the body is larger than --max-bytes");
  if (ec == http::error::header_limit) return fetch_error("the header of the answer is too large");
  if (ec == http::error::buffer_overflow) {
    return fetch_error("the chunk extensions or trailers of the answer are too large");
  }
  if (ec.category() == http::make_error_code(http::error::bad_version).category()) {
    return fetch_error("the answer is no valid HTTP: " + ec.message());
  }
  return fetch_error(doing + ": " + ec.message());
}

namespace {

/// Those that tell where to go next.
bool is_redirect(unsigned status) {
  return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

using tls_stream = boost::asio::ssl::stream<any_stream&>;

/// The handshake with `host`, whose certificate has to be for it unless `context` verifies nothing.
/// Throws fetch_error with OpenSSL's reason, and sets `ec` when the stream below failed.
void shake_hands(tls_stream& tls, const std::string& host, boost::system::error_code& ec) {
  SSL* ssl = tls.native_handle();
  boost::system::error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  const bool expected = no_address
                            ? SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
                                  SSL_set1_host(ssl, host.c_str()) == 1
                            : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  if (!expected) throw fetch_error("no certificate can be for " + host);
  tls.handshake(boost::asio::ssl::stream_base::client, ec);
  if (!ec) return;
  const bool verified = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
  if (const long verdict = SSL_get_verify_result(ssl); verified && verdict != X509_V_OK) {
    throw fetch_error("the certificate of " + host +
                      " can't be trusted: " + X509_verify_cert_error_string(verdict));
  }
  if (ec == boost::asio::error::eof || ec == boost::asio::ssl::error::stream_truncated) {
    throw fetch_error("no TLS with " + host + ": the server closed the connection");
  }
  if (ec.category() == boost::asio::error::get_ssl_category()) {
    throw fetch_error("no TLS with " + host + ": " + ec.message());
  }
}

template <class SyncStream>
http_answer exchange(SyncStream& stream, const fetch_url& url, std::uint64_t most_body_bytes) {
  boost::beast::flat_buffer buffer;
  buffer.reserve(16 * 1024);  // or Beast would begin with reads of 512 bytes
  error_code ec;
  const auto answer = http_get(
      stream, buffer, http_request(url.authority, url.target, false),
      {.body_bytes = most_body_bytes}, [](std::string_view) {}, ec);
  if (ec) throw failure("waiting for the answer of " + url.authority, ec, answer.body_bytes);
  return answer;
}

}  // namespace

fetcher::fetcher(const fetch_options& options)
    : options_(options),
      tls_(std::make_unique<boost::asio::ssl::context>(boost::asio::ssl::context::tls_client)) {
  namespace ssl = boost::asio::ssl;
  tls_->set_verify_mode(options.insecure ? ssl::verify_none : ssl::verify_peer);
  error_code ec;
  // Without a store of its own a machine may still have --ca.
  tls_->set_default_verify_paths(ec);
  if (!options.ca_file.empty() && tls_->load_verify_file(options.ca_file, ec)) {
    throw std::invalid_argument("--ca '" + options.ca_file + "': " + ec.message());
  }
}

fetcher::~fetcher() = default;

fetch_result fetcher::fetch_over(const connector& connect, const std::string& text) noexcept {
  const auto begin = std::chrono::steady_clock::now();
  fetch_result result;
  try {
    get_following(connect, text, begin + options_.timeout, result);
    result.ok = true;
  } catch (const std::exception& failed) {
    result.fail(failed.what());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  result.seconds = took.count();
  return result;
}

void fetcher::get_following(const connector& connect, const std::string& text, time_point deadline,
                            fetch_result& result) {
  fetch_url url = parse_url(text);
  for (;;) {
    const http_answer answer = get(*connect(url, deadline), url);
    result.status = answer.status;
    result.bytes = answer.body_bytes;
    if (!is_redirect(answer.status) || answer.location.empty()) break;
    if (result.redirects == options_.most_redirects) {
      throw fetch_error("redirected more than " + std::to_string(result.redirects) + " times");
    }
    ++result.redirects;
    url = follow(url, answer.location);
  }
  if (result.status >= 400) {
    namespace http = boost::beast::http;
    const std::string_view reason = http::obsolete_reason(http::int_to_status(result.status));
    throw fetch_error("the server answered " + std::to_string(result.status) + ' ' +
                      std::string(reason));
  }
}

http_answer fetcher::get(any_stream& stream, const fetch_url& url) {
  if (!url.tls) return exchange(stream, url, options_.most_body_bytes);
  tls_stream tls(stream, *tls_);
  error_code ec;
  shake_hands(tls, url.host, ec);
  if (ec) throw failure("TLS handshake with " + url.authority, ec);
  return exchange(tls, url, options_.most_body_bytes);
}

}  // namespace switchyard
