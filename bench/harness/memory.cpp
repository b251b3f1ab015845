#include "bench/harness/memory.hpp"

#include <unistd.h>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "bench/harness/proc_files.hpp"
#include "bench/harness/usage.hpp"

namespace switchyard::harness {
namespace {

memory_use memory_of_process(pid_t pid) {
  const auto folder = std::filesystem::path("/proc") / std::to_string(pid);
  const auto pages = numbers_in(folder / "smaps_rollup", {"Pss", "Pss_File", "Private_Dirty"});
  const auto status = numbers_in(folder / "status", {"VmPTE", "Threads"});
  const auto kib = [](std::optional<std::int64_t> n) {
    return 1024 * static_cast<double>(n.value_or(0));
  };
  return {.pss_bytes = kib(pages[0]) - kib(pages[1]),
          .private_bytes = kib(pages[2]),
          .page_table_bytes = kib(status[0]),
          .kernel_tasks = status[1].value_or(0)};
}

/// The size of one task's stack in the kernel: what all of them hold, over the number of tasks.
/// Both change between the two readings and the idle tasks count in one of them only, but the size
/// is a power of two (THREAD_SIZE), so that the nearest one is right. Where the kernel does not
/// tell, the 16 KiB of x86-64 (Documentation/arch/x86/kernel-stacks.rst) and of arm64.
double kernel_stack_size() {
  constexpr double otherwise = 16 * 1024;
  const auto all = 1024 * number_in("/proc/meminfo", "KernelStack").value_or(0);
  const auto tasks = tasks_on_machine();
  if (tasks == 0 || all == 0) return otherwise;
  const double each = static_cast<double>(all) / static_cast<double>(tasks);
  constexpr double root_of_two = 1.4142;
  const auto size = static_cast<double>(std::bit_floor(static_cast<unsigned>(each * root_of_two)));
  return size >= 4 * 1024 && size <= 64 * 1024 ? size : otherwise;
}

}  // namespace

double memory_use::kernel_stack_bytes() const {
  static const double size = kernel_stack_size();
  return size * static_cast<double>(kernel_tasks);
}

double memory_use::total_bytes() const {
  return pss_bytes + page_table_bytes + kernel_stack_bytes();
}

memory_use& memory_use::add(const memory_use& other, int sign) {
  pss_bytes += sign * other.pss_bytes;
  private_bytes += sign * other.private_bytes;
  page_table_bytes += sign * other.page_table_bytes;
  kernel_tasks += sign * other.kernel_tasks;
  return *this;
}

memory_use memory_of_tree(pid_t root) {
  memory_use sum;
  for (const pid_t pid : tree_of(root)) sum.add(memory_of_process(pid));
  return sum;
}

double tcp_buffer_bytes() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string line; std::getline(file, line);) {
    const auto at = line.find(" mem ");
    if (line.starts_with("TCP:") && at != std::string::npos) {
      return std::stod(line.substr(at + 5)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    }
  }
  return 0;
}

}  // namespace switchyard::harness
