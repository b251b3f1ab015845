// `fiber`: Boost.Fiber over Boost.Asio, all tasks and connections on one kernel thread.
//
// All but the I/O (support/fiber_io.hpp) is the same for all runtimes of fibers
// (support/fiber_runtime.hpp). Host names are to be resolved outside: a blocking getaddrinfo would
// stall every fiber.
#pragma once

#include <string_view>

#include "runtimes/concepts.hpp"
#include "runtimes/support/fiber_io.hpp"
#include "runtimes/support/fiber_runtime.hpp"

namespace switchyard {

class fiber : public fiber_runtime<asio_fiber_io> {
 public:
  static constexpr std::string_view name = "fiber";
  static constexpr std::string_view what =
      "fibers over Asio, all tasks and connections on one thread";
  static constexpr bool own_tasks = true;

  using fiber_runtime::fiber_runtime;
};

static_assert(Runtime<fiber> && Sleeps<fiber> && Yields<fiber> && Offloads<fiber> &&
              CountsSwitches<fiber> && Channels<fiber> && Sockets<fiber>);

}  // namespace switchyard
