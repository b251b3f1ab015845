// The sockets of the sessions that a server runs at the moment, so that a stop can end them all.
#pragma once

#include <sys/socket.h>

#include <mutex>
#include <unordered_set>

namespace switchyard {

/// Waits with the means of the runtime: std::mutex and std::condition_variable, or those of fibers.
/// A session is added before its task starts, or a stop in between would miss it.
template <class Mutex, class ConditionVariable>
class session_list {
 public:
  session_list() = default;
  session_list& operator=(session_list&&) = delete;

  /// Ends every session and waits until the last has left the list.
  ~session_list() {
    std::unique_lock lock(mutex_);
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
    none_left_.wait(lock, [this] { return fds_.empty(); });
  }

  void add(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.insert(fd);
  }

  /// Before the socket is closed: its number may be given to another one after that.
  void remove(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.erase(fd);
    if (fds_.empty()) none_left_.notify_all();
  }

 private:
  Mutex mutex_;
  ConditionVariable none_left_;
  std::unordered_set<int> fds_;
};

}  // namespace switchyard
