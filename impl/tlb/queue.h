// SPDX-License-Identifier: MPL-2.0
// What others want a CPU to forget: a queue of each CPU, which it empties when it is interrupted
// for it, and before it passes a quiescent state.
#pragma once

#include "impl/sync/interrupts.h"
#include "impl/sync/spin_lock.h"
#include "impl/tlb/flush_ops.h"

namespace mm {

template <class P>
class FlushQueue {
 public:
  constexpr FlushQueue() noexcept = default;
  FlushQueue(const FlushQueue&) = delete;
  FlushQueue& operator=(const FlushQueue&) = delete;

  // The number of what was put in: has_done() says when the CPU has done it.
  // LOCKS: lock_. Requires that interrupts are off: one would take the same lock (BUG-24).
  u64 put(const FlushOps& ops) noexcept {
    lock_.lock();
    waiting_.add(ops);
    const u64 number = put_.load(std::memory_order_relaxed) + 1;
    // ORDER: release pairs with the acquire in is_waiting(), though the lock would do: what is
    // waiting is there.
    put_.store(number, std::memory_order_release);
    lock_.unlock();
    return number;
  }

  // ORDER: acquire pairs with the release in drain(): what the CPU knew, it has forgotten.
  bool has_done(u64 number) const noexcept {
    return done_.load(std::memory_order_acquire) >= number;
  }

  // Asked by the CPU itself: whether something was put in that it has not done.
  bool is_waiting() const noexcept {
    return put_.load(std::memory_order_acquire) != done_.load(std::memory_order_relaxed);
  }

  // This CPU, whose queue it is, does all that waits. False if nothing did.
  // LOCKS: lock_, with interrupts off.
  bool drain() noexcept {
    if (!is_waiting()) return false;
    const InterruptsOff<P> off;
    lock_.lock();
    const FlushOps ops = waiting_;
    const u64 number = put_.load(std::memory_order_relaxed);
    waiting_.clear();
    lock_.unlock();
    ops.template perform<P>();
    // ORDER: release pairs with the acquire in has_done().
    done_.store(number, std::memory_order_release);
    return true;
  }

  // That of the CPU that is interrupted.
  static void handle(void*) noexcept { (void)P::globals().flushes[P::this_cpu()].drain(); }

 private:
  SpinLock<P> lock_{};
  FlushOps waiting_{};                        // LOCKS: lock_.
  typename P::template Atomic<u64> put_{0};   // How often something was; written under lock_.
  typename P::template Atomic<u64> done_{0};  // Of these, how many are done. Written by the CPU.
};

}  // namespace mm
