// Numbers in the files of /proc and /sys, as proc(5) and sysfs(5) lay them out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace switchyard::harness {

/// What a file begins with; nothing when it is missing or begins with a word, such as "max".
std::optional<std::int64_t> number_in(const std::filesystem::path& file);

/// What stands behind each of the keys, on a line such as "VmPTE:     44 kB": in the file's unit.
std::vector<std::optional<std::int64_t>> numbers_in(const std::filesystem::path& file,
                                                    std::initializer_list<std::string_view> keys);
inline std::optional<std::int64_t> number_in(const std::filesystem::path& file,
                                             std::string_view key) {
  return numbers_in(file, {key}).front();
}

/// Kernel tasks on this machine: the number behind the slash in /proc/loadavg; 0 when it is not
/// told.
std::int64_t tasks_on_machine();

}  // namespace switchyard::harness
