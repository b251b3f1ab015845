#include "bench/harness/event_counters.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "bench/harness/usage.hpp"

namespace switchyard::harness {
namespace {

/// An fd that is not valid where the kernel refuses.
unique_fd open_counter(const counted_event& event, pid_t thread) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config;
  attributes.inherit = 1;
  attributes.exclude_kernel = event.user_only ? 1 : 0;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  constexpr int any_cpu = -1;
  constexpr int no_group = -1;
  return unique_fd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, thread, any_cpu,
                                              no_group, PERF_FLAG_FD_CLOEXEC)));
}

/// A counter for each of the threads; none where one of them can't be counted.
std::vector<unique_fd> open_counters(const counted_event& event,
                                     const std::vector<pid_t>& threads) {
  std::vector<unique_fd> opened;
  for (const pid_t thread : threads) {
    opened.push_back(open_counter(event, thread));
    if (!opened.back()) return {};
  }
  return opened;
}

/// Nothing where the event had no turn in the hardware at all, though there was time for one.
std::optional<double> count_of(const unique_fd& counter) {
  struct {
    std::uint64_t value, enabled, running;
  } seen{};
  if (::read(counter.get(), &seen, sizeof seen) != sizeof seen) return std::nullopt;
  if (seen.running == 0) return seen.enabled == 0 ? std::optional(0.0) : std::nullopt;
  return static_cast<double>(seen.value) * static_cast<double>(seen.enabled) /
         static_cast<double>(seen.running);
}

}  // namespace

std::vector<counted_event> hardware_events() {
  const counted_event wanted[] = {{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
                                  {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
                                  {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}};
  constexpr pid_t this_thread = 0;
  std::vector<counted_event> found;
  for (counted_event event : wanted) {
    if (!open_counter(event, this_thread)) {
      event.user_only = true;
      event.name = "user_" + event.name;
      if (!open_counter(event, this_thread)) continue;
    }
    found.push_back(event);
  }
  return found;
}

event_counters::event_counters(const std::vector<counted_event>& events,
                               const std::vector<pid_t>& processes) {
  std::vector<pid_t> threads;
  for (const pid_t process : processes) {
    for (const pid_t thread : threads_of(process)) threads.push_back(thread);
  }
  if (threads.empty() || threads.size() > most_threads) return;
  for (const counted_event& event : events) {
    auto opened = open_counters(event, threads);
    if (!opened.empty()) counters_.push_back({event.name, std::move(opened)});
  }
}

std::vector<std::pair<std::string, double>> event_counters::read() const {
  std::vector<std::pair<std::string, double>> counts;
  for (const counter& each : counters_) {
    std::optional<double> sum = 0;
    for (const unique_fd& of_thread : each.of_threads) {
      const auto count = count_of(of_thread);
      sum = sum && count ? std::optional(*sum + *count) : std::nullopt;
    }
    if (sum) counts.emplace_back(each.name, *sum);
  }
  return counts;
}

}  // namespace switchyard::harness
