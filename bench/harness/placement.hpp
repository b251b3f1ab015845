// On which CPUs something runs. Across cores a wake-up can cost a hundred times what it costs on
// one core, so each measurement says where its tasks are.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace switchyard::harness {

/// The CPUs that this process may use, ascending.
std::vector<int> allowed_cpus();

/// "0,2-3" as {0, 2, 3}. Throws std::invalid_argument that names the culprit.
std::vector<int> parse_cpu_list(const std::string& text);

/// Binds the calling thread, and what it starts later. Throws std::invalid_argument that names a
/// CPU that can't be used.
void pin_this_thread(const std::vector<int>& cpus);

/// The first allowed CPU, and the next one on another core (on the same core if there is only one);
/// limit_error when there is no second.
int first_cpu();
int second_cpu();

/// Where tasks that talk to each other run.
enum class placement {
  same,   // all on one CPU
  smt,    // in turn on two hardware threads of one core
  cross,  // in turn on two cores
  node,   // in turn on two NUMA nodes
  free    // wherever the scheduler puts them
};

struct placement_texts {
  std::string name;         // as it stands in benchmark names
  std::string description;  // "one CPU", "two hardware threads of a core", ...
  std::string needs;        // what a machine may lack for it (harness::row::needs), if anything
};
const placement_texts& texts_of(placement where);

/// The CPU beside `cpu` for these placements, by what sysfs tells of the machine; nothing when
/// there is none among `allowed`. `sysfs` is /sys/devices/system, or a made-up one.
std::optional<int> other_cpu(placement where, int cpu, const std::vector<int>& allowed,
                             const std::filesystem::path& sysfs = "/sys/devices/system");

/// Throws limit_error when this machine can't place tasks so.
void require_placement(placement where);

/// Binds the calling task, member `index` of a group.
void pin_member(placement where, std::size_t index);

}  // namespace switchyard::harness
