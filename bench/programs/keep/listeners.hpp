// Where processes listen, as the kernel has it: whatever a server says of itself, and without a
// connection to it that would be one more than its clients make.
#pragma once

#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <vector>

namespace switchyard::keep {

using endpoint = boost::asio::ip::tcp::endpoint;

/// A listening TCP socket. `ours`: one of the processes asked about holds it, or one of them can't
/// be looked into, so that it may.
struct listener {
  endpoint where;
  bool ours;
};

/// All that listen at this port, in this network namespace (proc(5): /proc/net/tcp, /proc/PID/fd).
std::vector<listener> listeners_at(std::uint16_t port, const std::vector<pid_t>& processes);

/// Where a client on 127.0.0.1 finds a server that listens there: on that address, or where it is,
/// in 127.0.0.0/8; nothing when it is elsewhere, or has IPv6 alone. All addresses of the machine
/// are here as well.
std::optional<endpoint> reached_from_here(const endpoint& where);

/// Whether connections to `here`, or a part of them, come to whoever is not ours.
bool others_take(const std::vector<listener>& listeners, const endpoint& here);

/// A TCP port of 127.0.0.1 at which nobody is at the moment.
std::uint16_t free_port();

}  // namespace switchyard::keep
