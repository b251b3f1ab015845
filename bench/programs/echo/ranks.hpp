// The ranks of echo_load_mpi, and the little of MPI that they need: to say what each has, to agree
// on a start, to add up what was measured.
//
// A wait of Open MPI's looks for messages without a pause. On a CPU that a server or other ranks
// load at that time it would be measured with them, so whoever may have to wait for long sleeps
// between looks; and nothing here is called while the load runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/histogram.hpp"
#include "bench/programs/echo/rank_agreement.hpp"
#include "runtimes/support/stop_source.hpp"

namespace switchyard::ranks {

using steady_time = std::chrono::steady_clock::time_point;

class job {
 public:
  /// Joins the ranks that mpirun started with this one, with which this one ends.
  job(int& argc, char**& argv);
  /// Leaves them: all have to.
  ~job();
  job& operator=(job&&) = delete;

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] std::string name() const { return name_of(rank_, host_); }

  /// All ranks on this host, ascending, and which of them this one is.
  [[nodiscard]] const std::vector<std::uint64_t>& ranks_on_host() const noexcept {
    return ranks_on_host_;
  }
  [[nodiscard]] std::size_t rank_on_host() const noexcept { return rank_on_host_; }

  /// Ends all ranks, wherever they are and whatever they do.
  [[noreturn]] void abort(int code);

  /// Waits for all others.
  void barrier();

  /// A barrier as well: whether a stop was requested at any rank, which all get to know alike. One
  /// that was requested here may have been requested here alone: then std::runtime_error when the
  /// others are not there within two seconds.
  bool is_stopped(const stop_source& stop);

  /// What each rank gave, in their order, at rank 0; nothing at others.
  std::vector<std::string> gather(const std::string& mine);

  /// The sum of what all recorded, at rank 0; any at others.
  load::histogram reduce(const load::histogram& mine);

  /// Of this rank's wall clock.
  clock_offset measure_clock();

  /// When all begin, by the steady clock of each: as soon as each can have heard of it. `mine` is
  /// this rank's clock.
  steady_time agree_on_start(const clock_offset& mine);

 private:
  clock_offset ask_rank_0();
  void answer(std::size_t rank);

  std::size_t rank_ = 0;
  std::size_t size_ = 1;
  std::size_t rank_on_host_ = 0;
  std::vector<std::uint64_t> ranks_on_host_;
  // MPI's from when is_stopped is asked; it may be left by an exception before MPI is done.
  int stopped_here_ = 0;
  int stopped_anywhere_ = 0;
  std::string host_;
};

}  // namespace switchyard::ranks
