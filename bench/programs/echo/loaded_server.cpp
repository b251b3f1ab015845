#include "bench/programs/echo/loaded_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/harness/placement.hpp"
#include "bench/harness/usage.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/load_room.hpp"
#include "bench/programs/echo/outside.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::echo {

using namespace std::chrono_literals;

namespace {

/// Its own where none are named, as a program started by a thread that is bound would inherit the
/// binding.
std::string list_of(std::vector<int> cpus) {
  if (cpus.empty()) cpus = harness::allowed_cpus();
  std::string all;
  for (const int cpu : cpus) {
    if (!all.empty()) all += ',';
    all += std::to_string(cpu);
  }
  return all;
}

// A keeper gives its server some seconds to start and to end, and then says what was wrong.
constexpr auto until_a_keeper_tells = 30s;
constexpr auto until_a_keeper_ends = 10s;

/// On a free port: our echo_server, or the keeper of an outside one.
harness::child_process start(const server& by, const places& where) {
  std::vector<std::string> arguments{"--cpus", list_of(where.server), "--parent",
                                     std::to_string(::getpid())};
  if (by.is != kind::outside) {
    arguments.insert(arguments.end(), {"--runtime", by.name, "--port", "0", "--workers",
                                       std::to_string(where.workers)});
    return {harness::program_beside("echo_server"), arguments};
  }
  arguments.emplace_back("--");
  std::ranges::copy(command_of(by), std::back_inserter(arguments));
  return {harness::program_beside("keep_server"), arguments, harness::errors::into_output};
}

/// What a keeper says last that has something to say; or "".
std::string complaint_in(const std::string& output) {
  constexpr std::string_view sign = "keep_server: error: ";
  const std::string last = harness::last_line_of(output);
  return last.starts_with(sign) ? last.substr(sign.size()) : "";
}

harness::announced where_it_listens(harness::child_process& program, const server& by) {
  if (by.is != kind::outside) return harness::announced_by(program);
  try {
    return harness::announced_by(program, until_a_keeper_tells);
  } catch (const std::runtime_error& failure) {
    const std::string said = failure.what();
    const auto sign = said.find("keep_server: error: ");
    throw std::runtime_error(sign == std::string::npos ? said : complaint_in(said.substr(sign)));
  }
}

void wait_for_processes(pid_t server, std::size_t at_most) {
  for (int i = 0; i < 200 && harness::tree_of(server).size() > at_most; ++i) ::usleep(5'000);
}

}  // namespace

loaded_server::loaded_server(const echo_case& which, const places& where, memory_is wanted)
    : which_(which),
      places_(where),
      program_(start(*which.by, where)),
      where_(where_it_listens(program_, *which.by)) {
  const auto connections = static_cast<std::size_t>(which.connections);
  if (wanted == memory_is::not_read) {
    connect(connections);
    return;
  }
  const auto processes = harness::tree_of(pid()).size();
  connect(1);  // what the first session alone brings into memory belongs to none
  auto first = std::move(load_);
  // It stays until all is read, or another one would take over what it leaves behind. But a server
  // that serves one after another has room for no second.
  if (connections == 1) {
    first.reset();
    wait_for_processes(pid(), processes);
  }
  const auto empty = harness::memory_of_tree(pid());
  const auto begin = std::chrono::steady_clock::now();
  connect(connections);
  connect_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  grown_ = harness::memory_of_tree(pid()) - empty;
}

/// Afterwards every session has started and answered.
void loaded_server::connect(std::size_t connections) {
  const auto busy = std::min(connections, static_cast<std::size_t>(which_.busy()));
  const auto enter = [cpus = places_.load](std::size_t number) {
    if (!cpus.empty()) harness::pin_this_thread({cpus[number % cpus.size()]});
  };
  load_ = std::make_unique<load::generator>(
      with_room({.target = resolve(where_.host, where_.port),
                 .connections = connections,
                 .active = busy,
                 .bytes = static_cast<std::size_t>(which_.bytes),
                 // The last of many waits until all others have been started.
                 .reply_patience = std::max(4'000ms, which_.connections * 1ms),
                 .stop_at_first_error = true,
                 .threads = std::min(places_.threads, busy),
                 .enter_thread = enter}));
  load_->connect();
  const auto hello = load_->greet();
  if (hello.errors.total() > 0 || hello.requests != connections) complain(hello);
}

load::run_result loaded_server::run(std::uint64_t requests) {
  auto result = load_->run_requests(requests);
  if (result.errors.total() > 0 || result.requests != requests) complain(result);
  return result;
}

load::run_result loaded_server::run_connections(std::uint64_t count) {
  auto result = load_->run_connections(count);
  if (result.errors.total() > 0 || result.requests != count) complain(result);
  return result;
}

load::run_result loaded_server::run_at(const load::send_schedule::plan& when,
                                       std::chrono::nanoseconds length) {
  auto result = load_->run_at(when, length);
  if (result.errors.total() > 0 || result.latency.count() != result.due) complain(result);
  return result;
}

double loaded_server::closed_loop_rate() {
  if (closed_loop_rate_ == 0) {
    std::array<double, 5> rates{};
    for (double& rate : rates) {
      const auto result = load_->run_for(200ms);
      if (result.errors.total() > 0 || result.requests == 0) complain(result);
      rate = result.per_second();
    }
    std::ranges::sort(rates);
    closed_loop_rate_ = rates[rates.size() / 2];
  }
  return closed_loop_rate_;
}

std::string loaded_server::end() {
  load_.reset();
  if (which_.by->is != kind::outside) {
    program_.stop();
    return "";
  }
  program_.stop(until_a_keeper_ends);
  return complaint_in(program_.rest_of_output());
}

void loaded_server::complain(const load::run_result& result) {
  const std::string why = result.errors.first.empty() ? "too few replies" : result.errors.first;
  const std::string errors = std::to_string(result.errors.total()) + " errors, first: " + why;
  if (which_.by->is == kind::outside) {
    const std::string ended = end();
    throw std::runtime_error((ended.empty() ? "" : ended + "; ") + errors);
  }
  const auto death = program_.how_it_ended(200ms);
  if (!death) {
    // The server's last line tells whether it turned a connection away for want of room.
    program_.stop();
    const std::string totals = program_.rest_of_output();
    constexpr std::string_view sign = "limit met: ";
    if (const auto at = totals.find(sign); at != std::string::npos) {
      throw limit_error("the server met one: " + totals.substr(at + sign.size()));
    }
  }
  throw std::runtime_error((death ? "the server " + *death + "; " : "") + errors);
}

}  // namespace switchyard::echo
