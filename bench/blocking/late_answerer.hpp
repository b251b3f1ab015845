// Somebody outside of the runtime under test who answers after a set time: what a blocking call
// blocks on. A process of its own, so that it takes no part in any scheduler but the kernel's; not
// a thread, as the process runtime forks.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "runtimes/process.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

class late_answerer {
 public:
  using clock = std::chrono::steady_clock;

  late_answerer() : late_answerer(make_ends()) {}
  late_answerer(const late_answerer&) = delete;
  late_answerer& operator=(const late_answerer&) = delete;

  /// Asks for an answer after `wait` and blocks the calling kernel task in read(2) until it is
  /// there. Throws when it is wrong or came too early.
  void call(std::chrono::milliseconds wait) const {
    const auto begin = clock::now();
    const std::int64_t question = wait.count();
    write_number(ours_, question);
    std::int64_t answer = 0;
    if (!read_number(ours_, answer)) throw std::runtime_error("nobody answers a blocking call");
    if (answer != ~question) throw std::runtime_error("a blocking call got a wrong answer");
    if (clock::now() - begin < wait) throw std::runtime_error("a blocking call was too short");
  }

 private:
  using ends = std::pair<unique_fd, unique_fd>;

  static ends make_ends() {
    int fds[2];
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "create a socket pair");
    return {unique_fd(fds[0]), unique_fd(fds[1])};
  }

  // Our end is closed before the answerer is waited for (members end in reverse order), which ends
  // it; its own end is closed here once it has been forked.
  explicit late_answerer(ends both)
      : answerer_(outside_.run([&] {
          return outside_.spawn([&both] {
            both.first.reset();
            answer_until_closed(both.second);
          });
        })),
        ours_(std::move(both.first)) {}

  static void answer_until_closed(const unique_fd& end) {
    for (std::int64_t question = 0; read_number(end, question);) {
      kernel_sleep(std::chrono::milliseconds(question));
      write_number(end, ~question);
    }
  }

  static bool read_number(const unique_fd& from, std::int64_t& number) {
    for (;;) {
      const ssize_t got = ::read(from.get(), &number, sizeof number);
      if (got == sizeof number) return true;
      if (got == 0) return false;
      if (got > 0 || errno != EINTR) throw_errno("read from a socket");
    }
  }

  static void write_number(const unique_fd& to, std::int64_t number) {
    if (::send(to.get(), &number, sizeof number, MSG_NOSIGNAL) != sizeof number) {
      throw_errno("write to a socket");
    }
  }

  process outside_;
  process::task<void> answerer_;
  unique_fd ours_;
};

}  // namespace switchyard
