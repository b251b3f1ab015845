// Every runtime, in the order in which they stand in tables and plots. The one place that knows
// their names: a new runtime is its header and one entry here.
#pragma once

#include <tuple>
#include <type_traits>

#include "runtimes/coroutine.hpp"
#include "runtimes/fiber.hpp"
#if SWITCHYARD_LIBURING
#include "runtimes/fiber_uring.hpp"
#endif
#include "runtimes/process.hpp"
#include "runtimes/serial.hpp"
#include "runtimes/thread.hpp"

namespace switchyard {

#if SWITCHYARD_LIBURING
using all_runtimes = std::tuple<serial, process, thread, fiber, fiber_uring, coroutine>;
#else
using all_runtimes = std::tuple<serial, process, thread, fiber, coroutine>;
#endif

/// Calls `f.template operator()<R>()` for every runtime.
template <class F>
void for_each_runtime(F f) {
  [&]<class... R>(std::type_identity<std::tuple<R...>>) {
    (f.template operator()<R>(), ...);
  }(std::type_identity<all_runtimes>{});
}

}  // namespace switchyard
