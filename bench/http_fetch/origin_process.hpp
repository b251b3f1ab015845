// What the `http_fetch` workload fetches from: http_origin as a program of its own on its own CPU,
// for as long as a row runs; or one that was running before and goes on, started by somebody who
// counts what it serves.
#pragma once

#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "bench/programs/addresses.hpp"

namespace switchyard::fetching {

class origin_process {
 public:
  origin_process(std::int64_t latency_ms, std::int64_t bytes, int cpu)
      : program_(std::make_unique<harness::child_process>(
            harness::program_beside("http_origin"),
            std::vector<std::string>{"--port", "0", "--latency-ms", std::to_string(latency_ms),
                                     "--bytes", std::to_string(bytes), "--cpus",
                                     std::to_string(cpu), "--parent", std::to_string(::getpid())})),
        where_(resolve("127.0.0.1", harness::announced_port(*program_))) {}

  /// One that listens on this port of 127.0.0.1 already.
  explicit origin_process(int port) : where_(resolve("127.0.0.1", port)) {}

  [[nodiscard]] const boost::asio::ip::tcp::endpoint& where() const { return where_; }
  /// Whether its CPU time can be told: not that of somebody else's.
  [[nodiscard]] bool is_ours() const { return program_ != nullptr; }
  [[nodiscard]] double cpu_s() const {
    return is_ours() ? harness::usage_of_tree(program_->pid()).cpu_s : 0;
  }

 private:
  std::unique_ptr<harness::child_process> program_;
  boost::asio::ip::tcp::endpoint where_;
};

}  // namespace switchyard::fetching
