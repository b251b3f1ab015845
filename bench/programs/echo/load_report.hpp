// What echo_load tells of a run: lines for a person, JSON for a program, histograms for `merge`.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bench/load/generator.hpp"
#include "bench/load/slo_search.hpp"

namespace switchyard::programs {

/// What was asked for.
struct load_facts {
  std::string target;
  std::size_t connections = 0;
  std::size_t active = 0;
  std::size_t bytes = 0;
  std::optional<load::send_schedule::plan> schedule;  // none: closed loop
};

/// Figures of one run; times in microseconds.
nlohmann::ordered_json figures(const load_facts& facts, const load::run_result& result,
                               bool interrupted);

void print_figures(const load_facts& facts, const load::run_result& result);

/// The histograms of a run, as `scripts/switchyard.sh merge` reads them.
nlohmann::ordered_json histograms(const load_facts& facts, const load::run_result& result);

}  // namespace switchyard::programs
