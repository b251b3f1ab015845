// MPI's C interface alone: its old one of C++ is gone from newer libraries.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include "bench/programs/echo/ranks.hpp"

#include <mpi.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "bench/programs/server_program.hpp"

namespace switchyard::ranks {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr int turn_tag = 1;
constexpr int question_tag = 2;
constexpr int answer_tag = 3;
constexpr int start_tag = 4;

// Wall clocks and not steady ones, though either would do: by how much two hosts' wall clocks
// differ says something of these hosts, and can be put right.
nanoseconds wall_clock() { return system_clock::now().time_since_epoch(); }

bool is_done(MPI_Request& request) {
  int done = 0;
  MPI_Test(&request, &done, MPI_STATUS_IGNORE);
  return done != 0;
}

void sleep_until_done(MPI_Request& request) {
  while (!is_done(request)) std::this_thread::sleep_for(500us);
}

std::int64_t receive_from_0(int tag) {
  std::int64_t received = 0;
  MPI_Request request{};
  MPI_Irecv(&received, 1, MPI_INT64_T, 0, tag, MPI_COMM_WORLD, &request);
  sleep_until_done(request);
  return received;
}

void send(std::int64_t what, std::size_t to, int tag) {
  MPI_Send(&what, 1, MPI_INT64_T, static_cast<int>(to), tag, MPI_COMM_WORLD);
}

std::size_t number_of(MPI_Comm ranks, int (*ask)(MPI_Comm, int*)) {
  int number = 0;
  ask(ranks, &number);
  return static_cast<std::size_t>(number);
}

std::string name_of_this_host() {
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  int length = 0;
  MPI_Get_processor_name(name.data(), &length);
  return {name.data(), static_cast<std::size_t>(length)};
}

}  // namespace

job::job(int& argc, char**& argv) {
  // mpirun, or its daemon on another host: when one is killed, nobody else ends its ranks.
  if (std::getenv("OMPI_COMM_WORLD_RANK") != nullptr) die_with(::getppid());
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  rank_ = number_of(MPI_COMM_WORLD, MPI_Comm_rank);
  size_ = number_of(MPI_COMM_WORLD, MPI_Comm_size);
  host_ = name_of_this_host();
  MPI_Comm here{};
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
  rank_on_host_ = number_of(here, MPI_Comm_rank);
  ranks_on_host_.resize(number_of(here, MPI_Comm_size));
  const std::uint64_t mine = rank_;
  MPI_Allgather(&mine, 1, MPI_UINT64_T, ranks_on_host_.data(), 1, MPI_UINT64_T, here);
  MPI_Comm_free(&here);
}

job::~job() { MPI_Finalize(); }

void job::abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::abort();
}

void job::barrier() {
  MPI_Request request{};
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  sleep_until_done(request);
}

bool job::is_stopped(const stop_source& stop) {
  stopped_here_ = stop.requested() ? 1 : 0;
  MPI_Request request{};
  MPI_Iallreduce(&stopped_here_, &stopped_anywhere_, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD, &request);
  for (auto alone_until = steady_time::max(); !is_done(request);) {
    std::this_thread::sleep_for(500us);
    if (!stop.requested()) continue;
    const auto now = steady_clock::now();
    if (alone_until == steady_time::max()) alone_until = now + 2s;
    if (now > alone_until) throw std::runtime_error("stopped by a signal; the others were not");
  }
  return stopped_anywhere_ != 0;
}

std::vector<std::string> job::gather(const std::string& mine) {
  const int size = static_cast<int>(mine.size());
  std::vector<int> sizes(size_);
  MPI_Gather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::vector<int> begins(size_);
  std::exclusive_scan(sizes.begin(), sizes.end(), begins.begin(), 0);
  std::string joined(static_cast<std::size_t>(begins.back() + sizes.back()), '\0');
  MPI_Gatherv(mine.data(), size, MPI_CHAR, joined.data(), sizes.data(), begins.data(), MPI_CHAR, 0,
              MPI_COMM_WORLD);
  if (rank_ != 0) return {};
  std::vector<std::string> all;
  for (std::size_t i = 0; i < size_; ++i) {
    all.push_back(
        joined.substr(static_cast<std::size_t>(begins[i]), static_cast<std::size_t>(sizes[i])));
  }
  return all;
}

load::histogram job::reduce(const load::histogram& mine) {
  std::vector<std::uint64_t> counts(mine.counts().size());
  MPI_Reduce(mine.counts().data(), counts.data(), static_cast<int>(counts.size()), MPI_UINT64_T,
             MPI_SUM, 0, MPI_COMM_WORLD);
  const std::uint64_t my_min =
      mine.count() > 0 ? mine.min() : std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t my_max = mine.max();
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  MPI_Reduce(&my_min, &min, 1, MPI_UINT64_T, MPI_MIN, 0, MPI_COMM_WORLD);
  MPI_Reduce(&my_max, &max, 1, MPI_UINT64_T, MPI_MAX, 0, MPI_COMM_WORLD);
  return load::histogram::of(counts, min, max);
}

/// One rank after another, so that none has to wait for its answer behind others.
clock_offset job::measure_clock() {
  clock_offset mine;
  if (rank_ == 0) {
    for (std::size_t other = 1; other < size_; ++other) answer(other);
  } else {
    mine = ask_rank_0();
  }
  barrier();
  return mine;
}

clock_offset job::ask_rank_0() {
  constexpr std::size_t most = 200;
  constexpr std::size_t fewest = 4;
  constexpr nanoseconds long_enough = 200ms;
  std::vector<clock_sample> samples;
  receive_from_0(turn_tag);
  const auto begin = wall_clock();
  for (bool goes_on = true; goes_on;) {
    clock_sample sample{.asked = wall_clock(), .told = {}, .heard = {}};
    const bool has_time = sample.asked - begin < long_enough;
    goes_on = samples.size() + 1 < (has_time ? most : fewest);
    send(goes_on ? 1 : 0, 0, question_tag);
    std::int64_t told = 0;
    MPI_Recv(&told, 1, MPI_INT64_T, 0, answer_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    sample.heard = wall_clock();
    sample.told = nanoseconds(told);
    samples.push_back(sample);
  }
  return best_of(samples);
}

void job::answer(std::size_t rank) {
  send(0, rank, turn_tag);
  for (std::int64_t goes_on = 1; goes_on != 0;) {
    MPI_Recv(&goes_on, 1, MPI_INT64_T, static_cast<int>(rank), question_tag, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    send(wall_clock().count(), rank, answer_tag);
  }
}

steady_time job::agree_on_start(const clock_offset& mine) {
  // TCP sends what was lost again after 200 ms or more.
  constexpr nanoseconds at_least = 500ms;
  constexpr int round_trips = 10;
  const std::int64_t bound = mine.bound.count();
  std::int64_t largest = 0;
  MPI_Reduce(&bound, &largest, 1, MPI_INT64_T, MPI_MAX, 0, MPI_COMM_WORLD);
  std::int64_t start = 0;
  if (rank_ == 0) {
    start = (wall_clock() + at_least + round_trips * 2 * nanoseconds(largest)).count();
    for (std::size_t other = 1; other < size_; ++other) send(start, other, start_tag);
  } else {
    start = receive_from_0(start_tag);
  }
  return steady_clock::now() + time_to_start(nanoseconds(start), mine, wall_clock());
}

}  // namespace switchyard::ranks
