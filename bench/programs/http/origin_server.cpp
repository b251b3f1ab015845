#include "bench/programs/http/origin_server.hpp"

#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <new>
#include <utility>

#include "bench/programs/http/http_body.hpp"

namespace switchyard {

origin_server::origin_server(const endpoint& where, const origin_settings& settings)
    : shared_{.settings = settings} {
  http_body_block();  // made here, not while a client waits
  unique_fd fd = open_listener(where);
  set_no_delay(fd.get());  // accepted sockets inherit it
  acceptor_.assign(where.protocol(), fd.get());
  [[maybe_unused]] const int given_away = fd.release();
}

origin_totals origin_server::run(const stop_source& stop) {
  // A copy of the descriptor, as Asio closes what it is given.
  boost::asio::posix::basic_stream_descriptor<origin_executor> stopped(
      io_, check(::dup(stop.fd()), "copy a descriptor"));
  stopped.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [this](const error_code&) { end_all(); });
  accept();
  sweep();
  io_.run();  // until nothing is under way
  return shared_.totals;
}

void origin_server::accept() {
  acceptor_.async_accept(peer_, [this](const error_code& ec) {
    if (!acceptor_.is_open()) return;
    if (ec == boost::asio::error::connection_aborted) return accept();
    if (ec) return pause_accepting(ec.message());  // the client waits in the backlog
    try {
      start_connection();
      accept();
    } catch (const std::bad_alloc& limit) {
      pause_accepting(limit.what());
    }
  });
}

void origin_server::start_connection() {
  origin_socket peer = std::move(peer_);
  peer.non_blocking(true);
  auto& connections = shared_.connections;
  connections.emplace_back(std::move(peer), shared_);
  ++shared_.totals.connections;
  connections.back().start(std::prev(connections.end()));
}

// Out of descriptors or memory: a full machine need not be a busy one too.
void origin_server::pause_accepting(const std::string& why) {
  shared_.totals.limit_met = why;
  accept_again_.expires_after(std::chrono::milliseconds(10));
  accept_again_.async_wait([this](const error_code& ec) {
    if (!ec && acceptor_.is_open()) accept();
  });
}

void origin_server::sweep() {
  next_sweep_.expires_after(origin_shared::tick);
  next_sweep_.async_wait([this](const error_code& ec) {
    if (ec || !acceptor_.is_open()) return;
    ++shared_.now;
    for (auto& connection : shared_.connections) {
      if (connection.is_overdue()) connection.close();
    }
    sweep();
  });
}

void origin_server::end_all() {
  error_code ignored;
  acceptor_.close(ignored);
  accept_again_.cancel();
  next_sweep_.cancel();
  for (auto& connection : shared_.connections) connection.close();
}

}  // namespace switchyard
