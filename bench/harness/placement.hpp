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

/// The same as they were before anything was bound.
const std::vector<int>& cpus_at_start();

/// "0,2-3" as {0, 2, 3}. Throws std::invalid_argument that names the culprit.
std::vector<int> parse_cpu_list(const std::string& text);

/// Binds the calling thread, and what it starts later. Throws std::invalid_argument that names a
/// CPU that can't be used.
void pin_this_thread(const std::vector<int>& cpus);

/// What sysfs tells of the machine. Others may be made up.
inline constexpr const char* system_folder = "/sys/devices/system";

/// The first allowed CPU, and the one for whoever is at the other end: the next one on another
/// core, or on another node, or on the same core (see share_a_core) if there is no other;
/// limit_error when there is no second.
int first_cpu();
int second_cpu();

/// The same for what is on several CPUs: at most so many others, those on other cores first.
std::vector<int> cpus_beside(const std::vector<int>& taken, std::size_t at_most);

/// The same CPUs: one of each core, then the second hardware threads of cores, and so on.
std::vector<int> cores_first(const std::vector<int>& cpus,
                             const std::filesystem::path& sysfs = system_folder);

/// 1, 2, 4, ... and `most` itself.
std::vector<std::size_t> powers_of_two_up_to(std::size_t most);

/// Whether two CPUs are hardware threads of one core.
bool share_a_core(int cpu, int other, const std::filesystem::path& sysfs = system_folder);

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

/// The CPU beside `cpu` for these placements; nothing when there is none among `allowed`.
std::optional<int> other_cpu(placement where, int cpu, const std::vector<int>& allowed,
                             const std::filesystem::path& sysfs = system_folder);

/// Throws limit_error when this machine can't place tasks so, or not on the CPUs that are allowed.
void require_placement(placement where);
void require_placement(placement where, const std::vector<int>& allowed,
                       const std::filesystem::path& sysfs = system_folder);

/// Forgets what the row before was bound to. To be called before any fork.
void begin_row();
/// The CPUs that something of this row was bound to, in this process or a forked one, or that the
/// other end was given; all that this process may use where there are none.
std::vector<int> cpus_in_use();
/// Whether the other end had to take a hardware thread of the same core, for want of another.
bool ends_share_a_core();

/// Binds the calling task, member `index` of a group.
void pin_member(placement where, std::size_t index);

}  // namespace switchyard::harness
