#include "bench/programs/keep/kept_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"

namespace switchyard::keep {

using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

constexpr milliseconds to_end_by_itself = 3s;
constexpr milliseconds to_be_killed = 3s;
constexpr milliseconds a_look = 10ms;
constexpr off_t much_output = 1 << 20;

bool is_ignored(int number) {
  struct sigaction set {};
  return ::sigaction(number, nullptr, &set) == 0 && set.sa_handler == SIG_IGN;
}

/// Those that a keeper waits for, which are blocked in it. Who ends with its terminal would leave a
/// tree behind; who was started to outlive it (nohup) does.
sigset_t awaited_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGCHLD}) ::sigaddset(&set, number);
  for (const int number : {SIGHUP, SIGQUIT}) {
    if (!is_ignored(number)) ::sigaddset(&set, number);
  }
  return set;
}

/// "sleep (pid 7)"
std::string described(pid_t process) {
  std::string name;
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::getline(file, name);
  return (name.empty() ? "a process" : name) + " (pid " + std::to_string(process) + ')';
}

/// "2 processes behind: sh (pid 7), sleep (pid 8)"; the first few by name.
std::string left_behind(const std::vector<std::string>& names) {
  constexpr std::size_t most = 4;
  if (names.empty()) return {};
  std::string text = std::to_string(names.size()) +
                     (names.size() == 1 ? " process behind: " : " processes behind: ");
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    text += (i > 0 ? ", " : "") + names[i];
  }
  return text + (names.size() > most ? " and others" : "");
}

[[noreturn]] void become(const std::vector<std::string>& command, int output, int failed,
                         pid_t parent) {
  // In a session of its own, so that a terminal's Ctrl-C is left to whoever keeps it.
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  if (nothing > STDERR_FILENO) ::close(nothing);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  [[maybe_unused]] const auto told = ::write(failed, &error, sizeof error);
  ::_exit(127);
}

}  // namespace

kept_tree::kept_tree(const std::vector<std::string>& command)
    : output_(check(::memfd_create("output", MFD_CLOEXEC), "create a file in memory")) {
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1UL), "become a subreaper");
  check(::fcntl(output_.get(), F_SETFL, O_APPEND), "set a file up");
  const sigset_t awaited = awaited_signals();
  check(::sigprocmask(SIG_BLOCK, &awaited, nullptr), "block signals");
  start(command);
}

void kept_tree::start(const std::vector<std::string>& command) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "create a pipe");
  const unique_fd read_end(ends[0]);
  unique_fd write_end(ends[1]);
  const pid_t self = ::getpid();
  main_ = check(::fork(), "start a process");
  if (main_ == 0) become(command, output_.get(), write_end.get(), self);
  write_end.reset();
  int error = 0;
  if (::read(read_end.get(), &error, sizeof error) == sizeof error) {
    kill_all();
    throw_errno("start " + command[0], error);
  }
}

kept_tree::~kept_tree() { kill_all(); }

woken kept_tree::wait(milliseconds patience) {
  const sigset_t awaited = awaited_signals();
  const timespec at_most = as_timespec(patience);
  const int came = ::sigtimedwait(&awaited, nullptr, &at_most);
  if (came == SIGCHLD) return woken::child_ended;
  return came > 0 ? woken::asked_to_stop : woken::time_over;
}

/// Whoever has ended; false when no child is left, and so none below this process at all.
bool kept_tree::reap() {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended == main_ && ended > 0) status_ = status;
    if (ended <= 0) return ended == 0;
  }
}

std::optional<std::string> kept_tree::how_it_ended() {
  reap();
  if (!status_) return std::nullopt;
  if (WIFSIGNALED(*status_)) {
    return "was killed by signal " + std::to_string(WTERMSIG(*status_));
  }
  return "exited with code " + std::to_string(WEXITSTATUS(*status_));
}

std::vector<pid_t> kept_tree::processes() const { return harness::descendants(::getpid()); }

std::string kept_tree::stop() {
  const auto deadline = steady_clock::now() + to_end_by_itself;
  const auto left = [&] { return duration_cast<milliseconds>(deadline - steady_clock::now()); };
  if (!status_) {
    ::kill(main_, SIGTERM);
    ::kill(main_, SIGCONT);  // one that was stopped has to wake to end
  }
  while (reap() && left() > 0ms) wait(std::min(left(), status_ ? a_look : to_end_by_itself));
  const bool had_ended = status_.has_value();
  const std::string others = kill_all();
  return had_ended ? others : "";
}

std::string kept_tree::kill_all() {
  const auto deadline = steady_clock::now() + to_be_killed;
  std::vector<std::string> names;
  const auto found = processes();
  for (const pid_t process : found) {
    if (process != main_) names.push_back(described(process));
  }
  while (reap() && steady_clock::now() < deadline) {
    for (const pid_t process : processes()) ::kill(process, SIGKILL);
    wait(a_look);
  }
  return left_behind(names);
}

/// From there on, but not more than is much.
std::string kept_tree::output(off_t from) const {
  std::string text(static_cast<std::size_t>(much_output), '\0');
  const auto got = ::pread(output_.get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

off_t kept_tree::output_size() const {
  struct stat now {};
  return ::fstat(output_.get(), &now) == 0 ? now.st_size : 0;
}

std::string kept_tree::next_lines() {
  std::string text = output(read_);
  const auto whole = text.rfind('\n') + 1;
  // A line that is longer than that is no announcement.
  if (whole > 0 || text.size() < static_cast<std::size_t>(much_output)) text.resize(whole);
  read_ += static_cast<off_t>(text.size());
  return text;
}

std::string kept_tree::last_words() const {
  constexpr std::size_t most = 300;
  const std::string end = output(std::max<off_t>(output_size() - much_output, 0));
  std::string words = harness::last_line_of(end).substr(0, most);
  std::ranges::replace_if(
      words, [](char c) { return c < ' ' || c > '~'; }, '?');
  return words;
}

void kept_tree::cut_output() {
  if (output_size() <= much_output) return;
  check(::ftruncate(output_.get(), 0), "cut a file");
  read_ = 0;
}

}  // namespace switchyard::keep
