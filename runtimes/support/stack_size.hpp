// One stack size for threads and fibers, so that neither wins by a smaller one. It is address
// space; only the pages that a task touches become memory.
#pragma once

#include <cstddef>

#include "runtimes/support/sanitizers.hpp"

namespace switchyard {

#if SWITCHYARD_ASAN || SWITCHYARD_TSAN
inline constexpr std::size_t default_stack_bytes = 512 * 1024;  // red zones widen each frame
#else
inline constexpr std::size_t default_stack_bytes = 128 * 1024;
#endif

}  // namespace switchyard
