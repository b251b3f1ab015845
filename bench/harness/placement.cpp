#include "bench/harness/placement.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "runtimes/support/error.hpp"

namespace switchyard::harness {

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  check(::sched_getaffinity(0, sizeof set, &set), "read the CPU affinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

namespace {

[[noreturn]] void reject(const std::string& text, const std::string& why) {
  throw std::invalid_argument("CPU list '" + text + "': " + why +
                              "; give numbers and ranges such as 0,2-3");
}

int parse_cpu(const std::string& text, const std::string& part) {
  int cpu = -1;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), cpu);
  if (error != std::errc{} || end != part.data() + part.size() || cpu < 0) {
    reject(text, "'" + part + "' is no CPU number");
  }
  return cpu;
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const int from = parse_cpu(text, part.substr(0, dash));
    const int to = dash == std::string::npos ? from : parse_cpu(text, part.substr(dash + 1));
    if (to < from) reject(text, "'" + part + "' runs backwards");
    if (to >= CPU_SETSIZE) reject(text, "'" + part + "' is beyond any CPU");
    for (int cpu = from; cpu <= to; ++cpu) cpus.push_back(cpu);
  }
  if (cpus.empty()) reject(text, "it is empty");
  return cpus;
}

void pin_this_thread(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
  // The kernel leaves out CPUs that do not exist or are not for this process; say so instead. A
  // mask inherited from the parent does not count: it can be left.
  const bool taken = ::sched_setaffinity(0, sizeof set, &set) == 0;
  const auto bound = allowed_cpus();
  for (const int cpu : cpus) {
    if (taken && std::ranges::binary_search(bound, cpu)) continue;
    throw std::invalid_argument("CPU " + std::to_string(cpu) +
                                " can't be used: it is offline, absent or not for this process");
  }
}

// Kept from the first call: a thread that is pinned by then would see only its own CPU.
static const std::vector<int>& cpus_at_start() {
  static const std::vector<int> cpus = allowed_cpus();
  return cpus;
}

int first_cpu() { return cpus_at_start().at(0); }

/// Hardware threads of the core of `cpu`, itself among them.
static std::vector<int> siblings_of(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::string list;
  return std::getline(file, list) ? parse_cpu_list(list) : std::vector{cpu};
}

int second_cpu() {
  const auto& cpus = cpus_at_start();
  if (cpus.size() < 2) {
    throw limit_error("this row needs 2 CPUs and this process may use 1 (see taskset, cpusets)");
  }
  const auto same_core = siblings_of(cpus[0]);
  for (const int cpu : cpus) {
    if (std::ranges::find(same_core, cpu) == same_core.end()) return cpu;
  }
  return cpus[1];
}

}  // namespace switchyard::harness
