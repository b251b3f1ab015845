// Two ends of one connection, both served by fibers.
#pragma once

#include "runtimes/fiber.hpp"

namespace switchyard {

inline const endpoint any_port(boost::asio::ip::make_address("127.0.0.1"), 0);

struct connected {
  fiber_stream client;
  fiber_stream server;
};

inline connected connect_pair(fiber& rt) {
  auto listener = rt.listen(any_port);
  error_code ec;
  auto client = rt.connect(listener.local_endpoint(), ec);
  auto server = listener.accept(ec);
  return {std::move(client), std::move(server)};
}

}  // namespace switchyard
