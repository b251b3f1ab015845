// The HTTP/1.1 server of http_origin: Beast's parser over Asio, one event loop on one thread.
//
// It is the limit of the http_fetch workload and shares a small machine with the clients, so a
// request costs one sendmsg, a share of an epoll_wait and two recv, as Asio tries one in vain
// before it waits: no allocation, no look at the clock, no timer unless a latency was asked for.
// Connections that say nothing or take nothing are ended by one coarse sweep over all of them.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "bench/programs/http/origin_connection.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

class origin_server {
 public:
  /// Listens on `where`, or std::system_error that names the address.
  origin_server(const endpoint& where, const origin_settings& settings);

  [[nodiscard]] endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

  /// Serves until `stop` is requested, then ends what is open.
  origin_totals run(const stop_source& stop);

 private:
  void accept();
  void start_connection();
  void pause_accepting(const std::string& why);
  void sweep();
  void end_all();

  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, origin_executor> acceptor_{io_};
  origin_socket peer_{io_};
  origin_timer accept_again_{io_};
  origin_timer next_sweep_{io_};
  origin_shared shared_;
};

}  // namespace switchyard
