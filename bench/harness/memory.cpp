#include "bench/harness/memory.hpp"

#include <unistd.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "bench/harness/usage.hpp"

namespace switchyard::harness {
namespace {

/// What a file of /proc says: the number that stands behind each word and a colon.
std::map<std::string, double> numbers_in(const std::string& path) {
  std::map<std::string, double> numbers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    numbers[line.substr(0, colon)] = std::strtod(line.c_str() + colon + 1, nullptr);
  }
  return numbers;
}

memory_use memory_of_process(pid_t pid) {
  constexpr double kib = 1024;
  const std::string folder = "/proc/" + std::to_string(pid);
  auto pages = numbers_in(folder + "/smaps_rollup");
  auto status = numbers_in(folder + "/status");
  return {.pss_bytes = kib * (pages["Pss"] - pages["Pss_File"]),
          .private_bytes = kib * pages["Private_Dirty"],
          .page_table_bytes = kib * status["VmPTE"],
          .kernel_tasks = static_cast<std::int64_t>(status["Threads"])};
}

/// The size of one task's stack in the kernel: what all of them hold, over the number of tasks.
/// Both change between the two readings and the idle tasks count in one of them only, but the size
/// is a power of two (THREAD_SIZE), so that the nearest one is right. Where the kernel does not
/// tell, the 16 KiB of x86-64 (Documentation/arch/x86/kernel-stacks.rst) and of arm64.
double kernel_stack_size() {
  constexpr double otherwise = 16 * 1024;
  const double all = 1024 * numbers_in("/proc/meminfo")["KernelStack"];
  std::ifstream load("/proc/loadavg");  // "0.20 0.18 0.12 1/80 11206": running/all
  std::string word;
  for (int i = 0; i < 4; ++i) load >> word;
  const auto slash = word.find('/');
  if (slash == std::string::npos || all <= 0) return otherwise;
  const double each = all / std::stod(word.substr(slash + 1));
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

memory_use& memory_use::operator+=(const memory_use& other) {
  pss_bytes += other.pss_bytes;
  private_bytes += other.private_bytes;
  page_table_bytes += other.page_table_bytes;
  kernel_tasks += other.kernel_tasks;
  return *this;
}

memory_use operator-(memory_use later, const memory_use& earlier) {
  later.pss_bytes -= earlier.pss_bytes;
  later.private_bytes -= earlier.private_bytes;
  later.page_table_bytes -= earlier.page_table_bytes;
  later.kernel_tasks -= earlier.kernel_tasks;
  return later;
}

memory_use memory_of_tree(pid_t root) {
  memory_use sum = memory_of_process(root);
  for (const pid_t pid : descendants(root)) sum += memory_of_process(pid);
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
