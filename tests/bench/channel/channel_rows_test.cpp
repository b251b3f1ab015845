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
#include <type_traits>

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

/// A fault that shows at the hundredth item of a channel.
class fault_plan {
 public:
  /// How often `item`, which may be damaged here, is to be pushed.
  template <class Item>
  int pushes_of(Item& item) {
    if (++*pushed_ != 100) return 1;
    if (fault_ == fault::push_fails) throw std::runtime_error("a push has failed");
    if (fault_ == fault::push_dies) ::raise(SIGKILL);
    if (fault_ == fault::damaged) item.words.back() ^= 1;
    if (fault_ == fault::swapped) write_item(item, (item.words[0] >> 32) ^ 1);  // its neighbour
    return fault_ == fault::lost ? 0 : fault_ == fault::doubled ? 2 : 1;
  }
  void before_pop() {
    if (++*popped_ != 100) return;
    if (fault_ == fault::pop_fails) throw std::runtime_error("a pop has failed");
    if (fault_ == fault::pop_dies) ::raise(SIGKILL);
  }

 private:
  fault fault_ = wanted;
  shared_object<std::atomic<int>> pushed_;
  shared_object<std::atomic<int>> popped_;
};

template <class Channel>
class faulty {
 public:
  explicit faulty(std::size_t capacity) : channel_(capacity) {}

  template <class T>
  void push(T value) {
    for (int left = plan_.pushes_of(value); left > 0; --left) channel_.push(value);
  }
  auto pop() {
    plan_.before_pop();
    return channel_.pop();
  }
  void close() { channel_.close(); }

 private:
  Channel channel_;
  fault_plan plan_;
};

/// The same for a stackless runtime.
template <class Channel>
class faulty_awaited {
 public:
  faulty_awaited(coroutine& rt, std::size_t capacity) : channel_(rt, capacity) {}

  template <class T>
  coroutine::awaitable<void> push(T value) {
    for (int left = plan_.pushes_of(value); left > 0; --left) co_await channel_.push(value);
  }
  auto pop() {
    plan_.before_pop();
    return channel_.pop();
  }
  void close() { channel_.close(); }

 private:
  Channel channel_;
  fault_plan plan_;
};

template <class R, class Channel>
using faulty_on = std::conditional_t<Stackless<R>, faulty_awaited<Channel>, faulty<Channel>>;

template <class R, class Channel, std::size_t Bytes>
std::string failure_of(fault with, std::int64_t pairs) {
  wanted = with;
  harness::first_cpu();  // remembers the CPUs before a member binds this thread
  R rt;
  return harness::within(rt, [&]() -> std::string {
    auto channel = make_channel<faulty_on<R, Channel>>(rt, 4);
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

TEST(coroutine_channel_rows, FaultsShow) {
  expect_that_faults_show<coroutine, coroutine::channel<item<8>>, 8>();
  expect_that_faults_show<coroutine, coroutine::channel<item<1'024>>, 1'024>();
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
