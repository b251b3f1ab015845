// `thread`: one kernel thread for each task and each connection.
//
// POSIX threads, not std::thread, because the stack's size has to be said: the default of 8 MiB
// would measure the limit on address space instead of the thread.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_runtime.hpp"
#include "runtimes/support/mutex_channel.hpp"
#include "runtimes/support/sanitizers.hpp"
#include "runtimes/support/session_list.hpp"

namespace switchyard {

class thread : public blocking_runtime {
 public:
  static constexpr std::string_view name = "thread";
  static constexpr std::string_view what = "a kernel thread for each task and each connection";
  static constexpr bool own_tasks = true;
  static constexpr bool concurrent = true;
  static constexpr bool shares_memory = true;
  static constexpr bool runs_in_parallel = true;
  static constexpr bool preemptive = true;
  static constexpr int kernel_tasks_per_task = 1;
  static constexpr bool waits_in_kernel = true;
  static constexpr int sleeps_per_join = 1;
  static constexpr task_footprint idle_task{.memory_bytes = 256 * 1024,
                                            .mappings = 2,  // the stack and its guard page
                                            .address_space_bytes = default_stack_bytes + 4096};
  static constexpr std::int64_t quick_tasks = 2'000;

  explicit thread(std::size_t stack_bytes = default_stack_bytes) : stack_bytes_(stack_bytes) {}

  template <class T>
  class task {
   public:
    task(task&&) noexcept = default;
    task& operator=(task&& other) noexcept {
      std::swap(work_, other.work_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~task() {
      if (work_) ::pthread_join(id_, nullptr);
    }

    T join() {
      ::pthread_join(id_, nullptr);
      return std::exchange(work_, nullptr)->result.take();
    }

   private:
    friend class thread;
    struct work {
      virtual ~work() = default;
      virtual void call() noexcept = 0;
      outcome<T> result;
    };

    task(std::unique_ptr<work> w, pthread_t id) : work_(std::move(w)), id_(id) {}

    std::unique_ptr<work> work_;  // until it is joined
    pthread_t id_;
  };

  template <class F>
  auto spawn(F f) {
    using T = std::invoke_result_t<F&>;
    using work = typename task<T>::work;
    struct call_f final : work {
      explicit call_f(F&& function) : f(std::move(function)) {}
      void call() noexcept override { this->result.run(f); }
      F f;
    };
    std::unique_ptr<work> call = std::make_unique<call_f>(std::move(f));
    const pthread_t id = start(call.get(), [](void* raw) -> void* {
      static_cast<work*>(raw)->call();
      return nullptr;
    });
    return task<T>(std::move(call), id);
  }

  void yield() noexcept { ::sched_yield(); }

  template <class T>
  using channel = mutex_channel<T>;
  template <class T>
  using channels = std::tuple<mutex_channel<T>>;

  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    session_list<std::mutex, std::condition_variable> open;
    const auto launch = [this](auto f) { this->start_detached(std::move(f)); };
    return accept_until_stopped(from, stop,
                                [&](stream peer) { open.start(launch, session, std::move(peer)); });
  }

 private:
  template <class F>
  void start_detached(F f) const {
    auto owned = std::make_unique<F>(std::move(f));
    const pthread_t id = start(owned.get(), [](void* raw) -> void* {
      const std::unique_ptr<F> mine(static_cast<F*>(raw));
      (*mine)();
      return nullptr;
    });
    ::pthread_detach(id);
    // The thread owns what it runs from here on.
    [[maybe_unused]] const auto* given_away = owned.release();
  }

  pthread_t start(void* argument, void* (*entry)(void*)) const {
    struct attributes {
      attributes() { ::pthread_attr_init(&value); }
      ~attributes() { ::pthread_attr_destroy(&value); }
      pthread_attr_t value{};
    } with;
    if (const int error = ::pthread_attr_setstacksize(&with.value, stack_bytes_)) {
      throw_errno("set a thread's stack to " + std::to_string(stack_bytes_) + " bytes", error);
    }
    pthread_t id{};
    if (const int error = ::pthread_create(&id, &with.value, entry, argument)) {
      throw limit_error(
          std::string("no further thread: ") + std::strerror(error) +
          " (see ulimit -u, ulimit -v, kernel.threads-max, vm.max_map_count, pids.max)");
    }
    return id;
  }

  std::size_t stack_bytes_;
};

static_assert(Runtime<thread> && Sleeps<thread> && Yields<thread> && Offloads<thread> &&
              Channels<thread> && Sockets<thread>);

}  // namespace switchyard
