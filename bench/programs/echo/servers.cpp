#include "bench/programs/echo/servers.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "bench/programs/echo/outside.hpp"
#include "runtimes/all.hpp"

namespace switchyard::echo {
namespace {

// What a connection that waits takes beside its task. A stack holds a buffer as well; without one
// there is none until something comes.
constexpr std::uint64_t bytes_beside_a_stack = 4'096;
constexpr std::uint64_t bytes_without_a_stack = 1'024;

/// A task that waits, and the socket that it waits for.
template <Serves R>
task_footprint connection_of() {
  task_footprint each = R::idle_task;
  each.memory_bytes += Stackless<R> ? bytes_without_a_stack : bytes_beside_a_stack;
  return each;
}

template <Serves R>
server served_by() {
  return {.name = std::string(R::name),
          .what = std::string(R::what),
          .is = kind::runtime,
          .kernel_tasks_per_connection = R::kernel_tasks_per_task,
          .concurrent = R::concurrent,
          .quick_connections = R::quick_tasks,
          .idle_connection = connection_of<R>()};
}

/// What a connection takes follows from the kernel task that it has, or else is little.
server without_runtime(std::string name, kind is, int kernel_tasks, std::string what) {
  server made{std::move(name), std::move(what), is, kernel_tasks};
  if (kernel_tasks > 0) {
    made.quick_connections = thread::quick_tasks;
    made.idle_connection = thread::idle_task;
  }
  return made;
}

std::vector<server> make_servers() {
  std::vector<server> servers;
  for_each_runtime([&]<class R>() {
    if constexpr (Serves<R>) servers.push_back(served_by<R>());
  });
  std::ranges::copy(outside_servers(), std::back_inserter(servers));
#define SWITCHYARD_ADD(name, of_kind, kernel_tasks, what) \
  servers.push_back(without_runtime(#name, kind::of_kind, kernel_tasks, what));
  SWITCHYARD_ECHO_SERVERS(SWITCHYARD_ADD)
#undef SWITCHYARD_ADD
  std::ranges::stable_sort(servers, {}, &server::is);
  return servers;
}

}  // namespace

const std::vector<server>& all_servers() {
  static const std::vector<server> servers = make_servers();
  return servers;
}

const server& server_named(const std::string& name) {
  const auto found = std::ranges::find(all_servers(), name, &server::name);
  if (found == all_servers().end()) throw std::invalid_argument("no server '" + name + "'");
  return *found;
}

std::string server_names(bool controls) {
  std::string names;
  for (const server& s : all_servers()) {
    if (s.is == kind::outside || s.is_control() != controls) continue;
    names += (names.empty() ? "" : ", ") + s.name;
  }
  return names;
}

}  // namespace switchyard::echo
