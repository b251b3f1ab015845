// What processes that share a channel learn of the death of one of them: none waits for a dead one.
// And what a channel leaves behind: nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtimes/process.hpp"
#include "runtimes/support/participants.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {
namespace {

using namespace std::chrono_literals;

template <class Channel>
class ChannelOfProcesses : public ::testing::Test {};
using kinds = ::testing::Types<pipe_channel<int>, shared_memory_channel<int>>;
struct kind_name {
  template <class Channel>
  static std::string GetName(int) {
    return std::string(Channel::via);
  }
};
TYPED_TEST_SUITE(ChannelOfProcesses, kinds, kind_name);

template <class Task>
std::string failure_of(Task& task) {
  try {
    task.join();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "no failure";
}

const std::string has_died = peer_died().what();

// The consumer is joined first: nobody closes the channel for it.
TYPED_TEST(ChannelOfProcesses, AProducerThatDiesDoesNotHangTheConsumer) {
  const shared_object<std::atomic<int>> popped;
  process rt;
  rt.run([&] {
    TypeParam channel(3);
    auto consumer = rt.spawn([&] {
      while (channel.pop()) ++*popped;
    });
    auto producer = rt.spawn([&] {
      for (int i = 0; i < 5; ++i) channel.push(i);
      ::raise(SIGKILL);
    });
    EXPECT_EQ(failure_of(consumer), has_died);
    EXPECT_EQ(*popped, 5) << "what it had pushed";
    EXPECT_NE(failure_of(producer).find("killed by signal 9"), std::string::npos);
  });
}

TYPED_TEST(ChannelOfProcesses, AConsumerThatDiesDoesNotHangTheProducers) {
  process rt;
  rt.run([&] {
    TypeParam channel(1);
    const auto produce = [&] {
      return rt.spawn([&] {
        for (int i = 0;; ++i) channel.push(i);
      });
    };
    auto first = produce();
    auto second = produce();
    auto consumer = rt.spawn([&] {
      for (int i = 0; i < 5; ++i) channel.pop();
      ::raise(SIGKILL);
    });
    EXPECT_EQ(failure_of(first), has_died);
    EXPECT_EQ(failure_of(second), has_died);
    EXPECT_NE(failure_of(consumer).find("killed by signal 9"), std::string::npos);
  });
}

TYPED_TEST(ChannelOfProcesses, AProducerThatDiesBeforeItsFirstPushDoesNotHangTheConsumer) {
  process rt;
  rt.run([&] {
    TypeParam channel(1);
    auto consumer = rt.spawn([&] { channel.pop(); });
    auto producer = rt.spawn([] { ::raise(SIGKILL); });
    EXPECT_EQ(failure_of(consumer), has_died);
    EXPECT_NE(failure_of(producer).find("killed by signal 9"), std::string::npos);
  });
}

TYPED_TEST(ChannelOfProcesses, ServesThoseThatAreForkedInTheMiddle) {
  process rt;
  rt.run([&] {
    TypeParam channel(2);
    channel.push(1);
    auto consumer = rt.spawn([&] {
      int sum = 0;
      while (const auto item = channel.pop()) sum += *item;
      return sum;
    });
    channel.push(20);
    rt.spawn([&] { channel.push(300); }).join();
    channel.close();
    EXPECT_EQ(consumer.join(), 321);
  });
}

// The signal finds it anywhere: with the lock, within a
// system call, waiting.
TYPED_TEST(ChannelOfProcesses, AKillAtAnyMomentDoesNotHangTheOthers) {
  for (int round = 0; round < 20; ++round) {
    const shared_array<std::atomic<pid_t>> pids(2);
    const std::size_t victim = round % 2 == 0 ? 0 : 1;
    process rt;
    rt.run([&] {
      TypeParam channel(2);
      auto producer = rt.spawn([&] {
        for (int i = 0;; ++i) {
          channel.push(i);
          pids[0] = ::getpid();
        }
      });
      auto consumer = rt.spawn([&] {
        while (channel.pop()) pids[1] = ::getpid();
      });
      while (pids[0] == 0 || pids[1] == 0) rt.yield();
      kernel_sleep(std::chrono::microseconds(500 + 71 * round));
      ::kill(pids[victim], SIGKILL);
      auto& survivor = victim == 0 ? consumer : producer;
      EXPECT_EQ(failure_of(survivor), has_died);
    });
  }
}

TYPED_TEST(ChannelOfProcesses, AnExitWithoutAnEndIsADeath) {
  process rt;
  rt.run([&] {
    TypeParam channel(3);
    auto consumer = rt.spawn([&] { channel.pop(); });
    auto producer = rt.spawn([&] {
      channel.push(1);
      channel.push(2);
      ::_exit(0);
    });
    auto other = rt.spawn([&] {
      while (channel.pop()) {
      }
    });
    failure_of(consumer);
    EXPECT_EQ(failure_of(other), has_died);
    EXPECT_NE(failure_of(producer).find("without a result"), std::string::npos);
  });
}

// Places for participants are given back: far more tasks take part than there are places.
TYPED_TEST(ChannelOfProcesses, ManyProcessesMayTakePartOneAfterTheOther) {
  constexpr int tasks = static_cast<int>(participants::most) * 2;
  process rt;
  rt.run([&] {
    TypeParam channel(2);
    for (int i = 0; i < tasks; ++i) {
      rt.spawn([&] { channel.push(i); }).join();
      ASSERT_EQ(channel.pop(), i);
    }
  });
}

TYPED_TEST(ChannelOfProcesses, TooManyAtOnceAreALimit) {
  constexpr std::size_t tasks = participants::most;  // and this process
  const shared_object<std::atomic<std::size_t>> there;
  process rt;
  rt.run([&] {
    TypeParam channel(2 * tasks);
    channel.push(0);
    std::vector<process::task<void>> started;
    for (std::size_t i = 0; i < tasks; ++i) {
      started.push_back(rt.spawn([&] {
        try {
          channel.push(1);
        } catch (...) {
          ++*there;
          throw;
        }
        ++*there;
        while (*there < tasks) rt.sleep_for(1ms);
      }));
    }
    std::size_t refused = 0;
    for (auto& task : started) {
      const std::string failure = failure_of(task);
      if (failure == "no failure") continue;
      EXPECT_NE(failure.find("at most 128 processes"), std::string::npos) << failure;
      ++refused;
    }
    EXPECT_EQ(refused, 1U);
  });
}

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TYPED_TEST(ChannelOfProcesses, LeavesNoFileOpen) {
  const auto before = open_files();
  process rt;
  rt.run([&] {
    TypeParam channel(2);
    channel.push(1);
    rt.spawn([&] { channel.push(2); }).join();
    channel.close();
    while (channel.pop()) {
    }
  });
  EXPECT_EQ(open_files(), before);
}

TEST(robust_mutex, TellsThatItsHolderHasDiedAndStaysUnusable) {
  const shared_object<robust_mutex> mutex;
  process rt;
  rt.run([&] {
    auto holder = rt.spawn([&] { mutex->lock(); });
    holder.join();
    EXPECT_THROW(mutex->lock(), peer_died);
    EXPECT_THROW(mutex->lock(), peer_died);
    EXPECT_EQ(mutex->try_lock(), robust_mutex::attempt::holder_died);
  });
}

}  // namespace
}  // namespace switchyard
