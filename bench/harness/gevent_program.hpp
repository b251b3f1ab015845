// The Python originals in outside/gevent/ as rows: started as programs of their own, they do the
// work of one call by Google Benchmark and print what it took. Python's start is not in it.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness/python_program.hpp"
#include "bench/harness/workload.hpp"

namespace switchyard::gevent {

inline constexpr const char* name = "gevent";  // of the runtime, of what it needs, of the package

/// `script` in outside/gevent/; limit_error when it can't be run.
inline harness::python_program original(const std::string& script) {
  return {"outside/gevent/" + script, name,
          "gevent is not installed: scripts/setup.sh --gevent adds it"};
}

/// The arguments that bind a program to `cpus` (to none: empty) and to this process's life.
inline std::vector<std::string> attached(std::vector<std::string> arguments,
                                         const std::string& cpus = {}) {
  arguments.insert(arguments.end(), {"--parent", std::to_string(::getpid())});
  if (!cpus.empty()) arguments.insert(arguments.end(), {"--cpus", cpus});
  return arguments;
}

/// What every original tells of the part that it measured.
inline harness::measured measured_part(const harness::figures_by_name& figures) {
  const auto count = [&](const char* of) { return static_cast<std::int64_t>(figures.at(of)); };
  return {figures.at("seconds"),
          {.cpu_s = figures.at("cpu_s"),
           .system_s = figures.at("system_s"),
           .voluntary_switches = count("voluntary_switches"),
           .involuntary_switches = count("involuntary_switches"),
           .page_faults = count("page_faults")}};
}

/// Records the operations that the original does in one run; gives the figures that it printed.
inline harness::figures_by_name record(benchmark::State& state, harness::batch_size ops,
                                       const harness::python_program& original,
                                       const std::vector<std::string>& arguments,
                                       std::chrono::milliseconds patience) {
  harness::figures_by_name figures;
  harness::record_batch(state, ops, [&] {
    figures = original.figures(arguments, patience);
    return measured_part(figures);
  });
  return figures;
}

}  // namespace switchyard::gevent
