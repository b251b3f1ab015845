// When the messages of an open loop are due.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace switchyard::load {

/// At equal distances, or at random as from many clients that know nothing of each other (a Poisson
/// process).
class send_schedule {
 public:
  using clock = std::chrono::steady_clock;

  enum class kind { constant, poisson };

  struct plan {
    double rate = 1'000;  // messages per second
    kind how = kind::constant;
    std::uint64_t seed = 1;  // of the random times
  };

  /// Of several schedules that together make up the plan, as each thread of a generator has one.
  struct share {
    std::uint64_t number;
    std::uint64_t of;
  };

  send_schedule(const plan& which, clock::time_point begin, share mine = {0, 1})
      : plan_(which),
        begin_(begin),
        random_(which.seed ^ mine.number * 0x9e37'79b9'7f4a'7c15),
        gap_(which.rate / static_cast<double>(mine.of)),
        share_(mine) {
    plan_.how == kind::poisson ? advance() : take(0);
  }

  /// When the next message is due.
  [[nodiscard]] clock::time_point next() const noexcept {
    return begin_ + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(at_));
  }

  void advance() {
    if (plan_.how == kind::constant) return take(taken_ + 1);
    at_ += gap_(random_);  // processes of a part of the rate make one of the whole rate
  }

 private:
  // From the count, not from the sum of the gaps, so that a constant rate has no rounding error.
  void take(std::uint64_t count) {
    taken_ = count;
    at_ = static_cast<double>(count * share_.of + share_.number) / plan_.rate;
  }

  plan plan_;
  clock::time_point begin_;
  std::mt19937_64 random_;
  std::exponential_distribution<double> gap_;
  share share_;
  std::uint64_t taken_ = 0;
  double at_ = 0;  // seconds since the beginning
};

}  // namespace switchyard::load
