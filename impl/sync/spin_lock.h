// SPDX-License-Identifier: MPL-2.0
// A lock for a few instructions. Whoever may take it in an interrupt takes it with interrupts off.
#pragma once

#include "impl/platform/platform.h"

namespace mm {

template <Platform P>
class SpinLock {
 public:
  constexpr SpinLock() noexcept = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() noexcept {
    // ORDER: acquire pairs with the release in unlock(): what former holders did is visible.
    // Strong: a lock that is free is had at the first try.
    u32 seen = kFree;
    while (!word_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      // Only read, until it is worth another try: the holder keeps its cache line.
      while (word_.load(std::memory_order_relaxed) != kFree) P::spin_hint();
      seen = kFree;
    }
  }

  // Requires that the caller holds it.
  void unlock() noexcept {
    // ORDER: release pairs with the acquire in lock().
    word_.store(kFree, std::memory_order_release);
  }

 private:
  static constexpr u32 kFree = 0, kHeld = 1;
  typename P::template Atomic<u32> word_{kFree};
};

}  // namespace mm
