// Every kind of channel of every runtime as a type list for typed tests, named after both.
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtimes/all.hpp"
#include "tests/support/runtime_types.hpp"

namespace switchyard {

/// One kind of channel of one runtime.
template <class R, std::size_t Kind>
struct channel_kind {
  using runtime = R;
  template <class T>
  using channel = std::tuple_element_t<Kind, typename R::template channels<T>>;
};

template <class R>
constexpr auto channel_kinds_of() {
  if constexpr (Channels<R>) {
    return []<std::size_t... Kind>(std::index_sequence<Kind...>) {
      return std::tuple<channel_kind<R, Kind>...>();
    }
    (std::make_index_sequence<std::tuple_size_v<typename R::template channels<int>>>{});
  } else {
    return std::tuple<>();
  }
}

template <class... R>
auto all_channel_kinds(std::type_identity<std::tuple<R...>>)
    -> decltype(std::tuple_cat(channel_kinds_of<R>()...));
using channel_test_types =
    as_test_types<decltype(all_channel_kinds(std::type_identity<tested_runtimes>{}))>::type;

struct channel_kind_name {
  template <class Kind>
  static std::string GetName(int) {
    return std::string(Kind::runtime::name) + '_' + std::string(Kind::template channel<int>::via);
  }
};

}  // namespace switchyard
