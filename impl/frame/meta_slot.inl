// SPDX-License-Identifier: MPL-2.0
#pragma once

#include <cstddef>

#include "impl/frame/meta_slot.h"

namespace mm {

template <Platform P>
Result<MetaSlot<P>*, GetFrameError> MetaSlot<P>::get_slot(PhysAddr at) noexcept {
  static_assert(sizeof(MetaSlot) == 64 && kPageSize % sizeof(MetaSlot) == 0);
  static_assert(offsetof(MetaSlot, storage_) == 0 && offsetof(MetaSlot, ref_count_) == 40 &&
                offsetof(MetaSlot, vtable_) == 48 && offsetof(MetaSlot, in_list_) == 56);
  const u64 page = page_at(at);
  if (page >= P::globals().pages) [[unlikely]]
    return refuse_slot(page);
  return of_page(page);
}

template <Platform P>
Failure<GetFrameError> MetaSlot<P>::refuse_slot(u64 page) noexcept {
  if (page > ~u64{0} / kPageSize) return {GetFrameError::not_aligned};
  MM_ASSERT(P, "INV-1", P::globals().pages != 0);
  return {GetFrameError::out_of_bound};
}

template <Platform P>
template <FrameMeta M>
Result<MetaSlot<P>*, GetFrameError> MetaSlot<P>::get_from_unused(PhysAddr at, M meta,
                                                                 bool as_unique) noexcept {
  MetaSlot* const slot = MM_TRY(get_slot(at));
  u64 seen = kUnused;
  // ORDER: acquire pairs with the release in drop_last_in_place(): the last owner's teardown is
  // complete before we write (PRE-1). Strong: what a failure saw is the error.
  if (!slot->ref_count_.compare_exchange_strong(seen, kBusy, std::memory_order_acquire,
                                                std::memory_order_relaxed)) {
    if (seen == kUnique) return Failure{GetFrameError::unique};
    if (seen == kBusy) return Failure{GetFrameError::busy};
    return Failure{GetFrameError::in_use};
  }
  P::show(slot->bytes().data(), kPageSize);
  slot->write_meta(std::move(meta));
  if (as_unique) {
    // ORDER: none needed: nobody reaches the page but through the handle we return, and whoever
    // hands that on synchronises (INV-19).
    slot->ref_count_.store(kUnique, std::memory_order_relaxed);
  } else {
    // ORDER: release pairs with the acquire in try_join(): who joins sees the metadata (INV-4).
    slot->ref_count_.store(1, std::memory_order_release);
  }
  return slot;
}

template <Platform P>
Result<MetaSlot<P>*, GetFrameError> MetaSlot<P>::get_from_in_use(PhysAddr at) noexcept {
  MetaSlot* const slot = MM_TRY(get_slot(at));
  u64 seen = slot->ref_count_.load(std::memory_order_relaxed);
  auto joined = slot->try_join(seen);
  if (!joined.ok() && joined.error() == GetFrameError::retry) [[unlikely]]
    return slot->join_again(seen);
  return joined;
}

template <Platform P>
Result<MetaSlot<P>*, GetFrameError> MetaSlot<P>::join_again(u64 seen) noexcept {
  for (;;) {
    P::relax();
    auto joined = try_join(seen);
    if (joined.ok() || joined.error() != GetFrameError::retry) return joined;
  }
}

// One attempt to add a handle to a page whose count was `seen`; after `retry` that is what it is
// now.
template <Platform P>
Result<MetaSlot<P>*, GetFrameError> MetaSlot<P>::try_join(u64& seen) noexcept {
  if (!has_room(seen)) [[unlikely]]
    return refuse_join(seen);
  // ORDER: acquire pairs with the release that published the page, in get_from_unused() or
  // make_shared(): we may read its metadata (INV-4).
  if (ref_count_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
    return this;
  }
  return Failure{GetFrameError::retry};
}

template <Platform P>
Failure<GetFrameError> MetaSlot<P>::refuse_join(u64 seen) noexcept {
  if (seen == kUnused) return {GetFrameError::unused};
  if (seen == kUnique) return {GetFrameError::unique};
  if (seen == kBusy) return {GetFrameError::busy};
  P::panic(Panic::count_overflow, "POST-2: too many handles");
}

template <Platform P>
void MetaSlot<P>::inc_ref_count() noexcept {
  // ORDER: none needed: the caller's handle keeps the page published.
  const u64 before = ref_count_.fetch_add(1, std::memory_order_relaxed);
  if (!has_room(before)) [[unlikely]]
    refuse_inc(before);
}

template <Platform P>
void MetaSlot<P>::refuse_inc(u64 before) noexcept {
  MM_ASSERT(P, "INV-18", before != kBusy);
  P::panic(Panic::count_overflow, "POST-3: too many handles");
}

template <Platform P>
bool MetaSlot<P>::dec_ref_count() noexcept {
  // ORDER: release hands our uses of the page to whoever tears it down, by acquire() below, or has
  // it alone, by try_make_unique().
  // Signed: one comparison, which the subtraction makes by itself, tells many handles from the last
  // one and from what no count can be.
  if (static_cast<i64>(ref_count_.fetch_sub(1, std::memory_order_release)) > 1) [[likely]]
    return false;
  // ORDER: acquire pairs with the releases of all other handles, here and in dec_all_but_last():
  // their uses are over before teardown (POST-4). The last one leaves kBusy, which nobody changes.
  const u64 now = P::acquire(ref_count_);
  MM_ASSERT(P, "PRE-4", now == kBusy);
  return true;
}

template <Platform P>
bool MetaSlot<P>::dec_dyn_ref_count() noexcept {
  if (!vtable_.get()->keeps_last_handle) [[likely]]
    return dec_ref_count();
  dec_all_but_last();
  return false;
}

template <Platform P>
void MetaSlot<P>::dec_all_but_last() noexcept {
  u64 seen = ref_count_.load(std::memory_order_relaxed);
  for (;;) {
    if (seen == 1) P::panic(Panic::last_handle, "PRE-4: the page keeps its last handle");
    // ORDER: release as in dec_ref_count(), with the same partners; this one is never the last.
    if (ref_count_.compare_exchange_weak(seen, seen - 1, std::memory_order_release,
                                         std::memory_order_relaxed)) {
      return;
    }
    P::relax();
  }
}

template <Platform P>
bool MetaSlot<P>::try_make_unique() noexcept {
  u64 seen = 1;
  // ORDER: acquire pairs with the release in dec_ref_count(): the uses of all former handles are
  // over before ours, which may write (POST-11). Strong: failure means that there are others.
  return ref_count_.compare_exchange_strong(seen, kUnique, std::memory_order_acquire,
                                            std::memory_order_relaxed);
}

template <Platform P>
void MetaSlot<P>::make_shared() noexcept {
  // ORDER: release pairs with the acquire in try_join(): who joins sees what we wrote (POST-10).
  ref_count_.store(1, std::memory_order_release);
}

template <Platform P>
template <FrameMeta M>
void MetaSlot<P>::replace_meta(M meta) noexcept {
  drop_meta_in_place(vtable_.get());
  write_meta(std::move(meta));
}

template <Platform P>
template <class M>
void MetaSlot<P>::drop_last_in_place() noexcept {
  drop_meta_in_place(vtable_for<M>());
  P::hide(bytes().data(), kPageSize);
  // ORDER: release pairs with the acquire of the next claim in get_from_unused(): all of the above
  // is over before (PRE-1).
  ref_count_.store(kUnused, std::memory_order_release);
}

template <Platform P>
template <FrameMeta M>
void MetaSlot<P>::write_meta(M meta) noexcept {
  show_meta();
  vtable_.set(&kVTableOf<M>);
  // SAFETY:
  // 1. The storage holds no object: the slot was just claimed, or drop_meta_in_place() ended it.
  // 2. M fits (FrameMeta), and the storage is aligned for it: slots are 64-byte aligned.
  // 3. Nobody else reads the storage before it is published.
  ::new (static_cast<void*>(storage_)) M(std::move(meta));
}

// Requires kBusy or kUnique, and the metadata's vtable. After it, storage and vtable are
// uninitialised.
template <Platform P>
void MetaSlot<P>::drop_meta_in_place(const FrameVTable* vtable) noexcept {
  vtable->on_drop(storage_, bytes());
  vtable->destroy(storage_);
  hide_meta();
}

template <Platform P>
void MetaSlot<P>::show_meta() const noexcept {
  P::show(storage_, sizeof storage_);
  P::show(&vtable_, sizeof vtable_);
}

template <Platform P>
void MetaSlot<P>::hide_meta() const noexcept {
  P::hide(storage_, sizeof storage_);
  P::hide(&vtable_, sizeof vtable_);
}

template <Platform P>
void MetaSlot<P>::init(u64 first, u64 end) noexcept {
  init_slots(first, end);
  for (u64 page = first; page < end; ++page) P::hide(of_page(page)->bytes().data(), kPageSize);
}

template <Platform P>
void MetaSlot<P>::init_slots(u64 first, u64 end) noexcept {
  for (u64 page = first; page < end; ++page) {
    MetaSlot* const slot = of({page * kPageSize});
    // SAFETY: boot, or a reset: no handle exists, so nobody else reaches the slot or the page.
    P::show(slot, sizeof *slot);
    ::new (static_cast<void*>(slot)) MetaSlot();
    slot->hide_meta();
  }
}

}  // namespace mm
