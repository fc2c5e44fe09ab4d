// SPDX-License-Identifier: MPL-2.0
// What a processor remembers of page walks: values by the span of linear addresses that they are
// for. A fixed table: it may forget early if too much falls on one spot, which every processor may
// do at any time. To forget all costs an addition.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "check/machine/sanitizer.h"

namespace check::machine {

template <class T, std::size_t kSlots>
class Cache {
 public:
  // A span is its first address, a multiple of 4096, and its level.
  static constexpr std::uint64_t key(std::uint64_t first, int level) noexcept {
    return first | static_cast<std::uint64_t>(level);
  }

  PAGETWIN_UNSEEN T* find(std::uint64_t key) noexcept {
    Slot* const slot = slot_of(key);
    return slot == nullptr ? nullptr : &slot->value;
  }

  PAGETWIN_UNSEEN void forget(std::uint64_t key) noexcept {
    if (Slot* const slot = slot_of(key)) slot->key = 0;
  }

  // Requires that find(key) finds nothing.
  PAGETWIN_UNSEEN void remember(std::uint64_t key, bool is_global, const T& value) noexcept {
    Slot& slot = spare(key);
    slot = {key | (is_global ? kGlobal : 0), epochs_[is_global ? 1 : 0], value};
    ++count_;
  }

  PAGETWIN_UNSEEN void forget_all_but_global() noexcept { ++epochs_[0]; }
  PAGETWIN_UNSEEN void forget_all() noexcept { ++epochs_[0], ++epochs_[1]; }

  // As if nothing had ever been remembered.
  PAGETWIN_UNSEEN void reset() noexcept {
    forget_all();
    count_ = 0;
  }

  // Calls see(first, level, is_global, value) for all that is remembered.
  PAGETWIN_UNSEEN void each(auto&& see) const {
    for (const Slot& slot : slots_) {
      if (!is_valid(slot)) continue;
      see(slot.key & ~std::uint64_t{4095}, static_cast<int>(slot.key & 7),
          (slot.key & kGlobal) != 0, slot.value);
    }
  }

 private:
  static constexpr std::uint64_t kGlobal = 8;
  static constexpr std::size_t kNear = 8;  // So many slots, one after another, may hold a key.

  // Valid as long as its stamp is the present epoch of its kind. Epochs never come back.
  struct Slot {
    std::uint64_t key = 0;  // 0 is no key: levels begin at 1.
    std::uint64_t stamp = 0;
    T value{};
  };

  PAGETWIN_UNSEEN Slot& near(std::uint64_t key, std::size_t i) noexcept {
    const std::uint64_t mixed = (key >> 12 ^ key << 40) * 0x9e37'79b9'7f4a'7c15;
    return slots_[((mixed >> 40) + i) % kSlots];
  }
  PAGETWIN_UNSEEN bool is_valid(const Slot& slot) const noexcept {
    return slot.key != 0 && slot.stamp == epochs_[(slot.key & kGlobal) != 0 ? 1 : 0];
  }
  PAGETWIN_UNSEEN Slot* slot_of(std::uint64_t key) noexcept {
    for (std::size_t i = 0; i < kNear; ++i) {
      Slot& slot = near(key, i);
      if ((slot.key & ~kGlobal) == key && is_valid(slot)) return &slot;
    }
    return nullptr;
  }
  // Which one must not depend on what slots held that are not valid: a run must be repeatable.
  PAGETWIN_UNSEEN Slot& spare(std::uint64_t key) noexcept {
    for (std::size_t i = 0; i < kNear; ++i) {
      Slot& slot = near(key, i);
      if (!is_valid(slot)) return slot;
    }
    return near(key, count_ % kNear);
  }

  std::array<std::uint64_t, 2> epochs_{1, 1};  // Of what is not global, and of what is.
  std::uint64_t count_ = 0;                    // Of what was ever remembered.
  std::array<Slot, kSlots> slots_{};
};

}  // namespace check::machine
