#include "bench/harness/placement.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "runtimes/support/error.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard::harness {

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

struct cpus_of_a_row {
  std::array<std::atomic<bool>, CPU_SETSIZE> in_use{};
  std::atomic<bool> ends_share_a_core{false};
};

// Shared with forked children, which are bound as well.
cpus_of_a_row& this_row() {
  static const shared_object<cpus_of_a_row> row;
  return *row;
}

void note_in_use(int cpu) { this_row().in_use.at(static_cast<std::size_t>(cpu)) = true; }

/// A list of CPUs in a file of sysfs; empty when there is none.
std::vector<int> cpu_list_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string list;
  return std::getline(file, list) && !list.empty() ? parse_cpu_list(list) : std::vector<int>();
}

bool has(const std::vector<int>& cpus, int cpu) {
  return std::ranges::find(cpus, cpu) != cpus.end();
}

/// CPUs of the NUMA node of `cpu`; empty where the kernel knows no nodes.
std::vector<int> node_of(int cpu, const std::filesystem::path& sysfs) {
  std::error_code none;
  for (const auto& node : std::filesystem::directory_iterator(sysfs / "node", none)) {
    auto cpus = cpu_list_in(node.path() / "cpulist");
    if (has(cpus, cpu)) return cpus;
  }
  return {};
}

/// CPUs of the core of `cpu`, itself included; empty where the kernel does not tell.
std::vector<int> core_of(int cpu, const std::filesystem::path& sysfs) {
  return cpu_list_in(sysfs / ("cpu/cpu" + std::to_string(cpu)) / "topology" /
                     "thread_siblings_list");
}

/// Of the tasks that are not on the first one.
int second_cpu_of(placement where, const std::vector<int>& allowed,
                  const std::filesystem::path& sysfs) {
  const auto other = other_cpu(where, allowed.at(0), allowed, sysfs);
  if (!other) {
    throw limit_error("no CPU that this process may use makes, with CPU " +
                      std::to_string(allowed[0]) + ", " + texts_of(where).description);
  }
  return *other;
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  check(::sched_getaffinity(0, sizeof set, &set), "read the CPU affinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Kept from the first call: a thread that is pinned by then would see only its own CPU.
const std::vector<int>& cpus_at_start() {
  static const std::vector<int> cpus = allowed_cpus();
  return cpus;
}

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
    if (taken && std::ranges::binary_search(bound, cpu)) {
      note_in_use(cpu);
      continue;
    }
    throw std::invalid_argument("CPU " + std::to_string(cpu) +
                                " can't be used: it is offline, absent or not for this process");
  }
}

int first_cpu() { return cpus_at_start().at(0); }

std::optional<int> other_cpu(placement where, int cpu, const std::vector<int>& allowed,
                             const std::filesystem::path& sysfs) {
  const auto core = core_of(cpu, sysfs);
  const auto node = node_of(cpu, sysfs);
  const auto fits = [&](int other) {
    if (other == cpu) return false;
    if (where == placement::smt) return has(core, other);
    if (where == placement::node) return !node.empty() && !has(node, other);
    if (where != placement::cross) return true;
    return !has(core, other) && (node.empty() || has(node, other));
  };
  const auto found = std::ranges::find_if(allowed, fits);
  return found == allowed.end() ? std::nullopt : std::optional(*found);
}

std::vector<int> cores_first(const std::vector<int>& cpus, const std::filesystem::path& sysfs) {
  std::vector<int> ordered;
  auto left = cpus;
  while (!left.empty()) {
    std::vector<int> later;
    const auto begin = ordered.size();
    for (const int cpu : left) {
      const bool has_its_core =
          std::any_of(ordered.begin() + static_cast<std::ptrdiff_t>(begin), ordered.end(),
                      [&](int other) { return share_a_core(cpu, other, sysfs); });
      (has_its_core ? later : ordered).push_back(cpu);
    }
    left = std::move(later);
  }
  return ordered;
}

std::vector<std::size_t> powers_of_two_up_to(std::size_t most) {
  std::vector<std::size_t> counts;
  for (std::size_t count = 1; count < most; count *= 2) counts.push_back(count);
  counts.push_back(most);
  return counts;
}

bool share_a_core(int cpu, int other, const std::filesystem::path& sysfs) {
  return cpu != other && has(core_of(cpu, sysfs), other);
}

int second_cpu() { return cpus_beside({first_cpu()}, 1).front(); }

std::vector<int> cpus_beside(const std::vector<int>& taken, std::size_t at_most) {
  std::vector<int> apart;
  std::vector<int> sharing;
  for (const int cpu : cores_first(cpus_at_start())) {
    if (has(taken, cpu)) continue;
    const auto shares = [cpu](int other) { return share_a_core(cpu, other); };
    (std::ranges::any_of(taken, shares) ? sharing : apart).push_back(cpu);
  }
  auto& found = apart.empty() ? sharing : apart;
  if (found.empty()) {
    throw limit_error("this row needs " + std::to_string(taken.size() + 1) +
                      " CPUs and this process may use " + std::to_string(cpus_at_start().size()) +
                      " (see taskset, cpusets)");
  }
  const auto node = node_of(taken.front(), system_folder);
  // Not std::ranges': clang 14 does not compile what that of libstdc++ 12 returns.
  std::stable_partition(found.begin(), found.end(), [&](int cpu) { return has(node, cpu); });
  found.resize(std::min(found.size(), at_most));
  for (const int cpu : found) note_in_use(cpu);
  if (apart.empty()) this_row().ends_share_a_core = true;
  return found;
}

const placement_texts& texts_of(placement where) {
  static const placement_texts all[] = {
      {"same", "one CPU", ""},
      {"smt", "two hardware threads of a core", "smt"},
      {"cross", "two cores in turn", ""},
      {"node", "two NUMA nodes in turn", "numa"},
      {"free", "wherever the scheduler puts them", ""},
  };
  return all[static_cast<std::size_t>(where)];
}

void require_placement(placement where) { require_placement(where, cpus_at_start()); }

void require_placement(placement where, const std::vector<int>& allowed,
                       const std::filesystem::path& sysfs) {
  if (where != placement::same && where != placement::free) second_cpu_of(where, allowed, sysfs);
}

void begin_row() {
  for (auto& cpu : this_row().in_use) cpu = false;
  this_row().ends_share_a_core = false;
}

std::vector<int> cpus_in_use() {
  std::vector<int> found;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (this_row().in_use.at(static_cast<std::size_t>(cpu))) found.push_back(cpu);
  }
  return found.empty() ? cpus_at_start() : found;
}

bool ends_share_a_core() { return this_row().ends_share_a_core; }

void pin_member(placement where, std::size_t index) {
  if (where == placement::free) return pin_this_thread(cpus_at_start());
  const bool first = where == placement::same || index % 2 == 0;
  pin_this_thread({first ? first_cpu() : second_cpu_of(where, cpus_at_start(), system_folder)});
}

}  // namespace switchyard::harness
