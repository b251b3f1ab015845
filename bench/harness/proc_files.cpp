#include "bench/harness/proc_files.hpp"

#include <cstdlib>
#include <fstream>
#include <string>

namespace switchyard::harness {

std::optional<std::int64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

std::vector<std::optional<std::int64_t>> numbers_in(const std::filesystem::path& file,
                                                    std::initializer_list<std::string_view> keys) {
  std::vector<std::optional<std::int64_t>> found(keys.size());
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    // Some files fill up the key with blanks.
    const auto key = std::string_view(line).substr(0, line.find_last_not_of(' ', colon - 1) + 1);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (key == keys.begin()[i]) found[i] = std::strtoll(line.c_str() + colon + 1, nullptr, 10);
    }
  }
  return found;
}

std::int64_t tasks_on_machine() {
  std::ifstream in("/proc/loadavg");  // "0.20 0.18 0.12 1/80 11206": running/all
  std::string text;
  std::getline(in, text);
  const auto slash = text.find('/');
  return slash == std::string::npos ? 0 : std::stoll(text.substr(slash + 1));
}

}  // namespace switchyard::harness
