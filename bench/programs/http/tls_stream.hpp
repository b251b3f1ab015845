// TLS over any stream: OpenSSL through Asio's ssl::stream, with our stream below it, so that a
// handshake suspends the task and nothing else.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>

#include "bench/programs/http/url.hpp"
#include "runtimes/concepts.hpp"

namespace switchyard {

/// What Asio asks of the layer below TLS. It wants an executor for its asynchronous operations,
/// which nobody calls here: the io_context never runs.
template <Stream S>
class tls_lower_layer {
 public:
  using lowest_layer_type = tls_lower_layer;
  using executor_type = boost::asio::io_context::executor_type;

  tls_lower_layer(S& stream, boost::asio::io_context& io) : stream_(stream), io_(io) {}

  lowest_layer_type& lowest_layer() { return *this; }
  executor_type get_executor() { return io_.get_executor(); }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, boost::system::error_code& ec) {
    return stream_.read_some(buffers, ec);
  }
  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, boost::system::error_code& ec) {
    return stream_.write_some(buffers, ec);
  }

 private:
  S& stream_;
  boost::asio::io_context& io_;
};

template <Stream S>
using tls_stream = boost::asio::ssl::stream<tls_lower_layer<S>>;

/// The handshake with `host`, whose certificate has to be for it unless `context` verifies nothing.
/// Throws fetch_error with OpenSSL's reason, and sets `ec` when the stream below failed.
template <class TlsStream>
void tls_handshake(TlsStream& tls, const std::string& host, boost::system::error_code& ec) {
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

}  // namespace switchyard
