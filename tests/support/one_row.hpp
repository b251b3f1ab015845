// A workload of a row or some, run to its end: what it is worth as a user sees it, by the exit
// code. In a process of its own, as Google Benchmark keeps what it was told.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness/workload.hpp"

namespace switchyard {

using row_body = std::function<void(benchmark::State&)>;

/// Of a workload whose rows are asked for so many iterations; -1 when it was killed. Nothing in
/// this process may have run a workload before.
inline int code_of_rows(const std::vector<row_body>& bodies, int iterations = 10) {
  const pid_t child = ::fork();
  if (child == 0) {
    harness::workload w{.name = "one",
                        .what = "",
                        .compared_by = {"ops_per_s", "", "1/s", "higher"},
                        .unit = benchmark::kNanosecond};
    for (const auto& body : bodies) {
      const auto number = static_cast<std::int64_t>(w.rows.size());
      w.rows.push_back({.runtime = "all", .params = {{"row", number}}, .what = "", .body = body});
    }
    std::string program = "bench_one";
    std::string once = "--iterations=" + std::to_string(iterations);
    char* argv[] = {program.data(), once.data(), nullptr};
    std::_Exit(harness::run_main(2, argv, w));
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline int code_of_a_row(const row_body& body, int iterations = 10) {
  return code_of_rows({body}, iterations);
}

}  // namespace switchyard
