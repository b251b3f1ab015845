// `process`: fork for each task and each connection.
//
// Results come back through shared memory, a slot for each task. A child dies with its parent
// (PR_SET_PDEATHSIG), leaves by _exit so that it flushes nothing twice, and is always reaped.
#pragma once

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_runtime.hpp"
#include "runtimes/support/child_sessions.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/pipe_channel.hpp"
#include "runtimes/support/shared_memory.hpp"
#include "runtimes/support/shared_memory_channel.hpp"

namespace switchyard {

enum class slot_state : unsigned { running, returned, failed };

/// Where a forked child leaves its result: the head of a slot; the value or the text of the failure
/// follows it.
struct alignas(64) result_slot {
  static constexpr std::size_t text_bytes = 256;

  std::atomic<slot_state> state{slot_state::running};

  [[nodiscard]] std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const char* text() noexcept { return reinterpret_cast<const char*>(payload()); }

  void fail(std::string_view why) noexcept {
    const auto length = std::min(why.size(), text_bytes - 1);
    std::memcpy(payload(), why.data(), length);
    payload()[length] = std::byte{0};
    state = slot_state::failed;
  }
};

/// Slots are cut from larger shared blocks (a mapping for each task would reach vm.max_map_count)
/// and are 64-byte aligned, so that two children never write to one cache line. Only the process
/// that made the pool may take slots from it; a child that forks again makes its own.
class result_slots {
 public:
  /// A slot whose payload holds at least `value_bytes`, or limit_error.
  result_slot* take(std::size_t value_bytes) {
    const auto bytes = slot_bytes(value_bytes);
    auto& free = free_[bytes];
    if (free.empty()) add_block(bytes, free);
    void* memory = free.back();
    free.pop_back();
    return ::new (memory) result_slot;
  }

  void give_back(result_slot* slot, std::size_t value_bytes) noexcept {
    free_[slot_bytes(value_bytes)].push_back(slot);
  }

 private:
  static constexpr std::size_t slot_bytes(std::size_t value_bytes) {
    const auto payload = std::max(value_bytes, result_slot::text_bytes);
    return sizeof(result_slot) + (payload + 63) / 64 * 64;
  }

  void add_block(std::size_t slot_size, std::vector<void*>& free) {
    constexpr std::size_t slots_per_block = 256;
    blocks_.emplace_back(slot_size * slots_per_block);
    // Room for every slot of this size, so that give_back can't fail.
    free.reserve(free.capacity() + slots_per_block);
    for (std::size_t slot = slots_per_block; slot-- > 0;) {
      free.push_back(&blocks_.back()[slot * slot_size]);
    }
  }

  std::vector<shared_array<std::byte>> blocks_;
  std::map<std::size_t, std::vector<void*>> free_;
};

class process : public blocking_runtime {
 public:
  static constexpr std::string_view name = "process";
  static constexpr std::string_view what = "a forked process for each task and each connection";
  static constexpr bool own_tasks = true;
  static constexpr bool concurrent = true;
  static constexpr bool shares_memory = false;
  static constexpr bool runs_in_parallel = true;
  static constexpr bool preemptive = true;
  static constexpr int kernel_tasks_per_task = 1;
  static constexpr bool waits_in_kernel = true;
  static constexpr int sleeps_per_join = 2;
  static constexpr task_footprint idle_task{.memory_bytes = 256 * 1024};
  static constexpr std::int64_t quick_tasks = 200;  // the kernel copies page tables for each

  template <class T>
  class task {
    static_assert(std::is_void_v<T> || std::is_trivially_copyable_v<T>,
                  "a result crosses from one process to another as bytes");

   public:
    task(task&& other) noexcept { *this = std::move(other); }
    task& operator=(task&& other) noexcept {
      std::swap(slots_, other.slots_);
      std::swap(slot_, other.slot_);
      std::swap(pid_, other.pid_);
      return *this;
    }
    ~task() {
      if (pid_ > 0) wait();
      if (slots_) slots_->give_back(slot_, value_bytes);
    }

    /// Throws std::runtime_error with the child's own text, or with how it died.
    T join() {
      if (pid_ <= 0) throw std::logic_error("a task can be joined once");
      const pid_t pid = pid_;
      const int status = wait();
      switch (slot_->state.load()) {
        case slot_state::failed:
          throw std::runtime_error(slot_->text());
        case slot_state::running:
          throw std::runtime_error("task in process " + std::to_string(pid) + ' ' + death(status));
        case slot_state::returned:
          break;
      }
      if constexpr (!std::is_void_v<T>) {
        return *std::launder(reinterpret_cast<const T*>(slot_->payload()));
      }
    }

    /// The place of the task that ends next among those that were not joined; of the first of these
    /// when a child that is none of them has ended and nobody has reaped it.
    static std::size_t first_to_end(const std::vector<task>& tasks) {
      siginfo_t ended{};
      while (::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
      }
      auto found = std::ranges::find(tasks, ended.si_pid, &task::pid_);
      if (found == tasks.end()) {
        found = std::ranges::find_if(
            tasks, [](pid_t pid) { return pid > 0; }, &task::pid_);
      }
      return static_cast<std::size_t>(found - tasks.begin());
    }

   private:
    friend class process;
    static constexpr std::size_t value_bytes =
        sizeof(std::conditional_t<std::is_void_v<T>, char, T>);

    explicit task(std::shared_ptr<result_slots> slots)
        : slots_(std::move(slots)), slot_(slots_->take(value_bytes)) {}

    int wait() noexcept {
      int status = 0;
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      pid_ = -1;
      return status;
    }

    static std::string death(int status) {
      if (WIFSIGNALED(status)) {
        return "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
               ::strsignal(WTERMSIG(status)) + ")";
      }
      return "ended without a result, exit code " + std::to_string(WEXITSTATUS(status));
    }

    std::shared_ptr<result_slots> slots_;
    result_slot* slot_ = nullptr;
    pid_t pid_ = -1;
  };

  /// Throws std::logic_error when other threads run: a fork would copy their locks, held.
  template <class Body>
  auto run(Body body) {
    // A thread that was just joined may still be counted for a moment.
    for (int tries = 0; threads_of_this_process() > 1; ++tries) {
      if (tries == 100) {
        throw std::logic_error("the process runtime forks, so it needs a process with one thread");
      }
      kernel_sleep(std::chrono::milliseconds(1));
    }
    return body();
  }

  template <class F>
  auto spawn(F f) {
    using T = std::invoke_result_t<F&>;
    task<T> started(slots_);
    started.pid_ = fork_child();
    if (started.pid_ == 0) {
      slots_ = std::make_shared<result_slots>();
      leave_result<T>(f, *started.slot_);
      leave();
    }
    return started;
  }

  void yield() noexcept { ::sched_yield(); }

  template <class T>
  using channel = pipe_channel<T>;
  template <class T>
  using channels = std::tuple<pipe_channel<T>, shared_memory_channel<T>>;

  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    child_sessions children;
    auto report = accept_until_stopped(
        from, stop,
        [&](stream peer) {
          const pid_t pid = fork_child();
          if (pid == 0) {
            from.close();
            children.forget_in_child();
            const stop_source::interruptible guard(stop, peer.native_handle());
            run_session(session, peer);
            leave();
          }
          children.add(pid);
        },
        children.reaper());
    children.end_all();
    return report;
  }

 private:
  static int threads_of_this_process() {
    struct stat tasks {};  // a folder for each, which the count of links says as well
    return ::stat("/proc/self/task", &tasks) == 0 ? static_cast<int>(tasks.st_nlink) - 2 : 1;
  }

  /// fork(), with the child bound to its parent's life. limit_error when there is no room for it.
  static pid_t fork_child() {
    const pid_t parent = ::getpid();
    ::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) {
      throw limit_error(std::string("no further process: ") + std::strerror(errno) +
                        " (see ulimit -u, kernel.pid_max, pids.max, free memory)");
    }
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);  // the parent died before the line above
      participation::begin_process();
    }
    return pid;
  }

  /// The end of a child whose task has ended, well or with an exception.
  [[noreturn]] static void leave() noexcept {
    participation::end_process();
    ::_exit(0);
  }

  template <class T, class F>
  static void leave_result(F&& f, result_slot& slot) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        f();
      } else {
        const T value = f();
        std::memcpy(slot.payload(), &value, sizeof value);
      }
      slot.state = slot_state::returned;
    } catch (const std::exception& failure) {
      slot.fail(failure.what());
    } catch (...) {
      slot.fail("a task failed with an exception of unknown type");
    }
  }

  std::shared_ptr<result_slots> slots_ = std::make_shared<result_slots>();
};

static_assert(Runtime<process> && Sleeps<process> && Yields<process> && Offloads<process> &&
              Channels<process> && Sockets<process>);

}  // namespace switchyard
