#include "bench/harness/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "runtimes/support/error.hpp"

namespace switchyard::harness {

using namespace std::chrono;
using namespace std::chrono_literals;

child_process::child_process(const std::filesystem::path& program,
                             const std::vector<std::string>& arguments, errors where)
    : name_(program.filename().string()) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "create a pipe");
  output_.reset(ends[0]);
  const unique_fd write_end(ends[1]);

  std::string path = program.string();
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv{path.data()};
  for (auto& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  if (where == errors::into_output) {
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  }
  const int error = ::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == EAGAIN || error == ENOMEM) {
    throw limit_error("no process for " + name_ + ": " + std::strerror(error) +
                      " (see ulimit -u, pids.max, free memory)");
  }
  if (error != 0) throw_errno("start " + path, error);
}

std::string child_process::read_line(milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  for (;;) {
    if (const auto end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    if (!read_more(deadline)) {
      throw std::runtime_error(name_ + ' ' +
                               how_it_ended(seconds(1)).value_or("closed its output"));
    }
  }
}

std::string child_process::finish(milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (read_more(deadline)) {
  }
  reap(duration_cast<milliseconds>(deadline - steady_clock::now()));
  std::string output = std::exchange(unread_, {});
  if (status_ == 0) return output;
  const std::string last_line = last_line_of(output);
  const bool said_why = status_ && WIFEXITED(*status_) && !last_line.empty();
  throw std::runtime_error(said_why ? last_line
                                    : name_ + ' ' + how_it_ended().value_or("closed its output"));
}

/// Waits for more output; false at its end, std::runtime_error when the time is over.
bool child_process::read_more(steady_clock::time_point deadline) {
  for (;;) {
    const auto left = duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left <= 0ms) throw std::runtime_error("nothing came from " + name_ + " in time");
    pollfd ready{output_.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
    char buffer[512];
    const auto got = ::read(output_.get(), buffer, sizeof buffer);
    if (got > 0) unread_.append(buffer, static_cast<std::size_t>(got));
    if (got >= 0) return got > 0;
  }
}

std::string child_process::rest_of_output() {
  try {
    while (read_more(steady_clock::now() + 1s)) {
    }
  } catch (const std::runtime_error&) {  // a child of its own still holds the pipe open
  }
  return std::exchange(unread_, {});
}

bool child_process::reap(milliseconds patience) noexcept {
  const auto deadline = steady_clock::now() + patience;
  while (!status_) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) {
      status_ = status;
    } else if (steady_clock::now() >= deadline) {
      return false;
    } else {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  return true;
}

std::optional<std::string> child_process::how_it_ended(milliseconds patience) {
  if (!reap(patience)) return std::nullopt;
  if (WIFSIGNALED(*status_)) {
    return "was killed by signal " + std::to_string(WTERMSIG(*status_));
  }
  return "exited with code " + std::to_string(WEXITSTATUS(*status_));
}

void child_process::stop(milliseconds patience) noexcept {
  if (status_ || pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);  // one that was stopped has to wake to end
  if (reap(patience)) return;
  ::kill(pid_, SIGKILL);
  reap(seconds(3));
}

std::string last_line_of(const std::string& output) {
  const std::string text = output.substr(0, output.find_last_not_of('\n') + 1);
  return text.substr(text.rfind('\n') + 1);
}

announced announced_by(child_process& server, milliseconds patience) {
  constexpr std::string_view begin = "listening on ";
  const std::string line = server.read_line(patience);
  const auto colon = line.rfind(':');
  if (!line.starts_with(begin) || colon == std::string::npos) {
    throw std::runtime_error("a server did not say where it listens: " + line);
  }
  return {line.substr(begin.size(), colon - begin.size()), std::stoi(line.substr(colon + 1))};
}

std::filesystem::path program_on_path(const std::string& name) {
  const char* path = ::secure_getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto candidate = std::filesystem::path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::filesystem::path program_beside(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

}  // namespace switchyard::harness
