// Which sanitizer this is compiled under, 0 or 1 (GCC says it by macros, clang by __has_feature),
// and what stacks it takes: red zones widen each frame.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#define SWITCHYARD_HAS_FEATURE(feature) __has_feature(feature)
#else
#define SWITCHYARD_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SWITCHYARD_HAS_FEATURE(address_sanitizer)
#define SWITCHYARD_ASAN 1
#else
#define SWITCHYARD_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || SWITCHYARD_HAS_FEATURE(thread_sanitizer)
#define SWITCHYARD_TSAN 1
#else
#define SWITCHYARD_TSAN 0
#endif

namespace switchyard {

/// One stack size for threads and fibers, so that neither wins by a smaller one. It is address
/// space; only the pages that a task touches become memory.
inline constexpr std::size_t default_stack_bytes =
    (SWITCHYARD_ASAN || SWITCHYARD_TSAN ? 512 : 128) * 1024;

}  // namespace switchyard
