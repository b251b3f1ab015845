// The runtimes as type lists for typed tests, named as on the command line.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/all.hpp"
#include "tests/support/on_stacks.hpp"

namespace switchyard {

/// What a runtime's promises are tested on: itself, or what puts it in the words of all others.
template <class R>
struct tested {
  using type = R;
};
template <Stackless R>
struct tested<R> {
  using type = on_stacks<R>;
};

/// And what is measured of it.
template <class R>
struct measured_runtime {
  using type = R;
};
template <class S>
struct measured_runtime<on_stacks<S>> {
  using type = S;
};

template <class Tuple>
struct as_tested;
template <class... R>
struct as_tested<std::tuple<R...>> {
  using type = std::tuple<typename tested<R>::type...>;
};
using tested_runtimes = as_tested<all_runtimes>::type;

template <class Tuple>
struct as_test_types;
template <class... R>
struct as_test_types<std::tuple<R...>> {
  using type = ::testing::Types<R...>;
};

template <class... R>
auto only_concurrent(std::type_identity<std::tuple<R...>>) -> decltype(std::tuple_cat(
    std::declval<std::conditional_t<R::concurrent, std::tuple<R>, std::tuple<>>>()...));
using concurrent_test_types =
    as_test_types<decltype(only_concurrent(std::type_identity<tested_runtimes>{}))>::type;

/// Those whose tasks see what another one writes.
template <class... R>
auto only_sharing_memory(std::type_identity<std::tuple<R...>>) -> decltype(std::tuple_cat(
    std::declval<std::conditional_t<R::shares_memory, std::tuple<R>, std::tuple<>>>()...));
using sharing_runtimes = decltype(only_sharing_memory(std::type_identity<tested_runtimes>{}));

struct runtime_name {
  template <class R>
  static std::string GetName(int) {
    return std::string(R::name);
  }
};

using all_test_types = as_test_types<tested_runtimes>::type;

}  // namespace switchyard
