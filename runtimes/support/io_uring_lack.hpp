// Whether this build and this machine let us use io_uring, and if not, why: asked before anything
// is measured, so that what needs it is left out with the reason and does not fail.
//
// What needs it is named here, as rows and servers know runtimes by their names alone. Each of
// these names is held against this list where it is defined.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

#ifndef SWITCHYARD_LIBURING
#define SWITCHYARD_LIBURING 0
#endif
#if SWITCHYARD_LIBURING
#include <liburing.h>
#endif

namespace switchyard {

inline constexpr const char* io_uring_name = "io_uring";

/// The runtime, or the control, that the name stands for.
constexpr bool needs_io_uring(std::string_view name) {
  return name == "fiber_uring" || name == "uring";
}

#if SWITCHYARD_LIBURING

/// Completions are handled when we ask for them and at no other time, on the one thread that uses
/// the ring (Linux 6.1); and the kernel says when there are any to ask for.
inline constexpr unsigned uring_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                        IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP;

/// Empty: nothing stands in the way.
inline std::string io_uring_lack() {
  io_uring_params params{};
  params.flags = uring_flags;
  const unique_fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 8, &params)));
  if (ring) return {};
  const int error = errno;
  int disabled = 0;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
  if (error == EPERM && disabled > 0) {
    return "kernel.io_uring_disabled is " + std::to_string(disabled);
  }
  if (error == EPERM || error == EACCES)
    return "forbidden here, as by a container's seccomp filter";
  if (error == ENOSYS) return "not in this kernel, or hidden by a seccomp filter";
  if (error == EINVAL) return "this kernel is older than 6.1";
  return std::strerror(error);
}

#else

inline std::string io_uring_lack() {
  return "built without liburing (scripts/setup.sh installs it; configure again after it)";
}

#endif

/// Throws limit_error, which says why, where it is not to be had.
inline void require_io_uring() {
  if (const std::string why = io_uring_lack(); !why.empty()) {
    throw limit_error("no io_uring: " + why);
  }
}

}  // namespace switchyard
