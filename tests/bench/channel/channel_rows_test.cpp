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

/// A channel with a fault that shows at its hundredth item.
template <class Channel, fault Fault>
class faulty {
 public:
  explicit faulty(std::size_t capacity) : channel_(capacity) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return channel_.capacity(); }

  template <class T>
  void push(T value) {
    const bool now = ++*pushed_ == 100;
    if (now && Fault == fault::push_fails) throw std::runtime_error("a push has failed");
    if (now && Fault == fault::push_dies) ::raise(SIGKILL);
    if (now && Fault == fault::lost) return;
    if (now && Fault == fault::damaged) value.words.back() ^= 1;
    if (now && Fault == fault::swapped)
      write_item(value, (value.words[0] >> 32) ^ 1);  // its neighbour
    channel_.push(value);
    if (now && Fault == fault::doubled) channel_.push(value);
  }
  auto pop() {
    const bool now = ++*popped_ == 100;
    if (now && Fault == fault::pop_fails) throw std::runtime_error("a pop has failed");
    if (now && Fault == fault::pop_dies) ::raise(SIGKILL);
    return channel_.pop();
  }
  void close() { channel_.close(); }

 private:
  Channel channel_;
  shared_object<std::atomic<int>> pushed_;
  shared_object<std::atomic<int>> popped_;
};

template <class R, class Channel, fault Fault, std::size_t Bytes>
std::string failure_of(std::int64_t pairs) {
  harness::first_cpu();  // remembers the CPUs before a member binds this thread
  R rt;
  return rt.run([&]() -> std::string {
    faulty<Channel, Fault> channel(4);
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
    EXPECT_EQ((failure_of<R, Channel, fault::none, Bytes>(pairs)), "no failure");
    for (const auto& failure : {failure_of<R, Channel, fault::lost, Bytes>(pairs),
                                failure_of<R, Channel, fault::doubled, Bytes>(pairs),
                                failure_of<R, Channel, fault::swapped, Bytes>(pairs)}) {
      EXPECT_EQ(failure, "items were lost or doubled");
    }
    EXPECT_EQ((failure_of<R, Channel, fault::damaged, Bytes>(pairs)), "an item was damaged");
    EXPECT_EQ((failure_of<R, Channel, fault::push_fails, Bytes>(pairs)), "a push has failed");
    EXPECT_EQ((failure_of<R, Channel, fault::pop_fails, Bytes>(pairs)), "a pop has failed");
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
    for (const auto& failure : {failure_of<process, Channel, fault::push_dies, 8>(pairs),
                                failure_of<process, Channel, fault::pop_dies, 8>(pairs)}) {
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
