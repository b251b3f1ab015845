// echo_server: the article's server. One runtime's way to serve connections, chosen by name, or a
// control; serves until SIGINT or SIGTERM, then prints a line of totals and exits 0.
#include <iostream>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/placement.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/serving.hpp"
#include "bench/programs/echo/totals_line.hpp"
#include "bench/programs/echo/workers.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {
namespace {

struct options {
  std::string runtime = "fiber";
  server_options server{.port = 8001};
  std::size_t workers = 1;
  bool shares_port = false;
};

serve_function* function_for(const std::string& name) {
  serve_function* found = nullptr;
  for_each_runtime([&]<class R>() {
    if constexpr (Serves<R>) {
      if (name != R::name) return;
      found = [](const listen_address& at, stop_source& stop, echo_totals& totals) {
        return serve_with<R>(at, stop,
                             [&](typename R::stream& peer) { return echo_session(peer, totals); });
      };
    }
  });
#define SWITCHYARD_FIND(server, ...) \
  if (name == #server) found = serve_##server;
  SWITCHYARD_ECHO_SERVERS(SWITCHYARD_FIND)
#undef SWITCHYARD_FIND
  if (found != nullptr) return found;
  throw std::invalid_argument("no runtime '" + name + "'; there are " + echo::server_names(false) +
                              ", and the controls " + echo::server_names(true));
}

std::string help_on_servers() {
  std::string text = "Runtimes and controls:\n";
  for (const echo::server& s : echo::all_servers()) {
    if (s.is != echo::kind::outside) {
      text += "  " + s.name + std::string(16 - s.name.size(), ' ') + s.what + '\n';
    }
  }
  return text;
}

int serve(const options& chosen) {
  if (chosen.workers > 1 && chosen.shares_port) {
    throw std::invalid_argument(
        "--workers have their port to themselves, so they go without --share-port");
  }
  serve_function* const run = function_for(chosen.runtime);
  stop_source& stop = begin_server(chosen.server);
  const endpoint where = resolve(chosen.server.host, chosen.server.port);
  if (chosen.workers > 1) {
    return echo::serve_with_workers(echo::server_named(chosen.runtime), chosen.workers, where,
                                    harness::cores_first(harness::allowed_cpus()), stop);
  }
  const shared_object<echo_totals> totals;
  const serve_report report = run({where, chosen.shares_port}, stop, *totals);
  std::cout << echo::totals{report.connections, totals->bytes, report.turned_away,
                            report.why_turned_away}
            << '\n';
  return 0;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line("echo_server",
                             "An echo server on one of the runtimes, until SIGINT or SIGTERM");
  line.add("--runtime", chosen.runtime,
           echo::server_names(false) + ", or a control: " + echo::server_names(true))
      .with_default();
  chosen.server.add_address(line);
  chosen.server.add_process(line);
  line.add("--workers", chosen.workers,
           "For a server on one thread: so many of it on one port, each a process on a CPU of "
           "--cpus, which are taken in turn")
      .range(std::size_t{1}, echo::most_workers)
      .with_default();
  line.add_flag("--share-port", chosen.shares_port,
                "Others of this user may listen on the port in the same way; the kernel deals the "
                "connections out among them (SO_REUSEPORT)");
  line.footer(help_on_servers());
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("echo_server", [&] { return serve(chosen); });
}
