// Asked before a row starts: has this machine room for it? A benchmark is a guest: it raises only
// its own soft limits and never takes more than 80 % of what it shares with others.
// All of these throw limit_error, which names the limit, the need, and what to do.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard::harness {

/// Raises this process's soft limit on open files as far as needed and allowed.
void require_open_files(std::uint64_t count);

/// The same, as far as allowed and without complaint.
void raise_open_files();

/// Room for `count` more processes or threads.
void require_tasks(std::uint64_t count);

/// Room for `bytes` more of memory.
void require_memory(std::uint64_t bytes);

/// Local ports for `count` connections from one address to one endpoint.
void require_ports(std::uint64_t count);

}  // namespace switchyard::harness
