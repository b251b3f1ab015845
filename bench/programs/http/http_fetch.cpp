// http_fetch: the article's crawler. Fetches URLs, a task for each, on one of the runtimes, and
// says for each what came back or why nothing did; --compare does it on all of them.
#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/programs/http/fetch_comparison.hpp"
#include "bench/programs/http/fetcher.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using clock = std::chrono::steady_clock;

struct options {
  std::string runtime = "fiber";
  std::vector<std::string> urls;
  std::string urls_file;
  double timeout_s = 10;
  std::size_t parallel = 100;
  bool one_after_another = false;
  bool compare = false;
  bool json = false;
  pid_t parent = 0;
  fetch_options fetch{.most_body_bytes = std::uint64_t{100} << 20};
};

// TLS needs more stack than the workloads; it is address space only.
constexpr std::size_t stack_bytes = std::max(std::size_t{512} * 1024, default_stack_bytes);

template <class R>
R make_runtime() {
  if constexpr (std::constructible_from<R, std::size_t>) {
    return R(stack_bytes);
  } else {
    return R();
  }
}

std::vector<std::string> urls_in(std::istream& lines) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // Windows' editors begin with it
  std::vector<std::string> urls;
  bool is_first = true;
  for (std::string line; std::getline(lines, line);) {
    if (std::exchange(is_first, false) && line.starts_with(byte_order_mark)) {
      line.erase(0, byte_order_mark.size());
    }
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    urls.push_back(line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin));
  }
  return urls;
}

/// Those of the command line, then those of the file.
std::vector<std::string> all_urls(const options& chosen) {
  std::vector<std::string> urls = chosen.urls;
  for (const auto& url : urls) {  // --compare hands them on as lines
    std::istringstream line(url);
    if (urls_in(line) != std::vector{url}) throw std::invalid_argument("'" + url + "' is no URL");
  }
  if (!chosen.urls_file.empty()) {
    std::ifstream file(chosen.urls_file);
    const auto more = urls_in(chosen.urls_file == "-" ? std::cin : file);
    if (chosen.urls_file != "-" && !file.eof()) {  // it was never open, or is a folder
      throw std::invalid_argument("--urls '" + chosen.urls_file + "': can't be read");
    }
    urls.insert(urls.end(), more.begin(), more.end());
  }
  if (urls.empty()) throw std::invalid_argument("no URL to fetch (see --help)");
  return urls;
}

void print(const std::string& url, const fetch_result& r) {
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

nlohmann::ordered_json as_json(const std::string& url, const fetch_result& r) {
  return {{"url", url},
          {"ok", r.ok},
          {"status", r.status},
          {"bytes", r.bytes},
          {"seconds", r.seconds},
          {"redirects", r.redirects},
          {"reason", r.reason.data()}};
}

/// Of a task; one whose process was killed has failed, and harms no other.
template <class Task>
fetch_result result_of(Task& task) {
  try {
    return task.join();
  } catch (const std::exception& died) {
    fetch_result result;
    result.fail(died.what());
    return result;
  }
}

/// Takes the results in the order of the URLs, and prints them.
class fetch_report {
 public:
  explicit fetch_report(const options& chosen) : chosen_(chosen) {}

  void add(const std::string& url, const fetch_result& r) {
    ++(r.ok ? fetched_ : failed_);
    bytes_ += r.bytes;
    if (chosen_.json) {
      results_.push_back(as_json(url, r));
    } else {
      print(url, r);
    }
  }

  /// Gives the exit code.
  int finish(const std::string& runtime, double seconds) {
    if (chosen_.json) {
      const nlohmann::ordered_json summary = {{"runtime", runtime},  {"seconds", seconds},
                                              {"fetched", fetched_}, {"failed", failed_},
                                              {"bytes", bytes_},     {"urls", std::move(results_)}};
      std::puts(summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    } else {
      std::printf("%s%s: %zu fetched, %zu failed, %llu bytes in %.1f ms\n", runtime.c_str(),
                  chosen_.one_after_another ? ", one after another" : "", fetched_, failed_,
                  static_cast<unsigned long long>(bytes_), seconds * 1e3);
    }
    return failed_ == 0 ? 0 : harness::exit_failure;
  }

 private:
  const options& chosen_;
  std::size_t fetched_ = 0;
  std::size_t failed_ = 0;
  std::uint64_t bytes_ = 0;
  nlohmann::ordered_json results_ = nlohmann::ordered_json::array();
};

/// Fetches all URLs on runtime R, at most `chosen.parallel` at once.
template <class R>
void fetch_all(fetcher& fetches, const options& chosen, const std::vector<std::string>& urls,
               fetch_report& report) {
  const std::size_t at_once = chosen.one_after_another ? 1 : chosen.parallel;
  require_kernel_tasks<R>(std::min(at_once, urls.size()));
  auto rt = make_runtime<R>();
  rt.run([&] {
    const auto start = [&](const std::string& url) {
      return rt.spawn([&rt, &fetches, &url] { return fetches.fetch(rt, url); });
    };
    std::deque<std::pair<const std::string*, decltype(start(urls.front()))>> under_way;
    const auto finish_oldest = [&] {
      report.add(*under_way.front().first, result_of(under_way.front().second));
      under_way.pop_front();
    };
    for (const std::string& url : urls) {
      if (under_way.size() == at_once) finish_oldest();
      under_way.emplace_back(&url, start(url));
    }
    while (!under_way.empty()) finish_oldest();
  });
}

template <class R>
int fetch_with(const options& chosen, const std::vector<std::string>& urls) {
  fetch_report report(chosen);
  fetcher fetches(chosen.fetch);  // reads the system's certificates, which takes its time
  const auto begin = clock::now();
  fetch_all<R>(fetches, chosen, urls, report);
  const std::chrono::duration<double> took = clock::now() - begin;
  return report.finish(std::string(R::name), took.count());
}

int compare(const options& chosen, const std::vector<std::string>& urls) {
  const fetcher usable(chosen.fetch);  // or the error would be said by the first of the children
  std::vector<std::string> arguments{
      "--timeout",       std::to_string(chosen.timeout_s) + "s",
      "--max-bytes",     std::to_string(chosen.fetch.most_body_bytes),
      "--max-redirects", std::to_string(chosen.fetch.most_redirects),
      "--parallel",      std::to_string(chosen.parallel)};
  if (chosen.fetch.insecure) arguments.emplace_back("--insecure");
  if (!chosen.fetch.ca_file.empty()) {
    arguments.insert(arguments.end(), {"--ca", chosen.fetch.ca_file});
  }
  constexpr double start_up_s = 30;
  const double longest_s = chosen.timeout_s * static_cast<double>(urls.size()) + start_up_s;
  return compare_runtimes(urls, arguments,
                          std::chrono::seconds(static_cast<std::int64_t>(longest_s)));
}

int fetch(const options& chosen) {
  if (chosen.parent != 0) die_with(chosen.parent);
  const auto urls = all_urls(chosen);
  harness::raise_open_files();
  if (chosen.compare) return compare(chosen, urls);
  int code = -1;
  for_each_runtime([&]<class R>() {
    if constexpr (Sockets<R> && Offloads<R>) {
      if (chosen.runtime == R::name) code = fetch_with<R>(chosen, urls);
    }
  });
  if (code < 0) {
    throw std::invalid_argument("no runtime '" + chosen.runtime + "'; there are " +
                                runtime_names());
  }
  return code;
}

void add_options(harness::command_line& line, options& chosen) {
  line.add("URL", chosen.urls, "http:// and https:// URLs");
  line.add("--urls", chosen.urls_file, "A file with one URL per line; - is standard input");
  line.add("--runtime", chosen.runtime, runtime_names()).with_default();
  line.add_flag("--serial", chosen.one_after_another, "One fetch after another on that runtime");
  line.add_flag("--json", chosen.json, "Print the results as JSON");
  line.add_flag("--compare", chosen.compare, "On serial, then on every runtime; prints a table")
      .excludes({"--runtime", "--serial", "--json"});
  line.add("--parallel", chosen.parallel,
           "Fetches under way at once, at most: a window that moves along in the order of the URLs")
      .range(std::size_t{1}, std::size_t{100'000})
      .with_default();
  line.add("--timeout", chosen.timeout_s, "For each fetch, such as 500ms or 10s")
      .duration()
      .with_default("10s");
  line.add("--max-bytes", chosen.fetch.most_body_bytes, "Largest body, such as 500kb or 100mb")
      .byte_size()
      .range(std::uint64_t{0}, std::uint64_t{1} << 50)
      .with_default("100mb");
  line.add("--max-redirects", chosen.fetch.most_redirects, "Redirects followed, at most")
      .range(0U, 100U)
      .with_default();
  line.add_flag("--insecure", chosen.fetch.insecure, "Accept any certificate");
  line.add("--ca", chosen.fetch.ca_file, "Trust the certificates in this file, too");
  line.add("--parent", chosen.parent, "End when this process, its parent, ends");
  line.add_version();
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line("http_fetch", "Fetches URLs, a task for each, on one of the runtimes");
  add_options(line, chosen);
  line.parse_or_exit(argc, argv);
  return harness::run_program("http_fetch", [&] {
    chosen.fetch.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(chosen.timeout_s));
    return fetch(chosen);
  });
}
