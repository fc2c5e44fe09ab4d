// SPDX-License-Identifier: MPL-2.0
// What other CPUs want one CPU to flush. Whoever queues something gets a ticket, and sends an
// interrupt; the CPU takes out all that is there, flushes, and only then says up to which ticket it
// has come. It does so too before it passes a quiescent state (deferred.h).
#pragma once

#include "impl/sync/interrupts.h"
#include "impl/sync/spin_lock.h"
#include "impl/tlb/flush_stack.h"

namespace mm {

template <class P>
class alignas(64) FlushQueue {
 public:
  constexpr FlushQueue() noexcept = default;
  FlushQueue(const FlushQueue&) = delete;
  FlushQueue& operator=(const FlushQueue&) = delete;

  // The ticket of what was queued. Requires that interrupts are off.
  // LOCKS: lock_, one for all that is queued (BUG-23), and with interrupts off: the CPU's own
  // handler takes it (BUG-24).
  u64 push(const FlushStack& flushes) noexcept {
    lock_.lock();
    queued_.push(flushes);
    const u64 ticket = ++last_;
    // ORDER: none needed: see has_work().
    has_work_.store(1, std::memory_order_relaxed);
    lock_.unlock();
    return ticket;
  }

  // Whether something is queued, and not taken out. It may be missed by a CPU that nothing tells of
  // it yet: the interrupt will, or the lock of Deferred, under which quiesce() looks again.
  bool has_work() const noexcept { return has_work_.load(std::memory_order_relaxed) != 0; }

  // The queue's own CPU does what is queued. False if nothing was.
  // LOCKS: lock_, with interrupts off.
  bool handle() noexcept {
    if (!has_work()) return false;
    const InterruptsOff<P> off;
    lock_.lock();
    const FlushStack flushes = queued_;
    const u64 last = last_;
    queued_.clear();
    // ORDER: none needed, as in push().
    has_work_.store(0, std::memory_order_relaxed);
    lock_.unlock();
    flushes.template perform<P>();
    // ORDER: release pairs with the acquire in is_done(): the flushes, and all accesses of this CPU
    // before them, are over.
    done_.store(last, std::memory_order_release);
    return true;
  }

  bool is_done(u64 ticket) const noexcept {
    // ORDER: acquire pairs with the release in handle().
    return done_.load(std::memory_order_acquire) >= ticket;
  }

 private:
  SpinLock<P> lock_{};
  // LOCKS: lock_, to write to the next three.
  typename P::template Atomic<u8> has_work_{0};
  u64 last_ = 0;  // Ticket.
  FlushStack queued_{};
  typename P::template Atomic<u64> done_{0};  // Written by the queue's own CPU alone.
};

}  // namespace mm
