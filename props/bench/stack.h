// SPDX-License-Identifier: MPL-2.0
// A1, the frame allocator that all peers were measured with: a stack of frames under a spin lock.
#pragma once

#include <array>
#include <optional>

#include "props/bench/machine.h"

namespace bench {

class Stack {
 public:
  // All frames but the first are free, and will be handed out in ascending order.
  static void restore(u64 frames) noexcept {
    count_ = 0;
    for (u64 frame = frames; frame-- > kFirstFree;) free_[count_++] = static_cast<u32>(frame);
  }
  static u64 free_frames() noexcept { return count_; }
  static void each_free(auto&& see) noexcept {
    for (u64 i = 0; i < count_; ++i) see(Free{free_[i], 1, /*is_listed=*/false});
  }

  // Knows single frames only.
  static std::optional<mm::PhysAddr> alloc(usize bytes, usize) noexcept {
    if (bytes != mm::kPageSize) return std::nullopt;
    const Guard guard;
    if (count_ == 0) return std::nullopt;
    return mm::PhysAddr{free_[--count_] * mm::kPageSize};
  }

  static void dealloc(mm::PhysAddr at, usize) noexcept {
    const Guard guard;
    free_[count_++] = static_cast<u32>(at.value / mm::kPageSize);
  }

 private:
  struct Guard {
    Guard() noexcept {
      // ORDER: acquire pairs with the release in ~Guard(): the stack is as the last holder left it.
      while (is_locked_.exchange(true, std::memory_order_acquire)) __builtin_ia32_pause();
    }
    // ORDER: release pairs with the acquire in Guard().
    ~Guard() { is_locked_.store(false, std::memory_order_release); }
  };

  static inline constinit std::atomic<bool> is_locked_ = false;
  static inline constinit u64 count_ = 0;
  static inline constinit std::array<u32, kMostFrames> free_{};
};

}  // namespace bench
