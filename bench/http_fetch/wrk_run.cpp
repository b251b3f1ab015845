#include "bench/http_fetch/wrk_run.hpp"

#include <chrono>
#include <regex>
#include <stdexcept>
#include <string>

#include "bench/harness/child_process.hpp"
#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {
namespace {

// "  590 requests in 1.00s, 737.65KB read", wrk's own multiples of 1024
const std::regex summary(R"((\d+) requests in \S+, ([0-9.]+)(B|KB|MB|GB) read)");
const std::regex rate(R"(Requests/sec:\s+([0-9.]+))");
const std::regex trouble(R"(Socket errors:.*|Non-2xx.*)");

double bytes_of(const std::string& number, const std::string& unit) {
  const int shift = unit == "KB" ? 10 : unit == "MB" ? 20 : unit == "GB" ? 30 : 0;
  return std::stod(number) * static_cast<double>(1ULL << shift);
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
  const std::string output = wrk.finish(std::chrono::seconds(20));
  std::smatch found;
  if (std::regex_search(output, found, trouble)) {
    throw std::runtime_error("wrk reports: " + found.str());
  }
  std::smatch per_second;
  if (!std::regex_search(output, found, summary) || !std::regex_search(output, per_second, rate)) {
    throw std::runtime_error("wrk printed no summary: " + output);
  }
  wrk_figures figures{.requests = std::stoll(found[1]),
                      .seconds = 0,
                      .body_bytes = bytes_of(found[2], found[3]),
                      .used = {}};
  if (figures.requests == 0) throw std::runtime_error("wrk got no answer");
  // The time that it prints is rounded to 10 ms.
  figures.seconds = static_cast<double>(figures.requests) / std::stod(per_second[1]);
  figures.used = harness::usage_of_self_and_reaped() - before;
  return figures;
}

}  // namespace switchyard
