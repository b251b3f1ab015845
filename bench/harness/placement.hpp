// On which CPUs something runs. Across cores a wake-up can cost a hundred times what it costs on
// one core, so each measurement says where its tasks are.
#pragma once

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

}  // namespace switchyard::harness
