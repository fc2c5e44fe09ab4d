// SPDX-License-Identifier: MPL-2.0
// Tells CPUs to forget what they know of a table that has changed: what was issued is dispatched to
// all that translate by it, and can be waited for (C.11).
//
// Nothing that was taken out of the table is kept here until they have: that is what grace periods
// are for (INV-49). What a cursor takes out waits for the end of one. As long as the cursor is open
// its CPU does not pass, so that period ends after the flusher's dispatch, which comes before the
// cursor is closed. A CPU that is dispatched to does what is queued for it before it passes; if it
// had passed already, it is awaited again (Deferred::await_too()). So when the period ends every
// CPU has forgotten.
#pragma once

#include <utility>

#include "impl/globals.h"

namespace mm {

template <Platform P>
class TlbFlusher {
 public:
  // The CPUs that translate by the table, one bit each, as they come and go.
  using CpuSet = typename P::template Atomic<u64>;

  explicit TlbFlusher(CpuSet& cpus) noexcept : cpus_(&cpus) {}
  TlbFlusher(TlbFlusher&& other) noexcept
      : cpus_(other.cpus_), ops_(other.ops_), unsynced_(std::exchange(other.unsynced_, 0)) {
    other.ops_.clear();
    for (u64 left = unsynced_; left != 0; left &= left - 1) {
      number_[first_cpu(left)] = other.number_[first_cpu(left)];
    }
  }
  TlbFlusher& operator=(TlbFlusher&&) = delete;
  // What was issued is not forgotten.
  ~TlbFlusher() { (void)dispatch(); }

  // Requires that there are some. Panics: bad_alignment.
  void issue(VirtAddr at, u64 pages) noexcept {
    if (at.value % kPageSize != 0) [[unlikely]]
      P::panic(Panic::bad_alignment, "C.11: a flush does not begin at a page");
    if (pages == 0) [[unlikely]]
      P::panic(Panic::empty_range, "C.11: a flush of nothing");
    ops_.add(at, pages);
  }
  void issue_all() noexcept { ops_.add_all(); }
  const FlushOps& issued() const noexcept { return ops_; }

  struct Dispatched {
    u64 others = 0;    // A bit for each CPU that was told,
    bool own = false;  // and whether the own one has forgotten.
  };

  // Has all CPUs that translate by the table forget what was issued; the own one at once, the
  // others when they are interrupted. LOCKS: the others' queues, one after another, then that of
  // Deferred; with interrupts off.
  Dispatched dispatch() noexcept {
    if (ops_.is_empty()) [[likely]]
      return {};
    const InterruptsOff<P> off;
    const u32 self = P::this_cpu();
    // ORDER: release pairs with the acquire in PageTable::activate(): either that CPU is in the
    // set, or it finds the table as it was changed. So this is a read-modify-write.
    const u64 cpus = cpus_->fetch_or(0, std::memory_order_release);
    const Dispatched told{cpus & ~(u64{1} << self), (cpus >> self & 1) != 0};
    for (u64 left = told.others; left != 0; left &= left - 1) {
      number_[first_cpu(left)] = P::globals().flushes[first_cpu(left)].put(ops_);
    }
    unsynced_ |= told.others;
    if (told.others != 0) {
      P::globals().deferred.await_too(self, told.others);
      P::run_on(told.others, &FlushQueue<P>::handle, nullptr);
    }
    if (told.own) ops_.template perform<P>();
    ops_.clear();
    return told;
  }

  // Waits until all of them have. Those that had not, a bit for each. Requires that interrupts are
  // on: another CPU might wait for this one.
  u64 sync() noexcept {
    u64 late = 0;
    for (u64 left = unsynced_; left != 0; left &= left - 1) {
      if (!has_done(first_cpu(left))) late |= left & ~(left - 1);
    }
    for (u64 left = late; left != 0; left &= left - 1) {
      while (!has_done(first_cpu(left))) P::spin_hint();
    }
    unsynced_ = 0;
    return late;
  }

 private:
  static_assert(P::kMostCpus <= 64);
  static constexpr u32 first_cpu(u64 cpus) noexcept {
    return static_cast<u32>(__builtin_ctzll(cpus));
  }

  bool has_done(u32 cpu) const noexcept {
    return P::globals().flushes[cpu].has_done(number_[cpu]);
  }

  CpuSet* cpus_;
  FlushOps ops_;
  u64 unsynced_ = 0;  // The CPUs that are not known to have done what was dispatched.
  // By CPU: the number in its queue. Means something for those of unsynced_.
  u64 number_
      [P::kMostCpus];  // NOLINT(modernize-avoid-c-arrays,cppcoreguidelines-pro-type-member-init)
};

}  // namespace mm
