// Errors that runtimes, harness and programs share.
//
// `limit_error` is kept apart from every other failure: a machine that is too small for a row is a
// fact to report ("limit reached: ..."), not a defect, and the rest of a run goes on.
#pragma once

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <system_error>

namespace switchyard {

/// A limit of the machine or of this process stands in the way. `what()` names the limit, the
/// need, and what to do.
class limit_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws std::system_error from `error`, saying what was being done.
[[noreturn]] inline void throw_errno(const std::string& doing, int error = errno) {
  throw std::system_error(error, std::generic_category(), doing);
}

/// Returns `result` of a system call, or throws std::system_error when it is negative.
template <class Int>
Int check(Int result, const char* doing) {
  if (result < 0) throw_errno(doing);
  return result;
}

/// The channel was closed before the item was in it.
struct channel_closed : std::runtime_error {
  channel_closed() : std::runtime_error("push to a closed channel") {}
};

/// A process that used the channel was killed, or left without having ended its task. What it held
/// is lost, so the others can't go on.
struct peer_died : std::runtime_error {
  peer_died() : std::runtime_error("a process that used this channel has died") {}
};

/// `capacity`, if a channel can have it.
inline std::size_t checked_capacity(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a channel holds at least one item");
  return capacity;
}

}  // namespace switchyard
