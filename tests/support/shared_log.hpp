// The order in which tasks of any runtime reported, also those in other processes.
#pragma once

#include <atomic>
#include <vector>

#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

/// Of at most 64 entries. To be read when the tasks have been joined.
class shared_log {
 public:
  void add(int entry) const { entries_[static_cast<std::size_t>((*next_)++)] = entry; }
  [[nodiscard]] std::vector<int> entries() const {
    return {entries_.span().begin(), entries_.span().begin() + *next_};
  }

 private:
  shared_array<int> entries_{64};
  shared_object<std::atomic<int>> next_;
};

}  // namespace switchyard
