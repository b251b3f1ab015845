// Fetches a URL on any runtime: resolve, connect, TLS, GET, redirects, all before one deadline.
// Whatever the peer does, a fetch ends with a result.
//
// How to connect is the runtime's; the rest is compiled once for all of them, in fetcher.cpp, as
// Beast and OpenSSL take long to compile. A virtual call for each read is nothing beside a network.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/programs/addresses.hpp"
#include "bench/programs/http/url.hpp"
#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/helper_threads.hpp"

namespace boost::asio::ssl {
class context;
}  // namespace boost::asio::ssl

namespace switchyard {

struct fetch_options {
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // of a fetch, redirects included
  unsigned most_redirects = 10;
  bool insecure = false;     // any certificate will do
  std::string ca_file = {};  // trusted beside the system's
  std::uint64_t most_body_bytes = std::uint64_t{1} << 30;
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

/// What went wrong while `doing`, in words.
fetch_error failure(const std::string& doing, const error_code& ec, std::uint64_t body_bytes = 0);

/// A runtime's stream whose type is not known to whoever reads and writes it: all that Beast, and
/// Asio below TLS, ask of a stream. Asio wants an executor for its asynchronous operations, which
/// nobody calls here: the io_context never runs.
class any_stream : private stream_base<any_stream> {
 public:
  using stream_base::read_some;
  using stream_base::write_some;
  using lowest_layer_type = any_stream;
  using executor_type = boost::asio::io_context::executor_type;

  explicit any_stream(boost::asio::io_context& io) : io_(io) {}
  any_stream& operator=(any_stream&&) = delete;
  virtual ~any_stream() = default;

  lowest_layer_type& lowest_layer() { return *this; }
  executor_type get_executor() { return io_.get_executor(); }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    return read(*boost::asio::buffer_sequence_begin(buffers), ec);
  }
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    return write(*boost::asio::buffer_sequence_begin(buffers), ec);
  }

 private:
  friend stream_base;  // its deadline is that of the runtime's stream

  virtual std::size_t read(boost::asio::mutable_buffer into, error_code& ec) = 0;
  virtual std::size_t write(boost::asio::const_buffer from, error_code& ec) = 0;

  boost::asio::io_context& io_;
};

template <Stream S>
class stream_of final : public any_stream {
 public:
  stream_of(S stream, boost::asio::io_context& io) : any_stream(io), stream_(std::move(stream)) {}

 private:
  std::size_t read(boost::asio::mutable_buffer into, error_code& ec) override {
    return stream_.read_some(into, ec);
  }
  std::size_t write(boost::asio::const_buffer from, error_code& ec) override {
    return stream_.write_some(from, ec);
  }

  S stream_;
};

/// Host names resolved by the system's resolver, within a deadline, on a helper thread: getaddrinfo
/// blocks, knows no deadline, and would stall every fiber. Only the calling task waits.
template <class R>
std::vector<endpoint> resolve_aside(R& rt, helper_threads& helpers, const std::string& host,
                                    const std::string& service, time_point deadline) {
  // A number needs no name service, and must not wait for helpers that do.
  error_code no_number;
  boost::asio::ip::make_address(host, no_number);
  if (!no_number) return look_up(host, service);
  const auto found = call_aside(
      rt, helpers, [=] { return look_up(host, service); }, deadline);
  if (!found) throw fetch_error("host '" + host + "' was not resolved in time");
  return found->take();
}

struct http_answer;

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

  fetch_result fetch_over(const connector& connect, const std::string& text) noexcept;
  void get_following(const connector& connect, const std::string& text, time_point deadline,
                     fetch_result& result);
  http_answer get(any_stream& stream, const fetch_url& url);

  template <class R>
  std::unique_ptr<any_stream> connect(R& rt, const fetch_url& url, time_point deadline) {
    const auto addresses = resolve_aside(rt, helpers_, url.host, url.service, deadline);
    endpoint where;
    error_code ec;
    auto stream = connect_to_any(rt, addresses, deadline, where, ec);
    if (ec) throw failure("connect to " + describe(where), ec);
    return std::make_unique<stream_of<typename R::stream>>(std::move(stream), io_);
  }

  fetch_options options_;
  helper_threads helpers_;
  boost::asio::io_context io_;
  std::unique_ptr<boost::asio::ssl::context> tls_;
};

}  // namespace switchyard
