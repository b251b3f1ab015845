// A workload of one row, run to its end: what the row is worth as a user sees it, by the exit code.
// In a process of its own, as Google Benchmark keeps what it was told.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "bench/harness/workload.hpp"

namespace switchyard {

/// Of a workload whose row is asked for so many iterations; -1 when it was killed. Nothing in this
/// process may have run a workload before.
inline int code_of_a_row(const std::function<void(benchmark::State&)>& body, int iterations = 10) {
  const pid_t child = ::fork();
  if (child == 0) {
    harness::workload w{.name = "one",
                        .what = "",
                        .compared_by = {"ops_per_s", "", "1/s", "higher"},
                        .unit = benchmark::kNanosecond};
    w.rows.push_back({.runtime = "all", .params = {}, .what = "", .body = body});
    std::string program = "bench_one";
    std::string once = "--iterations=" + std::to_string(iterations);
    char* argv[] = {program.data(), once.data(), nullptr};
    std::_Exit(harness::run_main(2, argv, w));
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace switchyard
