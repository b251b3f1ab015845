// A program started for a measurement (posix_spawn), its standard output read, and ended with its
// owner in every case.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtimes/support/unique_fd.hpp"

namespace switchyard::harness {

/// Where a program's standard error goes.
enum class errors { inherited, into_output };

class child_process {
 public:
  /// Throws std::system_error when `program` can't be started.
  child_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                errors where = errors::inherited);
  ~child_process() { stop(); }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// To poll, which reports POLLHUP when it has ended.
  [[nodiscard]] int output() const noexcept { return output_.get(); }

  /// The next line of its output; std::runtime_error at its end or after `patience`.
  std::string read_line(std::chrono::milliseconds patience);

  /// All output up to its end, which has to come within `patience` and with exit code 0. Otherwise
  /// std::runtime_error, with the last line of the output as the reason.
  std::string finish(std::chrono::milliseconds patience);

  /// What it has printed and nobody has read, once it has ended.
  std::string rest_of_output();

  /// "was killed by signal 9", "exited with code 2", or nothing while it lives. A child that has
  /// just been hit gets `patience` to end.
  std::optional<std::string> how_it_ended(std::chrono::milliseconds patience = {});

  /// SIGTERM, and SIGKILL when `patience` is over; reaps. Does nothing the second time.
  void stop(std::chrono::milliseconds patience = std::chrono::seconds(3)) noexcept;

 private:
  bool read_more(std::chrono::steady_clock::time_point deadline);
  bool reap(std::chrono::milliseconds patience) noexcept;

  std::string name_;
  pid_t pid_ = -1;
  std::optional<int> status_;
  unique_fd output_;
  std::string unread_;
};

/// Without its line end, whatever empty lines follow.
std::string last_line_of(const std::string& output);

/// Where a server is.
struct announced {
  std::string host;
  int port;
};

/// What a server says in its first line, "listening on HOST:PORT", within `patience`.
announced announced_by(child_process& server,
                       std::chrono::milliseconds patience = std::chrono::seconds(20));
inline int announced_port(child_process& server) { return announced_by(server).port; }

/// A program that was built beside the running one.
std::filesystem::path program_beside(const std::string& name);

/// A program of the system's, found as a shell would; empty when there is none.
std::filesystem::path program_on_path(const std::string& name);

}  // namespace switchyard::harness
