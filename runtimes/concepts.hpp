// What a workload may ask of a runtime, as C++20 concepts.
//
// A workload is a template over `R` and names the concepts it needs; a runtime is one header that
// models as many as it can. Nothing here knows a workload.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtimes/support/stop_source.hpp"

namespace switchyard {

/// A unit of work that was spawned. `join()` waits for it and gives its result, once; a task that
/// failed throws there. A task that is destroyed without a join is waited for.
template <class Task, class T>
concept TaskOf = std::movable<Task> && requires(Task task) {
  { task.join() } -> std::same_as<T>;
};

/// What a task that waits takes, at most. The stack that it touches on purpose comes on top.
struct task_footprint {
  std::uint64_t memory_bytes = 0;  // its page tables and its stack in the kernel included
  // Of the process that has spawned it, unless the task is one itself.
  double mappings = 0;
  std::uint64_t address_space_bytes = 0;
};

/// Enters with `run(body)`; inside, `spawn(f)` starts a task, with any copyable or movable `f`
/// without parameters. Results have to be trivially copyable where memory is not shared.
///   name                   as it stands in benchmark names and after --runtime
///   what                   how it runs tasks and serves connections, in one line
///   own_tasks              its tasks are no other runtime's; else they are those of a runtime that
///                          stands before it in all.hpp, and only its I/O is its own
///   concurrent             spawn returns before the task has ended
///   shares_memory          what a task writes, its parent sees
///   runs_in_parallel       two tasks can run at the same instant on two CPUs
///   preemptive             a task that never waits does not keep others from running
///   kernel_tasks_per_task  processes or threads that the kernel has for each: 0 or 1. With 1 the
///                          kernel schedules the tasks, and each can be bound to a CPU
///   waits_in_kernel        each task that waits sleeps in the kernel by itself; else all that wait
///                          are woken from one sleep
///   sleeps_per_join        that the kernel counts, at most, from the end of a task's work until it
///                          is joined: of whoever joins it, and the last switch of a process
///   idle_task              what a task that waits takes of the machine
///   quick_tasks            so many start and end in well under a second
/// Each of these is proved by a test (tests/runtimes/traits_test.cpp), and none stands for
/// another.
template <class R>
concept RuntimeTraits = requires {
  { R::name } -> std::convertible_to<std::string_view>;
  { R::what } -> std::convertible_to<std::string_view>;
  { R::own_tasks } -> std::convertible_to<bool>;
  { R::concurrent } -> std::convertible_to<bool>;
  { R::shares_memory } -> std::convertible_to<bool>;
  { R::runs_in_parallel } -> std::convertible_to<bool>;
  { R::preemptive } -> std::convertible_to<bool>;
  { R::kernel_tasks_per_task } -> std::convertible_to<int>;
  { R::waits_in_kernel } -> std::convertible_to<bool>;
  { R::sleeps_per_join } -> std::convertible_to<int>;
  { R::idle_task } -> std::convertible_to<task_footprint>;
  { R::quick_tasks } -> std::convertible_to<std::int64_t>;
};

template <class R>
concept Runtime = RuntimeTraits<R> &&
    requires(R runtime, void (*returns_nothing)(), int (*returns_int)()) {
  { runtime.run(returns_int) } -> std::same_as<int>;
  { runtime.spawn(returns_nothing) } -> TaskOf<void>;
  { runtime.spawn(returns_int) } -> TaskOf<int>;
};

/// What a workload without I/O has rows for: on any other runtime they would be another's again.
template <class R>
concept OwnTasks = RuntimeTraits<R> && R::own_tasks;

/// Each of its tasks is one of the kernel's: scheduled by it, bound to a CPU, blocked alone.
template <class R>
concept KernelTasks = Runtime<R> &&(R::kernel_tasks_per_task > 0);

/// `sleep_for(d)` suspends the calling task alone, for at least `d`.
template <class R>
concept Sleeps = Runtime<R> && requires(R runtime) {
  runtime.sleep_for(std::chrono::steady_clock::duration{});
};

/// `yield()` gives way to another task that is ready, if there is one.
template <class R>
concept Yields = Runtime<R> && requires(R runtime) {
  runtime.yield();
};

/// `wait_readable(fd, deadline)` suspends the calling task alone until `fd`, which is none of the
/// runtime's own sockets, can be read; false when the deadline has passed first. The descriptor may
/// be made non-blocking. `offload(f)` calls
/// `f`, which may block, so that no task but the calling one waits for it, and gives its result:
/// where the kernel schedules tasks that is a plain call.
template <class R>
concept Offloads = Runtime<R> &&
    requires(R runtime, std::chrono::steady_clock::time_point when, int (*returns_int)()) {
  { runtime.wait_readable(0, when) } -> std::same_as<bool>;
  { runtime.offload(returns_int) } -> std::same_as<int>;
};

/// Counts its own switches between tasks, those that the kernel does not see.
template <class R>
concept CountsSwitches = RuntimeTraits<R> && requires(R runtime) {
  { runtime.user_switches() } -> std::convertible_to<std::size_t>;
};

/// A bounded queue of trivially copyable items, for any number of tasks on either side; each
/// operation suspends the calling task alone. `push` waits while the channel is full and throws
/// channel_closed once it is closed; `pop` waits while it is empty and gives nothing once it is
/// closed and drained. `close` may be called again, and while others wait.
///   capacity()  items it holds: so many pushes need no pop, the next one waits. Never more than
///               was asked for; see fiber_channel for who holds less
///   via         how, as it stands in benchmark names
/// A task that fails has to close what others wait for. But when the process of a task is killed,
/// the others learn of it when nobody is left who could end their waiting: peer_died.
template <class C, class T>
concept ChannelOf = std::constructible_from<C, std::size_t> &&
    requires(C channel, const C& as_made, const T& item) {
  { C::via } -> std::convertible_to<std::string_view>;
  channel.push(item);
  { channel.pop() } -> std::same_as<std::optional<T>>;
  channel.close();
  { as_made.capacity() } -> std::same_as<std::size_t>;
};

/// `channel<T>` is made before the tasks are spawned, lives until all are joined and is used by
/// reference. `channels<T>` is a std::tuple of every kind that there is, channel<T> the first.
template <class R>
concept Channels = Runtime<R> && requires {
  typename R::template channels<int>;
  requires(ChannelOf<typename R::template channel<int>, int>);
};

/// A connected TCP stream; suspends the calling task alone. Models Beast's SyncReadStream and
/// SyncWriteStream. End of stream is boost::asio::error::eof. After `expires_at(deadline)` every
/// operation ends with boost::asio::error::timed_out at that time, also one that is under way.
template <class S>
concept Stream = std::movable<S> &&
    requires(S stream, boost::asio::mutable_buffer in, boost::asio::const_buffer out,
             boost::system::error_code& ec) {
  { stream.read_some(in, ec) } -> std::same_as<std::size_t>;
  { stream.read_some(in) } -> std::same_as<std::size_t>;
  { stream.write_some(out, ec) } -> std::same_as<std::size_t>;
  { stream.write_some(out) } -> std::same_as<std::size_t>;
  { stream.native_handle() } -> std::same_as<int>;
  stream.expires_at(std::chrono::steady_clock::time_point::max());
  stream.shutdown_send(ec);
};

/// `listen` binds or throws std::system_error, `connect` and `accept` report through `ec`; the
/// deadline of a connect becomes that of its stream.
/// `serve` runs `session(stream)` as one task for each connection until `stop` is requested, then
/// ends the sessions that are left and returns what it did. A session that throws ends alone.
template <class R>
concept Sockets = Runtime<R> && Stream<typename R::stream> &&
    requires(R runtime, typename R::listener listener, boost::asio::ip::tcp::endpoint endpoint,
             boost::system::error_code& ec, stop_source& stop,
             void (*session)(typename R::stream&)) {
  { runtime.listen(endpoint) } -> std::same_as<typename R::listener>;
  { runtime.connect(endpoint, ec) } -> std::same_as<typename R::stream>;
  {
    runtime.connect(endpoint, ec, std::chrono::steady_clock::time_point::max())
    } -> std::same_as<typename R::stream>;
  { listener.accept(ec) } -> std::same_as<typename R::stream>;
  { listener.local_endpoint() } -> std::same_as<boost::asio::ip::tcp::endpoint>;
  { runtime.serve(listener, stop, session) } -> std::same_as<serve_report>;
};

// Stackless runtimes: the same words, with the same promises, but awaited -------------------------

/// A runtime whose tasks are C++20 coroutines: the body of `run` and what is spawned give an
/// `awaitable<T>`, as does whatever waits: `co_await task.join()`, `co_await rt.sleep_for(d)`,
/// `co_await rt.yield()`. A workload has a body of its own for these, beside that of all others,
/// which would be taxed by awaiting what is always ready.
/// No destructor can wait: `run` returns when all tasks have ended, also those whose handle has
/// gone without a join. A task begins where it is spawned, and runs up to its first wait. Results
/// can be made without arguments, and moved.
template <class R>
concept Stackless = RuntimeTraits<R> &&
    requires(R runtime, typename R::template awaitable<int> (*gives_int)(),
             typename R::template awaitable<void> (*gives_nothing)()) {
  { runtime.run(gives_int) } -> std::same_as<int>;
  { runtime.spawn(gives_int).join() } -> std::same_as<typename R::template awaitable<int>>;
  { runtime.spawn(gives_nothing).join() } -> std::same_as<typename R::template awaitable<void>>;
  {
    runtime.sleep_for(std::chrono::steady_clock::duration{})
    } -> std::same_as<typename R::template awaitable<void>>;
  runtime.yield();
};

/// See Offloads.
template <class R>
concept StacklessOffloads = Stackless<R> &&
    requires(R runtime, std::chrono::steady_clock::time_point when, int (*returns_int)()) {
  { runtime.wait_readable(0, when) } -> std::same_as<typename R::template awaitable<bool>>;
  { runtime.offload(returns_int) } -> std::same_as<typename R::template awaitable<int>>;
};

/// See Channels; a channel is made with its runtime, and a capacity.
template <class R>
concept StacklessChannels = Stackless<R> &&
    std::constructible_from<typename R::template channel<int>, R&, std::size_t>&& requires(
        typename R::template channel<int>& channel,
        const typename R::template channel<int>& as_made, const int& item) {
  typename R::template channels<int>;
  { R::template channel<int>::via } -> std::convertible_to<std::string_view>;
  { channel.push(item) } -> std::same_as<typename R::template awaitable<void>>;
  { channel.pop() } -> std::same_as<typename R::template awaitable<std::optional<int>>>;
  channel.close();
  { as_made.capacity() } -> std::same_as<std::size_t>;
};

/// See Stream. A read may give anything that can be awaited. `read_lent` gives what has come in a
/// buffer of the runtime's (lent_bytes), which goes back when the caller drops it.
template <class S>
concept StacklessStream = std::movable<S> &&
    requires(S stream, boost::asio::mutable_buffer in, boost::asio::const_buffer out,
             boost::system::error_code& ec) {
  stream.read_some(in, ec);
  stream.read_lent(ec);
  { stream.read_some(in) } -> std::same_as<typename S::template awaitable<std::size_t>>;
  { stream.write_some(out, ec) } -> std::same_as<typename S::template awaitable<std::size_t>>;
  { stream.write_some(out) } -> std::same_as<typename S::template awaitable<std::size_t>>;
  { stream.native_handle() } -> std::same_as<int>;
  stream.expires_at(std::chrono::steady_clock::time_point::max());
  stream.shutdown_send(ec);
};

/// See Sockets. A session is a coroutine as well.
template <class R>
concept StacklessSockets = Stackless<R> && StacklessStream<typename R::stream> &&
    requires(R runtime, typename R::listener listener, boost::asio::ip::tcp::endpoint endpoint,
             boost::system::error_code& ec, stop_source& stop,
             std::chrono::steady_clock::time_point when,
             typename R::template awaitable<void> (*session)(typename R::stream&)) {
  { runtime.listen(endpoint) } -> std::same_as<typename R::listener>;
  {
    runtime.connect(endpoint, ec, when)
    } -> std::same_as<typename R::template awaitable<typename R::stream>>;
  { listener.accept(ec) } -> std::same_as<typename R::template awaitable<typename R::stream>>;
  { listener.local_endpoint() } -> std::same_as<boost::asio::ip::tcp::endpoint>;
  {
    runtime.serve(listener, stop, session)
    } -> std::same_as<typename R::template awaitable<serve_report>>;
};

/// Serves connections, with or without stacks.
template <class R>
concept Serves = Sockets<R> || StacklessSockets<R>;

}  // namespace switchyard
