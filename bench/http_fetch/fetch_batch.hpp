// The clients of the `http_fetch` workload: one template for every runtime. A batch is N tasks, a
// URL each; every body is compared, byte for byte, with what it has to be.
#pragma once

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/system_error.hpp>
#include <cstdint>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness/task_group.hpp"
#include "bench/harness/usage.hpp"
#include "bench/programs/http/http_body.hpp"
#include "bench/programs/http/http_get.hpp"
#include "runtimes/concepts.hpp"
#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard::fetching {

using harness::measured;

struct fetch_case {
  std::int64_t urls;
  std::int64_t latency_ms;
  std::int64_t bytes;
  bool keep_alive;  // a task keeps its connection for all of its fetches
};

/// Beast's error, or what is wrong with the answer, as an exception: it fails the row.
inline void expect_right(const http_answer& answer, const boost::system::error_code& ec, bool same,
                         const fetch_case& which) {
  if (ec) throw boost::system::system_error(ec, "fetch");
  if (answer.status != 200) {
    throw std::runtime_error("the origin answered " + std::to_string(answer.status));
  }
  if (!same || answer.body_bytes != static_cast<std::uint64_t>(which.bytes)) {
    throw std::runtime_error("a body of " + std::to_string(answer.body_bytes) +
                             " bytes is not the one asked for");
  }
  if (which.keep_alive && !answer.keep_alive) {
    throw std::runtime_error("the origin did not keep the connection");
  }
}

/// Takes a body and compares it. A type of its own, not a lambda of each runtime's: so http_get is
/// compiled once for each kind of stream.
class body_check {
 public:
  void operator()(std::string_view piece) {
    same_ = same_ && is_http_body(piece, offset_);
    offset_ += piece.size();
  }
  [[nodiscard]] bool same() const { return same_; }

 private:
  std::uint64_t offset_ = 0;
  bool same_ = true;
};

/// What a task that fetches has: its connection, and what it reads into.
template <class R>
class fetcher_base {
 public:
  fetcher_base(R& rt, const endpoint& origin, const std::string& request, const fetch_case& which)
      : rt_(rt), origin_(origin), request_(request), which_(which) {
    buffer_.reserve(16 * 1024);  // or Beast would begin with reads of 512 bytes
  }

 protected:
  void expect_connected(const boost::system::error_code& ec) const {
    if (ec) throw boost::system::system_error(ec, "connect to the origin");
  }

  /// After a fetch, which has to be right: the next one has this connection, or needs one of its
  /// own.
  void finish(const http_answer& answer, const boost::system::error_code& ec,
              const body_check& body) {
    expect_right(answer, ec, body.same(), which_);
    if (which_.keep_alive) return;
    connection_.reset();
    buffer_.clear();
  }

  R& rt_;
  const endpoint& origin_;
  const std::string& request_;
  const fetch_case& which_;
  std::optional<typename R::stream> connection_;
  boost::beast::flat_buffer buffer_;
};

/// One task that fetches.
template <class R>
class fetcher : fetcher_base<R> {
 public:
  using fetcher_base<R>::fetcher_base;

  void connect() {
    boost::system::error_code ec;
    this->connection_.emplace(this->rt_.connect(this->origin_, ec));
    this->expect_connected(ec);
  }

  /// `fetches` of them, one after another, over the connection if there is one that is kept.
  /// Returns how many were right.
  std::int64_t fetch(std::int64_t fetches) {
    for (std::int64_t done = 0; done < fetches; ++done) {
      boost::system::error_code ec;
      if (!this->connection_) connect();
      body_check body;
      const auto answer = http_get(*this->connection_, this->buffer_, this->request_, {}, body, ec);
      this->finish(answer, ec, body);
    }
    return fetches;
  }
};

/// The same on a stackless runtime.
template <Stackless R>
class fetcher<R> : fetcher_base<R> {
  template <class T>
  using awaitable = typename R::template awaitable<T>;

 public:
  using fetcher_base<R>::fetcher_base;

  awaitable<void> connect() {
    boost::system::error_code ec;
    this->connection_.emplace(co_await this->rt_.connect(this->origin_, ec));
    this->expect_connected(ec);
  }

  awaitable<std::int64_t> fetch(std::int64_t fetches) {
    const http_limits limits;
    for (std::int64_t done = 0; done < fetches; ++done) {
      boost::system::error_code ec;
      if (!this->connection_) co_await connect();
      body_check body;
      const auto answer = co_await await_http_get(*this->connection_, this->buffer_, this->request_,
                                                  limits, body, ec);
      this->finish(answer, ec, body);
    }
    co_return fetches;
  }
};

/// A task per URL that makes its connection and fetches once: all of that is measured.
template <Runtime R>
measured fetch_anew(R& rt, const endpoint& origin, const std::string& request,
                    const fetch_case& which) {
  std::int64_t right = 0;
  auto took = harness::measure([&] {
    right = spawn_and_sum(which.urls, [&](std::int64_t) {
      return rt.spawn([&] { return fetcher<R>(rt, origin, request, which).fetch(1); });
    });
  });
  took.done = right;
  return took;
}

template <Stackless R>
measured fetch_anew(R& rt, const endpoint& origin, const std::string& request,
                    const fetch_case& which) {
  using right_ones = typename R::template awaitable<std::int64_t>;
  const auto fetch_once = [&]() -> right_ones {
    fetcher<R> mine(rt, origin, request, which);
    co_return co_await mine.fetch(1);
  };
  const auto fetch_all = [&]() -> right_ones {
    auto tasks = spawn_each(which.urls, [&](std::int64_t) { return rt.spawn(fetch_once); });
    std::int64_t right = 0;
    for (auto& task : tasks) right += co_await task.join();
    co_return right;
  };
  std::int64_t right = 0;
  auto took = harness::measure([&] { right = rt.run(fetch_all); });
  took.done = right;
  return took;
}

/// How long those sleep at a time who wait for others, and leave the CPU to those who come.
inline task_group::clock::duration nap_between(std::size_t tasks) {
  return std::max<task_group::clock::duration>(std::chrono::milliseconds(1),
                                               tasks * std::chrono::microseconds(20));
}

/// What the tasks of a group use that share a kernel thread: from the first that begins to the last
/// that ends. Nobody reads it in between, as that would be work that is measured.
class shared_usage {
 public:
  explicit shared_usage(std::size_t tasks) : at_work_(tasks) {}

  void begin() {
    if (!meter_) meter_.emplace();
  }
  void end() {
    if (--at_work_ == 0) used_ = meter_->used();
  }
  [[nodiscard]] const harness::usage& used() const { return used_; }

 private:
  std::size_t at_work_;
  std::optional<harness::usage_meter> meter_;
  harness::usage used_;
};

/// A task per URL that fetches several times, measured from an instant at which all are connected
/// until the last is done; the first calls `at_start()`. One after another: the sum of their times.
template <Runtime R, class AtStart>
measured fetch_connected(R& rt, const endpoint& origin, const std::string& request,
                         const fetch_case& which, std::int64_t fetches_each, AtStart at_start) {
  const auto tasks = static_cast<std::size_t>(which.urls);
  const task_group::start_line line(tasks);
  const task_group::start_line end(tasks);
  const auto nap = nap_between(tasks);
  const shared_array<std::int64_t> right(tasks);
  constexpr bool share_a_thread = R::concurrent && !KernelTasks<R>;
  shared_usage all(tasks);
  const auto member = [&](std::size_t i) {
    fetcher<R> mine(rt, origin, request, which);
    mine.connect();
    if constexpr (R::concurrent) {
      const auto start = line.wait([&] { rt.sleep_for(nap); }) + nap;
      rt.sleep_for(start - task_group::clock::now());
    }
    if constexpr (share_a_thread) all.begin();
    if (i == 0) at_start();
    const auto fetch = [&] { right[i] = mine.fetch(fetches_each); };
    task_group::interval seen;
    if constexpr (share_a_thread) {
      seen = task_group::time_interval(fetch);
      all.end();
    } else if constexpr (R::concurrent) {
      seen = task_group::measure_interval(fetch);
    } else {
      seen = task_group::measure_alone(fetch);
    }
    // The end of a process would take time from those that still fetch.
    if constexpr (R::concurrent) end.wait([&] { rt.sleep_for(nap); });
    return seen;
  };
  const auto seen = task_group::run_group(rt, tasks, member, [&] {
    line.break_up();
    end.break_up();
  });
  measured whole = task_group::joined(seen).total();
  if constexpr (!R::concurrent) {
    whole.seconds = 0;
    for (const auto& each : seen) whole.seconds += each.total().seconds;
  } else if constexpr (share_a_thread) {
    whole.used = all.used();
  }
  whole.done = std::accumulate(right.span().begin(), right.span().end(), std::int64_t{0});
  return whole;
}

template <Stackless R, class AtStart>
measured fetch_connected(R& rt, const endpoint& origin, const std::string& request,
                         const fetch_case& which, std::int64_t fetches_each, AtStart at_start) {
  const auto tasks = static_cast<std::size_t>(which.urls);
  const task_group::start_line line(tasks);
  const task_group::start_line end(tasks);
  const auto nap = nap_between(tasks);
  std::int64_t right = 0;
  shared_usage all(tasks);
  const auto member = [&](std::size_t i) -> typename R::template awaitable<task_group::interval> {
    fetcher<R> mine(rt, origin, request, which);
    co_await mine.connect();
    const auto rest = [&] { return rt.sleep_for(nap); };
    const auto start = co_await line.template await_start<R>(rest) + nap;
    co_await rt.sleep_for(start - task_group::clock::now());
    all.begin();
    if (i == 0) at_start();
    task_group::interval seen;
    seen.begin = task_group::clock::now();
    right += co_await mine.fetch(fetches_each);
    seen.end = task_group::clock::now();
    all.end();
    co_await end.template await_start<R>(rest);
    co_return seen;
  };
  const auto seen = task_group::run_group(rt, tasks, member, [&] {
    line.break_up();
    end.break_up();
  });
  measured whole = task_group::joined(seen).total();
  whole.used = all.used();
  whole.done = right;
  return whole;
}

}  // namespace switchyard::fetching
