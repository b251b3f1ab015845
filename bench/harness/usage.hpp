// What the kernel says that something uses: CPU time, context switches and memory; and the numbers
// in /proc and /sys that tell it.
//
// Google Benchmark's CPU column knows one process only; here the unit is a whole tree, because a
// forked child's work is the runtime's work. Sources: getrusage(2), clock_getcpuclockid(3), and
// proc(5): /proc/PID/stat, /proc/PID/status, /proc/PID/sched, /proc/PID/smaps_rollup.
// Not perf_event, whose counters cost something at every switch: see event_counters.hpp.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace switchyard::harness {

/// What a file begins with; nothing when it is missing or begins with a word, such as "max".
std::optional<std::int64_t> number_in(const std::filesystem::path& file);

/// What stands behind each of the keys, on a line such as "VmPTE:     44 kB": in the file's unit.
std::vector<std::optional<std::int64_t>> numbers_in(const std::filesystem::path& file,
                                                    std::initializer_list<std::string_view> keys);
inline std::optional<std::int64_t> number_in(const std::filesystem::path& file,
                                             std::string_view key) {
  return numbers_in(file, {key}).front();
}

/// Kernel tasks on this machine: the number behind the slash in /proc/loadavg; 0 when it is not
/// told.
std::int64_t tasks_on_machine();

/// a + sign * b; nothing when one of them is not known.
template <class T>
std::optional<T> sum_of(const std::optional<T>& a, const std::optional<T>& b, int sign = 1) {
  return a && b ? std::optional(*a + sign * *b) : std::nullopt;
}

struct usage {
  double cpu_s = 0;         // user and system
  double reaped_cpu_s = 0;  // of that, by children that were reaped
  // And in the kernel, of this process as a whole. A task that used less than a few ticks of the
  // kernel's clock is told as all user time, and other processes in ticks of 10 ms, rounded down in
  // each: of these nothing, rather than a number that is no part of the other.
  std::optional<double> system_s = {};
  std::int64_t voluntary_switches = 0;    // it waited for something, or gave way
  std::int64_t involuntary_switches = 0;  // the scheduler took the CPU away
  std::int64_t page_faults = 0;           // minor and major
  // To another CPU. The kernel tells it only of tasks that are alive, and not every kernel does.
  std::optional<std::int64_t> migrations = {};
  // Cycles, instructions and cache misses, in launches that count them (event_counters.hpp).
  std::array<std::optional<double>, 3> events = {};

  [[nodiscard]] std::int64_t kernel_switches() const {
    return voluntary_switches + involuntary_switches;
  }

  usage& add(const usage& other, int sign = 1);
  usage& operator+=(const usage& other) { return add(other); }
  friend usage operator-(usage later, const usage& earlier);
};

/// How much CPU time it takes until the kernel's share of it is known: the kernel looks at each
/// tick of its clock (1 to 10 ms) what a task is at, and ten looks are the least that say anything.
double least_cpu_s_to_split();

/// Of this process with all its threads, and of its children that were reaped.
usage usage_of_self_and_reaped();

/// Of the calling thread alone.
usage usage_of_this_thread();

/// How often the calling thread was moved to another CPU; nothing where the kernel does not tell.
std::optional<std::int64_t> migrations_of_this_thread();

/// Of the live process `root`, its threads, its live descendants, and of the CPU time and the page
/// faults also what those had that were reaped. CPU time of the living in nanoseconds.
usage usage_of_tree(pid_t root);

/// The live process `root`, and its live descendants with or without it.
std::vector<pid_t> tree_of(pid_t root);
std::vector<pid_t> descendants(pid_t root);

/// The threads that these processes have now; none of one that has ended.
std::vector<pid_t> threads_of(const std::vector<pid_t>& processes);

/// What a tree of processes holds of the machine's memory, told so that it is fair to fork: pages
/// that several processes share are divided among them, and what the kernel spends for each of
/// them, page tables (VmPTE, all levels) and stacks, is counted as well. The sum for the machine in
/// /proc/meminfo would count everybody's.
///
/// Not counted: unchanged pages of files, that is program text. They are there once, whoever maps
/// them, and what share of them falls to us changes with each compiler that somebody else starts.
/// Nor task and memory descriptors, mappings, file tables and socket structures, which lie in the
/// kernel's slabs, some 10 KiB for each process or thread.
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

/// `pss_bytes` of the same tree alone. Of many children of one process an evenly spread sample of
/// 64 is read and scaled up.
double tree_pss_bytes(pid_t root);

/// What the buffers of all TCP sockets on this machine hold, in bytes (/proc/net/sockstat): the
/// kernel counts them for the whole machine only, and in pages that a CPU may have put by.
double tcp_buffer_bytes();

}  // namespace switchyard::harness
