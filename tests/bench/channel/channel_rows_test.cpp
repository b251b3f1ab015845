// The bodies of the `channel` rows: an item that is lost, doubled or damaged fails the row, and a
// task that fails or dies ends the others instead of leaving them waiting for ever.
#include "bench/channel/channel_rows.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "runtimes/all.hpp"
#include "runtimes/support/sanitizers.hpp"

namespace switchyard::channel_rows {
namespace {

enum class fault {
  none,
  lost,
  doubled,
  swapped,
  damaged,
  push_fails,
  pop_fails,
  push_dies,
  pop_dies
};

fault wanted = fault::none;  // of the channels made next; a child inherits it

/// A channel with a fault that shows at its hundredth item.
template <class Channel>
class faulty {
 public:
  explicit faulty(std::size_t capacity) : channel_(capacity) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return channel_.capacity(); }

  template <class T>
  void push(T value) {
    const bool now = ++*pushed_ == 100;
    if (now && fault_ == fault::push_fails) throw std::runtime_error("a push has failed");
    if (now && fault_ == fault::push_dies) ::raise(SIGKILL);
    if (now && fault_ == fault::lost) return;
    if (now && fault_ == fault::damaged) value.words.back() ^= 1;
    if (now && fault_ == fault::swapped)
      write_item(value, (value.words[0] >> 32) ^ 1);  // its neighbour
    channel_.push(value);
    if (now && fault_ == fault::doubled) channel_.push(value);
  }
  auto pop() {
    const bool now = ++*popped_ == 100;
    if (now && fault_ == fault::pop_fails) throw std::runtime_error("a pop has failed");
    if (now && fault_ == fault::pop_dies) ::raise(SIGKILL);
    return channel_.pop();
  }
  void close() { channel_.close(); }

 private:
  Channel channel_;
  fault fault_ = wanted;
  shared_object<std::atomic<int>> pushed_;
  shared_object<std::atomic<int>> popped_;
};

template <class R, class Channel, std::size_t Bytes>
std::string failure_of(fault with, std::int64_t pairs) {
  wanted = with;
  harness::first_cpu();  // remembers the CPUs before a member binds this thread
  R rt;
  return rt.run([&]() -> std::string {
    faulty<Channel> channel(4);
    try {
      hand_over<R, Bytes>(rt, channel_case{pairs, 4, placement::same}, 2'000, channel);
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return "no failure";
  });
}

template <class R, class Channel, std::size_t Bytes>
void expect_that_faults_show() {
  for (const std::int64_t pairs : {1, 4}) {
    const auto failure = [pairs](fault with) { return failure_of<R, Channel, Bytes>(with, pairs); };
    EXPECT_EQ(failure(fault::none), "no failure");
    for (const fault with : {fault::lost, fault::doubled, fault::swapped}) {
      EXPECT_EQ(failure(with), "items were lost or doubled");
    }
    EXPECT_EQ(failure(fault::damaged), "an item was damaged");
    EXPECT_EQ(failure(fault::push_fails), "a push has failed");
    EXPECT_EQ(failure(fault::pop_fails), "a pop has failed");
  }
}

TEST(thread_channel_rows, FaultsShow) {
  expect_that_faults_show<thread, thread::channel<item<8>>, 8>();
  expect_that_faults_show<thread, thread::channel<item<1'024>>, 1'024>();
}

TEST(fiber_channel_rows, FaultsShow) {
#if SWITCHYARD_ASAN
  GTEST_SKIP() << "an exception that follows another one on a fiber's stack: the sanitizer, which "
                  "knows nothing of these stacks, has kept the marks of the first one's frames";
#endif
  expect_that_faults_show<fiber, fiber::channel<item<8>>, 8>();
  expect_that_faults_show<fiber, fiber::channel<item<1'024>>, 1'024>();
}

TEST(process_channel_rows, FaultsShow) {
  expect_that_faults_show<process, pipe_channel<item<8>>, 8>();
  expect_that_faults_show<process, pipe_channel<item<1'024>>, 1'024>();
  expect_that_faults_show<process, shared_memory_channel<item<8>>, 8>();
  expect_that_faults_show<process, shared_memory_channel<item<1'024>>, 1'024>();
}

template <class Channel>
void expect_that_deaths_show() {
  for (const std::int64_t pairs : {1, 4}) {
    for (const fault with : {fault::push_dies, fault::pop_dies}) {
      const std::string failure = failure_of<process, Channel, 8>(with, pairs);
      EXPECT_NE(failure.find("killed by signal 9"), std::string::npos) << failure;
    }
  }
}

TEST(process_channel_rows, ADeadProcessEndsTheRow) {
  expect_that_deaths_show<pipe_channel<item<8>>>();
  expect_that_deaths_show<shared_memory_channel<item<8>>>();
}

}  // namespace
}  // namespace switchyard::channel_rows
