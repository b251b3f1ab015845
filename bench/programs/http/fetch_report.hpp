// What http_fetch tells of its fetches: a line for each as it comes, all of them as JSON, or a
// table with a column for each runtime.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/programs/http/fetcher.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

inline void print(const std::string& url, const fetch_result& r) {
  if (r.ok) {
    std::printf(
        "%u  %10llu bytes  %8.1f ms  %s%s\n", r.status, static_cast<unsigned long long>(r.bytes),
        r.seconds * 1e3, url.c_str(),
        r.redirects > 0 ? (" (redirects: " + std::to_string(r.redirects) + ")").c_str() : "");
  } else {
    std::printf("failed                 %8.1f ms  %s: %s\n", r.seconds * 1e3, url.c_str(),
                r.reason.data());
  }
  std::fflush(stdout);
}

inline nlohmann::ordered_json as_json(const std::string& url, const fetch_result& r) {
  return {{"url", url},
          {"ok", r.ok},
          {"status", r.status},
          {"bytes", r.bytes},
          {"seconds", r.seconds},
          {"redirects", r.redirects},
          {"reason", r.reason.data()}};
}

/// Takes the results in the order of the URLs, and prints them.
class fetch_report {
 public:
  fetch_report(bool json, bool one_after_another)
      : json_(json), how_(one_after_another ? ", one after another" : "") {}

  void add(const std::string& url, const fetch_result& r) {
    ++(r.ok ? fetched_ : failed_);
    bytes_ += r.bytes;
    if (json_) {
      results_.push_back(as_json(url, r));
    } else {
      print(url, r);
    }
  }

  /// Whether all went well.
  bool finish(const std::string& runtime, double seconds) {
    if (json_) {
      const nlohmann::ordered_json summary = {{"runtime", runtime},  {"seconds", seconds},
                                              {"fetched", fetched_}, {"failed", failed_},
                                              {"bytes", bytes_},     {"urls", std::move(results_)}};
      std::puts(summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    } else {
      std::printf("%s%s: %zu fetched, %zu failed, %llu bytes in %.1f ms\n", runtime.c_str(), how_,
                  fetched_, failed_, static_cast<unsigned long long>(bytes_), seconds * 1e3);
    }
    return failed_ == 0;
  }

 private:
  bool json_;
  const char* how_;
  std::size_t fetched_ = 0;
  std::size_t failed_ = 0;
  std::uint64_t bytes_ = 0;
  nlohmann::ordered_json results_ = nlohmann::ordered_json::array();
};

/// What came of all URLs on one runtime.
struct fetch_column {
  std::string runtime;
  shared_array<fetch_result> results;
  double seconds = 0;
};

/// A line for each URL, the first runtime's time against the others', and each failure's reason.
/// Whether all went well.
inline bool print_table(const std::vector<std::string>& urls,
                        const std::vector<fetch_column>& columns) {
  const auto print_line = [&](auto print_cell, const std::string& last) {
    for (const fetch_column& one : columns) print_cell(one);
    std::printf("  %s\n", last.c_str());
  };
  const auto print_ms = [](double seconds) { std::printf("%9.1f ms", seconds * 1e3); };
  print_line([](const auto& one) { std::printf("%12s", one.runtime.c_str()); }, "URL");
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const auto print_cell = [&](const auto& one) {
      one.results[i].ok ? print_ms(one.results[i].seconds) : void(std::printf("%12s", "failed"));
    };
    print_line(print_cell, urls[i]);
  }
  print_line([&](const auto& one) { print_ms(one.seconds); }, "all together");
  const fetch_column& first = columns.front();
  print_line([&](const auto& one) { std::printf("%11.2fx", first.seconds / one.seconds); },
             "as fast as " + first.runtime);
  bool well = true;
  for (const fetch_column& one : columns) {
    for (std::size_t i = 0; i < urls.size(); ++i) {
      if (one.results[i].ok) continue;
      well = false;
      std::printf("%s: %s: %s\n", one.runtime.c_str(), urls[i].c_str(),
                  one.results[i].reason.data());
    }
  }
  return well;
}

}  // namespace switchyard
