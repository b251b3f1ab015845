#include "bench/load/generator.hpp"

#include <barrier>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

namespace switchyard::load {

namespace {

/// Thread `number` of `threads` has one more where they can't be shared out evenly.
std::size_t part(std::size_t all, std::size_t number, std::size_t threads) {
  return all / threads + (number < all % threads ? 1 : 0);
}

/// One for each thread: the connections shared out, numbered through.
std::vector<options> shared_out(options whole) {
  const auto refuse = [&](std::size_t count, const char* what, std::size_t of, const char* which) {
    throw std::invalid_argument(std::to_string(count) + what + std::to_string(of) + which);
  };
  if (whole.active > whole.connections) {
    refuse(whole.active, " active connections of ", whole.connections, "");
  }
  if (whole.active == 0) whole.active = whole.connections;
  if (whole.threads == 0 || whole.threads > whole.active) {
    refuse(whole.threads, " threads for ", whole.active, " active connections");
  }
  std::vector<options> parts(whole.threads, whole);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].connections = part(whole.connections, i, parts.size());
    parts[i].active = part(whole.active, i, parts.size());
    if (i > 0) parts[i].first = parts[i - 1].first + parts[i - 1].connections;
  }
  return parts;
}

}  // namespace

generator::generator(const options& options) : options_(options) {
  for (const auto& part : shared_out(options)) {
    loops_.push_back(std::make_unique<load_loop>(part));
  }
}

void generator::connect() {
  for (auto& loop : loops_) loop->connect();
}

std::size_t generator::open_connections() const noexcept {
  std::size_t open = 0;
  for (const auto& loop : loops_) open += loop->open_connections();
  return open;
}

/// Has each loop do `share_of(number)` on a thread of its own; with one loop on the caller's. All
/// begin at once, by one clock.
run_result generator::together(shared_run& run,
                               const std::function<run_result(std::size_t number)>& share_of) {
  const auto count = loops_.size();
  const auto begin = [&run]() noexcept { run.begin = shared_run::clock::now(); };
  if (count == 1) {
    begin();
    return share_of(0);
  }
  std::barrier start(static_cast<std::ptrdiff_t>(count), begin);
  std::vector<run_result> results(count);
  std::vector<std::exception_ptr> failures(count);
  const auto guarded = [&](std::size_t i, const auto& body) {
    try {
      body();
    } catch (...) {
      failures[i] = std::current_exception();
      run.ended = true;
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    const auto body = [&, i] {
      guarded(i, [&] {
        if (options_.enter_thread) options_.enter_thread(i);
      });
      start.arrive_and_wait();
      guarded(i, [&] {
        if (!run.ended) results[i] = share_of(i);
      });
    };
    guarded(i, [&] { threads.emplace_back(body); });
    if (failures[i]) start.arrive_and_drop();  // no such thread: the others don't wait for it
  }
  threads.clear();
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  for (std::size_t i = 1; i < count; ++i) results[0].merge(results[i]);
  return std::move(results[0]);
}

run_result generator::greet() {
  shared_run run{.count = options_.connections};
  return together(run,
                  [&](std::size_t i) { return loops_[i]->run_closed(run, load_loop::who::all); });
}

run_result generator::run_requests(std::uint64_t count) {
  shared_run run{.count = count};
  return together(run, [&](std::size_t i) { return loops_[i]->run_closed(run); });
}

run_result generator::run_connections(std::uint64_t count) {
  shared_run run{.count = count};
  return together(run, [&](std::size_t i) {
    return loops_[i]->run_closed(run, load_loop::who::active, load_loop::message_on::a_new_one);
  });
}

run_result generator::run_for(std::chrono::nanoseconds length) {
  shared_run run{.length = length};
  return together(run, [&](std::size_t i) { return loops_[i]->run_closed(run); });
}

run_result generator::run_at(const send_schedule::plan& when, std::chrono::nanoseconds length) {
  shared_run run{.length = length};
  return together(run, [&](std::size_t i) {
    return loops_[i]->run_open(run, when, {i, loops_.size()});
  });
}

}  // namespace switchyard::load
