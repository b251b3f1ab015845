// CPU time that others kept from a measurement: a hypervisor that ran another guest (steal), and a
// cgroup's limit on CPU time (throttling), as containers have it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace switchyard::harness {

/// Of one CPU since boot, in clock ticks.
struct cpu_ticks {
  double steal = 0;
  double total = 0;
};

/// By CPU, from a file such as /proc/stat.
std::map<int, cpu_ticks> ticks_of_cpus(const std::filesystem::path& stat = "/proc/stat");

/// The largest share of a CPU's time, in per cent, that was stolen in between. Not the average: on
/// many CPUs it hides the two that are measured.
double most_stolen_percent(const std::map<int, cpu_ticks>& before,
                           const std::map<int, cpu_ticks>& after, const std::vector<int>& cpus);

/// Seconds for which each of these cgroups was held back, of those that have a limit on CPU time.
std::vector<double> throttled_seconds(const std::vector<std::filesystem::path>& groups);

/// From its construction on.
class taken_time {
 public:
  taken_time();

  /// Of the CPU in use (placement.hpp) that lost most.
  [[nodiscard]] double steal_percent() const;
  /// Of the wall time; above 100 when several CPUs were held back at once. Nothing where no cgroup
  /// has a limit.
  [[nodiscard]] std::optional<double> throttled_percent() const;

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::map<int, cpu_ticks> ticks_ = ticks_of_cpus();
  std::vector<std::filesystem::path> groups_;
  std::vector<double> throttled_;
};

}  // namespace switchyard::harness
