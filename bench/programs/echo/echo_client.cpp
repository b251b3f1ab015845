// echo_client: the article's client for one person. Reads a line, sends it, prints what came back,
// until the end of its input.
#include <unistd.h>

#include <algorithm>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <iostream>
#include <string>

#include "bench/harness/command_line.hpp"
#include "bench/programs/addresses.hpp"
#include "runtimes/serial.hpp"

namespace switchyard {
namespace {

struct options {
  std::string host = "127.0.0.1";
  int port = 8001;
  double timeout_s = 10;
};

/// In pieces: a server that can't send its echo, as nobody reads it, need not read either. As many
/// bytes come back as were sent: an echo server answers with no more and no less.
std::string send_and_read(blocking_stream& stream, const std::string& line) {
  constexpr std::size_t piece_bytes = 16 * 1024;
  std::string echo(line.size(), '\0');
  for (std::size_t at = 0; at < line.size(); at += piece_bytes) {
    const auto bytes = std::min(piece_bytes, line.size() - at);
    error_code ec;
    boost::asio::write(stream, boost::asio::buffer(line.data() + at, bytes), ec);
    if (ec) throw std::runtime_error("send: " + ec.message());
    const auto got = boost::asio::read(stream, boost::asio::buffer(echo.data() + at, bytes), ec);
    if (ec) {
      throw std::runtime_error("after " + std::to_string(got) + " of " + std::to_string(bytes) +
                               " bytes: " + ec.message());
    }
  }
  return echo;
}

int talk(const options& chosen) {
  serial rt;
  const auto patience = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(chosen.timeout_s));
  const auto deadline = [&] { return std::chrono::steady_clock::now() + patience; };
  endpoint where;
  error_code ec;
  auto stream = connect_to_any(rt, resolve_all(chosen.host, chosen.port), deadline(), where, ec);
  if (ec) throw std::runtime_error("connect to " + describe(where) + ": " + ec.message());
  const bool person = ::isatty(STDIN_FILENO) == 1;
  int code = 0;
  for (std::string line;;) {
    if (person) std::cout << ">>: " << std::flush;
    if (!std::getline(std::cin, line)) break;
    line += '\n';
    stream.expires_at(deadline());
    const std::string echo = send_and_read(stream, line);
    std::cout << "Received " << echo << std::flush;
    if (echo != line) {
      std::cerr << "echo_client: error: that is not what was sent\n";
      code = harness::exit_failure;
    }
  }
  if (person) std::cout << '\n';
  return code;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  options chosen;
  harness::command_line line(
      "echo_client", "Sends each line of its input to an echo server and prints what comes back");
  line.add("--host", chosen.host, "Where the server is").with_default();
  line.add("--port", chosen.port, "Its port").port(1).with_default();
  line.add("--timeout", chosen.timeout_s, "Most seconds to wait for an echo")
      .range(0.001, 3600.0)
      .with_default();
  line.add_version();
  line.parse_or_exit(argc, argv);
  return harness::run_program("echo_client", [&] { return talk(chosen); });
}
