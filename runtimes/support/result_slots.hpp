// Where a forked child leaves its result: one slot of shared memory for each task.
//
// Slots are cut from larger shared blocks (a mapping for each task would reach vm.max_map_count)
// and are 64-byte aligned, so that two children never write to one cache line. Only the process
// that made the pool may take slots from it; a child that forks again makes its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <map>
#include <new>
#include <string_view>
#include <vector>

#include "runtimes/support/shared_memory.hpp"

namespace switchyard {

enum class slot_state : unsigned { running, returned, failed };

/// Head of a slot; the value or the text of the failure follows it.
struct alignas(64) result_slot {
  static constexpr std::size_t text_bytes = 256;

  std::atomic<slot_state> state{slot_state::running};

  [[nodiscard]] std::byte* payload() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const char* text() noexcept { return reinterpret_cast<const char*>(payload()); }

  void fail(std::string_view why) noexcept {
    const auto length = std::min(why.size(), text_bytes - 1);
    std::memcpy(payload(), why.data(), length);
    payload()[length] = std::byte{0};
    state = slot_state::failed;
  }
};

class result_slots {
 public:
  /// A slot whose payload holds at least `value_bytes`, or limit_error.
  result_slot* take(std::size_t value_bytes) {
    const auto bytes = slot_bytes(value_bytes);
    auto& free = free_[bytes];
    if (free.empty()) add_block(bytes, free);
    void* memory = free.back();
    free.pop_back();
    return ::new (memory) result_slot;
  }

  void give_back(result_slot* slot, std::size_t value_bytes) noexcept {
    free_[slot_bytes(value_bytes)].push_back(slot);
  }

 private:
  static constexpr std::size_t slot_bytes(std::size_t value_bytes) {
    const auto payload = std::max(value_bytes, result_slot::text_bytes);
    return sizeof(result_slot) + (payload + 63) / 64 * 64;
  }

  void add_block(std::size_t slot_size, std::vector<void*>& free) {
    constexpr std::size_t slots_per_block = 256;
    blocks_.emplace_back(slot_size * slots_per_block);
    // Room for every slot of this size, so that give_back can't fail.
    free.reserve(free.capacity() + slots_per_block);
    for (std::size_t slot = slots_per_block; slot-- > 0;) {
      free.push_back(&blocks_.back()[slot * slot_size]);
    }
  }

  std::vector<shared_array<std::byte>> blocks_;
  std::map<std::size_t, std::vector<void*>> free_;
};

}  // namespace switchyard
