// A new connection for each message: as many come as messages are answered, none is left, and what
// goes wrong on the way is an error of its kind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "bench/harness/child_process.hpp"
#include "bench/load/generator.hpp"

namespace switchyard::load {
namespace {

class new_connections : public ::testing::Test {
 protected:
  static constexpr std::uint64_t slots = 8;

  harness::child_process server{
      harness::program_beside("echo_server"),
      {"--runtime", "thread", "--port", "0", "--parent", std::to_string(::getpid())}};
  generator clients{{.target = {boost::asio::ip::make_address("127.0.0.1"),
                                static_cast<std::uint16_t>(harness::announced_port(server))},
                     .connections = slots,
                     .stop_at_first_error = true}};
};

TEST_F(new_connections, AreOneForEachMessage) {
  clients.connect();
  const auto result = clients.run_connections(500);
  EXPECT_EQ(result.requests, 500U);
  EXPECT_EQ(result.errors.total(), 0U) << result.errors.first;
  EXPECT_EQ(clients.open_connections(), slots) << "each in the place of another";
  server.stop();
  const std::string totals = server.rest_of_output();
  // Those of the beginning, which had no message, and those that were under way at the end.
  const auto sessions = std::stoull(totals.substr(totals.find_first_of("0123456789")));
  EXPECT_EQ(sessions, slots + result.latency.count()) << totals;
  EXPECT_NE(totals.find(std::to_string(64 * result.latency.count()) + " bytes"), std::string::npos)
      << totals;
}

TEST_F(new_connections, GoOnWhereMessagesOnOneConnectionEnded) {
  clients.connect();
  for (const std::uint64_t count : {20U, 40U}) {
    EXPECT_EQ(clients.run_requests(count).requests, count);
    EXPECT_EQ(clients.run_connections(count).requests, count);
  }
}

TEST_F(new_connections, ARefusedOneIsAnErrorAndNotAHang) {
  clients.connect();
  server.stop();
  const auto result = clients.run_connections(500);
  EXPECT_EQ(result.requests, 0U);
  EXPECT_EQ(result.errors.by_kind.count("connect"), 1U);
  EXPECT_NE(result.errors.first.find("refused"), std::string::npos) << result.errors.first;
  EXPECT_LT(clients.open_connections(), slots);
}

}  // namespace
}  // namespace switchyard::load
