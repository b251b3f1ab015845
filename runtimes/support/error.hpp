// Errors that runtimes, harness and programs share.
//
// `limit_error` is kept apart from every other failure: a machine that is too small for a row is a
// fact to report ("limit reached: ..."), not a defect, and the rest of a run goes on.
#pragma once

#include <cerrno>
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

}  // namespace switchyard
