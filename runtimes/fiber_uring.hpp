// `fiber_uring`: the same fibers as `fiber`, with the same stacks in the same order, straight over
// io_uring (support/uring_io.hpp) in place of Asio. Not built where liburing is missing.
#pragma once

#include <string_view>

#include "runtimes/concepts.hpp"
#include "runtimes/support/fiber_runtime.hpp"
#include "runtimes/support/io_uring_lack.hpp"
#include "runtimes/support/uring_io.hpp"

namespace switchyard {

class fiber_uring : public fiber_runtime<uring_fiber_io> {
 public:
  static constexpr std::string_view name = "fiber_uring";
  static constexpr std::string_view what =
      "fibers over io_uring, all tasks and connections on one thread";
  static constexpr bool own_tasks = false;  // they are those of `fiber`

  using fiber_runtime::fiber_runtime;
};

static_assert(needs_io_uring(fiber_uring::name));
static_assert(Runtime<fiber_uring> && Sleeps<fiber_uring> && Yields<fiber_uring> &&
              Offloads<fiber_uring> && CountsSwitches<fiber_uring> && Channels<fiber_uring> &&
              Sockets<fiber_uring>);

}  // namespace switchyard
