// The measuring tools themselves: CPU lists, placement, child processes, batons, names.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/placement.hpp"
#include "bench/harness/workload.hpp"
#include "bench/switch/ring_members.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/error.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard::harness {
namespace {

using namespace std::chrono_literals;

TEST(cpu_list, NumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0"), (std::vector{0}));
  EXPECT_EQ(parse_cpu_list("0,2-4"), (std::vector{0, 2, 3, 4}));
}

TEST(cpu_list, NonsenseIsNamed) {
  for (const std::string text :
       {"", "x", "1-", "-1", "3-1", "0,,1", "0 1", "99999999999", "5000"}) {
    try {
      parse_cpu_list(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const std::invalid_argument& wrong) {
      EXPECT_NE(std::string(wrong.what()).find("'" + text + "'"), std::string::npos)
          << wrong.what();
    }
  }
}

TEST(placement, BindsAndNamesACpuThatIsNotThere) {
  const auto before = allowed_cpus();
  pin_this_thread({before.back()});
  EXPECT_EQ(allowed_cpus(), std::vector{before.back()});
  EXPECT_EQ(::sched_getcpu(), before.back());
  EXPECT_THROW(pin_this_thread({1000}), std::invalid_argument);
  pin_this_thread(before);
}

/// A folder like /sys/devices/system: CPUs 0 to 3, hardware threads {0, 2} and {1, 3}, and nodes.
class made_up_sysfs {
 public:
  explicit made_up_sysfs(const std::vector<std::string>& nodes) {
    for (int cpu = 0; cpu < 4; ++cpu) {
      write(root_ / "cpu" / ("cpu" + std::to_string(cpu)) / "topology" / "thread_siblings_list",
            cpu % 2 == 0 ? "0,2" : "1,3");
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      write(root_ / "node" / ("node" + std::to_string(i)) / "cpulist", nodes[i]);
    }
  }
  ~made_up_sysfs() { std::filesystem::remove_all(root_); }
  made_up_sysfs(const made_up_sysfs&) = delete;
  made_up_sysfs& operator=(const made_up_sysfs&) = delete;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  static void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }
  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("switchyard-sysfs-" + std::to_string(::getpid()));
};

TEST(placement, FindsTheOtherThreadCoreAndNode) {
  const std::vector all{0, 1, 2, 3};
  {
    const made_up_sysfs one_node({"0-3"});
    EXPECT_EQ(other_cpu(placement::smt, 0, all, one_node.root()), 2);
    EXPECT_EQ(other_cpu(placement::cross, 0, all, one_node.root()), 1);
    EXPECT_EQ(other_cpu(placement::cross, 1, all, one_node.root()), 0);
    EXPECT_EQ(other_cpu(placement::node, 0, all, one_node.root()), std::nullopt);
    EXPECT_EQ(other_cpu(placement::smt, 0, {0, 1}, one_node.root()), std::nullopt)
        << "a CPU that this process may not use";
  }
  {
    const made_up_sysfs no_nodes({});
    EXPECT_THROW(require_placement(placement::cross, {0, 2}, no_nodes.root()), limit_error)
        << "two threads of one core are not two cores";
    EXPECT_NO_THROW(require_placement(placement::cross, {0, 1}, no_nodes.root()));
    EXPECT_TRUE(share_a_core(0, 2, no_nodes.root()));
    EXPECT_FALSE(share_a_core(0, 1, no_nodes.root()));
    EXPECT_FALSE(share_a_core(0, 0, no_nodes.root()));
  }
  const made_up_sysfs two_nodes({"0,2", "1,3"});
  EXPECT_EQ(other_cpu(placement::node, 0, all, two_nodes.root()), 1);
  EXPECT_EQ(other_cpu(placement::node, 3, all, two_nodes.root()), 0);
  EXPECT_EQ(other_cpu(placement::cross, 0, all, two_nodes.root()), std::nullopt)
      << "the other core is on another node";
}

TEST(placement, OneCpuOfEachCoreComesBeforeTheSecondOnes) {
  const made_up_sysfs machine({});
  EXPECT_EQ(cores_first({0, 2, 1, 3}, machine.root()), (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(cores_first({3, 1, 2}, machine.root()), (std::vector{3, 2, 1}));
  EXPECT_EQ(cores_first({7, 8}, machine.root()), (std::vector{7, 8})) << "nothing is told of them";
}

TEST(child_process, ReadsLinesAndSaysHowItEnded) {
  child_process child("/bin/sh", {"-c", "echo one; echo two; exit 3"});
  EXPECT_EQ(child.read_line(10s), "one");
  EXPECT_EQ(child.read_line(10s), "two");
  EXPECT_THROW(child.read_line(10s), std::runtime_error);
  EXPECT_EQ(child.how_it_ended(10s), "exited with code 3");
}

TEST(child_process, IsEndedWithItsOwnerEvenIfItDoesNotWantTo) {
  pid_t pid = 0;
  {
    child_process child("/bin/sh", {"-c", "trap '' TERM; echo ready; while :; do sleep 1; done"});
    child.read_line(10s);
    pid = child.pid();
    EXPECT_EQ(child.how_it_ended(), std::nullopt);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(child_process, AProgramThatIsNotThereIsNamed) {
  try {
    const child_process child("/no/such/program", {});
    ADD_FAILURE();
  } catch (const std::system_error& failure) {
    EXPECT_NE(std::string(failure.what()).find("/no/such/program"), std::string::npos);
  }
}

TEST(baton, AWaitEndsOnlyWithAPost) {
  futex_baton futex;
  futex.post();
  futex.wait();
  pipe_baton pipe;
  pipe.post();
  pipe.wait();
}

TEST(names, AreJoinedInOneWay) {
  const row r{.runtime = "fiber",
              .params = {{"connections", 64}, {"via", std::string("yield")}},
              .what = "",
              .body = {}};
  EXPECT_EQ(row_name("echo", r), "echo/fiber/connections:64/via:yield");
}

TEST(run_main, NoTaskOfARowWakesLateByTheKernelsTimerSlack) {
  std::vector<int> slack_ns;
  const auto of_a_task = [&]<class R>() {
    typename tested<R>::type rt;
    slack_ns.push_back(
        rt.run([&] { return rt.spawn([] { return ::prctl(PR_GET_TIMERSLACK); }).join(); }));
  };
  workload w{.name = "slack",
             .what = "",
             .compared_by = {"real_time", "", "s", "lower"},
             .unit = benchmark::kNanosecond};
  w.rows.push_back({.runtime = "all", .params = {}, .what = "", .body = [&](benchmark::State& s) {
                      for (auto _ : s) for_each_runtime(of_a_task);
                    }});
  std::string program = "bench_slack";
  std::string once = "--iterations=1";
  char* argv[] = {program.data(), once.data(), nullptr};
  EXPECT_EQ(run_main(2, argv, w), 0);
  EXPECT_EQ(slack_ns, std::vector(slack_ns.size(), 1));
  EXPECT_GE(slack_ns.size(), 4U);
}

TEST(names, BatchesAreWholeRings) {
  EXPECT_EQ(at_least(1, 16), 16);
  EXPECT_EQ(at_least(16, 16), 16);
  EXPECT_EQ(at_least(17, 16), 32);
}

TEST(batch_size, WithoutASlowdownAllThatIsDoneIsReported) {
  for (const std::int64_t wished : {1, 16, 17, 1'000'000'000}) {
    const batch_size ops = batch_of(wished, 16, 0);
    EXPECT_EQ(ops.reported, ops.done);
    EXPECT_GE(ops.reported, wished);
    EXPECT_LT(ops.reported, wished + 16);
    EXPECT_EQ(ops.done % 16, 0);
  }
}

TEST(batch_size, ASlowdownIsRightToAThousandthHoweverFewOperations) {
  for (std::int64_t percent = 1; percent <= 100; ++percent) {
    for (const std::int64_t wished : {1, 2, 7, 999, 1'000'000'000}) {
      for (const std::int64_t step : {1, 2, 100, 1'024}) {
        const batch_size ops = batch_of(wished, step, percent);
        const double cost = static_cast<double>(ops.done) / static_cast<double>(ops.reported);
        const double wanted = 1 + static_cast<double>(percent) / 100;
        EXPECT_NEAR(cost / wanted, 1, 0.001) << percent << " % of " << wished;
        EXPECT_GE(ops.reported, wished);
        EXPECT_EQ(ops.done % step, 0);
      }
    }
  }
}

TEST(batch_size, ASlowdownTakesNoMoreOperationsThanItNeeds) {
  const batch_size few = batch_of(1, 1, 10);
  EXPECT_EQ(few.done, 11);
  EXPECT_EQ(few.reported, 10);
  const batch_size many = batch_of(1'000'000, 2, 2);
  EXPECT_EQ(many.done, 1'020'000);
  EXPECT_EQ(many.reported, 1'000'000);
}

}  // namespace
}  // namespace switchyard::harness
