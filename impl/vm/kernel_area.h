// SPDX-License-Identifier: MPL-2.0
// Areas: ranges of the kernel's addresses in which it maps frames or physical memory for itself
// (KVirtArea, C.9). What is mapped in one is a single run of pages.
//
// Kernel pages may be global, and every CPU may know them, whatever it translates by. So whoever
// drops an area has all CPUs flush what was mapped there, global translations too, and waits for
// them: only then are the addresses free for others (BUG-21). Frames and tables that were taken out
// are given up by Deferred, as ever.
//
// A large page may be mapped where a table is that maps nothing. Then a CPU may still know where
// that table was, though it has forgotten all pages there: so all are told then, too, and waited
// for.
//
// A large page is split when an area is cut within it, and not when a part is dropped: so a drop
// needs no memory, and cannot be refused.
#pragma once

#include <algorithm>

#include "impl/page_table/page_table.h"
#include "impl/tlb/flusher.h"
#include "impl/vm/range_allocator.h"

namespace mm {

enum class AreaError : u8 {
  no_space,   // No free run of addresses is long enough.
  no_memory,  // For a table; or too much waits for CPUs to pass.
};

// What mapping has done: 4 KiB pages, and if there was an error, those that were mapped until then
// and have been taken out again; and the CPUs that were waited for, if anything was taken out.
struct AreaMapped {
  u64 pages = 0;
  u64 cpus = 0;
  std::optional<AreaError> stopped_by{};
};

// What was in an area: pages that were taken out singly, of whatever size, tables, the 4 KiB pages
// that those mapped; and the CPUs that were waited for.
struct AreaDropped {
  u64 pages = 0;
  u64 tables = 0;
  u64 frames = 0;
  u64 cpus = 0;
};

// Of the kernel's table, which must outlive it. Requires of all that may take something out, and
// so may wait for other CPUs, that interrupts are on, as Flusher::sync(), and that the caller is in
// no read section: if too much is pending, it goes on when its own CPU has passed, too.
template <PageTableConfig C>
class KernelArea {
 public:
  using P = typename C::Platform;
  using Table = PageTable<C>;
  using Item = typename C::Items::Item;

  constexpr KernelArea() noexcept = default;  // None.
  KernelArea(KernelArea&& other) noexcept
      : table_(other.table_),
        range_(std::move(other.range_)),
        first_(other.first_),
        pages_(std::exchange(other.pages_, 0)) {}
  KernelArea& operator=(KernelArea&&) = delete;
  ~KernelArea() { (void)take_out(); }

  explicit operator bool() const noexcept { return static_cast<bool>(range_); }
  VirtAddr begin() const noexcept { return range_.begin(); }
  VirtAddr end() const noexcept { return range_.end(); }
  u64 pages() const noexcept { return range_.bytes() / kPageSize; }

  // Makes an area of so many pages in `to`, which must be none, and maps the segment's frames in it
  // from page `offset` on; they are the table's then. Panics: empty_range (no pages),
  // beyond_barrier (the frames go beyond the end), bad_cache, bad_property, last_handle. After
  // no_memory the segment keeps the frames that were not mapped.
  //
  // LOCKS: P::globals().kernel_ranges, then those of a cursor, then those of Flusher::dispatch().
  template <class M>
  static AreaMapped map_frames(KernelArea& to, const Table& table, u64 pages, u64 offset,
                               Segment<P, M>& segment, PageProperty property) noexcept {
    const u64 count = segment.size() / kPageSize;
    check(pages, offset, count);
    check(property);
    if (count != 0 && !C::Items::can_be_given_up(*MetaSlot<P>::of(segment.start_paddr())))
        [[unlikely]]
      P::panic(Panic::last_handle, "PRE-4: the pages would keep their last handles");
    return to.map(table, pages, offset, count, [&](CursorMut<C>& cursor) noexcept {
      return cursor.map_segment(segment, property);
    });
  }

  // The same of [at, at + count pages), untracked, by the largest pages that fit. Panics, after
  // beyond_barrier, bad_address.
  static AreaMapped map_range(KernelArea& to, const Table& table, u64 pages, u64 offset,
                              PhysAddr at, u64 count, PageProperty property) noexcept {
    check(pages, offset, count);
    if (count != 0) {
      const bool comes_round = count - 1 > (~u64{0} - at.value) / kPageSize;
      const u64 last = at.value + (count - 1) * kPageSize;
      check(C::Entry::fault_of_leaf({comes_round ? ~u64{0} : at.value | last}, 1,
                                    CachePolicy::write_back));
    }
    check(property);
    return to.map(table, pages, offset, count, [&](CursorMut<C>& cursor) noexcept {
      return cursor.map_range(at, count * kPageSize, property);
    });
  }

  // What is mapped at a page: of a larger one, its part there. None: nothing. Requires that the
  // area has the page.
  std::optional<typename C::Items::ItemRef> query(u64 page) const noexcept {
    if (page < first_ || page - first_ >= pages_) return std::nullopt;
    const u64 at = begin().value + page * kPageSize;
    // Something is mapped, so the way is there: nothing is made, and nothing refused.
    auto opened = Cursor<C>::open(*table_, {at}, {at + kPageSize});
    if (!opened.ok()) return std::nullopt;
    auto cursor = opened.take();
    auto found = cursor.query();
    if (!found.ok() || !found.value().item) return std::nullopt;
    auto [range, item] = found.take();
    item->at.value += at - range.first.value;
    return item;
  }

  // Keeps the pages before `page`; the new one has the others. Panics (bad_split) if either would
  // have none. Error: no_memory, to split a large page that lies over the cut; then nothing has
  // changed.
  Result<KernelArea, PageTableError> split(u64 page) noexcept {
    if (page == 0 || page >= pages()) [[unlikely]]
      P::panic(Panic::bad_split, "C.9: an area is to be split other than between its pages");
    const VirtAddr cut{begin().value + page * kPageSize};
    if (is_inside(page)) MM_TRY(split_large_page(cut));
    KernelArea upper(*table_, range_.cut(cut));
    const u64 end = first_ + pages_;
    upper.first_ = std::max(first_, page) - page;
    upper.pages_ = end - std::clamp(page, first_, end);
    pages_ -= upper.pages_;
    return upper;
  }

  // As its destructor does, and says what was there.
  friend AreaDropped drop(KernelArea&& area) noexcept {
    const AreaDropped dropped = area.take_out();
    area.range_.release();
    return dropped;
  }

 private:
  KernelArea(const Table& table, AddressRange<P>&& range) noexcept
      : table_(&table), range_(std::move(range)) {}

  static void check(u64 pages, u64 offset, u64 count) noexcept {
    if (pages == 0) [[unlikely]]
      P::panic(Panic::empty_range, "C.9: an area of no page");
    if (offset > pages || count > pages - offset) [[unlikely]]
      P::panic(Panic::beyond_barrier, "C.9: more is to be mapped than the area has room for");
  }
  static void check(Panic fault) noexcept {
    if (fault != Panic::none) [[unlikely]]
      P::panic(fault, "C.9: no entry can say what is to be mapped");
  }
  // Here, for what a cursor would find comes too late: by then the range has been taken.
  static void check(PageProperty property) noexcept {
    check(C::Entry::fault_of_cache(property.cache));
    if (!C::Items::is_allowed(property)) [[unlikely]]
      P::panic(Panic::bad_property, "A.7: the property has the mark that is the table's own");
  }

  AreaMapped map(const Table& table, u64 pages, u64 offset, u64 count, auto&& work) noexcept {
    // No machine has so many addresses.
    if (pages > ~u64{0} / kPageSize ||
        !P::globals().kernel_ranges.alloc(range_, pages * kPageSize)) {
      return {.stopped_by = AreaError::no_space};
    }
    table_ = &table;
    first_ = offset;
    if (count == 0) return {};
    const u64 at = begin().value + offset * kPageSize;
    std::optional<PageTableError> stopped_by;
    auto flusher = Flusher<P>::of_kernel();
    {
      auto opened = CursorMut<C>::open(table, {at}, {at + count * kPageSize});
      if (opened.ok()) {
        auto cursor = opened.take();
        const Progress run = work(cursor);
        pages_ = run.pages;
        stopped_by = run.stopped_by;
        if (run.tables != 0) flusher.issue(Flush::kernel_pages<P>({at}, count));
        // In the read section in which they were given up, as Deferred wants it.
        (void)flusher.dispatch();
      } else {
        stopped_by = opened.error();
      }
    }
    const u64 cpus = flusher.sync();
    if (!stopped_by) return {.pages = count, .cpus = cpus};
    const u64 mapped = pages_;
    const AreaDropped dropped = take_out();
    range_.release();
    return {.pages = mapped, .cpus = cpus | dropped.cpus, .stopped_by = AreaError::no_memory};
  }

  // Whether something is mapped on both sides.
  bool is_inside(u64 page) const noexcept { return page > first_ && page - first_ < pages_; }

  Result<void, PageTableError> split_large_page(VirtAddr cut) noexcept {
    constexpr u64 kLarge = page_size(C::kHighestLevel);
    static_assert(C::kHighestLevel == 2, "a page of this size is split into small ones");
    const u64 at = cut.value & ~(kLarge - 1);
    const u64 mapped = begin().value + first_ * kPageSize;
    if (at == cut.value || at < mapped || at + kLarge > mapped + pages_ * kPageSize) return {};
    auto cursor = MM_TRY((CursorMut<C>::open(*table_, {at}, {at + kLarge})));
    if (MM_TRY(cursor.query()).range.bytes() != kLarge) return {};
    // To change a small one, though nothing of it, is to split it.
    (void)MM_TRY(cursor.protect_next(kPageSize, [](PageFlags&, CachePolicy&) noexcept {}));
    return {};
  }

  // All that is mapped. What others still may know has been flushed when this returns.
  AreaDropped take_out() noexcept {
    AreaDropped dropped;
    while (pages_ != 0) {
      const u64 done = take_out_some(dropped);
      first_ += done;
      pages_ -= done;
      if (pages_ != 0) P::spin_hint();  // Too much waits until CPUs have passed.
    }
    return dropped;
  }

  u64 take_out_some(AreaDropped& dropped) noexcept {
    const u64 at = begin().value + first_ * kPageSize;
    auto flusher = Flusher<P>::of_kernel();
    u64 done = 0;
    {
      auto opened = CursorMut<C>::open(*table_, {at}, {at + pages_ * kPageSize});
      MM_ASSERT(P, "INV-45", opened.ok());  // What is mapped there has all its tables.
      auto cursor = opened.take();
      const Progress run = cursor.unmap(pages_ * kPageSize, [&](Fragment<C>&& taken) noexcept {
        if (const auto* const stray = std::get_if<StrayFragment<C>>(&taken)) {
          ++dropped.tables;
          dropped.frames += stray->num_frames;
          flusher.issue(Flush::kernel_pages<P>(stray->va, stray->bytes / kPageSize));
        } else {
          const auto& page = *std::get_if<MappedFragment<C>>(&taken);
          ++dropped.pages;
          flusher.issue(Flush::kernel_pages<P>(page.va, pages_of(page)));
        }
      });
      done = run.stopped_by ? (cursor.virt_addr().value - at) / kPageSize : pages_;
      // In the read section in which it was given up, as Deferred wants it.
      (void)flusher.dispatch();
    }
    dropped.cpus |= flusher.sync();
    return done;
  }
  static u64 pages_of(const MappedFragment<C>& page) noexcept {
    return page_size((*page.item).level) / kPageSize;
  }

  const Table* table_ = nullptr;
  AddressRange<P> range_{};
  u64 first_ = 0, pages_ = 0;  // What is mapped: pages of the area. None if there are 0.
};

}  // namespace mm
