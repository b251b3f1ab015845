#include "bench/harness/taken_time.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>

#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"

namespace switchyard::harness {

std::map<int, cpu_ticks> ticks_of_cpus(const std::filesystem::path& stat) {
  std::map<int, cpu_ticks> found;
  std::ifstream file(stat);
  for (std::string line; std::getline(file, line);) {
    // "cpu3 ..."; the line "cpu ..." is the sum of all.
    if (!line.starts_with("cpu") || line.starts_with("cpu ")) continue;
    std::istringstream words(line.substr(3));
    int cpu = 0;
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    std::array<double, 8> ticks{};
    words >> cpu;
    for (auto& kind : ticks) words >> kind;
    found[cpu] = {ticks.back(), std::accumulate(ticks.begin(), ticks.end(), 0.0)};
  }
  return found;
}

double most_stolen_percent(const std::map<int, cpu_ticks>& before,
                           const std::map<int, cpu_ticks>& after, const std::vector<int>& cpus) {
  double most = 0;
  for (const int cpu : cpus) {
    if (!before.contains(cpu) || !after.contains(cpu)) continue;
    const double total = after.at(cpu).total - before.at(cpu).total;
    if (total > 0)
      most = std::max(most, 100 * (after.at(cpu).steal - before.at(cpu).steal) / total);
  }
  return most;
}

// Version 2 of cgroups(7) has cpu.max, "100000 100000" or "max 100000"; version 1 cpu.cfs_quota_us,
// which is -1 without a limit. cpu.stat has microseconds there and nanoseconds here.
std::vector<double> throttled_seconds(const std::vector<std::filesystem::path>& groups) {
  std::vector<double> found;
  for (const auto& group : groups) {
    if (!number_in(group / "cpu.max") && number_in(group / "cpu.cfs_quota_us").value_or(-1) <= 0) {
      continue;
    }
    found.push_back(0);
    std::ifstream stat(group / "cpu.stat");
    std::string key;
    for (double value = 0; stat >> key >> value;) {
      if (key == "throttled_usec") found.back() = value / 1e6;
      if (key == "throttled_time") found.back() = value / 1e9;
    }
  }
  return found;
}

taken_time::taken_time() : groups_(cgroups("cpu")), throttled_(throttled_seconds(groups_)) {}

double taken_time::steal_percent() const {
  return most_stolen_percent(ticks_, ticks_of_cpus(), cpus_in_use());
}

std::optional<double> taken_time::throttled_percent() const {
  const auto now = throttled_seconds(groups_);
  if (now.empty() || now.size() != throttled_.size()) return std::nullopt;
  double most = 0;  // of the groups, each of which holds the next
  for (std::size_t i = 0; i < now.size(); ++i) most = std::max(most, now[i] - throttled_[i]);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin_;
  return 100 * most / wall.count();
}

}  // namespace switchyard::harness
