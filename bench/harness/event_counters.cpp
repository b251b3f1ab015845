#include "bench/harness/event_counters.hpp"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "bench/harness/limits.hpp"

namespace switchyard::harness {
namespace {

counted_events of_this_launch;

/// An fd that is not valid where the kernel refuses.
unique_fd open_counter(const counted_event& event, pid_t thread = event_counters::this_thread) {
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

std::optional<double> count_of(const unique_fd& counter) {
  struct {
    std::uint64_t value, enabled, running;
  } seen{};
  if (::read(counter.get(), &seen, sizeof seen) != sizeof seen) return std::nullopt;
  if (seen.enabled == 0) return 0;  // its thread has not run since
  if (seen.running < seen.enabled / 2) return std::nullopt;
  return static_cast<double>(seen.value) * static_cast<double>(seen.enabled) /
         static_cast<double>(seen.running);
}

/// Whether it really counts: some virtual machines offer events and never count them.
bool counts(const counted_event& event) {
  const event_counters counters(counted_events{event});
  volatile std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) sum = sum + i;
  return counters.read().front().value_or(0) > 0;
}

}  // namespace

counted_events hardware_events() {
  counted_events found;
  const counted_event wanted[] = {{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
                                  {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
                                  {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES}};
  for (std::size_t i = 0; i < found.size(); ++i) {
    counted_event event = wanted[i];
    event.user_only = !open_counter(event);
    if (event.user_only) event.name = "user_" + event.name;
    const bool may_be_none = event.config == PERF_COUNT_HW_CACHE_MISSES;
    if (may_be_none ? static_cast<bool>(open_counter(event)) : counts(event)) {
      found[i] = event;
    }
  }
  return found;
}

const counted_events& events_of_this_launch() { return of_this_launch; }

bool counts_events() {
  return std::ranges::any_of(of_this_launch, [](const auto& event) { return !event.name.empty(); });
}

void count_hardware_events() {
  of_this_launch = hardware_events();
  raise_open_files();
}

event_counters::event_counters(const counted_events& events, const std::vector<pid_t>& threads) {
  for (std::size_t i = 0; i < events.size() && threads.size() <= most_threads; ++i) {
    if (events[i].name.empty()) continue;
    for (const pid_t thread : threads) {
      of_threads_[i].push_back(open_counter(events[i], thread));
      if (of_threads_[i].back()) continue;
      of_threads_[i].clear();  // a part of them would be a wrong number
      break;
    }
  }
}

std::array<std::optional<double>, 3> event_counters::read() const {
  std::array<std::optional<double>, 3> counts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (of_threads_[i].empty()) continue;
    counts[i] = 0;
    for (const unique_fd& counter : of_threads_[i])
      counts[i] = sum_of(counts[i], count_of(counter));
  }
  return counts;
}

}  // namespace switchyard::harness
