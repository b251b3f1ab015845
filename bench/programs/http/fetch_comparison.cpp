#include "bench/programs/http/fetch_comparison.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "bench/harness/child_process.hpp"
#include "bench/harness/command_line.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/error.hpp"
#include "runtimes/support/unique_fd.hpp"

namespace switchyard {
namespace {

using summary = nlohmann::json;  // as --json prints it

/// The URLs as a file that the children open by its path; it ends with this object.
class url_list {
 public:
  explicit url_list(const std::vector<std::string>& urls)
      : file_(check(::memfd_create("urls", MFD_CLOEXEC), "create a file in memory")) {
    std::ofstream lines(path());
    for (const auto& url : urls) lines << url << '\n';
    if (!lines.flush()) throw_errno("write the URLs");
  }
  [[nodiscard]] std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file_.get());
  }

 private:
  unique_fd file_;
};

summary run_one(std::string_view runtime, std::vector<std::string> arguments,
                std::chrono::seconds patience) {
  arguments.insert(arguments.end(), {"--json", "--runtime", std::string(runtime), "--parent",
                                     std::to_string(::getpid())});
  harness::child_process one(std::filesystem::read_symlink("/proc/self/exe"), arguments);
  return summary::parse(one.read_line(patience));
}

std::string with_unit(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// Of a fetch, or of all on one runtime.
std::string took(const summary& one) {
  return with_unit("%.1f ms", one["seconds"].get<double>() * 1e3);
}

void print_line(const std::vector<std::string>& cells, const std::string& last) {
  for (const auto& text : cells) std::printf("%12s", text.c_str());
  std::printf("  %s\n", last.c_str());
}

void print_table(const std::vector<summary>& all) {
  const auto each = [&](auto text_of) {
    std::vector<std::string> cells;
    for (const summary& one : all) cells.push_back(text_of(one));
    return cells;
  };
  print_line(each([](const summary& one) { return one["runtime"].get<std::string>(); }), "URL");
  for (std::size_t i = 0; i < all.front()["urls"].size(); ++i) {
    print_line(each([&](const summary& one) {
                 const summary& fetched = one["urls"][i];
                 return fetched["ok"] ? took(fetched) : "failed";
               }),
               all.front()["urls"][i]["url"]);
  }
  print_line(each(took), "all together");
  const double serial_s = all.front()["seconds"];
  print_line(each([&](const summary& one) {
               return with_unit("%.2fx", serial_s / one["seconds"].get<double>());
             }),
             "as fast as " + all.front()["runtime"].get<std::string>());
}

/// Each reason once for each runtime; returns how many fetches failed.
std::size_t print_failures(const std::vector<summary>& all) {
  std::size_t failed = 0;
  for (const summary& one : all) {
    for (const summary& fetched : one["urls"]) {
      if (fetched["ok"]) continue;
      ++failed;
      std::printf("%s: %s: %s\n", one["runtime"].get<std::string>().c_str(),
                  fetched["url"].get<std::string>().c_str(),
                  fetched["reason"].get<std::string>().c_str());
    }
  }
  return failed;
}

}  // namespace

int compare_runtimes(const std::vector<std::string>& urls,
                     const std::vector<std::string>& arguments, std::chrono::seconds patience) {
  const url_list list(urls);
  auto with_urls = arguments;
  with_urls.insert(with_urls.end(), {"--urls", list.path()});
  std::vector<summary> all;
  for_each_runtime([&]<class R>() {
    if constexpr (Sockets<R> && Offloads<R>) all.push_back(run_one(R::name, with_urls, patience));
  });
  print_table(all);
  return print_failures(all) == 0 ? 0 : harness::exit_failure;
}

}  // namespace switchyard
