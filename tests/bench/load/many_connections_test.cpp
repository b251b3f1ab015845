// The fiber server with as many connections as this process may open, up to 100,000: all are open,
// all are answered, and what each costs the server stays small.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "bench/load/generator.hpp"
#include "bench/programs/echo/load_room.hpp"
#include "runtimes/support/sanitizers.hpp"

namespace switchyard::load {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t wanted = 100'000;

std::size_t as_many_as_allowed() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t besides = 100;
  return std::min<std::size_t>(wanted, files.rlim_max > besides ? files.rlim_max - besides : 0);
}

TEST(many_connections, AreAllOpenAllAnsweredAndSmall) {
  const auto count = as_many_as_allowed();
  if (count <= connections_per_address) GTEST_SKIP() << "RLIMIT_NOFILE allows " << count << " only";
  harness::child_process server(
      harness::program_beside("echo_server"),
      {"--runtime", "fiber", "--port", "0", "--parent", std::to_string(::getpid())});
  const auto port = static_cast<std::uint16_t>(harness::announced_port(server));
  const double empty = harness::tree_pss_bytes(server.pid());
  load::generator generator(
      echo::with_room({.target = {boost::asio::ip::make_address("127.0.0.1"), port},
                       .connections = count,
                       .active = count / 100,
                       .connect_patience = 30s,
                       .reply_patience = 30s}));
  generator.connect();
  const auto hello = generator.greet();
  EXPECT_EQ(hello.requests, count) << hello.errors.first;
  const double each = (harness::tree_pss_bytes(server.pid()) - empty) / static_cast<double>(count);
  EXPECT_GT(each, 1024) << "they were not all there";
#if !SWITCHYARD_ASAN
  EXPECT_LE(each, 12 * 1024);
#endif
  const auto busy = generator.run_requests(5 * count / 100);
  EXPECT_EQ(busy.errors.total(), 0U) << busy.errors.first;
  EXPECT_EQ(generator.open_connections(), count) << "the idle ones have to stay";
}

}  // namespace
}  // namespace switchyard::load
