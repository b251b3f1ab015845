// What a tree of processes holds of the machine's memory, told so that it is fair to fork: pages
// that several processes share are divided among them, and what the kernel spends for each of them,
// page tables and stacks, is counted as well.
//
// Sources: proc(5), /proc/PID/smaps_rollup (Pss, Pss_File, Private_Dirty) and /proc/PID/status
// (VmPTE, all levels of page tables; Threads). The sum for the machine in /proc/meminfo would count
// everybody's.
//
// Not counted: unchanged pages of files, that is program text. They are there once, whoever maps
// them, and what share of them falls to us changes with each compiler that somebody else starts.
// Nor task and memory descriptors, mappings, file tables and socket structures, which lie in the
// kernel's slabs, some 10 KiB for each process or thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace switchyard::harness {

struct memory_use {
  double pss_bytes = 0;           // a page that N processes map counts as one Nth
  double private_bytes = 0;       // of these, the pages that nobody else maps
  double page_table_bytes = 0;    // of the processes' own
  std::int64_t kernel_tasks = 0;  // processes and threads, each with a stack in the kernel

  [[nodiscard]] double kernel_stack_bytes() const;
  /// User-space pages, page tables and kernel stacks.
  [[nodiscard]] double total_bytes() const;

  memory_use& add(const memory_use& other, int sign = 1);
  friend memory_use operator-(memory_use later, const memory_use& earlier) {
    return later.add(earlier, -1);
  }
};

/// Of the live process `root` and its live descendants.
memory_use memory_of_tree(pid_t root);

/// What the buffers of all TCP sockets on this machine hold, in bytes (/proc/net/sockstat): the
/// kernel counts them for the whole machine only, and in pages that a CPU may have put by.
double tcp_buffer_bytes();

}  // namespace switchyard::harness
