// How the connections of the load generator come and go: all at once, or one in the place of
// another.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>

#include "bench/load/connections.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::load {

namespace {

/// Only IPv4's loopback network has more than one address.
bool has_many_addresses(const endpoint& target) {
  return target.address().is_v4() && target.address().is_loopback();
}

/// Where a connection comes from: the kernel's choice for the first of them, then 127.1.0.1,
/// 127.1.0.2 and so on.
std::optional<endpoint> source_of(std::size_t index, const endpoint& target) {
  const auto block = index / connections_per_address;
  if (block == 0 || !has_many_addresses(target)) return std::nullopt;
  constexpr boost::asio::ip::address_v4::uint_type first = 0x7f01'0000;
  const boost::asio::ip::address_v4 address(
      first + static_cast<boost::asio::ip::address_v4::uint_type>(block));
  return endpoint(address, 0);
}

/// The port is chosen by the connect, which knows the other end: a bind to port 0 would need one
/// that no connection of the address uses at all.
void bind_to(int fd, const endpoint& source) {
  const int on = 1;
  check(::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "set a socket up");
  if (::bind(fd, source.data(), static_cast<socklen_t>(source.size())) < 0) {
    throw_errno("connect from " + source.address().to_string());
  }
}

}  // namespace

machine_needs needs_of(const options& wanted) {
  constexpr std::uint64_t files_besides = 32;  // standard streams, epoll, what the host holds
  const auto shared_by = [&](std::size_t count) {
    return (wanted.connections + count - 1) / count;
  };
  const auto of_a_host =
      std::min(wanted.connections, shared_by(wanted.ranks) * wanted.ranks_on_host);
  const auto from_one = has_many_addresses(wanted.target)
                            ? std::min(wanted.connections, connections_per_address)
                            : of_a_host;
  const auto of_a_thread = shared_by(wanted.ranks * wanted.threads);
  return {.open_files = of_a_thread + files_besides, .ports_of_an_address = from_one};
}

connection_set::~connection_set() {
  for (auto& c : connections_) reset(c);
}

// Instead of a farewell: thousands of ports left in TIME_WAIT would spoil the next run.
void connection_set::reset(connection& which) const {
  const linger at_once{1, 0};
  if (which.fd) ::setsockopt(which.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  which.fd.reset();
}

/// 0, or the error that it ended with at once.
int connection_set::start_connect(std::size_t index) {
  const auto& to = options_.target;
  auto& fd = connections_[index].fd;
  fd = open_tcp(to, SOCK_NONBLOCK);
  set_no_delay(fd.get());
  set_simple_congestion_control(fd.get(), to);
  if (const auto source = source_of(options_.first + index, to)) bind_to(fd.get(), *source);
  if (::connect(fd.get(), to.data(), static_cast<socklen_t>(to.size())) < 0 &&
      errno != EINPROGRESS) {
    return errno;
  }
  watch(index, EPOLLOUT, EPOLL_CTL_ADD);
  return 0;
}

void connection_set::expect_connected(int error) const {
  if (error == 0) return;
  throw_errno("connect to " + describe(options_.target) + " (is a server there?)", error);
}

void connection_set::renew(std::size_t index) {
  connection& c = connections_[index];
  if (!c.fd) return;
  reset(c);
  const auto sequence = c.sequence + 1;
  c = {};
  c.sequence = sequence;
  c.waiting = true;
  c.started = c.quiet_since = clock::now();
  --open_;
  ++waiting_;
  if (const int error = start_connect(index)) fail(index, "connect", std::strerror(error));
}

/// 0, or the error that it ended with.
int connection_set::finish_connect(std::size_t index) {
  if (const int error = connect_error(connections_[index].fd.get())) return error;
  watch(index, EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
  connections_[index].open = true;
  ++open_;
  return 0;
}

void connection_set::open_all() {
  auto last_progress = clock::now();
  for (std::size_t begun = 0; open_ < connections_.size();) {
    while (begun < connections_.size() && begun - open_ < options_.ramp) {
      expect_connected(start_connect(begun++));
    }
    const auto open_before = open_;
    const int ready = ::epoll_wait(epoll_.get(), events_.data(), events_at_once, 100);
    for (const auto& event :
         std::span(events_).first(static_cast<std::size_t>(std::max(ready, 0)))) {
      // One that is open already may have been closed by the server: the run will say.
      if (!connections_[event.data.u64].open) expect_connected(finish_connect(event.data.u64));
    }
    if (options_.stop != nullptr && options_.stop->requested()) {
      throw std::runtime_error("stopped while connecting");
    }
    if (open_ > open_before) {
      last_progress = clock::now();
    } else if (clock::now() - last_progress > options_.connect_patience) {
      throw std::runtime_error("no further connection to " + describe(options_.target) + " for " +
                               std::to_string(options_.connect_patience.count()) + " ms, " +
                               std::to_string(open_) + " of " +
                               std::to_string(connections_.size()) + " are open");
    }
  }
}

}  // namespace switchyard::load
