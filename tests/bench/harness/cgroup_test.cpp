// What control groups leave of memory, tasks and CPU time: made up in files, as no test may make
// real ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/harness/limits.hpp"
#include "bench/harness/taken_time.hpp"

namespace switchyard::harness {
namespace {

/// Folders that look like a cgroup's.
class made_up_cgroups {
 public:
  made_up_cgroups() = default;
  made_up_cgroups& operator=(made_up_cgroups&&) = delete;
  ~made_up_cgroups() { std::filesystem::remove_all(root_); }

  std::filesystem::path add(const std::string& name,
                            const std::map<std::string, std::string>& files) const {
    std::filesystem::create_directories(root_ / name);
    for (const auto& [file, text] : files) std::ofstream(root_ / name / file) << text << '\n';
    return root_ / name;
  }

 private:
  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("switchyard-cgroups-" + std::to_string(::getpid()));
};

TEST(cgroup, CachedFilesThatNobodyUsesTakeNoMemory) {
  const made_up_cgroups groups;
  const auto v2 = groups.add("v2", {{"memory.max", "1000"},
                                    {"memory.current", "900"},
                                    {"memory.stat", "anon 200\nfile 700\ninactive_file 600"}});
  const auto v1 = groups.add("v1", {{"memory.limit_in_bytes", "1000"},
                                    {"memory.usage_in_bytes", "900"},
                                    {"memory.stat", "inactive_file 1\ntotal_inactive_file 500"}});
  const auto bare = groups.add("bare", {{"memory.max", "1000"}, {"memory.current", "100"}});
  const auto free = groups.add("free", {{"memory.max", "max"}, {"memory.current", "100"}});
  EXPECT_EQ(memory_of_cgroups({v2, free}).left(), 700U);
  EXPECT_EQ(memory_of_cgroups({v1}).left(), 600U);
  EXPECT_EQ(memory_of_cgroups({bare}).left(), 900U);
  EXPECT_EQ(memory_of_cgroups({v2, v1, bare}).left(), 600U) << "the tightest counts";
  EXPECT_EQ(memory_of_cgroups({free}).left(), unlimited);
}

TEST(cgroup, TheTightestIsTheOneWithTheLeastRoomForAGuest) {
  const made_up_cgroups groups;
  const auto large = groups.add("large", {{"pids.max", "1000"}, {"pids.current", "750"}});
  const auto small = groups.add("small", {{"pids.max", "300"}, {"pids.current", "80"}});
  const room found = tasks_of_cgroups({large, small});
  EXPECT_EQ(found.total, 1'000U) << "50 below its 80 %, where the other has 160";
  EXPECT_EQ(found.left(), 50U);
}

TEST(cgroup, ThrottlingIsToldByThoseThatHaveALimit) {
  const made_up_cgroups groups;
  const auto v2 = groups.add(
      "v2", {{"cpu.max", "50000 100000"}, {"cpu.stat", "usage_usec 9\nthrottled_usec 1500000"}});
  const auto v1 = groups.add("v1", {{"cpu.cfs_quota_us", "50000"},
                                    {"cpu.stat", "nr_periods 3\nthrottled_time 2000000000"}});
  const auto none =
      groups.add("none", {{"cpu.max", "max 100000"}, {"cpu.stat", "throttled_usec 7"}});
  const auto none_v1 =
      groups.add("none_v1", {{"cpu.cfs_quota_us", "-1"}, {"cpu.stat", "throttled_time 7"}});
  const auto gone = none.parent_path() / "gone";
  EXPECT_EQ(throttled_seconds({v2, none, v1, none_v1, gone}), (std::vector{1.5, 2.0}));
}

}  // namespace
}  // namespace switchyard::harness
