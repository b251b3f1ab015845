// echo_server: the article's server. One runtime's way to serve connections, chosen by name, or a
// control; serves until SIGINT or SIGTERM, then prints a line of totals and exits 0.
#include <iostream>
#include <stdexcept>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/serving.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {
namespace {

struct options {
  std::string runtime = "fiber";
  server_options server{.port = 8001};
};

serve_function* function_for(const std::string& name) {
  serve_function* found = nullptr;
  for_each_runtime([&]<class R>() {
    if constexpr (Serves<R>) {
      if (name != R::name) return;
      found = [](const endpoint& where, stop_source& stop, echo_totals& totals) {
        return serve_with<R>(where, stop,
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
  serve_function* const run = function_for(chosen.runtime);
  stop_source& stop = begin_server(chosen.server);
  const shared_object<echo_totals> totals;
  const serve_report report = run(resolve(chosen.server.host, chosen.server.port), stop, *totals);

  std::cout << "served " << report.connections << " connections, echoed " << totals->bytes
            << " bytes, turned away " << report.turned_away
            << (report.why_turned_away.empty() ? "" : "; limit met: ") << report.why_turned_away
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
  line.footer(help_on_servers());
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("echo_server", [&] { return serve(chosen); });
}
