// What every server program of ours does at its start.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {

/// Tells whoever started the server that it is ready, and where it is.
inline void announce(const endpoint& where) {
  std::printf("listening on %s\n", describe(where).c_str());
  std::fflush(stdout);
}

/// Has the kernel end this process when its parent, which must be `parent`, ends.
inline void die_with(pid_t parent) {
  // Not SIGTERM, which a server that has been stopped would not see.
  check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "ask for a signal at the parent's end");
  if (::getppid() != parent) throw std::runtime_error("the parent has ended already");
}

}  // namespace switchyard
