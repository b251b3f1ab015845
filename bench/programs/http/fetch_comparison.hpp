// http_fetch --compare: the same URLs on every runtime, each in a process of its own, as one that
// forks must not have had threads before.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace switchyard {

/// Runs `http_fetch arguments...` for `urls` on each runtime in turn and prints the table.
/// `patience` is the most that one of them may take. Returns the exit code: 1 when a fetch failed
/// anywhere.
int compare_runtimes(const std::vector<std::string>& urls,
                     const std::vector<std::string>& arguments, std::chrono::seconds patience);

}  // namespace switchyard
