// What http_origin is asked for: its options say it for every request, a query for one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace switchyard {

/// Beyond these a request is refused: a slip of the keyboard must not keep a server busy.
inline constexpr std::uint64_t most_body_bytes = std::uint64_t{1} << 30;
inline constexpr std::chrono::milliseconds most_latency = std::chrono::minutes(10);

struct origin_answer {
  unsigned status = 200;
  std::uint64_t bytes = 1024;
  std::chrono::milliseconds latency{0};  // from the complete request to the first byte
  bool chunked = false;                  // chunked transfer coding instead of Content-Length
  bool close = false;                    // ends the connection
  std::string location = {};             // of a redirect
};

/// What a request target such as "/any/path?bytes=1000&latency_ms=50" asks for; what it does not
/// say is as in `defaults`. The path means nothing. std::invalid_argument says what is wrong with
/// it: not a URL, an unknown parameter, a value out of range.
origin_answer answer_to(std::string_view target, const origin_answer& defaults);

}  // namespace switchyard
