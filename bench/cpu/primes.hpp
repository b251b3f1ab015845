// Work that needs nothing but a CPU, and whose result is known: prime numbers by trial division.
#pragma once

#include <cstdint>

namespace switchyard {

inline bool is_odd_prime(std::uint32_t n) {
  if (n < 3) return false;
  for (std::uint32_t divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor == 0) return false;
  }
  return true;
}

/// Those below `below` in the share of task `which` of `tasks`, every such odd number.
inline std::int64_t count_odd_primes(std::uint32_t below, std::uint32_t which = 0,
                                     std::uint32_t tasks = 1) {
  std::int64_t count = 0;
  for (std::uint32_t n = 1 + 2 * which; n < below; n += 2 * tasks) count += is_odd_prime(n) ? 1 : 0;
  return count;
}

}  // namespace switchyard
