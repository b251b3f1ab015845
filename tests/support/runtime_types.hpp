// The runtimes as type lists for typed tests, named as on the command line.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/all.hpp"

namespace switchyard {

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
    as_test_types<decltype(only_concurrent(std::type_identity<all_runtimes>{}))>::type;

struct runtime_name {
  template <class R>
  static std::string GetName(int) {
    return std::string(R::name);
  }
};

using all_test_types = as_test_types<all_runtimes>::type;

}  // namespace switchyard
