// wrk (github.com/wg/wrk), an outside HTTP load generator, run to its end: what it prints as
// figures. One thread, as many connections as said, kept open, for one second (its least).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <stdexcept>

#include "bench/harness/child_process.hpp"
#include "bench/harness/workload.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::wrk {

inline constexpr const char* name = "wrk";

/// wrk's own multiples of 1024.
inline double bytes_of(double number, std::string_view unit) {
  const int shift = unit == "KB" ? 10 : unit == "MB" ? 20 : unit == "GB" ? 30 : 0;
  return number * static_cast<double>(1ULL << shift);
}

/// The line of `output` that has `label` in it; empty when there is none.
inline std::string line_with(std::string_view label, const std::string& output) {
  const auto at = output.find(label);
  if (at == std::string::npos) return "";
  const auto begin = output.rfind('\n', at) + 1;
  return output.substr(begin, output.find('\n', at) - begin);
}

/// What it measured of answers with so many bytes each.
inline harness::measured measured_in(const std::string& output, std::int64_t bytes) {
  for (const char* trouble : {"Socket errors:", "Non-2xx"}) {
    const std::string line = line_with(trouble, output);
    if (!line.empty()) throw std::runtime_error("wrk reports: " + line.substr(line.find(trouble)));
  }
  long long requests = 0;
  double read = 0;  // header fields included
  char unit[3] = "";
  double per_second = 0;
  // "  590 requests in 1.00s, 737.65KB read"
  if (std::sscanf(line_with(" requests in ", output).c_str(), " %lld requests in %*s %lf%2[BKMG]",
                  &requests, &read, unit) != 3 ||
      std::sscanf(line_with("Requests/sec:", output).c_str(), "Requests/sec: %lf", &per_second) !=
          1) {
    throw std::runtime_error("wrk printed no summary: " + output);
  }
  if (requests == 0) throw std::runtime_error("wrk got no answer");
  constexpr double rounded = 0.98;  // it prints two decimals
  if (bytes_of(read, unit) < rounded * static_cast<double>(requests * bytes)) {
    throw std::runtime_error("wrk received too few bytes");
  }
  // The time that it prints is rounded to 10 ms.
  return {.seconds = static_cast<double>(requests) / per_second, .done = requests};
}

/// Fetches of `bytes` each, with wrk's own usage. Throws limit_error when it is not installed,
/// std::runtime_error when it counted an error.
inline harness::measured run(const boost::asio::ip::tcp::endpoint& where, std::int64_t connections,
                             std::int64_t bytes) {
  const auto path = harness::program_on_path(name);
  if (path.empty()) {
    throw limit_error("wrk is not installed: apt-get install wrk, or scripts/setup.sh");
  }
  const auto before = harness::usage_of_self_and_reaped();
  harness::child_process program(path,
                                 {"-t1", "-c" + std::to_string(connections), "-d1s", "--timeout",
                                  "5s", "http://" + describe(where) + "/"},
                                 harness::errors::into_output);
  auto got = measured_in(program.finish(std::chrono::seconds(20)), bytes);
  got.used = harness::usage_of_self_and_reaped() - before;
  return got;
}

}  // namespace switchyard::wrk
