#include "bench/http_fetch/wrk_run.hpp"

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench/harness/child_process.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {
namespace {

/// wrk's own multiples of 1024.
double bytes_of(double number, std::string_view unit) {
  const int shift = unit == "KB" ? 10 : unit == "MB" ? 20 : unit == "GB" ? 30 : 0;
  return number * static_cast<double>(1ULL << shift);
}

/// The line of `output` that has `label` in it; empty when there is none.
std::string line_with(std::string_view label, const std::string& output) {
  const auto at = output.find(label);
  if (at == std::string::npos) return "";
  const auto begin = output.rfind('\n', at) + 1;
  return output.substr(begin, output.find('\n', at) - begin);
}

wrk_figures parsed(const std::string& output) {
  for (const char* trouble : {"Socket errors:", "Non-2xx"}) {
    const std::string line = line_with(trouble, output);
    if (!line.empty()) throw std::runtime_error("wrk reports: " + line.substr(line.find(trouble)));
  }
  long long requests = 0;
  double read = 0;
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
  // The time that it prints is rounded to 10 ms.
  return {.requests = requests,
          .seconds = static_cast<double>(requests) / per_second,
          .body_bytes = bytes_of(read, unit),
          .used = {}};
}

}  // namespace

wrk_figures run_wrk(const boost::asio::ip::tcp::endpoint& where, std::int64_t connections) {
  const auto program = harness::program_on_path("wrk");
  if (program.empty()) {
    throw limit_error("wrk is not installed: apt-get install wrk, or scripts/setup.sh");
  }
  const auto before = harness::usage_of_self_and_reaped();
  harness::child_process wrk(program,
                             {"-t1", "-c" + std::to_string(connections), "-d1s", "--timeout", "5s",
                              "http://" + describe(where) + "/"},
                             harness::errors::into_output);
  wrk_figures figures = parsed(wrk.finish(std::chrono::seconds(20)));
  figures.used = harness::usage_of_self_and_reaped() - before;
  return figures;
}

}  // namespace switchyard
