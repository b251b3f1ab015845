// What each rank of echo_load_mpi says of itself, and one result of it all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/run_result.hpp"
#include "bench/programs/echo/rank_agreement.hpp"

namespace switchyard::ranks {

struct rank_run {
  std::size_t rank;
  std::string host;
  load::run_result result;    // errors of the warm-up included
  std::uint64_t messages;     // all that were answered, greetings and warm-up included
  clock_offset clock_before;  // the load and its warm-up
  std::optional<clock_offset> clock_after;  // not compared when it was stopped
  std::chrono::nanoseconds begun_late;
  int signal;  // that ended it early, or 0
};

/// Figures of a rank; times in microseconds. All that is not in its histograms.
nlohmann::ordered_json row_of(const rank_run& run);

/// Adds what such a row tells to `whole`; the first error with the rank that met it.
void add_row(load::run_result& whole, const nlohmann::ordered_json& row);

/// A line for a person.
void print_row(const nlohmann::ordered_json& row);

}  // namespace switchyard::ranks
