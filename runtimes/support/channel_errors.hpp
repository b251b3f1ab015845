// How the use of a channel can fail.
#pragma once

#include <cstddef>
#include <stdexcept>

namespace switchyard {

/// The channel was closed before the item was in it.
struct channel_closed : std::runtime_error {
  channel_closed() : std::runtime_error("push to a closed channel") {}
};

/// A process that used the channel was killed, or left without having ended its task. What it held
/// is lost, so the others can't go on.
struct peer_died : std::runtime_error {
  peer_died() : std::runtime_error("a process that used this channel has died") {}
};

/// `capacity`, if a channel can have it.
inline std::size_t checked_capacity(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a channel holds at least one item");
  return capacity;
}

}  // namespace switchyard
