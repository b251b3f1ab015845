// Fetches a URL on any runtime: resolve, connect, TLS, GET, redirects, all before one deadline.
// Whatever the peer does, a fetch ends with a result.
//
// How to connect is the runtime's; the rest is compiled once for all of them, in fetcher.cpp, as
// Beast and OpenSSL take long to compile. A virtual call for each read is nothing beside a network.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bench/programs/http/http_limits.hpp"
#include "bench/programs/http/name_service.hpp"
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

/// A runtime's stream whose type is not known to whoever reads and writes it.
class any_stream {
 public:
  any_stream() = default;
  any_stream(const any_stream&) = delete;
  any_stream& operator=(const any_stream&) = delete;
  virtual ~any_stream() = default;
  virtual std::size_t read(boost::asio::mutable_buffer into, error_code& ec) = 0;
  virtual std::size_t write(boost::asio::const_buffer from, error_code& ec) = 0;
};

template <Stream S>
class stream_of : public any_stream {
 public:
  explicit stream_of(S stream) : stream_(std::move(stream)) {}
  std::size_t read(boost::asio::mutable_buffer into, error_code& ec) override {
    return stream_.read_some(into, ec);
  }
  std::size_t write(boost::asio::const_buffer from, error_code& ec) override {
    return stream_.write_some(from, ec);
  }

 private:
  S stream_;
};

/// Of one process; its tasks may fetch at the same time.
class fetcher {
 public:
  /// Throws std::invalid_argument when the CA file can't be used.
  explicit fetcher(const fetch_options& options);
  ~fetcher();

  /// One fetch on runtime `rt`, by its calling task. Never throws.
  template <Sockets R>
  fetch_result fetch(R& rt, const std::string& text) noexcept {
    return fetch_over(
        [&](const fetch_url& url, time_point deadline) { return connect(rt, url, deadline); },
        text);
  }

 private:
  using connector = std::function<std::unique_ptr<any_stream>(const fetch_url&, time_point)>;
  struct tls_client;

  fetch_result fetch_over(const connector& connect, const std::string& text) noexcept;
  void get_following(const connector& connect, const std::string& text, time_point deadline,
                     fetch_result& result);
  http_answer get(any_stream& stream, const fetch_url& url);
  [[noreturn]] static void throw_failure(const std::string& doing, const error_code& ec);

  /// Tries each address; one that does not answer leaves time for the next ones.
  template <class R>
  std::unique_ptr<any_stream> connect(R& rt, const fetch_url& url, time_point deadline) {
    const auto addresses = resolve_aside(rt, helpers_, url.host, url.service, deadline);
    auto left = static_cast<std::int64_t>(addresses.size());
    boost::system::error_code ec = boost::asio::error::host_not_found;
    endpoint last;
    for (const endpoint& where : addresses) {
      const auto now = std::chrono::steady_clock::now();
      auto stream = rt.connect(where, ec, now + (deadline - now) / left--);
      stream.expires_at(deadline);
      if (!ec) return std::make_unique<stream_of<typename R::stream>>(std::move(stream));
      last = where;
    }
    throw_failure("connect to " + describe(last), ec);
  }

  fetch_options options_;
  helper_threads helpers_;
  std::unique_ptr<tls_client> tls_;
};

}  // namespace switchyard
