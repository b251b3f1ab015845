// When the messages of an open loop are due: at equal distances, or at random as from many clients
// that know nothing of each other (a Poisson process).
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>

namespace switchyard::load {

class send_schedule {
 public:
  using clock = std::chrono::steady_clock;

  enum class kind { constant, poisson };

  struct plan {
    double rate = 1'000;  // messages per second
    kind how = kind::constant;
    std::uint64_t seed = 1;  // of the random times
  };

  send_schedule(const plan& which, clock::time_point begin)
      : plan_(which), begin_(begin), random_(which.seed), gap_(which.rate) {
    if (plan_.how == kind::poisson) advance();
  }

  /// When the next message is due.
  [[nodiscard]] clock::time_point next() const noexcept {
    return begin_ + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(at_));
  }

  // From the count, not from the sum of the gaps, so that a constant rate has no rounding error.
  void advance() {
    ++taken_;
    at_ = plan_.how == kind::constant ? static_cast<double>(taken_) / plan_.rate
                                      : at_ + gap_(random_);
  }

 private:
  plan plan_;
  clock::time_point begin_;
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  std::uint64_t taken_ = 0;
  double at_ = 0;  // seconds since the beginning
};

}  // namespace switchyard::load
