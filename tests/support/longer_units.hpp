// For tests of an order that comes from waiting: it shows only if the machine keeps no task waiting
// for as long as a whole unit of time.
#pragma once

#include <chrono>

namespace switchyard {

/// Calls `attempt(unit)` until it says that the order was right, with twice the unit each time. A
/// test fails when it is wrong with the longest one, too.
template <class Attempt>
void try_longer_units(Attempt attempt) {
  using namespace std::chrono_literals;
  for (std::chrono::milliseconds unit = 10ms; unit <= 640ms; unit *= 2) {
    if (attempt(unit)) return;
  }
}

}  // namespace switchyard
