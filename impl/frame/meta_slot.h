// SPDX-License-Identifier: MPL-2.0
// The record kept for each physical page, 64 bytes: who uses the page, and its typed metadata.
//
//   kUnused --claim--> kBusy --publish--> 1 <--> 2 ... (shared)   --last drop--> kBusy --> kUnused
//                            --publish--> kUnique                 --drop-------> kBusy --> kUnused
//                                         1 <-- CAS --> kUnique
//
// kBusy is not kUnused: while a page is made or torn down nobody can claim it, and nobody can
// revive it.
#pragma once

#include <bit>

#include "impl/base/assert.h"
#include "impl/base/result.h"
#include "impl/frame/meta.h"
#include "impl/platform/platform.h"

namespace mm {

enum class GetFrameError : u8 {
  not_aligned,
  out_of_bound,
  in_use,
  unique,
  busy,
  unused,
  retry,  // Of one attempt to join; never leaves MetaSlot.
};

template <Platform P>
class alignas(64) MetaSlot {
 public:
  static constexpr u64 kUnused = ~u64{0};
  static constexpr u64 kUnique = kUnused - 1;
  static constexpr u64 kBusy = 0;
  static constexpr u64 kCountMax = (u64{1} << 63) - 1;

  // Makes an unused page used: by one shared handle, or by a unique one. The errors, in this order:
  // not_aligned, out_of_bound, then by what is there: unique, busy, in_use (PRE-1, POST-1). The
  // metadata is consumed even then, without on_drop.
  template <FrameMeta M>
  static Result<MetaSlot*, GetFrameError> get_from_unused(PhysAddr at, M meta,
                                                          bool as_unique) noexcept;

  // Adds a shared handle to a page that has some (POST-2).
  static Result<MetaSlot*, GetFrameError> get_from_in_use(PhysAddr at) noexcept;

  // Adds a handle. Requires that the caller holds one (POST-3).
  void inc_ref_count() noexcept;

  // Takes a handle away. True if it was the last: then the caller must drop_last_in_place().
  [[nodiscard]] bool dec_ref_count() noexcept;

  // The same for a handle that does not know what it holds: panics, with the handle still there, if
  // it is the last of a page that keeps its last handle (PRE-4).
  [[nodiscard]] bool dec_dyn_ref_count() noexcept;

  // From one shared handle to a unique one and back (POST-10, POST-11).
  [[nodiscard]] bool try_make_unique() noexcept;
  void make_shared() noexcept;

  // Says which list the page is in: 0, none. Requires kUnique (INV-3).
  void set_in_list(u64 id) noexcept {
    // ORDER: none needed: the page is its list's, and whoever else looks sees some list's id, of
    // one moment, which is not its own.
    in_list_.store(id, std::memory_order_relaxed);
  }

  // The first step of giving up a unique page; drop_last_in_place() is the other (POST-12).
  void leave_unique(std::memory_order order) noexcept { ref_count_.store(kBusy, order); }

  // Destroys the metadata and makes the page unused (POST-5). Requires kBusy, stored or left so by
  // the caller. Not asserted: in a schedule that is explored, one more load is one more point. A
  // handle that knows the metadata's type gives it as M; if not, the slot is asked.
  template <class M = void>
  void drop_last_in_place() noexcept;

  // Replaces the metadata of a unique page (POST-9).
  template <FrameMeta M>
  void replace_meta(M meta) noexcept;

  PhysAddr paddr() const noexcept {
    return {(address() - P::kSlotsBase) / sizeof(MetaSlot) * kPageSize};
  }

  // Where the metadata is, and of what type, while the page is in use.
  const void* storage() const noexcept { return storage_; }
  void* storage() noexcept { return storage_; }
  const FrameVTable* vtable() const noexcept { return vtable_.get(); }
  DynMeta dyn_meta() const noexcept { return {storage_, vtable_.get()}; }

  // Racy by nature, and of any slot.
  u64 ref_count() const noexcept { return ref_count_.load(std::memory_order_relaxed); }
  u64 in_list() const noexcept { return in_list_.load(std::memory_order_relaxed); }

  // The slot of a page of this machine.
  static MetaSlot* of(PhysAddr at) noexcept { return of_page(at.value / kPageSize); }

  // The same, for an address that some handle or raw count vouches for.
  static MetaSlot* of_raw(PhysAddr at) noexcept {
    const u64 page = page_at(at);
    MM_ASSERT(P, "INV-16", page < P::globals().pages);
    return of_page(page);
  }

  // The slot of any address, or why it has none: not_aligned, out_of_bound.
  static Result<MetaSlot*, GetFrameError> get_slot(PhysAddr at) noexcept;

  // The slot that metadata lies in.
  static MetaSlot* of_storage(void* storage) noexcept {
    // SAFETY: storage_ is the first member: asserted in get_slot().
    return static_cast<MetaSlot*>(storage);
  }

  // Boot: pages [first, end) become unused, whatever was there (INV-2).
  static void init(u64 first, u64 end) noexcept;
  // The same, but for their bytes, which are somebody's still.
  static void init_slots(u64 first, u64 end) noexcept;

 private:
  using Word = typename P::template Atomic<u64>;
  static_assert(sizeof(Word) == 8, "INV-5: a count of fewer than 64 bits can be wrapped");

  // A new page's slot; only init() makes slots. Storage and vtable stay uninitialised (INV-2).
  MetaSlot() noexcept {}

  u64 address() const noexcept { return reinterpret_cast<u64>(this); }

  static MetaSlot* of_page(u64 page) noexcept {
    // SAFETY: so many pages have a slot; P maps them at kSlotsBase, and boot initialised them
    // (INV-1).
    return reinterpret_cast<MetaSlot*>(P::kSlotsBase + page * sizeof(MetaSlot));
  }

  // The number of the page that begins there; if none does, one that no page can have, as the bits
  // within a page have become the highest. So a single comparison finds any address that has no
  // slot, and it is the number alone that is carried on.
  static u64 page_at(PhysAddr at) noexcept {
    return std::rotr(at.value, std::countr_zero(kPageSize));
  }

  // Whether a page with such a count is shared, and may be so by one more: 1 to kCountMax - 1. All
  // others are, one up, at most 1 as signed numbers; so this is a single comparison.
  static bool has_room(u64 count) noexcept { return static_cast<i64>(count + 1) > 1; }

  Result<MetaSlot*, GetFrameError> try_join(u64& seen) noexcept;
  [[gnu::cold, gnu::noinline]] Result<MetaSlot*, GetFrameError> join_again(u64 seen) noexcept;
  void dec_all_but_last() noexcept;
  [[gnu::cold, gnu::noinline]] static Failure<GetFrameError> refuse_slot(u64 page) noexcept;
  static Failure<GetFrameError> refuse_join(u64 seen) noexcept;
  [[gnu::cold, gnu::noinline]] static void refuse_inc(u64 before) noexcept;

  // The vtable of the metadata, of which the handle knows that it is an M if that is a type of
  // metadata (INV-7).
  template <class M>
  const FrameVTable* vtable_for() const noexcept {
    if constexpr (FrameMeta<M>) {
      return &kVTableOf<M>;
    } else {
      return vtable_.get();
    }
  }

  template <FrameMeta M>
  void write_meta(M meta) noexcept;
  void drop_meta_in_place(const FrameVTable* vtable) noexcept;

  void show_meta() const noexcept;
  void hide_meta() const noexcept;
  PageBytes bytes() const noexcept { return PageBytes{page_bytes<P>(paddr()), kPageSize}; }

  alignas(8) u8 storage_[kMetadataMaxSize];
  Word ref_count_{kUnused};
  typename P::template Cell<const FrameVTable*> vtable_;
  Word in_list_{0};  // The list's id; 0: none.
};

}  // namespace mm

#include "impl/frame/meta_slot.inl"
