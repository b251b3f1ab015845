// What something uses from one moment on, with the hardware events of a launch that counts them.
#pragma once

#include <sys/types.h>

#include <vector>

#include "bench/harness/event_counters.hpp"
#include "bench/harness/usage.hpp"

namespace switchyard::harness {

/// Of this process and its reaped children; events of the calling thread and of all that it starts.
class usage_meter {
 public:
  [[nodiscard]] usage used() const {
    auto since = usage_of_self_and_reaped() - before_;
    since.events = events_.read();
    return since;
  }

 private:
  event_counters events_{events_of_this_launch()};
  usage before_ = usage_of_self_and_reaped();
};

/// Of the live process `root` and of all below it.
class tree_usage_meter {
 public:
  explicit tree_usage_meter(pid_t root)
      : root_(root),
        events_(events_of_this_launch(), counts_events() ? tree() : std::vector<pid_t>()),
        before_(usage_of_tree(root)) {}

  [[nodiscard]] usage used() const {
    auto since = usage_of_tree(root_) - before_;
    since.events = events_.read();
    return since;
  }

 private:
  [[nodiscard]] std::vector<pid_t> tree() const {
    auto all = descendants(root_);
    all.push_back(root_);
    return all;
  }

  pid_t root_;
  event_counters events_;
  usage before_;
};

}  // namespace switchyard::harness
