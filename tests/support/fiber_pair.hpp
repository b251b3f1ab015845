// Two ends of one connection, both served by fibers; and all the runtimes of fibers.
#pragma once

#include <gtest/gtest.h>

#include "runtimes/all.hpp"

namespace switchyard {

#if SWITCHYARD_LIBURING
using fiber_test_types = ::testing::Types<fiber, fiber_uring>;
#else
using fiber_test_types = ::testing::Types<fiber>;
#endif

inline const endpoint any_port(boost::asio::ip::make_address("127.0.0.1"), 0);

template <class R>
struct connected {
  typename R::stream client;
  typename R::stream server;
};

template <class R>
connected<R> connect_pair(R& rt) {
  auto listener = rt.listen(any_port);
  error_code ec;
  auto client = rt.connect(listener.local_endpoint(), ec);
  auto server = listener.accept(ec);
  return {std::move(client), std::move(server)};
}

}  // namespace switchyard
