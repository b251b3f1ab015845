// A measurement in a process of its own, forked for it: what the rows before have left behind in
// allocators and caches of stacks is not there, and what it takes is given back when it ends, in
// whatever way that happens.
#pragma once

#include <array>
#include <string>
#include <type_traits>

#include "runtimes/concepts.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {

/// Text that crosses from one process to another.
class short_text {
 public:
  short_text() = default;
  short_text(const std::string& text) { text.copy(text_.data(), text_.size() - 1); }
  [[nodiscard]] std::string str() const { return text_.data(); }

 private:
  std::array<char, 256> text_{};
};

/// Calls `f()` in a task of R, whose tasks are processes, and gives its result, which is trivially
/// copyable. What it throws is thrown here, as limit_error or as std::runtime_error, and so is its
/// death.
template <Runtime R, class F>
requires(!R::shares_memory) auto in_a_child(F f) {
  struct answer {
    std::invoke_result_t<F&> value{};
    bool at_limit = false;
    short_text why;
  };
  R host;
  const answer got = host.run([&] {
    return host
        .spawn([&f] {
          answer mine;
          try {
            mine.value = f();
          } catch (const limit_error& limit) {
            mine.at_limit = true;
            mine.why = short_text(limit.what());
          }
          return mine;
        })
        .join();
  });
  if (got.at_limit) throw limit_error(got.why.str());
  return got.value;
}

}  // namespace switchyard
