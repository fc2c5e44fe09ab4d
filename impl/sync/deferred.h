// SPDX-License-Identifier: MPL-2.0
// Deferred reclamation: what is given up here is dropped only when every CPU has passed a quiescent
// state, in which it is in no read section and so holds no address that it found without a count.
//
//   drop_later ──▶ waiting ──▶ running ──▶ dropped, in the order in which all came
//                         new period  every CPU has passed
//
// At most one grace period runs, with the items that began it, and at most one batch waits for the
// next. Given up while none runs, an item begins one, which waits for every CPU, the caller's
// included. The CPU that is the last to pass drops the items; then, if a batch waits by now, the
// next period begins with it, again waiting for every CPU.
//
// There is no heap, so the queue is a ring of fixed size. Nothing that an item is made of could
// hold it instead: a frame may be queued many times over, once for each place where it was mapped,
// its slot's words mean something as long as it is in use, its bytes are others' who still hold it,
// and those of a table are read by walkers until the period ends. So there is a bound, and it is
// kept by asking: whoever takes out what must be dropped later has room reserved before anything
// changes, and is refused if there is none. It then closes its cursor, lets the CPUs pass, and goes
// on. What needs little is kept in little: a subtree is one entry, however large; so are adjacent
// frames that are given up one after another; what has no count needs no room and is never queued.
//
// CPUs may still know translations to what was taken out of a table. So a CPU does the flushes that
// are queued for it before it passes, and whoever queues some has the period wait for those CPUs:
// await_again() says why that is enough.
#pragma once

#include "impl/frame/frame.h"
#include "impl/sync/interrupts.h"
#include "impl/sync/spin_lock.h"
#include "impl/tlb/flush_queue.h"

namespace mm {

template <class P>
class Deferred {
 public:
  static constexpr u64 kMost = 8192;  // Entries, of up to kMostFrames frames each.

  constexpr Deferred() noexcept : nothing_{} {}
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
  constexpr ~Deferred() {}  // What is pending is given back to nobody.

  // Room for one item, until it has been dropped or unreserve() is called. False if there is none.
  [[nodiscard]] bool try_reserve() noexcept {
    // ORDER: none needed: it is only a number, and what it allows is done under the lock.
    if (reserved_.fetch_add(1, std::memory_order_relaxed) < kMost) [[likely]]
      return true;
    unreserve(1);
    return false;
  }
  void unreserve(u64 items) noexcept {
    // ORDER: none needed, as above.
    reserved_.fetch_sub(items, std::memory_order_relaxed);
  }

  // Gives a handle up. Requires room that was reserved for it, and that the page's usage does not
  // keep its last handle.
  // LOCKS: lock_, with interrupts off; none is taken meanwhile.
  void drop_later(Frame<P>&& frame) noexcept {
    const PhysAddr at = std::move(frame).into_raw();
    const InterruptsOff<P> off;
    lock_.lock();
    if (append(at)) unreserve(1);
    if (!is_running_) begin_period();
    lock_.unlock();
  }

  // Flushes were queued for some CPUs, by `own`, which is in the read section in which it gave up
  // what they are about: if the running period waits for it, it waits for them too, again if they
  // have passed.
  //
  // So nothing is dropped before every CPU has forgotten it (INV-49): `own` has not passed since
  // the item came. If the running period is the item's, it still waits for `own`, and from here on
  // for all of `cpus`, which find their flushes queued, and do them before they pass. If `own` has
  // passed in it, that was before the item came: then the item's period is yet to begin, and will
  // wait for every CPU.
  //
  // LOCKS: lock_, with interrupts off.
  void await_again(u32 own, u64 cpus) noexcept {
    const Locked locked(*this);
    const u64 awaited = awaited_.load(std::memory_order_relaxed);
    if ((awaited >> own & 1) == 0) return;
    // ORDER: none needed: see quiesce().
    awaited_.store(awaited | cpus, std::memory_order_relaxed);
  }

  // This CPU passes a quiescent state. Requires that it is in no read section: it has no cursor.
  // How many items it has dropped, being the last to pass; nothing, if it is awaited and must first
  // do what is queued.
  // LOCKS: lock_, with interrupts off; not while items are dropped.
  std::optional<u64> quiesce(u32 cpu, const FlushQueue<P>& flushes) noexcept {
    const u64 bit = u64{1} << cpu;
    // ORDER: none needed. If this misses a period that has just begun, the period waits for our
    // next time.
    if ((awaited_.load(std::memory_order_relaxed) & bit) == 0) return 0;
    u64 from = 0, until = 0;
    {
      const Locked locked(*this);
      const u64 awaited = awaited_.load(std::memory_order_relaxed);
      if ((awaited & bit) == 0) return 0;
      // By the lock: whoever has us awaited again has queued its flushes before.
      if (flushes.has_work()) return std::nullopt;
      // ORDER: none needed: the lock orders all that matters. Whoever took the lock before us, to
      // queue, had cut off its item before; we find it cut off from here on (L3).
      awaited_.store(awaited & ~bit, std::memory_order_relaxed);
      if ((awaited & ~bit) != 0) return 0;
      from = first_;
      until = running_end_;
    }
    // No CPU is awaited, so nobody else comes here, and the period still runs: what is queued by
    // these drops waits for the next.
    u64 dropped = 0;
    for (u64 i = from; i != until; ++i) dropped += drop_entry(entry(i));
    const Locked locked(*this);
    first_ = until;
    unreserve(until - from);
    is_running_ = false;
    if (first_ != end_) begin_period();
    return dropped;
  }

  // What is pending, in the order in which it will be dropped: each(at, is_running) for each item.
  // Requires that nobody is in a call.
  void each_pending(auto&& each) const noexcept {
    for (u64 i = first_; i != end_; ++i) {
      for (u64 page = 0; page < frames_of(entry(i)); ++page) {
        each(PhysAddr{first_of(entry(i)).value + page * kPageSize},
             i - first_ < running_end_ - first_);
      }
    }
  }
  // The CPUs that the running period waits for: 0 if none runs.
  u64 awaited() const noexcept { return awaited_.load(std::memory_order_relaxed); }
  bool is_running() const noexcept { return is_running_; }

 private:
  // An entry is the address of a page, and in the bits within the page how many more follow it.
  static constexpr u64 kMostFrames = kPageSize;
  static constexpr PhysAddr first_of(u64 entry) noexcept { return {entry & ~(kPageSize - 1)}; }
  static constexpr u64 frames_of(u64 entry) noexcept { return (entry & (kPageSize - 1)) + 1; }

  class Locked {
   public:
    explicit Locked(Deferred& all) noexcept : all_(all) { all_.lock_.lock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { all_.lock_.unlock(); }

   private:
    const InterruptsOff<P> off_{};
    Deferred& all_;
  };

  u64 entry(u64 i) const noexcept { return entries_[i % kMost]; }

  // True if it is in an entry that was there. Never in one of the running period's.
  bool append(PhysAddr at) noexcept {
    if (end_ != running_end_) {
      u64& last = entries_[(end_ - 1) % kMost];
      if (frames_of(last) < kMostFrames &&
          first_of(last).value + frames_of(last) * kPageSize == at.value) {
        ++last;
        return true;
      }
    }
    entries_[end_++ % kMost] = at.value;
    return false;
  }

  void begin_period() noexcept {
    static_assert(P::kMostCpus <= 64);
    is_running_ = true;
    running_end_ = end_;
    // ORDER: none needed: see quiesce().
    awaited_.store(~u64{0} >> (64 - P::cpu_count()), std::memory_order_relaxed);
  }

  // How many frames those were.
  static u64 drop_entry(u64 entry) noexcept {
    const u64 end = first_of(entry).value + frames_of(entry) * kPageSize;
    for (u64 at = first_of(entry).value; at != end; at += kPageSize) {
      (void)mm::drop(Frame<P>::from_raw({at}));
    }
    return frames_of(entry);
  }

  SpinLock<P> lock_{};
  typename P::template Atomic<u64> awaited_{0};   // A bit for each CPU. Written under lock_.
  typename P::template Atomic<u64> reserved_{0};  // Entries used, or promised.
  // LOCKS: lock_, for all below. Entries are numbered for ever; entry i lies at i % kMost. Those of
  // the running period do not change, so that who drops them reads them without the lock.
  bool is_running_ = false;
  u64 first_ = 0;
  u64 running_end_ = 0;
  u64 end_ = 0;
  union {
    u8 nothing_;
    // Uninitialised, so that a machine is quickly made. Plain, so that writing to an element is all
    // that it takes.
    u64 entries_[kMost];  // NOLINT(modernize-avoid-c-arrays)
  };
};

// This CPU passes a quiescent state: it holds no cursor. Before that it does the flushes that are
// queued for it. What passing makes an end of is dropped here; how many frames and tables that was.
template <Platform P>
u64 quiesce(u32 cpu) noexcept {
  FlushQueue<P>& flushes = P::globals().flush_queues[cpu];
  for (;;) {
    (void)flushes.handle();
    if (const auto dropped = P::globals().deferred.quiesce(cpu, flushes)) return *dropped;
  }
}

// What of a value is to be dropped later. A frame is; of other types, see there.
template <Platform P, class M>
bool holds_frame(const Frame<P, M>& frame) noexcept {
  return static_cast<bool>(frame);
}
template <Platform P, class M>
Frame<P> held_frame(Frame<P, M>&& frame) noexcept {
  return std::move(frame);
}

// A value that may hold a frame, which is given up by drop_later(). Room for it is reserved as long
// as it does.
template <Platform P, class T>
class RcuDrop {
 public:
  RcuDrop() noexcept = default;
  // Requires room that was reserved, if the value holds a frame.
  explicit RcuDrop(T&& value) noexcept : value_(std::move(value)) {}
  RcuDrop(RcuDrop&&) noexcept = default;
  RcuDrop& operator=(RcuDrop&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  [[gnu::always_inline]] ~RcuDrop() {
    if (holds_frame(value_)) give_up();
  }

  const T& operator*() const noexcept { return value_; }
  const T* operator->() const noexcept { return &value_; }

  // The value, to be dropped whenever its holder likes. Requires that no CPU can still have found
  // it in a table without a lock, or that its holder waits for that.
  T into_inner() && noexcept {
    if (holds_frame(value_)) P::globals().deferred.unreserve(1);
    return std::move(value_);
  }

 private:
  [[gnu::noinline]] void give_up() noexcept {
    P::globals().deferred.drop_later(held_frame(std::move(value_)));
  }

  T value_;
};

}  // namespace mm
