#include "bench/programs/echo/load_report.hpp"

#include <cstdio>
#include <utility>

namespace switchyard::programs {
namespace {

using load::histogram;

constexpr double saturated_percent = 95;
// A generator that may have added more than this share of what it measures has measured itself.
constexpr double own_share = 0.2;

constexpr std::pair<const char*, double> quantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};

const char* name_of(load::send_schedule::kind how) {
  return how == load::send_schedule::kind::constant ? "constant" : "poisson";
}

void add_latency(nlohmann::ordered_json& figures, const std::string& prefix, const histogram& h) {
  for (const auto& [name, quantile] : quantiles) {
    figures[prefix + name + "_us"] = h.value_at(quantile) / 1e3;
  }
  figures[prefix + "max_us"] = static_cast<double>(h.max()) / 1e3;
}

void print_latency(const char* what, const histogram& h) {
  const auto us = [&](double quantile) { return h.value_at(quantile) / 1e3; };
  std::printf("%s us: p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  max %.1f\n", what,
              us(0.5), us(0.9), us(0.99), us(0.999), us(0.9999), us(1));
}

double cpu_us_per_op(const load::run_result& r) {
  return r.requests > 0 ? r.cpu_s * 1e6 / static_cast<double>(r.requests) : 0;
}

unsigned long long number(std::uint64_t n) { return n; }

void print_open_loop(const load::send_schedule::plan& schedule, const load::run_result& r) {
  print_latency("service time", r.service);
  std::printf(
      "wanted %.0f per second (%s): %llu messages were due, %llu could not be sent; at most "
      "%zu under way\n",
      schedule.rate, name_of(schedule.how), number(r.due), number(r.unsent), r.most_busy);
  const auto own = [&](double quantile) {
    return r.lateness.value_at(quantile) + r.unread.value_at(quantile);
  };
  const bool shows = own(0.5) > own_share * r.latency.value_at(0.5) ||
                     own(0.99) > own_share * r.latency.value_at(0.99);
  std::printf(
      "load generator: late by %.1f us (p50) and %.1f us (p99), replies unread for at most "
      "%.1f us and %.1f us%s\n",
      r.lateness.value_at(0.5) / 1e3, r.lateness.value_at(0.99) / 1e3, r.unread.value_at(0.5) / 1e3,
      r.unread.value_at(0.99) / 1e3, shows ? "; that may be more than a fifth of the latency" : "");
}

void print_closed_loop(const load_options& asked, const load::run_result& r) {
  std::printf("load generator: %.0f %% of its CPU%s, %.2f us per request%s\n", r.cpu_percent(),
              asked.threads > 1 ? " in the least busy thread" : "", cpu_us_per_op(r),
              r.cpu_percent() > saturated_percent
                  ? "; load generator saturated: the server can do more than this"
                  : "");
}

void print_errors(const load::error_counts& errors) {
  if (errors.total() == 0) {
    std::puts("errors: none, every reply was right");
    return;
  }
  std::printf("errors:");
  for (const auto& [kind, count] : errors.by_kind) {
    std::printf(" %s %llu", kind.c_str(), number(count));
  }
  std::printf("; first: %s\n", errors.first.c_str());
}

}  // namespace

nlohmann::ordered_json figures(const load_options& asked, const load::run_result& r,
                               bool interrupted) {
  nlohmann::ordered_json out = {{"target", asked.host + ":" + std::to_string(asked.port)},
                                {"connections", asked.connections},
                                {"active", asked.active == 0 ? asked.connections : asked.active},
                                {"bytes", asked.bytes},
                                {"threads", asked.threads},
                                {"loop", asked.is_open_loop() ? "open" : "closed"},
                                {"interrupted", interrupted},
                                {"requests", r.requests},
                                {"seconds", r.seconds},
                                {"ops_per_s", r.per_second()}};
  add_latency(out, "", r.latency);
  if (asked.is_open_loop()) {
    out["rate"] = asked.schedule.rate;
    out["schedule"] = name_of(asked.schedule.how);
    out["due"] = r.due;
    out["unsent"] = r.unsent;
    out["most_busy"] = r.most_busy;
    add_latency(out, "service_", r.service);
    add_latency(out, "lateness_", r.lateness);
    add_latency(out, "unread_", r.unread);
  }
  out["load_cpu_percent"] = r.cpu_percent();
  out["load_cpu_us_per_op"] = cpu_us_per_op(r);
  out["errors"] = r.errors.total();
  out["errors_by_kind"] = r.errors.by_kind;
  return out;
}

void print_figures(const load_options& asked, const load::run_result& r) {
  std::printf("%llu requests in %.2f s: %.0f per second\n", number(r.requests), r.seconds,
              r.per_second());
  print_latency(asked.is_open_loop() ? "latency since due" : "latency", r.latency);
  if (asked.is_open_loop()) {
    print_open_loop(asked.schedule, r);
  } else {
    print_closed_loop(asked, r);
  }
  print_errors(r.errors);
}

nlohmann::ordered_json histograms(const load_options& asked, const load::run_result& r) {
  nlohmann::ordered_json parts = {{"latency", r.latency}};
  if (asked.is_open_loop()) parts["service_time"] = r.service;
  return {{"format", load::histogram_format}, {"unit", "ns"}, {"histograms", parts}};
}

}  // namespace switchyard::programs
