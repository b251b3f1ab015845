#include "bench/programs/echo/load_command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "bench/harness/placement.hpp"
#include "bench/programs/echo/load_room.hpp"

namespace switchyard::programs {
namespace {

load::run_result run(load::generator& generator, const load_command& chosen, double seconds) {
  return chosen.is_open_loop() ? generator.run_at(chosen.schedule, length(seconds))
                               : generator.run_for(length(seconds));
}

}  // namespace

void load_command::add_to(harness::command_line& line) {
  constexpr std::size_t most_connections = 1'000'000'000;
  constexpr std::size_t most_threads = 1'024;
  line.add("--host", host, "Where the server is").with_default();
  line.add("--port", port, "Its port").port(1).with_default();
  line.add("--connections", connections, "Connections that are open")
      .range(std::size_t{1}, most_connections)
      .with_default();
  line.add("--active", active, "Of these, how many get messages (default: all)")
      .range(std::size_t{1}, most_connections);
  line.add("--bytes", bytes, "Bytes per message")
      .range(std::size_t{1}, std::size_t{64} << 20)
      .with_default();
  line.add("--threads", threads, "Threads that share the connections out among them")
      .range(std::size_t{1}, most_threads)
      .with_default();
  line.add("--duration", duration_s, "Measured time, such as 500ms or 5s")
      .duration()
      .with_default("5s");
  line.add("--warmup", warmup_s, "Time before it, not measured").duration(0).with_default("1s");
  line.add("--rate", schedule.rate,
           "Open loop: so many messages per second, whatever the server does")
      .range(0.01, 1e8);
  line.add("--schedule", how, "Of the open loop: constant or poisson")
      .one_of({"constant", "poisson"}, "HOW")
      .with_default();
  line.add("--seed", schedule.seed, "Of the times of a poisson schedule").with_default();
  line.add("--cpus", cpus,
           "CPUs to run on, such as 1 (default: all); as many as --threads: one for each")
      .cpu_list();
  line.add("--json", json, "Also write the figures to this file");
  line.add("--histogram", histogram,
           "Also write the latency histograms to this file (for switchyard.sh merge)");
  line.add_flag("--allow-remote", allow_remote,
                "Load a host other than this one; its owner has to agree");
}

void load_command::take_schedule() {
  using load::send_schedule;
  schedule.how = how == "poisson" ? send_schedule::kind::poisson : send_schedule::kind::constant;
}

void load_command::check(bool opens_loop, std::size_t ranks) const {
  if (how != "constant" && !opens_loop) {
    throw std::invalid_argument("--schedule " + how + " is of an open loop, which needs --rate");
  }
  if (how == "constant" && schedule.seed != load::send_schedule::plan{}.seed) {
    throw std::invalid_argument("--seed is of the times of --schedule poisson");
  }
  if (active > connections) {
    throw std::invalid_argument("--active " + std::to_string(active) +
                                " is more than the --connections " + std::to_string(connections));
  }
  const auto busy = active == 0 ? connections : active;
  if (ranks * threads <= busy) return;
  const auto of_each = "--threads " + std::to_string(threads);
  throw std::invalid_argument(
      (ranks == 1 ? of_each + " is" : std::to_string(ranks) + " ranks with " + of_each + " are") +
      " more than the " + std::to_string(busy) + " connections that get messages");
}

std::vector<endpoint> load_command::targets() const {
  auto addresses = resolve_all(host, port);
  if (!std::ranges::all_of(addresses, is_loopback) && !allow_remote) {
    throw std::invalid_argument("--host '" + host + "' is not this machine; --allow-remote" +
                                " says that its owner agrees to the load");
  }
  return addresses;
}

std::vector<int> load_command::cpu_list() const {
  return cpus.empty() ? std::vector<int>{} : harness::parse_cpu_list(cpus);
}

load::options load_command::wanted(const stop_source& stop, const std::vector<int>& on_cpus) const {
  load::options all{.target = {},
                    .connections = connections,
                    .active = active,
                    .bytes = bytes,
                    .stop = &stop,
                    .threads = threads};
  if (on_cpus.size() == threads) {
    all.enter_thread = [on_cpus](std::size_t number) {
      harness::pin_this_thread({on_cpus[number]});
    };
  }
  return all;
}

warmed_up load_command::warm_up(load::generator& generator, const stop_source& stop) const {
  // An idle connection has to be one that the server has taken and served.
  const auto greeting = generator.greet();
  warmed_up so_far{greeting.errors, greeting.answered()};
  if (so_far.errors.total() == 0) {
    const auto result = run(generator, *this, warmup_s);
    so_far.errors = result.errors;
    so_far.messages += result.answered();
  }
  if (stop.requested()) throw std::runtime_error("stopped in the warm-up: nothing was measured");
  if (generator.open_connections() == 0) {
    throw std::runtime_error("no connection outlived the warm-up; the first error: " +
                             so_far.errors.first);
  }
  return so_far;
}

load::run_result load_command::measure(load::generator& generator, const warmed_up& before) const {
  auto result = run(generator, *this, duration_s);
  auto errors = before.errors;
  errors.merge(std::exchange(result.errors, {}));
  result.errors = std::move(errors);
  return result;
}

std::unique_ptr<load::generator> connect(load::options wanted,
                                         const std::vector<endpoint>& addresses) {
  for (auto target = addresses.begin();;) {
    wanted.target = *target;
    auto generator = std::make_unique<load::generator>(echo::with_room(wanted));
    try {
      generator->connect();
      return generator;
    } catch (const std::exception&) {
      if (++target == addresses.end() || wanted.stop->requested()) throw;
    }
  }
}

std::chrono::nanoseconds length(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(seconds));
}

void expect_replies(const load::run_result& result, std::uint64_t errors) {
  if (result.requests > 0 || errors > 0 || result.unsent > 0) return;
  throw std::runtime_error("no reply came back in the measured time; a longer --duration may help");
}

int exit_code(std::uint64_t errors, int signal) {
  if (signal == 0) return errors == 0 ? 0 : harness::exit_failure;
  std::puts("stopped before the time was over: the figures are of a shorter run");
  return 128 + signal;
}

report_file::report_file(const char* option, const std::string& path)
    : name_(path), option_(option) {
  if (path.empty()) return;
  is_only_tried_ = !std::filesystem::exists(std::filesystem::symlink_status(path));
  file_.open(path, std::ios::app);
  if (!file_) throw std::invalid_argument(option_ + " '" + path + "': can't be written");
}

report_file::~report_file() {
  std::error_code ignored;
  if (is_only_tried_) std::filesystem::remove(name_, ignored);
}

void report_file::write(const nlohmann::ordered_json& content) {
  if (!file_.is_open()) return;
  is_only_tried_ = false;
  // While it is still open: whoever reads a pipe would take a gap for the end.
  std::ofstream emptied(name_);
  if (!(emptied << content.dump(2) << '\n').flush()) {
    throw std::runtime_error(option_ + " '" + name_ + "': writing failed");
  }
}

}  // namespace switchyard::programs
