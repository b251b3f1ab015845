// Blocks of memory that a task maps, touches and unmaps.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtimes/support/error.hpp"

namespace switchyard {

inline constexpr std::size_t block_bytes = 64 * 1024;

inline std::size_t bytes_of_a_page() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

inline std::int64_t pages_of_a_block() {
  return static_cast<std::int64_t>(block_bytes / bytes_of_a_page());
}

/// Anonymous memory of this task alone.
class block {
 public:
  block()
      : begin_(::mmap(nullptr, block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0)) {
    if (begin_ == MAP_FAILED) throw_errno("map 64 KiB");
  }
  ~block() { ::munmap(begin_, block_bytes); }
  block(const block&) = delete;
  block& operator=(const block&) = delete;

  [[nodiscard]] std::span<volatile std::byte> bytes() const {
    return {static_cast<volatile std::byte*>(begin_), block_bytes};
  }

 private:
  void* begin_;
};

/// How many pages hold what was written to them, and zeroes beside it: all of them.
inline std::int64_t touch(const block& fresh, std::size_t page_bytes) {
  const auto bytes = fresh.bytes();
  std::int64_t right = 0;
  for (std::size_t at = 0; at < bytes.size(); at += page_bytes) {
    bytes[at] = std::byte{1};
    right += bytes[at] == std::byte{1} && bytes[at + 1] == std::byte{0} ? 1 : 0;
  }
  return right;
}

/// Maps, touches and unmaps so many; gives the pages of them that were fresh.
inline std::int64_t touch_blocks(std::int64_t blocks) {
  const std::size_t page_bytes = bytes_of_a_page();
  std::int64_t pages = 0;
  for (std::int64_t i = 0; i < blocks; ++i) pages += touch(block(), page_bytes);
  return pages;
}

}  // namespace switchyard
