// The last line that a server prints, for a person, and for whoever adds up several servers'.
#pragma once

#include <cstdint>
#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace switchyard::echo {

inline constexpr std::string_view limit_sign = "; limit met: ";

struct totals {
  std::uint64_t connections = 0;
  std::uint64_t bytes = 0;
  std::uint64_t turned_away = 0;
  std::string why_turned_away = {};

  totals& operator+=(const totals& other) {
    connections += other.connections;
    bytes += other.bytes;
    turned_away += other.turned_away;
    if (why_turned_away.empty()) why_turned_away = other.why_turned_away;
    return *this;
  }
};

inline std::ostream& operator<<(std::ostream& out, const totals& t) {
  out << "served " << t.connections << " connections, echoed " << t.bytes << " bytes, turned away "
      << t.turned_away;
  return t.why_turned_away.empty() ? out : out << limit_sign << t.why_turned_away;
}

/// Throws std::runtime_error when it is no such line.
inline totals parse_totals(const std::string& line) {
  unsigned long long connections = 0;
  unsigned long long bytes = 0;
  unsigned long long turned_away = 0;
  if (std::sscanf(line.c_str(), "served %llu connections, echoed %llu bytes, turned away %llu",
                  &connections, &bytes, &turned_away) != 3) {
    throw std::runtime_error("no totals of a server: " + line);
  }
  totals read{connections, bytes, turned_away};
  if (const auto at = line.find(limit_sign); at != std::string::npos) {
    read.why_turned_away = line.substr(at + limit_sign.size());
  }
  return read;
}

}  // namespace switchyard::echo
