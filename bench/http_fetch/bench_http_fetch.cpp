// http_fetch: the article's crawler. N tasks fetch a URL each from http_origin, which answers after
// a set latency; one operation is one fetch, checked byte for byte.
//
//   connection:new    a connection for each fetch, as the article does
//   connection:keep   a task keeps its connection for all of its fetches, and has it when the clock
//                     starts; all make the same number of them, however many operations are asked
//                     for
// What latency costs shows in `over_ideal`, the wall time of a batch against one latency for each
// fetch that a task makes (what unlimited concurrency would take), and in `batch_ms`. All clients
// are on one CPU and the origin, a program of its own, on another; its share of that CPU is in
// `origin_cpu_percent`. wrk, an outside load generator over the same connections, is the control
// where nothing but speed is asked for; it looks at lengths and status only.
#include <algorithm>

#include "bench/harness/command_line.hpp"
#include "bench/harness/gevent_program.hpp"
#include "bench/harness/limits.hpp"
#include "bench/harness/placement.hpp"
#include "bench/http_fetch/fetch_batch.hpp"
#include "bench/http_fetch/origin_process.hpp"
#include "bench/http_fetch/wrk_run.hpp"
#include "runtimes/all.hpp"

namespace switchyard {
namespace {

using fetching::fetch_case;
using fetching::measured;
using fetching::origin_process;

/// Where an origin is running already; 0: each row starts one of its own.
int given_origin_port = 0;

/// One that nothing but speed is asked of, so that wrk can do it as well.
bool comparable_with_wrk(const fetch_case& which) {
  return which.latency_ms == 0 && which.keep_alive;
}

origin_process start_origin(const fetch_case& which) {
  harness::require_open_files(static_cast<std::uint64_t>(which.urls) + 64);
  harness::require_ports(static_cast<std::uint64_t>(which.urls));
  if (given_origin_port != 0) return origin_process(given_origin_port);
  const int cpu = harness::second_cpu();  // or limit_error
  return origin_process(which.latency_ms, which.bytes, cpu);
}

/// How the operations that Google Benchmark wishes for are cut: batches of N tasks, each of which
/// fetches once, or, with a connection that is kept, as often in every row.
struct cut {
  std::int64_t fetches_each;
  std::int64_t batches;

  cut(benchmark::IterationCount wished, const fetch_case& which)
      : fetches_each(!which.keep_alive      ? 1
                     : which.latency_ms > 0 ? 2
                                            : 32),
        batches(harness::at_least(wished, which.urls * fetches_each) /
                (which.urls * fetches_each)) {}
};

/// What latency costs: of `seconds` for all.
void set_batch(benchmark::State& state, const fetch_case& which, const cut& cuts, double seconds) {
  const double batch_ms = 1e3 * seconds / static_cast<double>(cuts.batches);
  state.counters["batch_ms"] = batch_ms;
  if (which.latency_ms > 0) {
    const auto ideal_ms = static_cast<double>(which.latency_ms * cuts.fetches_each);
    state.counters["over_ideal"] = batch_ms / ideal_ms;
  }
}

/// Where the clients were, and how much of its own CPU the origin needed.
void set_cpus(benchmark::State& state, const origin_process& origin, double origin_cpu_s,
              double seconds) {
  state.counters["cpu"] = harness::first_cpu();
  if (origin.is_ours()) state.counters["origin_cpu_percent"] = 100 * origin_cpu_s / seconds;
}

/// Whoever waits for an answer that comes later is switched away from. A fetch waits for its
/// connection, for the beginning of the answer and for the rest of it, at most piece by piece; and
/// each is joined.
template <class R>
harness::expected_switches switches_of_a_fetch(const fetch_case& which) {
  constexpr double bytes_of_a_piece = 16 * 1024;
  const double pieces = static_cast<double>(which.bytes) / bytes_of_a_piece;
  const bool waits = which.latency_ms > 0 && R::waits_in_kernel;
  return {.at_least = waits ? 1.0 : 0.0, .sleeps_at_most = 3 + pieces + R::sleeps_per_join};
}

template <class R>
void fetch_row(benchmark::State& state, const fetch_case& which) {
  require_kernel_tasks<R>(static_cast<std::size_t>(which.urls));
  const origin_process origin = start_origin(which);
  harness::pin_this_thread({harness::first_cpu()});
  http_body_block();  // made here, not by the first task
  const std::string request = http_request(describe(origin.where()), "/", which.keep_alive);
  const cut cuts(state.max_iterations, which);
  const std::int64_t ops = which.urls * cuts.batches * cuts.fetches_each;
  harness::record_batch_in<R>(state, ops, [&](R& rt) {
    const shared_object<double> origin_before;
    const auto look_at_origin = [&] { *origin_before = origin.cpu_s(); };
    double origin_cpu_s = 0;
    const auto batch = [&]() -> measured {
      look_at_origin();
      const auto took = which.keep_alive
                            ? fetching::fetch_connected(rt, origin.where(), request, which,
                                                        cuts.fetches_each, look_at_origin)
                            : fetching::fetch_anew(rt, origin.where(), request, which);
      origin_cpu_s += origin.cpu_s() - *origin_before;
      return took;
    };
    measured m = batch();
    for (std::int64_t i = 1; i < cuts.batches; ++i) m += batch();
    set_cpus(state, origin, origin_cpu_s, m.seconds);
    set_batch(state, which, cuts, m.seconds);
    task_group::expect(m.done == ops, "a fetch is missing");
    harness::expect_switches(m.used, ops, switches_of_a_fetch<R>(which));
    return m;
  });
}

void wrk_row(benchmark::State& state, const fetch_case& which) {
  const origin_process origin = start_origin(which);
  harness::pin_this_thread({harness::first_cpu()});
  const harness::taken_time since;
  const double origin_before = origin.cpu_s();
  const auto got = wrk::run(origin.where(), which.urls, which.bytes);
  set_cpus(state, origin, origin.cpu_s() - origin_before, got.seconds);
  harness::record_batch(
      state, *got.done, [&] { return got; }, since);
}

/// The Python original, urllib on greenlets, which measures itself in the same way.
void gevent_row(benchmark::State& state, const fetch_case& which) {
  const auto original = gevent::original("crawler.py");
  const origin_process origin = start_origin(which);
  harness::pin_this_thread({harness::first_cpu()});
  const cut cuts(state.max_iterations, which);
  const auto arguments = gevent::attached(
      {"--origin", "http://" + describe(origin.where()), "--urls", std::to_string(which.urls),
       "--latency-ms", std::to_string(which.latency_ms), "--bytes", std::to_string(which.bytes),
       "--batches", std::to_string(cuts.batches)});
  const std::int64_t ops = which.urls * cuts.batches;
  using std::chrono::milliseconds;
  const auto patience = std::chrono::seconds(30) + ops * milliseconds(5) +
                        cuts.batches * milliseconds(which.latency_ms);
  const double origin_before = origin.cpu_s();
  const auto figures = gevent::record(state, ops, original, arguments, patience);
  set_cpus(state, origin, origin.cpu_s() - origin_before, figures.at("seconds"));
  set_batch(state, which, cuts, figures.at("seconds"));
  task_group::expect(figures.at("fetches") == static_cast<double>(ops), "a fetch is missing");
}

/// The quick run: the article's own, a new connection for each fetch, with latency, and many at
/// once.
bool is_quick(const fetch_case& which) {
  return which.urls >= 100 && which.latency_ms > 0 && !which.keep_alive && which.bytes == 1'024;
}

/// Who fetches, which of the cases, and how many at once in the quick run.
struct client {
  std::string name;
  void (*fetch)(benchmark::State&, const fetch_case&);
  bool (*can)(const fetch_case&);
  std::int64_t most_quick;
  std::string mark = {};
  std::string needs = {};
};

template <class R>
client client_on() {
  // One after another: 10 URLs show it, 1,000 would take a minute for each batch.
  constexpr std::int64_t most = R::concurrent ? 1'000 : 10;
  return {.name = std::string(R::name),
          .fetch = fetch_row<R>,
          .can = [](const fetch_case& which) { return which.urls <= most; },
          .most_quick = R::quick_tasks};
}

const client outside_clients[] = {
    {wrk::name, wrk_row, comparable_with_wrk, 0, " (control: wrk, one thread)", wrk::name},
    {gevent::name, gevent_row,
     [](const fetch_case& which) { return !which.keep_alive; },  // urllib makes one for each fetch
     100, " (Python)", gevent::name},
};

void add_row(std::vector<harness::row>& rows, const client& by, const fetch_case& which) {
  if (!by.can(which)) return;
  const bool controlled = by.name != wrk::name && comparable_with_wrk(which);
  rows.push_back({.runtime = by.name,
                  .params = {{"urls", which.urls},
                             {"latency_ms", which.latency_ms},
                             {"bytes", which.bytes},
                             {"connection", which.keep_alive ? "keep" : "new"}},
                  .what = std::to_string(which.urls) +
                          (which.urls == 1 ? " task fetches " : " tasks each fetch ") +
                          std::to_string(which.bytes) + " bytes after " +
                          std::to_string(which.latency_ms) + " ms, " +
                          (which.keep_alive ? "each over a connection that it keeps"
                                            : "over a new connection each time") +
                          by.mark,
                  .body = [which, fetch = by.fetch](benchmark::State& s) { fetch(s, which); },
                  .quick = is_quick(which) && which.urls <= by.most_quick,
                  .control = controlled ? wrk::name : "",
                  .needs = by.needs,
                  .outside = by.name == gevent::name});
}

void add_rows(std::vector<harness::row>& rows, const client& by) {
  for (const bool keep : {false, true}) {
    for (const std::int64_t latency_ms : {0, 50}) {
      for (const std::int64_t bytes : {1'024, 256 * 1'024}) {
        for (const std::int64_t urls : {1, 10, 100, 1'000}) {
          add_row(rows, by, {urls, latency_ms, bytes, keep});
        }
      }
    }
  }
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) {
  using namespace switchyard;
  harness::workload w{
      .name = "http_fetch",
      .what =
          "N tasks fetch a URL each, all at once, from a server that answers after a set latency; "
          "one operation is one fetch.",
      .compared_by = {"ops_per_s", "fetches per second", "1/s", "higher"},
      .unit = benchmark::kMicrosecond};
  for_each_runtime([&]<class R>() {
    if constexpr (Serves<R>) add_rows(w.rows, client_on<R>());
  });
  for (const client& outside : outside_clients) add_rows(w.rows, outside);
  return harness::run_main(argc, argv, w, [](harness::command_line& line) {
    line.add("--origin-port", given_origin_port,
             "Fetch from an http_origin that listens there on 127.0.0.1, with the bytes and "
             "latency of the row (default: each row starts one on a CPU of its own)")
        .port(1);
  });
}
