// Stacks for fibers, cut from large anonymous mappings and used again, last freed first.
//
// Why not the library's allocators: malloc's header shares a page with the neighbour's stack, so
// that an idle fiber holds two pages instead of one, and a protected stack costs two mappings,
// which reaches vm.max_map_count (65530) near 32,000 fibers. The price is that there is no guard
// page: a fiber that needs more than its stack corrupts its neighbour, so the size is generous
// (address space is free) and a parameter.
// Staggering the tops by cache lines, against equal offsets within a page, was tried and made rings
// of 1,024 fibers slower, and an echo server of 1,024 connections no faster; nor did stacks an odd
// number of pages apart, or closer together, with huge pages or without.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "runtimes/support/sanitizers.hpp"

#if SWITCHYARD_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <boost/context/stack_context.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// Of one thread; lives as long as the last stack_allocator that refers to it.
class stack_slab : public boost::intrusive_ref_counter<stack_slab, boost::thread_unsafe_counter> {
 public:
  explicit stack_slab(std::size_t stack_bytes) : stack_bytes_(whole_pages(stack_bytes)) {}
  stack_slab& operator=(stack_slab&&) = delete;
  ~stack_slab() {
    for (void* slab : slabs_) ::munmap(slab, slab_bytes());
  }

  /// Makes sure that the next take() finds a stack, or throws limit_error. Apart from take(), which
  /// the fiber library calls where an exception would not get through.
  void reserve_one() {
    if (free_.empty()) add_slab();
  }

  /// The highest address of a free stack.
  std::byte* take() {
    reserve_one();
    std::byte* top = free_.back();
    free_.pop_back();
    forget_old_frames(top);
    return top;
  }
  void give_back(std::byte* top) noexcept { free_.push_back(top); }

  /// What a fiber may use of a stack.
  [[nodiscard]] std::size_t usable_bytes() const noexcept { return stack_bytes_; }

 private:
  static constexpr std::size_t stacks_per_slab = 64;

  /// No stack shares a page with another.
  static std::size_t whole_pages(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
  }

  [[nodiscard]] std::size_t slab_bytes() const noexcept { return stacks_per_slab * stack_bytes_; }

  void add_slab() {
    void* slab = ::mmap(nullptr, slab_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) {
      throw limit_error("no address space for " + std::to_string(stacks_per_slab) +
                        " further fiber stacks of " + std::to_string(stack_bytes_) +
                        " bytes (see ulimit -v, vm.max_map_count, vm.overcommit_memory)");
    }
    // One huge page would make sixteen idle fibers resident at once.
    ::madvise(slab, slab_bytes(), MADV_NOHUGEPAGE);
    slabs_.push_back(slab);
    free_.reserve(slabs_.size() * stacks_per_slab);  // so that give_back can't fail
    auto* top = static_cast<std::byte*>(slab) + slab_bytes();
    for (std::size_t i = 0; i < stacks_per_slab; ++i, top -= stack_bytes_) free_.push_back(top);
  }

  // The outermost frames of a fiber never return, so for the address sanitizer their variables
  // would live on in the stack of the next one.
  void forget_old_frames([[maybe_unused]] std::byte* top) const {
#if SWITCHYARD_ASAN
    const std::size_t bytes = std::min<std::size_t>(stack_bytes_, 16 * 1024);
    __asan_unpoison_memory_region(top - bytes, bytes);
#endif
  }

  std::size_t stack_bytes_;
  std::vector<void*> slabs_;
  std::vector<std::byte*> free_;
};

/// The StackAllocator that Boost.Fiber asks for.
class stack_allocator {
 public:
  explicit stack_allocator(boost::intrusive_ptr<stack_slab> slab) : slab_(std::move(slab)) {}

  boost::context::stack_context allocate() {
    boost::context::stack_context stack;
    stack.size = slab_->usable_bytes();
    stack.sp = slab_->take();
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept {
    slab_->give_back(static_cast<std::byte*>(stack.sp));
  }

 private:
  boost::intrusive_ptr<stack_slab> slab_;
};

}  // namespace switchyard
