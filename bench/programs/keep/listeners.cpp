#include "bench/programs/keep/listeners.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::keep {

namespace {

namespace ip = boost::asio::ip;

struct socket_entry {
  endpoint where;
  std::string inode;
};

/// "0100007F", or four such words: each as it lies in memory.
ip::address address_of(const std::string& hex) {
  std::array<unsigned char, 16> bytes{};
  for (std::size_t i = 0; 8 * (i + 1) <= hex.size() && i < 4; ++i) {
    const auto word =
        static_cast<std::uint32_t>(std::strtoul(hex.substr(8 * i, 8).c_str(), nullptr, 16));
    std::memcpy(bytes.data() + 4 * i, &word, sizeof word);
  }
  if (hex.size() > 8) return ip::address_v6(bytes);
  return ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

std::vector<socket_entry> listening_in(const std::filesystem::path& table, std::uint16_t port) {
  constexpr const char* listening = "0A";
  std::vector<socket_entry> found;
  std::ifstream file(table);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::array<std::string, 10> field;
    for (auto& word : field) words >> word;
    const auto colon = field[1].find(':');
    if (field[3] != listening || colon == std::string::npos) continue;
    if (std::strtoul(field[1].c_str() + colon + 1, nullptr, 16) != port) continue;
    found.push_back({{address_of(field[1].substr(0, colon)), port}, field[9]});
  }
  return found;
}

/// What the descriptors of a process are; nothing when it can't be looked into.
std::optional<std::set<std::string>> descriptors_of(pid_t process) {
  std::set<std::string> found;
  std::error_code error;
  const std::filesystem::path folder = "/proc/" + std::to_string(process) + "/fd";
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code closed;
    found.insert(std::filesystem::read_symlink(it->path(), closed).string());
  }
  if (error == std::errc::permission_denied) return std::nullopt;
  return found;
}

ip::address without_mapping(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

/// Whether nobody listens there, also who is on all addresses.
bool is_free(const endpoint& where) {
  const unique_fd probe = open_tcp(where);
  const int on = 1;  // connections that have ended, and who is about to listen, are not in the way
  check(::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "set a socket up");
  return ::bind(probe.get(), where.data(), static_cast<socklen_t>(where.size())) == 0;
}

/// How closely a listener's address names that of a connection, 0 for not at all: the kernel takes
/// who does it most closely, and deals out among equals (SO_REUSEPORT).
int closeness(const ip::address& listens, const ip::address& here) {
  const ip::address address = without_mapping(listens);
  if (address == here) return 3;
  if (!address.is_unspecified()) return 0;
  return address.is_v4() ? 2 : 1;
}

}  // namespace

std::vector<listener> listeners_at(std::uint16_t port, const std::vector<pid_t>& processes) {
  auto sockets = listening_in("/proc/net/tcp", port);
  std::ranges::copy(listening_in("/proc/net/tcp6", port), std::back_inserter(sockets));
  std::vector<listener> found;
  for (const socket_entry& socket : sockets) found.push_back({socket.where, false});
  if (sockets.empty()) return found;
  for (const pid_t process : processes) {
    const auto held = descriptors_of(process);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (!held || held->contains("socket:[" + sockets[i].inode + ']')) found[i].ours = true;
    }
  }
  return found;
}

std::optional<endpoint> reached_from_here(const endpoint& where) {
  const ip::address address = without_mapping(where.address());
  if (address.is_unspecified()) {
    const endpoint here(ip::address_v4::loopback(), where.port());
    return address.is_v6() && is_free(here) ? std::nullopt : std::optional(here);
  }
  if (address.is_v4() && address.is_loopback()) return endpoint(address, where.port());
  return std::nullopt;
}

bool others_take(const std::vector<listener>& listeners, const endpoint& here) {
  int ours = 0;
  int others = 0;
  for (const listener& each : listeners) {
    int& best = each.ours ? ours : others;
    best = std::max(best, closeness(each.where.address(), here.address()));
  }
  return others > 0 && others >= ours;
}

std::uint16_t free_port() {
  const endpoint any(ip::address_v4::loopback(), 0);
  const unique_fd probe = open_tcp(any);
  check(::bind(probe.get(), any.data(), static_cast<socklen_t>(any.size())), "find a free port");
  return local_endpoint_of(probe.get()).port();
}

}  // namespace switchyard::keep
