#include "bench/programs/echo/workers.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <list>
#include <stdexcept>

#include "bench/harness/child_process.hpp"
#include "bench/programs/echo/totals_line.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::echo {
namespace {

using namespace std::chrono_literals;

/// The address with a port that nobody else listens on: among workers a stranger would get a part
/// of the connections.
endpoint unshared(const endpoint& where) { return local_endpoint_of(open_listener(where).get()); }

struct worker {
  worker(std::size_t its_number, int its_cpu, const server& by, const endpoint& where)
      : number(its_number),
        cpu(its_cpu),
        program(harness::program_beside("echo_server"),
                {"--runtime", by.name, "--host", where.address().to_string(), "--port",
                 std::to_string(where.port()), "--share-port", "--cpus", std::to_string(cpu),
                 "--parent", std::to_string(::getpid())}) {}

  [[nodiscard]] std::string name() const {
    return "worker " + std::to_string(number) + " on CPU " + std::to_string(cpu);
  }

  std::size_t number;
  int cpu;
  harness::child_process program;
  bool ended = false;  // by itself
};

class worker_group {
 public:
  worker_group(const server& by, std::size_t count, const endpoint& where,
               const std::vector<int>& cpus) {
    for (std::size_t i = 0; i < count; ++i) {
      workers_.emplace_back(i, cpus.at(i % cpus.size()), by, where);
    }
    for (auto& one : workers_) harness::announced_port(one.program);
  }

  /// Until a stop is requested; false when no worker is left before.
  bool watch(const stop_source& stop) {
    for (;;) {
      std::vector<pollfd> all{{stop.fd(), POLLIN, 0}};
      for (const auto& one : workers_) all.push_back({one.ended ? -1 : one.program.output(), 0, 0});
      const int told = ::poll(all.data(), all.size(), -1);
      if (stop.requested()) return true;
      if (told <= 0) continue;
      auto polled = all.begin() + 1;
      for (auto& one : workers_) {
        if ((polled++)->revents == 0 || one.ended) continue;
        const std::string how = one.program.how_it_ended(1s).value_or("closed its output");
        // Ctrl-C in a terminal goes to all, and a worker may be quicker to end than this one to
        // see.
        if (how == "exited with code 0" && wait_ready(stop.fd(), POLLIN, after(200ms))) return true;
        note_end(one, how);
      }
      if (ended_ == workers_.size()) return false;
    }
  }

  /// Ends all at once and prints what they did.
  void finish() {
    for (auto& one : workers_) {
      if (!one.ended) ::kill(one.program.pid(), SIGTERM);
    }
    totals sum;
    for (auto& one : workers_) {
      one.program.stop();
      const auto line = harness::last_line_of(one.program.rest_of_output());
      if (line.empty()) continue;
      std::cout << one.name() << ": " << line << '\n';
      sum += parse_totals(line);
    }
    std::cout << sum << '\n';
  }

  [[nodiscard]] bool any_ended() const { return ended_ > 0; }

 private:
  static time_point after(std::chrono::milliseconds wait) {
    return std::chrono::steady_clock::now() + wait;
  }

  void note_end(worker& which, const std::string& how) {
    which.ended = true;
    ++ended_;
    std::cerr << "echo_server: " << which.name() << ' ' << how
              << "; its connections are gone, the others serve on\n";
  }

  std::list<worker> workers_;
  std::size_t ended_ = 0;
};

}  // namespace

int serve_with_workers(const server& by, std::size_t count, const endpoint& where,
                       const std::vector<int>& cpus, const stop_source& stop) {
  if (!can_have_workers(by)) {
    throw std::invalid_argument("--workers is for servers on one thread; '" + by.name +
                                "' uses all of --cpus without");
  }
  const endpoint free = unshared(where);
  worker_group workers(by, count, free, cpus);
  announce(free);
  const bool stopped = workers.watch(stop);
  workers.finish();
  if (!stopped) throw std::runtime_error("no worker is left");
  return workers.any_ended() ? harness::exit_failure : 0;
}

}  // namespace switchyard::echo
