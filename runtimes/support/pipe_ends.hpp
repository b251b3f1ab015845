// A pipe whose ends are opened apart: the read end when it is made, a write end by each process
// that needs one. Linux opens the other end of a pipe through /proc/self/fd (fifo(7), proc(5)).
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

/// How many items of one size a pipe surely holds. A write that is to be atomic goes into one page,
/// and the oldest page may still be there for its last item.
class pipe_size {
 public:
  explicit pipe_size(std::size_t item_bytes) noexcept
      : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), per_page_(page_ / item_bytes) {}

  [[nodiscard]] std::size_t items_in(std::size_t bytes) const noexcept {
    return (bytes / page_ - 1) * per_page_ + 1;
  }
  [[nodiscard]] std::size_t bytes_for(std::size_t items) const noexcept {
    return ((items - 1 + per_page_ - 1) / per_page_ + 1) * page_;
  }
  /// When they are put in before the first is taken out.
  [[nodiscard]] std::size_t least_bytes_for(std::size_t items) const noexcept {
    return (items + per_page_ - 1) / per_page_ * page_;
  }

 private:
  std::size_t page_;
  std::size_t per_page_;
};

/// The read end of a new pipe.
inline unique_fd make_pipe() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "create a pipe");
  const unique_fd write_end(ends[1]);
  return unique_fd(ends[0]);
}

/// Makes room for `items` and gives how many there is surely room for: these, or a few less when an
/// unprivileged process may not have the next larger pipe (sizes are powers of two). limit_error
/// when that is too little as well.
inline std::size_t make_room(const unique_fd& pipe, std::size_t items, std::size_t item_bytes) {
  const pipe_size size(item_bytes);
  const auto holds = [&](std::size_t wanted) {
    int bytes = check(::fcntl(pipe.get(), F_GETPIPE_SZ), "ask for the size of a pipe");
    if (static_cast<std::size_t>(bytes) < wanted) {
      bytes = ::fcntl(pipe.get(), F_SETPIPE_SZ, wanted);
    }
    return bytes < 0 ? 0 : std::min(items, size.items_in(static_cast<std::size_t>(bytes)));
  };
  if (const std::size_t all = holds(size.bytes_for(items))) return all;
  const std::size_t least = size.least_bytes_for(items);
  if (const std::size_t most = holds(least)) return most;
  throw limit_error("no pipe of " + std::to_string(least) + " bytes: " + std::strerror(errno) +
                    " (see fs.pipe-max-size, fs.pipe-user-pages-soft)");
}

/// A further write end, that does not block.
inline unique_fd open_write_end(const unique_fd& read_end) {
  const std::string path = "/proc/self/fd/" + std::to_string(read_end.get());
  return unique_fd(check(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC),
                         "open the write end of a pipe"));
}

}  // namespace switchyard
