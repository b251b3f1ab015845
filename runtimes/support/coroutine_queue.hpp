// How stackless coroutines wait for each other without the kernel: a queue of those that are ready
// to go on, drained from within the event loop.
//
// Not one post() to the io_context for each: the loop looks at its descriptors once in every turn
// of its queue, so that two coroutines that give way to each other would pay for a system call
// every second time. Here it looks once all that are ready have gone on, and not before 61
// resumptions, as the fibers' scheduler does.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace switchyard {

// The concrete executor: any_io_executor would cost an indirect call and a reference count each.
using coroutine_executor = boost::asio::io_context::executor_type;
template <class T>
using coroutine_result = boost::asio::awaitable<T, coroutine_executor>;

/// The rest of a coroutine that waits: called once, it goes on. A std::function could not hold it,
/// as there is only one.
class resumption {
 public:
  resumption() = default;
  /// Of what suspend() hands over.
  template <class Rest>
  resumption(std::in_place_t, Rest&& rest) {
    using held = std::decay_t<Rest>;
    static_assert(sizeof(held) <= sizeof memory_ && std::is_nothrow_move_constructible_v<held>);
    ::new (static_cast<void*>(memory_)) held(std::forward<Rest>(rest));
    act_ = &act<held>;
  }
  resumption(resumption&& other) noexcept { *this = std::move(other); }
  resumption& operator=(resumption&& other) noexcept {
    if (this == &other) return *this;
    if (act_) act_(memory_, nullptr, false);
    act_ = std::exchange(other.act_, nullptr);
    if (act_) act_(other.memory_, memory_, false);
    return *this;
  }
  ~resumption() {
    if (act_) act_(memory_, nullptr, false);
  }

  explicit operator bool() const noexcept { return act_ != nullptr; }
  /// It has to stay where it is until the call returns.
  void operator()() { std::exchange(act_, nullptr)(memory_, nullptr, true); }

 private:
  /// Moves it from one place to another, or calls it, or neither; at `from` it is gone then.
  template <class Held>
  static void act(void* from, void* into, bool call) {
    auto* const held = static_cast<Held*>(from);
    if (into) ::new (into) Held(std::move(*held));
    if (call) std::move (*held)();
    held->~Held();
  }

  void (*act_)(void* from, void* into, bool call) = nullptr;
  alignas(void*) std::byte memory_[2 * sizeof(void*)];
};

/// Suspends the coroutine that awaits it, and hands its rest to `keep(rest)`, for a resumption.
template <class Keep>
auto suspend(Keep keep) {
  return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
      [keep](auto&& rest) { keep(std::forward<decltype(rest)>(rest)); }, boost::asio::deferred);
}

class coroutine_queue {
 public:
  explicit coroutine_queue(boost::asio::io_context& io) noexcept : io_(io) {}
  coroutine_queue& operator=(coroutine_queue&&) = delete;

  /// What a resumption is made of: another one, or as suspend() hands it over.
  template <class... Of>
  void push(Of&&... of) {
    ready_.emplace_back(std::forward<Of>(of)...);
    if (!std::exchange(drain_posted_, true)) post_drain();
  }

  /// To be awaited: those that are ready go first.
  auto yield() {
    return suspend(
        [this](auto&& rest) { this->push(std::in_place, std::forward<decltype(rest)>(rest)); });
  }

  [[nodiscard]] std::uint64_t resumes() const noexcept { return resumes_; }

 private:
  static constexpr std::size_t resumes_between_polls = 61;

  void post_drain() {
    boost::asio::post(io_, [this] { drain(); });
  }

  void drain() {
    for (std::size_t done = 0; done < resumes_between_polls && !ready_.empty();) {
      going_.swap(ready_);
      resumes_ += going_.size();
      for (resumption& rest : going_) rest();
      done += going_.size();
      going_.clear();
    }
    drain_posted_ = !ready_.empty();
    if (drain_posted_) post_drain();
  }

  boost::asio::io_context& io_;
  std::vector<resumption> ready_;
  std::vector<resumption> going_;
  bool drain_posted_ = false;
  std::uint64_t resumes_ = 0;
};

/// Where one coroutine waits until something has happened.
class coroutine_event {
 public:
  /// To be awaited unless has_happened().
  auto wait() {
    return suspend([this](auto&& rest) {
      waiter_ = resumption(std::in_place, std::forward<decltype(rest)>(rest));
    });
  }
  void happen(coroutine_queue& queue) {
    has_happened_ = true;
    if (waiter_) queue.push(std::move(waiter_));
  }
  [[nodiscard]] bool has_happened() const noexcept { return has_happened_; }

 private:
  bool has_happened_ = false;
  resumption waiter_;
};

}  // namespace switchyard
