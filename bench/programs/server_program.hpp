// What every server program of ours is told, and does at its start.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// Tells whoever started the server that it is ready, and where it is.
inline void announce(const endpoint& where) {
  std::printf("listening on %s\n", describe(where).c_str());
  std::fflush(stdout);
}

/// Has the kernel end this process when its parent, which must be `parent`, ends. Not by SIGTERM,
/// which a server that has been stopped would not see, unless there is something to clear up.
inline void die_with(pid_t parent, int signal = SIGKILL) {
  check(::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal)),
        "ask for a signal at the parent's end");
  if (::getppid() != parent) throw std::runtime_error("the parent has ended already");
}

struct server_options {
  std::string host = "127.0.0.1";
  int port;
  std::string cpus = {};
  pid_t parent = 0;

  void add_address(harness::command_line& line) {
    line.add("--host", host, "Address to listen on").with_default();
    line.add("--port", port, "Port to listen on; 0 picks a free one").port(0).with_default();
  }
  void add_process(harness::command_line& line) {
    line.add("--cpus", cpus, "CPUs to run on, such as 0 or 0,2-3 (default: all)").cpu_list();
    line.add("--parent", parent, "End when this process, its parent, ends");
  }
};

/// Makes this process a server; what SIGINT and SIGTERM will stop.
inline stop_source& begin_server(const server_options& chosen) {
  if (chosen.parent != 0) die_with(chosen.parent);
  if (!chosen.cpus.empty()) harness::pin_this_thread(harness::parse_cpu_list(chosen.cpus));
  harness::raise_open_files();
  ::signal(SIGPIPE, SIG_IGN);  // nobody has to read what it prints
  static stop_source stop;
  stop_source::on_signals(stop);
  return stop;
}

}  // namespace switchyard
