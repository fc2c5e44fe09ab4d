// SPDX-License-Identifier: MPL-2.0
// The CPUs that may know translations of an address space: those that translate by it, and for a
// moment those that begin or cease to (INV-44). A bit for each.
//
//   a CPU comes:   joins, then loads its root       and what it walks from then on is new enough,
//   a CPU goes:    loads another root, then leaves  or its root is not loaded yet, or no more,
//   who flushes:   changes entries, then reads      or it is found here, and told to flush
#pragma once

#include "impl/platform/platform.h"

namespace mm {

template <class P>
class CpuSet {
 public:
  constexpr CpuSet() noexcept = default;

  // Before the CPU loads the root.
  void join(u32 cpu) noexcept {
    // ORDER: acquire pairs with the release in read_after_changes(): if that came first, and did
    // not find us, we walk what it had written before.
    cpus_.fetch_or(u64{1} << cpu, std::memory_order_acquire);
  }

  // After the CPU has loaded another root, and with that forgotten what it knew.
  void leave(u32 cpu) noexcept {
    // ORDER: release pairs with the acquire in read_after_changes(): who does not find us may free
    // what we reached before.
    cpus_.fetch_and(~(u64{1} << cpu), std::memory_order_release);
  }

  // Who must flush what was changed before this call.
  u64 read_after_changes() noexcept {
    // ORDER: release pairs with the acquire in join(), acquire with the release in leave(). A
    // read-modify-write: no join can come before it and not be seen, nor after it and not see it.
    return cpus_.fetch_or(0, std::memory_order_acq_rel);
  }

  // True at one moment only.
  u64 peek() const noexcept { return cpus_.load(std::memory_order_relaxed); }

 private:
  static_assert(P::kMostCpus <= 64);
  typename P::template Atomic<u64> cpus_{0};
};

}  // namespace mm
