// SPDX-License-Identifier: MPL-2.0
// The page table that the machine boots with: the firmware's, to which tables are added until the
// kernel's own takes over (C.8).
//
//   made       at its first use, of what the CPU translates by then: every entry that leads to a
//              table is marked AVAIL1, for that table is the firmware's
//   used       new tables are pages of the early allocator; when that has retired, frames of the
//              kind that its pages have become: so all of them are given back alike
//   dismissed  by each CPU, once it translates by another table. With the last, the tables that are
//              not the firmware's are given back, and every entry that led to a table is cleared
//
// Tables of the firmware may be reached by several ways, but none by way of itself. Its pages of
// 4 KiB need not have bit 7, as ours do (x86_64_entry.h).
//
// All CPUs boot with the same table. One that uses it stays on its CPU meanwhile. No translation is
// flushed: who takes rights away has CPUs flush.
#pragma once

#include "impl/addr/paging.h"
#include "impl/frame/early_allocator.h"
#include "impl/frame/frame.h"
#include "impl/frame/kinds.h"
#include "impl/platform/x86_64_entry.h"
#include "impl/sync/interrupts.h"
#include "impl/sync/spin_lock.h"

namespace mm {

enum class BootTableError : u8 {
  dismissed,  // By this CPU.
  no_memory,
};

// What an operation has done. If there was no memory for a table, those before it stay.
struct BootTableChange {
  std::array<PhysAddr, 3> tables{};  // New ones, from above downwards.
  u8 count = 0;                      // Of them.
  std::optional<BootTableError> stopped_by;
};

struct BootDismissal {
  bool was_last = false;
  u64 given = 0;  // Tables that were given back.
};

template <class P>
class BootPageTable {
 public:
  // Where an address leads, how, and by a page of which level.
  struct Translated {
    PhysAddr at;
    PageProperty property;
    u32 level;
  };

  constexpr BootPageTable() noexcept = default;
  BootPageTable(const BootPageTable&) = delete;
  BootPageTable& operator=(const BootPageTable&) = delete;

  // Maps a page of 4 KiB where nothing is. Errors: dismissed, no_memory. Panics, in this order:
  // misaligned, bad_address, bad_cache, mapped_huge, mapped_already, no_early.
  BootTableChange map_base_page(VirtAddr va, PhysAddr pa, PageProperty property) noexcept {
    if (has_dismissed()) return {.stopped_by = BootTableError::dismissed};
    check_aligned(va);
    if (const Panic fault = Entry::fault_of_leaf(pa, 1, property.cache); fault != Panic::none)
        [[unlikely]]
      P::panic(fault, "C.8: no entry of a boot page table can say this");

    BootTableChange change;
    Panic why = Panic::none;
    {
      const Locked locked(*this);
      make();
      Place place = find(root_, va);
      if (place.kind() == EntryKind::leaf) {
        why = place.level > 1 ? Panic::mapped_huge : Panic::mapped_already;
      } else if (place.level > 1) {
        why = fault_of_early();
      }
      if (why == Panic::none && add_tables(place, va, change)) {
        store(place.at, Entry::encode_leaf(pa, property));
      }
    }
    if (why != Panic::none) [[unlikely]]
      refuse(why);
    return change;
  }

  // Changes a page as `op(flags, cache)` says; a larger one becomes a table of pages a level
  // smaller, until it is one of 4 KiB. `op` is asked once, of no rights and write-back if nothing
  // is there, so that what it wants is judged first. Errors: dismissed, no_memory. Panics, in this
  // order: misaligned, bad_cache, not_mapped, no_early.
  template <class Op>
  requires requires(Op& op, PageFlags& flags, CachePolicy& cache) {
    { op(flags, cache) }
    noexcept;
  }
  BootTableChange protect_base_page(VirtAddr va, Op&& op) noexcept {
    if (has_dismissed()) return {.stopped_by = BootTableError::dismissed};
    check_aligned(va);

    BootTableChange change;
    Panic why = Panic::none;
    {
      const Locked locked(*this);
      make();
      Place place = find(root_, va);
      const bool is_mapped = place.kind() == EntryKind::leaf;
      const PageProperty before = is_mapped ? Entry::leaf_property(place.bits) : PageProperty{};
      PageFlags flags = before.flags;
      CachePolicy cache = before.cache;
      op(flags, cache);
      why = Entry::fault_of_cache(cache);
      if (why == Panic::none && !is_mapped) why = Panic::not_mapped;
      if (why == Panic::none && place.level > 1) why = fault_of_early();
      if (why == Panic::none && split_down(place, va, change)) {
        protect(place, before.flags, flags, cache);
      }
    }
    if (why != Panic::none) [[unlikely]]
      refuse(why);
    return change;
  }

  // By software, of any tables of a machine that boots. Takes no lock: true at one moment, if
  // others change them.
  static std::optional<Translated> page_walk(PhysAddr root, VirtAddr va) noexcept {
    const Place found = find(root, va);
    if (found.kind() == EntryKind::absent) return std::nullopt;
    const u64 offset = va.value & (page_size(found.level) - 1);
    return Translated{{Entry::leaf_paddr(found.bits, found.level).value + offset},
                      Entry::leaf_property(found.bits),
                      found.level};
  }

  // Now at the latest: for who is about to translate by another table.
  void make_of_current() noexcept {
    const Locked locked(*this);
    make();
  }

  // This CPU is done with it. Error: dismissed, it was so before. Requires that there is metadata,
  // and that the table is made, unless the CPU still translates by it.
  Result<BootDismissal, BootTableError> dismiss() noexcept {
    if (has_dismissed()) return Failure{BootTableError::dismissed};
    make_of_current();
    is_dismissed_[P::this_cpu()] = true;
    // ORDER: release hands what this CPU did with the tables to the last one, acquire; so that has
    // them alone, and takes no lock.
    const u32 before = dismissals_.fetch_add(1, std::memory_order_acq_rel);
    if (before + 1 != P::cpu_count()) return BootDismissal{};
    BootDismissal done{.was_last = true, .given = 0};
    each_table(root_, kLevels, [&](PhysAddr at, u64) noexcept {
      // ORDER: none needed: nobody else looks at it any more.
      const u64 bits = P::exchange_pte(at, 0, std::memory_order_relaxed);
      if ((bits & Entry::kAvail1) != 0) return;
      // SAFETY: it was taken from the early allocator, whose pages became such frames of one count
      // when it retired, or as such a frame; and this entry alone led to it, and had that count.
      (void)drop(Frame<P, EarlyAllocatedFrameMeta>::from_raw(Entry::table_paddr(bits)));
      ++done.given;
    });
    return done;
  }

 private:
  using Entry = X86_64Entry<>;
  static constexpr u32 kLevels = FourLevels::kLevels;
  // The PAT bit of pages of 2 MiB and 1 GiB. Intel SDM vol. 3A, tables 4-16 and 4-18.
  static constexpr u64 kLargePat = u64{1} << 12;

  // An entry, and what it was.
  struct Place {
    PhysAddr at;
    u32 level;
    u64 bits;

    // Of level 1 all that is there is a page.
    EntryKind kind() const noexcept {
      const EntryKind kind = Entry::kind_of(bits);
      return level == 1 && kind == EntryKind::table ? EntryKind::leaf : kind;
    }
  };

  // LOCKS: lock_, with interrupts off. With it held, the allocator's may be taken.
  class Locked {
   public:
    explicit Locked(BootPageTable& table) noexcept : table_(table) { table_.lock_.lock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { table_.lock_.unlock(); }

   private:
    InterruptsOff<P> off_;
    BootPageTable& table_;
  };

  bool has_dismissed() const noexcept { return is_dismissed_[P::this_cpu()]; }

  static void check_aligned(VirtAddr va) noexcept {
    if (va.value % kPageSize != 0) [[unlikely]]
      P::panic(Panic::misaligned, "C.8: not the address of a page");
  }

  // With no lock held.
  [[gnu::cold]] static void refuse(Panic why) noexcept {
    switch (why) {
      case Panic::mapped_huge:
        P::panic(why, "C.8: mapping an already mapped huge page in the boot page table");
        break;
      case Panic::mapped_already:
        P::panic(why, "C.8: mapping an already mapped page in the boot page table");
        break;
      case Panic::not_mapped:
        P::panic(why, "C.8: protecting an unmapped page in the boot page table");
        break;
      case Panic::no_early: P::panic(why, "B.10: there is no early allocator"); break;
      default: P::panic(why, "C.8: no entry of a boot page table can say this"); break;
    }
  }

  static PhysAddr entry_at(PhysAddr table, u64 index) noexcept {
    return {table.value + index * kEntryBytes};
  }
  static u64 load(PhysAddr at) noexcept {
    // ORDER: acquire pairs with the release in store(): a table that is found is as it was linked.
    return P::load_pte(at, std::memory_order_acquire);
  }
  static void store(PhysAddr at, u64 bits) noexcept {
    // ORDER: release pairs with the acquire in load(), and with the page walker's reads.
    P::store_pte(at, bits, std::memory_order_release);
  }

  // The entry that tables lead to from an entry's place downwards: no table's.
  static Place find(PhysAddr table, VirtAddr va, u32 level = kLevels) noexcept {
    for (;; --level) {
      const PhysAddr at = entry_at(table, index_of(va.value, level));
      const Place place{at, level, load(at)};
      if (place.kind() != EntryKind::table) return place;
      table = Entry::table_paddr(place.bits);
    }
  }

  // Calls use(at, bits) for every entry that leads to a table, and before it for those in there.
  static void each_table(PhysAddr table, u32 level, auto&& use) noexcept {
    if (level == 1) return;
    for (u64 i = 0; i < kEntries; ++i) {
      const PhysAddr at = entry_at(table, i);
      const u64 bits = load(at);
      if (!Entry::is_table(bits)) continue;
      each_table(Entry::table_paddr(bits), level - 1, use);
      use(at, bits);
    }
  }

  // Requires the lock.
  void make() noexcept {
    if (is_made_) return;
    is_made_ = true;
    root_ = P::root();
    each_table(root_, kLevels, [](PhysAddr at, u64 bits) noexcept {
      // ORDER: none needed: the mark is the lock's. The machine may mark the entry meanwhile.
      while (!P::compare_exchange_pte(at, bits, bits | Entry::kAvail1, std::memory_order_relaxed)) {
      }
    });
  }

  // Whether pages are the frame allocator's by now.
  static bool has_frames() noexcept {
    // ORDER: acquire pairs with the release in init_metadata(), as in is_initialized().
    return P::globals().is_metadata_ready.load(std::memory_order_acquire) != 0;
  }
  // Why no table can be asked for.
  static Panic fault_of_early() noexcept {
    const bool has_any = has_frames() || P::globals().early_allocator.is_active();
    return has_any ? Panic::none : Panic::no_early;
  }

  static std::optional<PhysAddr> alloc_page() noexcept {
    if (!has_frames()) return P::globals().early_allocator.alloc(1, kPageSize);
    auto frame = Frame<P, EarlyAllocatedFrameMeta>::alloc({});
    if (!frame) return std::nullopt;
    return std::move(*frame).into_raw();
  }
  // The entries of a new table, whatever they are, or null.
  static u64* alloc_table(BootTableChange& change) noexcept {
    const std::optional<PhysAddr> at = alloc_page();
    if (!at) {
      change.stopped_by = BootTableError::no_memory;
      return nullptr;
    }
    change.tables[change.count++] = *at;
    // SAFETY: the page holds 512 words, aligned, and is ours until it is linked.
    return reinterpret_cast<u64*>(page_bytes<P>(*at));
  }
  static PhysAddr newest(const BootTableChange& change) noexcept {
    return change.tables[change.count - 1u];
  }

  // From an absent entry down to that of a page of 4 KiB. False: there was no memory.
  static bool add_tables(Place& place, VirtAddr va, BootTableChange& change) noexcept {
    while (place.level > 1) {
      u64* const entries = alloc_table(change);
      if (entries == nullptr) return false;
      __builtin_memset(entries, 0, kPageSize);
      store(place.at, Entry::encode_table(newest(change)));
      place = find(newest(change), va, place.level - 1);
    }
    return true;
  }

  // From a page down to one of 4 KiB. False: there was no memory.
  static bool split_down(Place& place, VirtAddr va, BootTableChange& change) noexcept {
    while (place.level > 1) {
      u64* const entries = alloc_table(change);
      if (entries == nullptr) return false;
      do {
        fill(entries, place);
        // ORDER: release as in store(). The machine may have marked the page meanwhile.
      } while (!P::compare_exchange_pte(place.at, place.bits, Entry::encode_table(newest(change)),
                                        std::memory_order_release));
      place = find(newest(change), va, place.level - 1);
    }
    return true;
  }

  // The parts of a larger page: addresses by addition, all else the same. What is bit 12 there is
  // bit 7 of a page of 4 KiB; that is set, and by kPat makes no difference.
  static void fill(u64* entries, const Place& whole) noexcept {
    const u64 step = page_size(whole.level - 1);
    u64 bits = whole.level == 2 ? whole.bits & ~kLargePat : whole.bits;
    for (u64 i = 0; i < kEntries; ++i, bits += step) entries[i] = bits;
  }

  // Of a page of 4 KiB: from some flags to others. What the machine has marked meanwhile stays so.
  static void protect(const Place& place, PageFlags from, PageFlags to,
                      CachePolicy cache) noexcept {
    constexpr u8 kMarks = PageFlags::kAccessed | PageFlags::kDirty;
    u64 seen = place.bits, next = 0;
    do {
      const u8 marked = Entry::decode_flags(seen).bits & static_cast<u8>(~from.bits) & kMarks;
      // Without rights it would be absent, had it no bit 7.
      next = Entry::with(seen | Entry::kLeaf, {static_cast<u8>(to.bits | marked)}, cache);
      // ORDER: release as in store().
    } while (!P::compare_exchange_pte(place.at, seen, next, std::memory_order_release));
  }

  PhysAddr root_{};  // LOCKS: lock_, as the next.
  bool is_made_ = false;
  SpinLock<P> lock_{};
  typename P::template Atomic<u32> dismissals_{0};
  std::array<bool, P::kMostCpus> is_dismissed_{};  // Each is its CPU's own.
};

}  // namespace mm
