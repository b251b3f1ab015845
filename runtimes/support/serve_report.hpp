// What a server did, as its `serve` returns it.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard {

/// What a server did: connections that got a task, and those closed because none could be started.
/// The reason is the last limit that was met.
struct serve_report {
  std::uint64_t connections = 0;
  std::uint64_t turned_away = 0;
  std::string why_turned_away;
};

}  // namespace switchyard
