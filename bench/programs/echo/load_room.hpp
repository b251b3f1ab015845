// Whether this machine has room for a load: asked before it starts.
#pragma once

#include "bench/harness/limits.hpp"
#include "bench/load/connections.hpp"

namespace switchyard::echo {

/// Throws limit_error, or raises this process's limit on open files as far as needed.
inline load::options with_room(const load::options& wanted) {
  const auto needs = load::needs_of(wanted);
  harness::require_ports(needs.ports_of_an_address);
  harness::require_open_files(needs.open_files);
  return wanted;
}

}  // namespace switchyard::echo
