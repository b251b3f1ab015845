// What multishot operations have brought and nobody has taken yet: a queue for each of them, all
// out of one store, so that a connection that waits holds no memory for it.
#pragma once

#include <vector>

namespace switchyard {

class uring_events {
 public:
  static constexpr unsigned none = ~0U;

  /// `result`: bytes in the buffer `buffer`, or a descriptor.
  struct event {
    int result;
    unsigned buffer;
  };

  class queue {
   public:
    [[nodiscard]] bool empty() const noexcept { return first_ == none; }
    [[nodiscard]] unsigned size() const noexcept { return size_; }

   private:
    friend class uring_events;
    unsigned first_ = none;
    unsigned last_ = none;
    unsigned size_ = 0;
  };

  void push(queue& to, const event& e) {
    unsigned at = free_;
    if (at == none) {
      at = static_cast<unsigned>(store_.size());
      store_.push_back({e, none});
    } else {
      free_ = store_[at].next;
      store_[at] = {e, none};
    }
    (to.empty() ? to.first_ : store_[to.last_].next) = at;
    to.last_ = at;
    ++to.size_;
  }

  [[nodiscard]] const event& front(const queue& of) const noexcept {
    return store_[of.first_].what;
  }

  event pop(queue& from) noexcept {
    const unsigned at = from.first_;
    from.first_ = store_[at].next;
    --from.size_;
    store_[at].next = free_;
    free_ = at;
    return store_[at].what;
  }

 private:
  struct node {
    event what;
    unsigned next;
  };

  std::vector<node> store_;
  unsigned free_ = none;
};

}  // namespace switchyard
