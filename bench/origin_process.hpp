// http_origin as a program of its own on its own CPU, for as long as a row runs.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness/child_process.hpp"
#include "bench/harness/usage.hpp"
#include "bench/programs/addresses.hpp"

namespace switchyard {

class origin_process {
 public:
  origin_process(std::int64_t latency_ms, std::int64_t bytes, int cpu)
      : program_(std::make_unique<harness::child_process>(
            harness::program_beside("http_origin"),
            std::vector<std::string>{"--port", "0", "--latency-ms", std::to_string(latency_ms),
                                     "--bytes", std::to_string(bytes), "--cpus",
                                     std::to_string(cpu), "--parent", std::to_string(::getpid())})),
        where_(resolve("127.0.0.1", harness::announced_port(*program_))) {}

  [[nodiscard]] const boost::asio::ip::tcp::endpoint& where() const { return where_; }
  [[nodiscard]] harness::usage used() const { return harness::usage_of_tree(program_->pid()); }

 private:
  std::unique_ptr<harness::child_process> program_;
  boost::asio::ip::tcp::endpoint where_;
};

}  // namespace switchyard
