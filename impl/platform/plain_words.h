// SPDX-License-Identifier: MPL-2.0
// What platforms have in common whose words are the processor's own, and whose memory is mapped at
// a constant address. Each takes these as bases, and may have something else instead.
#pragma once

#include <atomic>

#include "impl/addr/address.h"

namespace mm {

struct PlainWords {
  template <class T>
  using Atomic = std::atomic<T>;

  template <class T>
  struct Cell {
    T get() const noexcept { return value; }
    void set(T next) noexcept { value = next; }
    T value;
  };

  static auto acquire(const auto& word) noexcept {
    const auto now = word.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    return now;
  }
};

// Page-table entries, all memory being mapped at `kBase`.
template <u64 kBase>
struct MappedEntries {
  static u64 load_pte(PhysAddr at, std::memory_order order) noexcept { return pte(at).load(order); }
  static void store_pte(PhysAddr at, u64 v, std::memory_order order) noexcept {
    pte(at).store(v, order);
  }
  static u64 exchange_pte(PhysAddr at, u64 v, std::memory_order order) noexcept {
    return pte(at).exchange(v, order);
  }
  static bool compare_exchange_pte(PhysAddr at, u64& seen, u64 v,
                                   std::memory_order order) noexcept {
    return pte(at).compare_exchange_strong(seen, v, order);
  }
  static u64 peek_pte(PhysAddr at) noexcept { return load_pte(at, std::memory_order_relaxed); }

 private:
  static std::atomic_ref<u64> pte(PhysAddr at) noexcept {
    // SAFETY: all memory is mapped at kBase; entries are aligned, and always reached so.
    return std::atomic_ref<u64>(*reinterpret_cast<u64*>(kBase + at.value));
  }
};

}  // namespace mm
