// What echo_load tells of a run: lines for a person, JSON for a program, histograms for `merge`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/load/generator.hpp"
#include "bench/load/slo_search.hpp"

namespace switchyard::programs {

/// What is asked for.
struct load_options {
  std::string host = "127.0.0.1";
  int port = 8001;
  std::size_t connections = 100;
  std::size_t active = 0;  // 0: all
  std::size_t bytes = 64;
  std::size_t threads = 1;
  load::send_schedule::plan schedule{.rate = 0};  // without a rate: closed loop

  [[nodiscard]] bool is_open_loop() const { return schedule.rate > 0; }
};

/// Figures of one run; times in microseconds.
nlohmann::ordered_json figures(const load_options& asked, const load::run_result& result,
                               bool interrupted);

void print_figures(const load_options& asked, const load::run_result& result);

/// The histograms of a run, as `scripts/switchyard.sh merge` reads them; the figures beside them,
/// under "figures", are the caller's to add.
nlohmann::ordered_json histograms(const load_options& asked, const load::run_result& result);

}  // namespace switchyard::programs
