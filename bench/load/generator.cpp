#include "bench/load/generator.hpp"

#include <barrier>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace switchyard::load {

namespace {

/// Thread `number` of `threads` has one more where they can't be shared out evenly.
std::size_t part(std::size_t all, std::size_t number, std::size_t threads) {
  return all / threads + (number < all % threads ? 1 : 0);
}

/// One for each thread of this rank: the connections shared out, numbered through over all ranks.
std::vector<options> shared_out(options whole) {
  const auto refuse = [&](std::size_t count, const char* what, std::size_t of, const char* which) {
    throw std::invalid_argument(std::to_string(count) + what + std::to_string(of) + which);
  };
  if (whole.active > whole.connections) {
    refuse(whole.active, " active connections of ", whole.connections, "");
  }
  if (whole.active == 0) whole.active = whole.connections;
  const auto threads = whole.ranks * whole.threads;
  if (threads == 0 || threads > whole.active) {
    refuse(threads, " threads for ", whole.active, " active connections");
  }
  std::vector<options> parts(threads, whole);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].connections = part(whole.connections, i, parts.size());
    parts[i].active = part(whole.active, i, parts.size());
    if (i > 0) parts[i].first = parts[i - 1].first + parts[i - 1].connections;
  }
  const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(whole.rank * whole.threads);
  return {begin, begin + static_cast<std::ptrdiff_t>(whole.threads)};
}

/// The kernel's timers are late by 50 us and more: the last bit is spent looking at the clock.
void wait_until(shared_run::clock::time_point when) {
  constexpr std::chrono::microseconds awake{200};
  std::this_thread::sleep_until(when - awake);
  while (shared_run::clock::now() < when) {
  }
}

}  // namespace

generator::generator(const options& options)
    : shares_before_(options.rank * options.threads), shares_(options.ranks * options.threads) {
  const auto parts = shared_out(options);
  for (const auto& mine : parts) connections_ += mine.connections;
  if (parts.size() == 1) {
    only_.emplace(parts[0]);
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    threads_.push_back(std::make_unique<load_thread>(parts[i], [&, i] {
      if (options.enter_thread) options.enter_thread(i);
    }));
  }
}

void generator::connect() {
  if (only_) return only_->connect();
  for (auto& thread : threads_) thread->post(&load_loop::connect).get();
}

std::size_t generator::open_connections() const noexcept {
  if (only_) return only_->open_connections();
  std::size_t open = 0;
  for (const auto& thread : threads_) open += thread->loop().open_connections();
  return open;
}

/// Has each loop do `share_of(loop, share)`. All begin at once, by one clock.
template <class ShareOf>
run_result generator::together(shared_run& run, ShareOf share_of) {
  const auto begin = [&run, agreed = std::exchange(agreed_, std::nullopt)]() noexcept {
    if (agreed) wait_until(*agreed);
    run.begin = shared_run::clock::now();
  };
  if (only_) {
    begin();
    begun_ = run.begin;
    return share_of(*only_, send_schedule::share{shares_before_, shares_});
  }
  const auto count = threads_.size();
  std::barrier start(static_cast<std::ptrdiff_t>(count), begin);
  std::vector<run_result> results(count);
  std::vector<std::future<void>> done;
  for (std::size_t i = 0; i < count; ++i) {
    done.push_back(threads_[i]->post([&, i](load_loop& loop) {
      start.arrive_and_wait();
      try {
        results[i] = share_of(loop, send_schedule::share{shares_before_ + i, shares_});
      } catch (...) {
        run.ended = true;
        throw;
      }
    }));
  }
  for (auto& one : done) one.wait();
  for (auto& one : done) one.get();
  begun_ = run.begin;
  for (std::size_t i = 1; i < count; ++i) results[0].merge(results[i]);
  return std::move(results[0]);
}

run_result generator::greet() {
  shared_run run{.count = connections_};
  return together(run,
                  [&](load_loop& loop, auto) { return loop.run_closed(run, load_loop::who::all); });
}

run_result generator::run_requests(std::uint64_t count) {
  shared_run run{.count = count};
  return together(run, [&](load_loop& loop, auto) { return loop.run_closed(run); });
}

run_result generator::run_connections(std::uint64_t count) {
  shared_run run{.count = count};
  return together(run, [&](load_loop& loop, auto) {
    return loop.run_closed(run, load_loop::who::active, load_loop::message_on::a_new_one);
  });
}

run_result generator::run_for(std::chrono::nanoseconds length) {
  shared_run run{.length = length};
  return together(run, [&](load_loop& loop, auto) { return loop.run_closed(run); });
}

run_result generator::run_at(const send_schedule::plan& when, std::chrono::nanoseconds length) {
  shared_run run{.length = length};
  return together(run,
                  [&](load_loop& loop, auto share) { return loop.run_open(run, when, share); });
}

}  // namespace switchyard::load
