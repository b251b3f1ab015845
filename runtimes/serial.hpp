// `serial`: each task runs to its end where it is spawned, before spawn returns. The baseline that
// the article calls synchronous; as a server, one connection after another.
#pragma once

#include <string_view>
#include <type_traits>

#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_runtime.hpp"

namespace switchyard {

class serial : public blocking_runtime {
 public:
  static constexpr std::string_view name = "serial";
  static constexpr std::string_view what = "each task, or connection, to its end before the next";
  static constexpr bool own_tasks = true;
  static constexpr bool concurrent = false;
  static constexpr bool shares_memory = true;
  static constexpr bool runs_in_parallel = false;
  static constexpr bool preemptive = false;
  static constexpr int kernel_tasks_per_task = 0;
  static constexpr bool waits_in_kernel = true;
  static constexpr int sleeps_per_join = 0;
  static constexpr task_footprint idle_task{};
  static constexpr std::int64_t quick_tasks = 100'000;

  template <class T>
  class task {
   public:
    T join() { return outcome_.take(); }

   private:
    friend class serial;
    outcome<T> outcome_;
  };

  template <class F>
  auto spawn(F f) {
    task<std::invoke_result_t<F&>> done;
    done.outcome_.run(f);
    return done;
  }

  template <class Session>
  serve_report serve(listener& from, stop_source& stop, Session session) {
    return accept_until_stopped(from, stop, [&](stream peer) {
      const stop_source::interruptible guard(stop, peer.native_handle());
      run_session(session, peer);
    });
  }
};

static_assert(Runtime<serial> && Sleeps<serial> && Offloads<serial> && Sockets<serial>);

}  // namespace switchyard
