// Skips what runs over io_uring where the machine forbids it, in every test program.
//
// A test says by its name what it runs on, a type or a parameter: "Conformance/fiber_uring.X",
// "All/EchoServer.X/uring".
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "runtimes/support/io_uring_lack.hpp"

namespace switchyard {
namespace {

class io_uring_skips : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo& test) override {
    const auto last_part = [](std::string_view name) { return name.substr(name.rfind('/') + 1); };
    if (!needs_io_uring(last_part(test.test_suite_name())) &&
        !needs_io_uring(last_part(test.name()))) {
      return;
    }
    static const std::string lack = io_uring_lack();
    if (!lack.empty()) GTEST_SKIP() << "no io_uring: " << lack;
  }
};

[[maybe_unused]] const bool installed = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new io_uring_skips);
  return true;
}();

}  // namespace
}  // namespace switchyard
