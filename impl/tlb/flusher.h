// SPDX-License-Identifier: MPL-2.0
// Has the CPUs that an address space is active on flush what has changed in it. Flushes are issued,
// then dispatched together: this CPU does them at once, others at their next interrupt. Whoever
// must know that they have waits by sync().
//
// No queue keeps frames: what was taken out is given up by Deferred, and no CPU passes before it
// has flushed what is queued for it. See Deferred::await_again().
#pragma once

#include <array>
#include <bit>

#include "impl/globals.h"
#include "impl/tlb/cpu_set.h"

namespace mm {

template <Platform P>
class Flusher {
 public:
  // The set must outlive the flusher.
  explicit Flusher(CpuSet<P>& active_on) noexcept : active_on_(&active_on) {}
  // Of what the kernel maps: all CPUs of the machine may know it, whatever they translate by.
  static Flusher of_kernel() noexcept { return Flusher(); }
  // What was issued is the new one's to dispatch.
  [[gnu::always_inline]] Flusher(Flusher&& other) noexcept
      : active_on_(other.active_on_), issued_(other.issued_), sent_to_(other.sent_to_) {
    for_each_cpu(sent_to_, [&](u32 cpu) { tickets_[cpu] = other.tickets_[cpu]; });
    other.issued_.clear();
  }
  Flusher& operator=(Flusher&&) = delete;

  void issue(Flush flush) noexcept { issued_.push(flush); }
  // Panics: bad_alignment, then empty_range.
  void issue_pages(VirtAddr first, u64 count) noexcept { issue(Flush::pages<P>(first, count)); }
  const FlushStack& issued() const noexcept { return issued_; }

  struct Dispatched {
    u64 cpus = 0;          // The others, for which it was queued.
    bool is_done = false;  // By this CPU.
  };
  // Requires that what was taken out, and is flushed now, was given up by this CPU in the read
  // section that it is in.
  // LOCKS: those of the others' queues, one after another, and then Deferred's, with interrupts off
  // (BUG-24).
  Dispatched dispatch() noexcept {
    Dispatched done;
    if (issued_.is_empty()) return done;
    const InterruptsOff<P> off;
    const u32 own = P::this_cpu();
    const u64 own_bit = u64{1} << own;
    // Of all CPUs none comes or goes: the locks of their queues order what was changed.
    const u64 active = active_on_ == nullptr ? cpus_of_machine() : active_on_->read_after_changes();
    done.cpus = active & ~own_bit;
    done.is_done = (active & own_bit) != 0;
    if (done.cpus != 0) queue(own, done.cpus);
    if (done.is_done) issued_.template perform<P>();
    issued_.clear();
    return done;
  }

  // The CPUs that have not yet done what this flusher has dispatched to them.
  u64 behind() const noexcept {
    u64 cpus = 0;
    for_each_cpu(sent_to_, [&](u32 cpu) {
      if (!queue_of(cpu).is_done(tickets_[cpu])) cpus |= u64{1} << cpu;
    });
    return cpus;
  }

  // Waits until there are none; says which there were. Requires that interrupts are on: another CPU
  // may wait for this one likewise.
  u64 sync() noexcept {
    const u64 cpus = behind();
    for_each_cpu(cpus, [&](u32 cpu) {
      while (!queue_of(cpu).is_done(tickets_[cpu])) P::spin_hint();
    });
    sent_to_ = 0;
    return cpus;
  }

 private:
  Flusher() noexcept : active_on_(nullptr) {}

  static u64 cpus_of_machine() noexcept { return ~u64{0} >> (64 - P::cpu_count()); }
  static FlushQueue<P>& queue_of(u32 cpu) noexcept { return P::globals().flush_queues[cpu]; }
  static void handle_interrupt(void*) noexcept { (void)queue_of(P::this_cpu()).handle(); }

  static void for_each_cpu(u64 cpus, auto&& use) noexcept {
    for (; cpus != 0; cpus &= cpus - 1) use(static_cast<u32>(std::countr_zero(cpus)));
  }

  void queue(u32 own, u64 cpus) noexcept {
    for_each_cpu(cpus, [&](u32 cpu) { tickets_[cpu] = queue_of(cpu).push(issued_); });
    sent_to_ |= cpus;
    P::globals().deferred.await_again(own, cpus);
    P::run_on(cpus, handle_interrupt, nullptr);
  }

  CpuSet<P>* active_on_;  // Null: all CPUs.
  FlushStack issued_;
  u64 sent_to_ = 0;
  std::array<u64, P::kMostCpus> tickets_;  // The last of each CPU that is in sent_to_.
};

}  // namespace mm
