// What an http_get may take, and what it gives: for those who do not parse themselves.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard {

struct http_limits {
  std::uint32_t header_bytes = 64 * 1024;  // at most: Beast holds no longer field
  std::uint64_t body_bytes = std::uint64_t{1} << 30;
};

/// What came before the body, and how much of that there was.
struct http_answer {
  unsigned status = 0;
  bool keep_alive = false;  // the connection may be used again
  std::uint64_t body_bytes = 0;
  std::string location;  // where a redirect leads; else empty
};

}  // namespace switchyard
