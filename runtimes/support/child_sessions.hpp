// The children of a fork-per-connection server: reaped when they end, ended when the server stops.
//
// SIGCHLD is taken through a descriptor that the accept loop polls, so that no zombie waits for the
// next connection. While it serves, a process has no other children.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <unordered_set>

#include "runtimes/support/blocking_runtime.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

class child_sessions {
 public:
  child_sessions() {
    sigset_t child{};
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    check(::sigprocmask(SIG_BLOCK, &child, &mask_before_), "block SIGCHLD");
    signals_.reset(check(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), "create a signalfd"));
  }
  ~child_sessions() { ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr); }
  child_sessions& operator=(child_sessions&&) = delete;

  void add(pid_t pid) { pids_.insert(pid); }

  /// In a child just forked: its siblings are not its own.
  void forget_in_child() noexcept {
    signals_.reset();
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  /// Ends every session, gently for three seconds, then not.
  void end_all() {
    using namespace std::chrono;
    for (const pid_t pid : pids_) ::kill(pid, SIGTERM);
    const auto patience = steady_clock::now() + seconds(3);
    while (!pids_.empty() && steady_clock::now() < patience) {
      pollfd ready{signals_.get(), POLLIN, 0};
      ::poll(&ready, 1, 100);
      reap();
    }
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    pids_.clear();
  }

  /// What the accept loop does when a child has ended.
  watched_descriptor reaper() {
    return {signals_.get(), [this] { reap(); }};
  }

 private:
  void reap() {
    signalfd_siginfo drained{};
    while (::read(signals_.get(), &drained, sizeof drained) > 0) {
    }
    for (pid_t pid = 0; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) pids_.erase(pid);
  }

  sigset_t mask_before_{};
  unique_fd signals_;
  std::unordered_set<pid_t> pids_;
};

}  // namespace switchyard
