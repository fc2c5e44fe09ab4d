// SPDX-License-Identifier: MPL-2.0
// The hosted machine, with every atomic access a point where another lane may be chosen, and with
// weak compare-exchanges that may fail though they need not.
#pragma once

#include "check/explore/scheduler.h"
#include "impl/hosted/platform.h"

namespace check::explore {

template <class T>
class Atomic {
 public:
  using Order = std::memory_order;

  constexpr Atomic(T value) noexcept : value_(value) {}

  T load(Order order) const noexcept {
    Scheduler::point();
    return value_.load(order);
  }
  void store(T value, Order order) noexcept {
    Scheduler::point();
    value_.store(value, order);
    Scheduler::changed();
  }
  T exchange(T value, Order order) noexcept {
    return change([&] { return value_.exchange(value, order); });
  }
  T fetch_add(T by, Order order) noexcept {
    return change([&] { return value_.fetch_add(by, order); });
  }
  T fetch_sub(T by, Order order) noexcept {
    return change([&] { return value_.fetch_sub(by, order); });
  }
  T fetch_or(T bits, Order order) noexcept {
    return change([&] { return value_.fetch_or(bits, order); });
  }
  T fetch_and(T bits, Order order) noexcept {
    return change([&] { return value_.fetch_and(bits, order); });
  }
  bool compare_exchange_strong(T& seen, T next, Order yes, Order no) noexcept {
    Scheduler::point();
    return try_exchange(seen, next, yes, no);
  }
  bool compare_exchange_weak(T& seen, T next, Order yes, Order no) noexcept {
    Scheduler::point();
    if (value_.load(std::memory_order_relaxed) == seen && Scheduler::fails()) {
      (void)value_.load(no);  // It has read, all the same.
      Scheduler::refused(static_cast<std::uint64_t>(seen));
      return false;
    }
    return try_exchange(seen, next, yes, no);
  }

  // What P::acquire does. Not an access that others could notice, so not a point.
  T acquire() const noexcept { return mm::Hosted::acquire(value_); }

 private:
  T change(auto&& access) noexcept {
    Scheduler::point();
    const T before = access();
    Scheduler::changed();
    return before;
  }
  bool try_exchange(T& seen, T next, Order yes, Order no) noexcept {
    const bool did = value_.compare_exchange_strong(seen, next, yes, no);
    if (did) {
      Scheduler::changed();
    } else {
      Scheduler::refused(static_cast<std::uint64_t>(seen));
    }
    return did;
  }

  std::atomic<T> value_;
};

struct Explored : mm::Hosted {
  template <class T>
  using Atomic = explore::Atomic<T>;

  static auto acquire(const auto& word) noexcept { return word.acquire(); }

  // Entries of page tables, as other atomic words. What only the holder of a table's lock may write
  // is no point when that holder reads it: nobody else could make a difference.
  using Order = std::memory_order;
  static mm::u64 load_pte(mm::PhysAddr at, Order order) noexcept {
    Scheduler::point();
    return Hosted::load_pte(at, order);
  }
  static void store_pte(mm::PhysAddr at, mm::u64 bits, Order order) noexcept {
    Scheduler::point();
    Hosted::store_pte(at, bits, order);
    Scheduler::changed();
  }
  static mm::u64 exchange_pte(mm::PhysAddr at, mm::u64 bits, Order order) noexcept {
    Scheduler::point();
    const mm::u64 before = Hosted::exchange_pte(at, bits, order);
    Scheduler::changed();
    return before;
  }
  static bool compare_exchange_pte(mm::PhysAddr at, mm::u64& seen, mm::u64 bits,
                                   Order order) noexcept {
    Scheduler::point();
    const bool did = Hosted::compare_exchange_pte(at, seen, bits, order);
    if (did) {
      Scheduler::changed();
    } else {
      Scheduler::refused(seen);
    }
    return did;
  }

  // A user's memory is shared as any other; of a copy it is enough that others come between copies.
  static mm::usize copy_from_user(void* bytes, mm::VirtAddr at, mm::usize n) noexcept {
    Scheduler::point();
    return Hosted::copy_from_user(bytes, at, n);
  }
  static mm::usize copy_to_user(mm::VirtAddr at, const void* bytes, mm::usize n) noexcept {
    Scheduler::point();
    return Hosted::copy_to_user(at, bytes, n);
  }
  static std::optional<mm::u32> load_user(mm::VirtAddr at) noexcept {
    Scheduler::point();
    return Hosted::load_user(at);
  }
  static std::optional<mm::u32> compare_exchange_user(mm::VirtAddr at, mm::u32 expected,
                                                      mm::u32 desired) noexcept {
    Scheduler::point();
    const std::optional<mm::u32> was = Hosted::compare_exchange_user(at, expected, desired);
    Scheduler::changed();
    return was;
  }

  static void spin_hint() noexcept {
    if (interrupt_others()) return;
    if (!Scheduler::spin()) panic(mm::Panic::broken, "a lock is waited for that nobody gives back");
  }
  static void relax() noexcept {}  // The next try is a point of its own.
};

}  // namespace check::explore
