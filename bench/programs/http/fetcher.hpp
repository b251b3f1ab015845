// Fetches a URL on any runtime: resolve, connect, TLS, GET, redirects, all before one deadline.
// Whatever the peer does, a fetch ends with a result.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/programs/http/http_get.hpp"
#include "bench/programs/http/name_service.hpp"
#include "bench/programs/http/tls_stream.hpp"
#include "bench/programs/http/url.hpp"
#include "runtimes/concepts.hpp"

namespace switchyard {

struct fetch_options {
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // of a fetch, redirects included
  unsigned most_redirects = 10;
  bool insecure = false;  // any certificate will do
  std::string ca_file;    // trusted beside the system's
  http_limits limits;
};

/// Of one fetch; crosses from a forked child to its parent as bytes.
struct fetch_result {
  bool ok = false;
  unsigned status = 0;
  unsigned redirects = 0;
  std::uint64_t bytes = 0;  // of the last answer's body
  double seconds = 0;
  std::array<char, 200> reason{};  // why it failed; cut to this length

  void fail(std::string_view why) noexcept {
    ok = false;
    why.copy(reason.data(), reason.size() - 1);
  }
};

namespace fetch_detail {

/// What went wrong while `doing`, in words.
inline fetch_error failure(const std::string& doing, const boost::system::error_code& ec,
                           std::uint64_t body_bytes = 0) {
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

/// Those that tell where to go next.
inline bool is_redirect(unsigned status) {
  constexpr std::array<unsigned, 5> redirects{301, 302, 303, 307, 308};
  return std::find(redirects.begin(), redirects.end(), status) != redirects.end();
}

inline std::string status_text(unsigned status) {
  return std::to_string(status) + ' ' +
         std::string(
             boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status)));
}

}  // namespace fetch_detail

/// Of one process; its tasks may fetch at the same time.
class fetcher {
 public:
  /// Throws std::invalid_argument when the CA file can't be used.
  explicit fetcher(const fetch_options& options) : options_(options) {
    namespace ssl = boost::asio::ssl;
    tls_.set_verify_mode(options.insecure ? ssl::verify_none : ssl::verify_peer);
    boost::system::error_code ec;
    tls_.set_default_verify_paths(ec);  // without a store of its own a machine may still have --ca
    if (!options.ca_file.empty() && tls_.load_verify_file(options.ca_file, ec)) {
      throw std::invalid_argument("--ca '" + options.ca_file + "': " + ec.message());
    }
  }

  /// One fetch on runtime `rt`, by its calling task. Never throws.
  template <Sockets R>
  fetch_result fetch(R& rt, const std::string& text) noexcept {
    const auto begin = std::chrono::steady_clock::now();
    fetch_result result;
    try {
      get_following(rt, text, begin + options_.timeout, result);
      result.ok = true;
    } catch (const std::exception& failed) {
      result.fail(failed.what());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    result.seconds = took.count();
    return result;
  }

 private:
  template <class R>
  void get_following(R& rt, const std::string& text, time_point deadline, fetch_result& result) {
    fetch_url url = parse_url(text);
    for (;;) {
      const http_answer answer = get(rt, url, deadline);
      result.status = answer.status;
      result.bytes = answer.body_bytes;
      if (!fetch_detail::is_redirect(answer.status) || answer.location.empty()) break;
      if (result.redirects == options_.most_redirects) {
        throw fetch_error("redirected more than " + std::to_string(result.redirects) + " times");
      }
      ++result.redirects;
      url = follow(url, answer.location);
    }
    if (result.status >= 400) {
      throw fetch_error("the server answered " + fetch_detail::status_text(result.status));
    }
  }

  template <class R>
  http_answer get(R& rt, const fetch_url& url, time_point deadline) {
    auto stream = connect(rt, url, deadline);
    if (!url.tls) return exchange(stream, url);
    tls_stream<typename R::stream> tls(tls_lower_layer<typename R::stream>(stream, tls_io_), tls_);
    boost::system::error_code ec;
    tls_handshake(tls, url.host, ec);
    if (ec) throw fetch_detail::failure("TLS handshake with " + url.authority, ec);
    return exchange(tls, url);
  }

  /// Tries each address; one that does not answer leaves time for the next ones.
  template <class R>
  typename R::stream connect(R& rt, const fetch_url& url, time_point deadline) {
    const auto addresses = resolve_aside(rt, helpers_, url.host, url.service, deadline);
    auto left = static_cast<std::int64_t>(addresses.size());
    boost::system::error_code ec = boost::asio::error::host_not_found;
    endpoint last;
    for (const endpoint& where : addresses) {
      const auto now = std::chrono::steady_clock::now();
      auto stream = rt.connect(where, ec, now + (deadline - now) / left--);
      stream.expires_at(deadline);
      if (!ec) return stream;
      last = where;
    }
    throw fetch_detail::failure("connect to " + describe(last), ec);
  }

  template <class SyncStream>
  http_answer exchange(SyncStream& stream, const fetch_url& url) {
    boost::beast::flat_buffer buffer;
    buffer.reserve(16 * 1024);  // or Beast would begin with reads of 512 bytes
    boost::system::error_code ec;
    const auto answer = http_get(
        stream, buffer, http_request(url.authority, url.target, false), options_.limits,
        [](std::string_view) {}, ec);
    if (ec) {
      throw fetch_detail::failure("waiting for the answer of " + url.authority, ec,
                                  answer.body_bytes);
    }
    return answer;
  }

  fetch_options options_;
  helper_threads helpers_;
  boost::asio::io_context tls_io_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
};

}  // namespace switchyard
