#include "bench/load/load_thread.hpp"

#include <linux/close_range.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>

#include "runtimes/support/error.hpp"

namespace switchyard::load {
namespace {

/// Of what is open the standard streams stay; kernels before 5.9 keep all of it open.
void take_own_descriptors() {
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE) == 0) return;
  check(::unshare(CLONE_FILES), "give a thread descriptors of its own");
}

}  // namespace

load_thread::load_thread(const options& part, const std::function<void()>& enter) {
  std::promise<void> begun;
  auto has_begun = begun.get_future();
  // The promise is the thread's, which may still be at it when it is kept.
  try {
    thread_ = std::thread(
        [this, &part, &enter, begun = std::move(begun)]() mutable { run(part, enter, begun); });
  } catch (const std::system_error& failed) {
    throw limit_error(std::string("no further thread for the load: ") + failed.what() +
                      " (see ulimit -u and -v)");
  }
  try {
    has_begun.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

load_thread::~load_thread() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void load_thread::run(const options& part, const std::function<void()>& enter,
                      std::promise<void>& begun) {
  std::optional<load_loop> loop;
  try {
    enter();
    take_own_descriptors();
    loop.emplace(part);
  } catch (...) {
    begun.set_exception(std::current_exception());
    return;
  }
  loop_ = &*loop;
  begun.set_value();  // from here on part and enter may be gone
  while (auto posted = next()) (*posted)(*loop);
}

std::optional<load_thread::job> load_thread::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return posted_ || ends_; });
  return std::exchange(posted_, std::nullopt);
}

std::future<void> load_thread::post(std::function<void(load_loop&)> body) {
  job made(std::move(body));
  auto done = made.get_future();
  {
    const std::lock_guard lock(mutex_);
    posted_ = std::move(made);
  }
  changed_.notify_one();
  return done;
}

}  // namespace switchyard::load
