// SPDX-License-Identifier: MPL-2.0
// Hands out ranges of addresses: of the lowest run of free ones that is long enough, the last
// (first fit from below, C.9). What comes back is free at once, and one with what it touches: only
// what is handed out is kept, upwards, and what lies between is free.
//
// There is no heap, so the ranges themselves are the nodes of that list: each stands in its holder,
// and tells its neighbours when it moves. So there is no bound on their number, and to look for
// room takes as long as there are ranges.
#pragma once

#include <utility>

#include "impl/addr/address.h"
#include "impl/sync/interrupts.h"
#include "impl/sync/spin_lock.h"

namespace mm {

template <Platform P>
class RangeAllocator;

// [begin, end) of an allocator's, or nothing. Ends with its holder, and is free then. Its holder
// sees to it that one CPU at a time moves, cuts or ends it.
template <Platform P>
class AddressRange {
 public:
  constexpr AddressRange() noexcept = default;
  AddressRange(AddressRange&& other) noexcept { take(other); }
  AddressRange& operator=(AddressRange&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~AddressRange() { release(); }

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  VirtAddr begin() const noexcept { return {begin_}; }
  VirtAddr end() const noexcept { return {end_}; }
  u64 bytes() const noexcept { return end_ - begin_; }

  // Keeps what lies before `at`; the rest is the new one's. Requires that neither has nothing.
  AddressRange cut(VirtAddr at) noexcept;
  void release() noexcept;

 private:
  friend class RangeAllocator<P>;

  void take(AddressRange& other) noexcept;

  RangeAllocator<P>* owner_ = nullptr;  // Null: nothing.
  u64 begin_ = 0, end_ = 0;
  // LOCKS: the owner's lock, for these two.
  AddressRange* below_ = nullptr;
  AddressRange* above_ = nullptr;
};

template <Platform P>
class RangeAllocator {
 public:
  using Range = AddressRange<P>;

  constexpr RangeAllocator() noexcept = default;  // Of no addresses.
  RangeAllocator(const RangeAllocator&) = delete;
  RangeAllocator& operator=(const RangeAllocator&) = delete;

  // All of [begin, end) is free. What was handed out before is forgotten.
  void init(VirtAddr begin, VirtAddr end) noexcept {
    begin_ = begin.value;
    end_ = end.value;
    lowest_ = nullptr;
  }

  // So many bytes, at least one, to a range that has none. False if there is no such run.
  // LOCKS: lock_, with interrupts off.
  [[nodiscard]] bool alloc(Range& to, u64 bytes) noexcept {
    const Locked locked(*this);
    Range* below = nullptr;
    u64 free = begin_;  // From here up to the next range.
    for (Range* next = lowest_;; below = next, free = next->end_, next = next->above_) {
      const u64 end = next == nullptr ? end_ : next->begin_;
      if (end - free >= bytes) {
        to.owner_ = this;
        to.begin_ = end - bytes;
        to.end_ = end;
        link(to, below, next);
        return true;
      }
      if (next == nullptr) return false;
    }
  }

 private:
  friend class AddressRange<P>;

  class Locked {
   public:
    explicit Locked(RangeAllocator& all) noexcept : all_(all) { all_.lock_.lock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { all_.lock_.unlock(); }

   private:
    InterruptsOff<P> off_;
    RangeAllocator& all_;
  };

  // Between two that were neighbours until now. Requires the lock, as the next.
  void link(Range& one, Range* below, Range* above) noexcept {
    one.below_ = below;
    one.above_ = above;
    tell_neighbours(one, &one, &one);
  }
  void unlink(Range& one) noexcept { tell_neighbours(one, one.above_, one.below_); }
  void tell_neighbours(Range& one, Range* above_the_lower, Range* below_the_upper) noexcept {
    (one.below_ == nullptr ? lowest_ : one.below_->above_) = above_the_lower;
    if (one.above_ != nullptr) one.above_->below_ = below_the_upper;
  }

  SpinLock<P> lock_{};
  u64 begin_ = 0, end_ = 0;
  Range* lowest_ = nullptr;  // LOCKS: lock_.
};

// LOCKS: the owner's, with interrupts off, as the next two.
template <Platform P>
AddressRange<P> AddressRange<P>::cut(VirtAddr at) noexcept {
  AddressRange upper;
  {
    const typename RangeAllocator<P>::Locked locked(*owner_);
    upper.owner_ = owner_;
    upper.begin_ = at.value;
    upper.end_ = std::exchange(end_, at.value);
    owner_->link(upper, this, above_);
  }
  return upper;  // If that moves it, it takes the lock itself.
}

template <Platform P>
void AddressRange<P>::release() noexcept {
  if (owner_ == nullptr) return;
  {
    const typename RangeAllocator<P>::Locked locked(*owner_);
    owner_->unlink(*this);
  }
  owner_ = nullptr;
}

template <Platform P>
void AddressRange<P>::take(AddressRange& other) noexcept {
  if (other.owner_ == nullptr) return;
  const typename RangeAllocator<P>::Locked locked(*other.owner_);
  owner_ = std::exchange(other.owner_, nullptr);
  begin_ = other.begin_;
  end_ = other.end_;
  owner_->link(*this, other.below_, other.above_);
}

}  // namespace mm
