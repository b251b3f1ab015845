// http_origin: the web server that the fetch workload fetches from. Serves a body of a set size
// after a set latency, by option or by query, until SIGINT or SIGTERM; then prints a line of totals
// and exits 0.
#include <iostream>

#include "bench/harness/command_line.hpp"
#include "bench/programs/addresses.hpp"
#include "bench/programs/http/origin_server.hpp"
#include "bench/programs/server_program.hpp"

namespace switchyard {
namespace {

struct options {
  std::uint64_t bytes = 1024;
  std::int64_t latency_ms = 0;
  double idle_timeout_s = 60;
  double request_timeout_s = 10;
  server_options server{.port = 8080};
};

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

int serve(const options& chosen) {
  const stop_source& stop = begin_server(chosen.server);
  const origin_totals totals = serve_origin(
      resolve(chosen.server.host, chosen.server.port),
      {.answer = {.bytes = chosen.bytes, .latency = std::chrono::milliseconds(chosen.latency_ms)},
       .idle_timeout = milliseconds_of(chosen.idle_timeout_s),
       .request_timeout = milliseconds_of(chosen.request_timeout_s)},
      stop);

  std::cout << "served " << totals.requests << " requests on " << totals.connections
            << " connections, " << totals.body_bytes << " body bytes, " << totals.bad_requests
            << " bad requests" << (totals.limit_met.empty() ? "" : "; limit met: ")
            << totals.limit_met << '\n';
  return 0;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line("http_origin",
                             "A web server for measurements, until SIGINT or SIGTERM");
  line.footer(
      "A query sets these for one request, such as /?bytes=1000&latency_ms=50; further ones are\n"
      "chunked=1, close=1, status=404 and status=302&location=/there.");
  chosen.server.add_address(line);
  line.add("--bytes", chosen.bytes, "Bytes in a body")
      .range(std::uint64_t{0}, most_body_bytes)
      .with_default();
  line.add("--latency-ms", chosen.latency_ms, "Time before an answer, in milliseconds")
      .range(std::int64_t{0}, std::int64_t{most_latency.count()})
      .with_default();
  line.add("--idle-timeout", chosen.idle_timeout_s,
           "End connections that ask nothing or take nothing for this long")
      .duration()
      .with_default("60s");
  line.add("--request-timeout", chosen.request_timeout_s,
           "End connections whose request is not complete after this long")
      .duration()
      .with_default("10s");
  chosen.server.add_process(line);
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("http_origin", [&] { return serve(chosen); });
}
