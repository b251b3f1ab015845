// http_fetch: the article's crawler. Fetches URLs, a task for each, on one of the runtimes, and
// says for each what came back or why nothing did; --compare does it on all of them.
#include <algorithm>
#include <chrono>
#include <concepts>
#include <deque>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/parked_tasks.hpp"
#include "bench/programs/http/fetch_report.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/io_uring_lack.hpp"

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
  for (const auto& url : urls) {  // what is told of each is a line
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

/// Fetches all URLs on runtime R, at most `chosen.parallel` at once, and gives how long that took
/// in seconds. `take(i, result)` gets the results in the order of the URLs, each as soon as it and
/// those before it are there.
template <class R, class Take>
double fetch_all(fetcher& fetches, const options& chosen, const std::vector<std::string>& urls,
                 Take take) {
  const auto begin = clock::now();
  const std::size_t at_once = chosen.one_after_another || !R::concurrent ? 1 : chosen.parallel;
  require_kernel_tasks<R>(std::min(at_once, urls.size()));
  auto rt = make_runtime<R>();
  rt.run([&] {
    const auto start = [&](const std::string& url) {
      return rt.spawn([&rt, &fetches, &url] { return fetches.fetch(rt, url); });
    };
    std::deque<decltype(start(urls.front()))> under_way;
    std::size_t taken = 0;
    const auto finish_oldest = [&] {
      take(taken++, result_of(under_way.front()));
      under_way.pop_front();
    };
    for (const std::string& url : urls) {
      if (under_way.size() == at_once) finish_oldest();
      under_way.push_back(start(url));
    }
    while (!under_way.empty()) finish_oldest();
  });
  return std::chrono::duration<double>(clock::now() - begin).count();
}

/// Calls `f.template operator()<R>()` for every runtime that can fetch.
template <class F>
void for_each_fetching_runtime(F f) {
  for_each_runtime([&]<class R>() {
    if constexpr (Sockets<R> && Offloads<R>) f.template operator()<R>();
  });
}

/// "serial, process, ...", for help and error texts.
std::string fetching_runtimes() {
  std::string names;
  for_each_fetching_runtime([&]<class R>() {
    if (!names.empty()) names += ", ";
    names += R::name;
  });
  return names;
}

/// Each runtime in a process of its own, as one that forks must not have had threads before.
bool compare(fetcher& fetches, const options& chosen, const std::vector<std::string>& urls) {
  std::vector<fetch_column> columns;
  for_each_fetching_runtime([&]<class R>() {
    if (const std::string lack = needs_io_uring(R::name) ? io_uring_lack() : ""; !lack.empty()) {
      std::cerr << "http_fetch: " << R::name << " is left out; no io_uring: " << lack << '\n';
      return;
    }
    fetch_column one{std::string(R::name), shared_array<fetch_result>(urls.size())};
    one.seconds = in_a_child<process>([&] {
      return fetch_all<R>(fetches, chosen, urls, [&](std::size_t i, const fetch_result& result) {
        one.results[i] = result;
      });
    });
    columns.push_back(std::move(one));
  });
  return print_table(urls, columns);
}

bool fetch(const options& chosen) {
  if (chosen.parent != 0) die_with(chosen.parent);
  const auto urls = all_urls(chosen);
  harness::raise_open_files();
  fetcher fetches(chosen.fetch);  // reads the system's certificates, which takes its time
  if (chosen.compare) return compare(fetches, chosen, urls);
  std::optional<bool> well;
  for_each_fetching_runtime([&]<class R>() {
    if (chosen.runtime != R::name) return;
    fetch_report report(chosen.json, chosen.one_after_another);
    const double seconds = fetch_all<R>(
        fetches, chosen, urls,
        [&](std::size_t i, const fetch_result& result) { report.add(urls[i], result); });
    well = report.finish(chosen.runtime, seconds);
  });
  if (!well) {
    throw std::invalid_argument("no runtime '" + chosen.runtime + "'; there are " +
                                fetching_runtimes());
  }
  return *well;
}

void add_options(harness::command_line& line, options& chosen) {
  line.add("URL", chosen.urls, "http:// and https:// URLs");
  line.add("--urls", chosen.urls_file, "A file with one URL per line; - is standard input");
  line.add("--runtime", chosen.runtime, fetching_runtimes()).with_default();
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
    return fetch(chosen) ? 0 : harness::exit_failure;
  });
}
