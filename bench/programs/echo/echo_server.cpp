// echo_server: the article's server. One runtime's way to serve connections, chosen by name, or a
// control; serves until SIGINT or SIGTERM, then prints a line of totals and exits 0.
#include <signal.h>

#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/echo/control_servers.hpp"
#include "bench/programs/echo/echo_session.hpp"
#include "bench/programs/server_program.hpp"
#include "runtimes/all.hpp"
#include "runtimes/support/shared_memory.hpp"

namespace switchyard {
namespace {

struct options {
  std::string runtime = "fiber";
  std::string host = "127.0.0.1";
  int port = 8001;
  std::string cpus;
  pid_t parent = 0;
};

using server = std::function<serve_report(const endpoint&, stop_source&, echo_totals&)>;

/// Serves with runtime R, each session run by `session(stream)`.
template <class R, class Session>
serve_report serve_with(const endpoint& where, stop_source& stop, Session session) {
  R rt;
  return rt.run([&] {
    typename R::listener listener = rt.listen(where);
    announce(listener.local_endpoint());
    return rt.serve(listener, stop, session);
  });
}

/// The same with the plain loop in place of our stream, for what the stream costs.
template <class R>
serve_report serve_plain(const endpoint& where, stop_source& stop, echo_totals& totals) {
  return serve_with<R>(where, stop, [&](typename R::stream& peer) {
    plain_echo_session(peer.native_handle(), totals);
  });
}

std::map<std::string, server> all_servers() {
  std::map<std::string, server> servers;
  for_each_runtime([&]<class R>() {
    if constexpr (Sockets<R>) {
      servers.emplace(R::name, [](const endpoint& where, stop_source& stop, echo_totals& totals) {
        return serve_with<R>(where, stop,
                             [&](typename R::stream& peer) { echo_session(peer, totals); });
      });
    }
  });
  servers.emplace("plain_thread", serve_plain<thread>);
  servers.emplace("plain_process", serve_plain<process>);
  servers.emplace("epoll", [](const endpoint& where, stop_source& stop, echo_totals& totals) {
    const blocking_listener listener(where);
    announce(listener.local_endpoint());
    return serve_epoll(listener, stop, totals);
  });
  return servers;
}

const server& choose(const std::map<std::string, server>& servers, const std::string& name) {
  if (const auto found = servers.find(name); found != servers.end()) return found->second;
  throw std::invalid_argument("no runtime '" + name + "'; there are " + runtime_names() +
                              ", and the controls epoll, plain_thread, plain_process");
}

int serve(const options& chosen) {
  const auto servers = all_servers();
  const server& run = choose(servers, chosen.runtime);
  if (chosen.parent != 0) die_with(chosen.parent);
  if (!chosen.cpus.empty()) harness::pin_this_thread(harness::parse_cpu_list(chosen.cpus));
  harness::raise_open_files();
  ::signal(SIGPIPE, SIG_IGN);  // nobody has to read what it prints

  static stop_source stop;
  stop_source::on_signals(stop);
  const shared_array<echo_totals> totals(1);
  const serve_report report = run(resolve(chosen.host, chosen.port), stop, totals[0]);

  std::printf(
      "served %llu connections, echoed %llu bytes, turned away %llu%s%s\n",
      static_cast<unsigned long long>(report.connections),
      static_cast<unsigned long long>(totals[0].bytes),
      static_cast<unsigned long long>(report.turned_away),
      report.why_turned_away.empty() ? "" : "; limit met: ", report.why_turned_away.c_str());
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
           runtime_names() + ", or a control: epoll, plain_thread, plain_process")
      .with_default();
  line.add("--host", chosen.host, "Address to listen on").with_default();
  line.add("--port", chosen.port, "Port to listen on; 0 picks a free one").port(0).with_default();
  line.add("--cpus", chosen.cpus, "CPUs to run on, such as 0 or 0,2-3 (default: all)").cpu_list();
  line.add("--parent", chosen.parent, "End when this process, its parent, ends");
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("echo_server", [&] { return serve(chosen); });
}
