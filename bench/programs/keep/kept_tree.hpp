// A program, and all that it starts, whatever becomes of their parents: nobody gets away, and
// nobody stays.
//
// This process is a subreaper (prctl(2)): whoever loses its parent below it becomes its child, also
// one that has left its process group or its session. What they print goes to a file in memory:
// no pipe fills up that nobody reads, and the words are there when the program has ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "runtimes/support/unique_fd.hpp"

namespace switchyard::keep {

/// How a wait ended.
enum class woken { asked_to_stop, child_ended, time_over };

class kept_tree {
 public:
  /// Starts it, once in a process. std::system_error when that can't be done.
  explicit kept_tree(const std::vector<std::string>& command);
  ~kept_tree();
  kept_tree& operator=(kept_tree&&) = delete;

  /// Until SIGINT, SIGTERM, SIGHUP or SIGQUIT comes, a child ends, or the time is over.
  woken wait(std::chrono::milliseconds patience);

  /// Nothing while the program itself lives; else "exited with code 2", "was killed by signal 9".
  std::optional<std::string> how_it_ended();

  /// Those that are there, the program itself among them.
  [[nodiscard]] std::vector<pid_t> processes() const;

  /// SIGTERM to the program, which is to end its own; after three seconds SIGKILL to all that are
  /// left. Whom the program has gone without: "1 process behind: sleep (pid 7)", or "".
  std::string stop();

  /// SIGKILL to all, until none is left; who was there besides the program, in the same words.
  std::string kill_all();

  /// The lines that they have printed since the last call, or the first of these where it is much.
  std::string next_lines();
  /// The last line that they printed, or "".
  [[nodiscard]] std::string last_words() const;
  /// Forgets most of it when it has become much.
  void cut_output();

 private:
  void start(const std::vector<std::string>& command);
  bool reap();
  [[nodiscard]] std::string output(off_t from) const;
  [[nodiscard]] off_t output_size() const;

  pid_t main_ = -1;
  std::optional<int> status_;
  unique_fd output_;
  off_t read_ = 0;  // of the output
};

}  // namespace switchyard::keep
