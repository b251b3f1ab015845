#include "bench/programs/echo/rank_report.hpp"

#include <algorithm>
#include <cstdio>

namespace switchyard::ranks {
namespace {

double in_us(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

nlohmann::ordered_json drift_of(const rank_run& run) {
  if (!run.clock_after) return nullptr;
  return in_us(run.clock_after->ahead - run.clock_before.ahead);
}

/// By how much that may be wrong.
nlohmann::ordered_json drift_bound_of(const rank_run& run) {
  if (!run.clock_after) return nullptr;
  return in_us(run.clock_after->bound + run.clock_before.bound);
}

}  // namespace

nlohmann::ordered_json row_of(const rank_run& run) {
  const auto& r = run.result;
  return {{"rank", run.rank},
          {"host", run.host},
          {"requests", r.requests},
          {"seconds", r.seconds},
          {"ops_per_s", r.per_second()},
          {"p50_us", r.latency.value_at(0.5) / 1e3},
          {"p99_us", r.latency.value_at(0.99) / 1e3},
          {"latencies", r.latency.count()},
          {"messages", run.messages},
          {"due", r.due},
          {"unsent", r.unsent},
          {"most_busy", r.most_busy},
          {"clock_offset_us", in_us(run.clock_before.ahead)},
          {"clock_bound_us", in_us(run.clock_before.bound)},
          {"clock_drift_us", drift_of(run)},
          {"clock_drift_bound_us", drift_bound_of(run)},
          {"begun_late_us", in_us(run.begun_late)},
          {"load_cpu_percent", r.cpu_percent()},
          {"load_cpu_s", r.cpu_s},
          {"least_busy_cpu_s", r.least_cpu_s},
          {"errors", r.errors.total()},
          {"errors_by_kind", r.errors.by_kind},
          {"first_error", r.errors.first},
          {"signal", run.signal}};
}

void add_row(load::run_result& whole, const nlohmann::ordered_json& row) {
  load::run_result part;
  row.at("requests").get_to(part.requests);
  row.at("seconds").get_to(part.seconds);
  row.at("due").get_to(part.due);
  row.at("unsent").get_to(part.unsent);
  row.at("most_busy").get_to(part.most_busy);
  row.at("load_cpu_s").get_to(part.cpu_s);
  row.at("least_busy_cpu_s").get_to(part.least_cpu_s);
  row.at("errors_by_kind").get_to(part.errors.by_kind);
  const auto first = row.at("first_error").get<std::string>();
  if (!first.empty()) {
    part.errors.first = name_of(row.at("rank"), row.at("host").get<std::string>()) + ": " + first;
  }
  if (whole.seconds == 0) whole.least_cpu_s = part.least_cpu_s;
  whole.merge(part);
}

void print_row(const nlohmann::ordered_json& row) {
  const auto figure = [&](const char* key) { return row.at(key).get<double>(); };
  const auto count = [&](const char* key) { return row.at(key).get<unsigned long long>(); };
  std::printf(
      "%s: %llu requests, %.0f per second, p50 %.1f us, p99 %.1f us; clock %+.1f us (within %.1f",
      name_of(row.at("rank"), row.at("host").get<std::string>()).c_str(), count("requests"),
      figure("ops_per_s"), figure("p50_us"), figure("p99_us"), figure("clock_offset_us"),
      figure("clock_bound_us"));
  if (!row.at("clock_drift_us").is_null()) std::printf(", then %+.1f", figure("clock_drift_us"));
  std::printf("), begun %.1f us late; errors: %llu\n", figure("begun_late_us"), count("errors"));
}

}  // namespace switchyard::ranks
