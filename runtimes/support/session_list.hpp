// How servers take connections, and the sockets of the sessions that one runs at the moment, so
// that a stop can end them all.
#pragma once

#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <exception>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "runtimes/support/outcome.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// What a server makes of each accept until `stop` is requested. A connection for which no task
/// could be started (limit_error) is turned away; one for which there is no descriptor waits in the
/// backlog. The loop pauses then: a full machine need not be a busy one too.
class accept_loop {
 public:
  static constexpr std::chrono::milliseconds pause{10};

  explicit accept_loop(const stop_source& stop) noexcept : stop_(stop) {}

  /// After an accept that ended with `ec`; `start()` takes its connection. False: pause.
  template <class Start>
  bool go_on(const boost::system::error_code& ec, Start start) {
    if (stop_.requested()) return true;
    if (ec == boost::asio::error::would_block) return true;
    if (ec == boost::asio::error::connection_aborted) return true;
    if (ec) {
      report_.why_turned_away = ec.message();
      return false;
    }
    try {
      start();
      ++report_.connections;
    } catch (const std::exception& limit) {  // limit_error, or std::bad_alloc
      ++report_.turned_away;
      report_.why_turned_away = limit.what();
      return false;
    }
    return true;
  }

  [[nodiscard]] const serve_report& report() const noexcept { return report_; }

 private:
  const stop_source& stop_;
  serve_report report_;
};

/// Hands each stream that `accept(ec)` gives to `start(stream)`, and pauses by `sleep(d)`.
template <class Accept, class Start, class Sleep>
serve_report accept_until_stopped(const stop_source& stop, Accept accept, Start start,
                                  Sleep sleep) {
  accept_loop accepting(stop);
  while (!stop.requested()) {
    boost::system::error_code ec;
    auto peer = accept(ec);
    if (!accepting.go_on(ec, [&] { start(std::move(peer)); })) sleep(accept_loop::pause);
  }
  return accepting.report();
}

/// Waits with the means of the runtime: std::mutex and std::condition_variable, or those of fibers.
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

  /// Has `launch(f)` start a task that runs `session(peer)`.
  template <class Launch, class Session, class Stream>
  void start(Launch launch, Session& session, Stream peer) {
    const int fd = peer.native_handle();
    {  // before the task starts, or a stop in between would miss it
      const std::lock_guard lock(mutex_);
      fds_.insert(fd);
    }
    try {
      launch([this, &session, fd, peer = std::move(peer)]() mutable {
        run_session(session, peer);
        remove(fd);
      });
    } catch (...) {
      remove(fd);
      throw;
    }
  }

 private:
  /// Before the socket is closed: its number may be given to another one after that.
  void remove(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.erase(fd);
    if (fds_.empty()) none_left_.notify_all();
  }

  Mutex mutex_;
  ConditionVariable none_left_;
  std::unordered_set<int> fds_;
};

}  // namespace switchyard
