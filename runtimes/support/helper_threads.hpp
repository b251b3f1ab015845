// Kernel threads for calls that block: resolving a host name, reading from a disk. A fiber must not
// make such a call itself, as it would stall all others; nor may a task that has a deadline.
//
// Threads are started when no idle one is left, are used again, and are never joined: a call that
// was given up may still be blocked when everything else has ended.
#pragma once

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "runtimes/support/error.hpp"
#include "runtimes/support/kernel_wait.hpp"
#include "runtimes/support/outcome.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {

/// Safe to copy through fork as long as no job was given to it before.
class helper_threads {
 public:
  helper_threads() = default;
  helper_threads& operator=(helper_threads&&) = delete;
  ~helper_threads() {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
    shared_->jobs_changed.notify_all();
  }

  /// Runs `job` on a thread of its own as soon as one of `most` is free; limit_error when there is
  /// none at all and none to be had.
  void run(std::function<void()> job) {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->idle <= shared_->jobs.size() && shared_->threads < most) start_thread();
    shared_->jobs.push_back(std::move(job));
    shared_->jobs_changed.notify_one();
  }

 private:
  static constexpr std::size_t most = 256;

  struct state {
    std::mutex mutex;
    std::condition_variable jobs_changed;
    std::deque<std::function<void()>> jobs;
    std::size_t threads = 0;
    std::size_t idle = 0;
    bool ended = false;
  };

  static void work(const std::shared_ptr<state>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
      ++shared->idle;
      shared->jobs_changed.wait(lock, [&] { return shared->ended || !shared->jobs.empty(); });
      --shared->idle;
      if (shared->ended) return;
      auto job = std::move(shared->jobs.front());
      shared->jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  // Signals are for the threads of the program itself.
  void start_thread() {
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    try {
      std::thread([shared = shared_] { work(shared); }).detach();
      ++shared_->threads;
    } catch (const std::system_error& failed) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      if (shared_->threads > 0) return;  // the job waits for one of those
      throw limit_error(std::string("no further thread: ") + failed.what() + " (see ulimit -u)");
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  std::shared_ptr<state> shared_ = std::make_shared<state>();
};

/// A call that a helper thread makes in the place of a task, which waits for it.
template <class F>
class aside_call {
 public:
  using result = outcome<std::invoke_result_t<F&>>;

  aside_call(helper_threads& helpers, F f) : shared_(std::make_shared<job>(std::move(f))) {
    helpers.run([shared = shared_] {
      if (shared->given_up) return;  // nobody waits: leave the thread to those who do
      shared->left.run(shared->f);
      shared->done = true;
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(shared->event.get(), &one, sizeof one);
    });
  }

  /// Readable when it is done.
  [[nodiscard]] int event() const noexcept { return shared_->event.get(); }

  /// What `f` left behind, or null when `deadline` passed first: then `f` goes on without anybody
  /// to wait for it, so that it has to own all it uses. Blocks until then, if the event was not
  /// waited for before: nobody may leave early without a deadline, as `f` may refer to what ends
  /// with its caller.
  std::shared_ptr<result> finish(time_point deadline = never) {
    if (!shared_->done) wait_ready(event(), POLLIN, deadline);
    shared_->given_up = !shared_->done;
    return shared_->done ? std::shared_ptr<result>(shared_, &shared_->left) : nullptr;
  }

 private:
  struct job {
    explicit job(F&& function) : f(std::move(function)) {}
    F f;
    result left;
    std::atomic<bool> done{false};
    std::atomic<bool> given_up{false};
    unique_fd event{check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "create an eventfd")};
  };
  std::shared_ptr<job> shared_;
};

/// Runs `f` on a helper thread while the calling task of runtime `rt`, and it alone, waits; see
/// aside_call::finish.
template <class R, class F>
auto call_aside(R& rt, helper_threads& helpers, F f, time_point deadline = never) {
  aside_call<F> call(helpers, std::move(f));
  try {
    rt.wait_readable(call.event(), deadline);
  } catch (const std::exception&) {  // there is no room to watch one more descriptor
  }
  return call.finish(deadline);
}

}  // namespace switchyard
