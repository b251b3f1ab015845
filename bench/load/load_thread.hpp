// A thread of the load generator: it owns its loop, and a table of descriptors of its own.
//
// RLIMIT_NOFILE bounds a table, not a process: so each thread may open as many connections as the
// limit says. And on a table that nobody shares the kernel looks a descriptor up without counting
// who uses it, as in a program of one thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "bench/load/load_loop.hpp"

namespace switchyard::load {

class load_thread {
 public:
  using job = std::packaged_task<void(load_loop&)>;

  /// Begins with `enter()`. Throws what that throws, std::system_error where there is no room for
  /// another thread.
  load_thread(const options& part, const std::function<void()>& enter);
  ~load_thread();
  load_thread& operator=(load_thread&&) = delete;

  /// One after another, on the thread. The job before has to be over.
  std::future<void> post(std::function<void(load_loop&)> body);

  /// Only while no job is under way.
  [[nodiscard]] const load_loop& loop() const { return *loop_; }

 private:
  void run(const options& part, const std::function<void()>& enter, std::promise<void>& begun);
  [[nodiscard]] std::optional<job> next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<job> posted_;
  bool ends_ = false;
  const load_loop* loop_ = nullptr;
  std::thread thread_;
};

}  // namespace switchyard::load
