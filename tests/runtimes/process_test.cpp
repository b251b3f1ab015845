// What holds for processes alone: how a child's death is told, and that none outlives its parent.
#include "runtimes/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtimes/support/shared_memory.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

TEST(process_runtime, SaysHowAChildDied) {
  process rt;
  rt.run([&] {
    auto killed = rt.spawn([] { ::raise(SIGKILL); });
    auto gone = rt.spawn([] { ::_exit(7); });
    const auto text_of = [](auto& task) -> std::string {
      try {
        task.join();
      } catch (const std::runtime_error& failure) {
        return failure.what();
      }
      return "no failure";
    };
    EXPECT_NE(text_of(killed).find("killed by signal 9"), std::string::npos);
    EXPECT_NE(text_of(gone).find("exit code 7"), std::string::npos);
  });
}

TEST(process_runtime, RefusesToForkAmongThreads) {
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) std::this_thread::sleep_for(1ms);
  });
  process rt;
  EXPECT_THROW(rt.run([] {}), std::logic_error);
  done = true;
  other.join();
}

TEST(process_runtime, ChildrenDieWithTheirParent) {
  const shared_object<std::atomic<pid_t>> grandchild;
  const pid_t parent = ::fork();
  if (parent == 0) {
    process rt;
    auto task = rt.spawn([&] {
      *grandchild = ::getpid();
      ::pause();
    });
    while (*grandchild == 0) ::usleep(1000);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(WIFSIGNALED(status));
  // Gone, or a zombie that only its new parent can reap.
  const auto lives = [&] {
    std::ifstream stat("/proc/" + std::to_string(*grandchild) + "/stat");
    std::string text;
    std::getline(stat, text);
    const auto after_name = text.rfind(')');
    return after_name != std::string::npos && text.at(after_name + 2) != 'Z';
  };
  for (int i = 0; i < 1'000 && lives(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(lives());
}

}  // namespace
}  // namespace switchyard
