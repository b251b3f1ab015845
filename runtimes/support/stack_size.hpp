// One stack size for threads and fibers, so that neither wins by a smaller one. It is address
// space; only the pages that a task touches become memory.
#pragma once

#include <cstddef>

namespace switchyard {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t default_stack_bytes = 512 * 1024;  // red zones widen each frame
#else
inline constexpr std::size_t default_stack_bytes = 128 * 1024;
#endif

}  // namespace switchyard
