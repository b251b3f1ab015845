// What http_origin puts into a body of n bytes, so that any client can verify it byte for byte.
//
// The first n bytes of a block of 1 MiB that repeats for as long as needed. The block is made of
// printable ASCII by a linear congruential generator, the same on every machine:
//
//   x = 1
//   for each byte:  x = (x * 1103515245 + 12345) mod 2^31;  byte = 32 + (x >> 16) mod 95
//
// so the first eight bytes are `7ZKCq64)`. Nothing is made per request: a body is slices of the
// one block.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace switchyard {

inline constexpr std::size_t http_body_block_bytes = std::size_t{1} << 20;

/// The block, made at the first call.
inline std::string_view http_body_block() {
  static const std::string block = [] {
    std::string bytes(http_body_block_bytes, ' ');
    std::uint32_t x = 1;
    for (char& byte : bytes) {
      x = (x * 1103515245U + 12345U) & 0x7fffffffU;
      byte = static_cast<char>(32 + (x >> 16) % 95);
    }
    return bytes;
  }();
  return block;
}

/// What stands in a body from `offset` on: `most` bytes, or fewer where the block ends.
inline std::string_view http_body_slice(std::uint64_t offset, std::uint64_t most) {
  return http_body_block().substr(
      static_cast<std::size_t>(offset % http_body_block_bytes),
      static_cast<std::size_t>(std::min<std::uint64_t>(most, http_body_block_bytes)));
}

/// Whether `piece` is what a body holds from `offset` on.
inline bool is_http_body(std::string_view piece, std::uint64_t offset = 0) {
  while (!piece.empty()) {
    const auto right = http_body_slice(offset, piece.size());
    if (piece.substr(0, right.size()) != right) return false;
    piece.remove_prefix(right.size());
    offset += right.size();
  }
  return true;
}

}  // namespace switchyard
