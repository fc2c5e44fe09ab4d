// SPDX-License-Identifier: MPL-2.0
// Cursors: a place in a range of a page table that is the cursor's alone as long as it lives.
//
// Opening one locks every table that its range meets, by the protocol of locking.h; it is also a
// read section, so its CPU passes no quiescent state meanwhile. Closing, or the end of its life,
// releases both. Two cursors of one CPU whose guards are the same wait for each other for ever.
//
// A cursor is at an address of its range, or at its end, and at a level: in the table of that level
// through which the address goes. Where it starts searching, and so whether a table is taken out
// whole or page by page, depends on the level: it is the guard's at first, goes down as the cursor
// looks into tables, and up as it leaves them (INV-38).
//
// What is wrong with the arguments is a panic, raised before anything has changed. What cannot be
// had is an error, and leaves everything as it was, the cursor's place included (house rules of
// impl/base/panic.h and impl/base/result.h). The range forms are loops of the single forms, done in
// one pass over each table: an error stops them where the single form would have met it, with all
// that was done before.
#pragma once

#include <variant>

#include "impl/page_table/locking.h"
#include "impl/sync/deferred.h"
#include "impl/sync/preemption.h"

namespace mm {

template <PageTableConfig C>
class PageTable;

// What is at an address: the whole span of the page, or of the absent entry, and the page if there
// is one. The span may reach beyond the cursor's range on both sides.
template <PageTableConfig C>
struct Queried {
  VirtRange range;
  std::optional<typename C::Items::ItemRef> item;
};

// What was taken out: a page,
template <PageTableConfig C>
struct MappedFragment {
  [[gnu::always_inline]] MappedFragment(u64 at, const RawItem& raw) noexcept
      : va{at}, item(C::Items::from_raw(raw)) {}

  VirtAddr va;
  RcuDrop<typename C::Platform, typename C::Items::Item> item;
};
// or a table with all that is below it, which is stray, and may map nothing.
template <PageTableConfig C>
struct StrayFragment {
  VirtAddr va;
  u64 bytes;       // Of the address space: the span of the entry that led to it.
  u64 num_frames;  // Pages of 4 KiB that were mapped there, huge ones counted as so many.
  RcuDrop<typename C::Platform, Node<C>> table;
};
// Dropped, it is dropped after a grace period: that is what a caller does who wants nothing of it.
template <PageTableConfig C>
using Fragment = std::variant<MappedFragment<C>, StrayFragment<C>>;

// What a range form has done.
struct Progress {
  u64 pages = 0;   // Of 4 KiB: mapped, protected, or taken out.
  u64 leaves = 0;  // Entries: of pages of any size; or fragments, of what was taken out.
  u64 tables = 0;  // Tables that mapped nothing, and have made room for larger pages.
  std::optional<PageTableError> stopped_by;  // If something did; none if all was done.
};

template <PageTableConfig C>
class Cursor {
 public:
  using Config = C;
  using P = typename C::Platform;
  using Item = typename C::Items::Item;

  // A cursor at `begin`, of the range [begin, end). Errors: invalid_range, then unaligned, then
  // no_memory: the way down to the range is made, if it is not there (POST-25). The table must
  // outlive the cursor. May wait for other cursors.
  [[gnu::always_inline]] static Result<Cursor, PageTableError> open(const PageTable<C>& table,
                                                                    VirtAddr begin,
                                                                    VirtAddr end) noexcept;

  [[gnu::always_inline]] Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&&) = delete;
  [[gnu::always_inline]] ~Cursor() {
    if (guard_level_ != 0) unlock_range<C>({guard_, guard_level_}, {begin_}, {end_ - 1});
  }

  VirtAddr virt_addr() const noexcept { return {va_}; }
  VirtAddr begin() const noexcept { return {begin_}; }
  VirtAddr end() const noexcept { return {end_}; }
  u8 level() const noexcept { return static_cast<u8>(level_); }
  u8 guard_level() const noexcept { return static_cast<u8>(guard_level_); }

  // What is at the cursor's address, which stays; the level goes down to that of what is found.
  // Error: invalid_address, at the end (POST-26).
  [[gnu::always_inline]] Result<Queried<C>, PageTableError> query() noexcept;

  // Goes on to the first page that is mapped in the next `len` bytes: where it begins, or where the
  // cursor is, if that is within it. None: the cursor is at the end of the absent span, or of the
  // empty table, in which the `len` bytes end, but not beyond its own end; if `len` is 0 it has not
  // moved (POST-27). Panics: bad_length, then beyond_barrier.
  std::optional<VirtAddr> find_next(u64 len) noexcept;

  // Goes to an address of the range; it leaves tables, but looks into none (POST-28). Panics:
  // bad_alignment. Error: invalid_address, of the range's end, too.
  [[gnu::always_inline]] Result<void, PageTableError> jump(VirtAddr va) noexcept;

 private:
  template <PageTableConfig>
  friend class CursorMut;

  // What a search stops at: any page; a page that lies within what is searched; or a table that
  // does, too.
  enum class For : u8 { page, fitting_page, fitting };
  // A page that is larger than what is searched is `too_large`: it must be split.
  enum class Found : u8 { nothing, here, too_large };

  struct Place {
    u64 va;
    u32 level;
  };

  Cursor(ReadSection<P>&& section, const Guarded<C>& guarded, VirtAddr begin, VirtAddr end) noexcept
      : section_(std::move(section)),
        va_(begin.value),
        begin_(begin.value),
        end_(end.value),
        level_(guarded.level),
        guard_level_(guarded.level),
        node_(guarded.node),
        guard_(guarded.node) {}

  u64 index() const noexcept { return index_of(va_, level_); }
  EntryView<C> entry() const noexcept { return EntryView<C>(node_, index()); }

  // Down into a table, and up again.
  void push(NodeView<C> child) noexcept {
    path_[level_ - 1] = node_.paddr().value;
    --level_;
    node_ = child;
  }
  void pop() noexcept { node_ = NodeView<C>({path_[level_++]}); }
  void pop_to_guard() noexcept {
    level_ = guard_level_;
    node_ = guard_;
  }
  void move_forward() noexcept;
  // The same from a page of 4 KiB, which ends no later than the range.
  [[gnu::always_inline]] void move_to_next_page() noexcept {
    if (guard_level_ != 1 && index_of(va_ + kPageSize, 1) == 0) [[unlikely]]
      return move_forward();
    va_ += kPageSize;
  }
  [[gnu::always_inline]] static Queried<C> found(u64 va, u64 bits, u32 level) noexcept;
  [[gnu::noinline]] Queried<C> look_down() noexcept;
  [[gnu::noinline]] void jump_otherwise(u64 va) noexcept;
  [[gnu::always_inline]] void check_length(u64 len) const noexcept;
  template <For kFor>
  Found search(u64 until) noexcept;

  Place place() const noexcept { return {va_, level_}; }
  void return_to(const Place& place) noexcept;

  ReadSection<P> section_;
  u64 va_;
  u64 begin_, end_;
  u32 level_;
  u32 guard_level_;    // 0 if it was moved from.
  NodeView<C> node_;   // Of level_,
  NodeView<C> guard_;  // and of guard_level_.
  // Those between, and the guard, by [level - 1]; set where the cursor has gone down.
  std::array<u64, C::Paging::kLevels> path_;
};

// A cursor that may change what is mapped. Of a space it is opened as a SpaceCursorMut, which has
// CPUs flush.
template <PageTableConfig C>
class CursorMut {
 public:
  using Config = C;
  using P = typename C::Platform;
  using Item = typename C::Items::Item;

  [[gnu::always_inline]] static Result<CursorMut, PageTableError> open(const PageTable<C>& table,
                                                                       VirtAddr begin,
                                                                       VirtAddr end) noexcept
    requires(!kIsSpace<C>)
  {
    return CursorMut(MM_TRY(Cursor<C>::open(table, begin, end)));
  }

  // As those of Cursor.
  VirtAddr virt_addr() const noexcept { return at_.virt_addr(); }
  VirtAddr begin() const noexcept { return at_.begin(); }
  VirtAddr end() const noexcept { return at_.end(); }
  u8 level() const noexcept { return at_.level(); }
  u8 guard_level() const noexcept { return at_.guard_level(); }
  [[gnu::always_inline]] Result<Queried<C>, PageTableError> query() noexcept {
    return at_.query();
  }
  std::optional<VirtAddr> find_next(u64 len) noexcept { return at_.find_next(len); }
  Result<void, PageTableError> jump(VirtAddr va) noexcept { return at_.jump(va); }

  // Maps an item at the cursor's address, and goes behind it (POST-29). Tables that are missing are
  // made; one without a page in it, where a huge page is to be, is taken out and dropped later.
  // Panics, in this order: beyond_barrier (at the end), bad_level, bad_alignment, beyond_barrier
  // (it is too large), bad_address, bad_cache, bad_property, last_handle (a frame whose usage keeps
  // its last handle could not be dropped when it is unmapped). Into a space nothing untracked is
  // mapped that is memory: that is a bad_address, too (INV-8). Errors, found before anything
  // changes, and the item stays with the caller: already_mapped, too_many_pending, no_memory.
  [[gnu::always_inline]] Result<void, PageTableError> map(Item&& item) noexcept;

  // Maps [at, at + len), untracked, by the largest pages that fit. Panics, before the first: as
  // map(), of the whole run, and bad_length.
  Progress map_range(PhysAddr at, u64 len, PageProperty property) noexcept;

  // Maps the frames of a segment, one after another; the segment keeps those that were not mapped.
  // Panics, before the first: as map(), of the whole segment.
  template <class M>
  Progress map_segment(Segment<P, M>& segment, PageProperty property) noexcept
    requires(C::Items::kMayOwn);

  // Takes out what is first in the next `len` bytes: a table that lies within them, at or below the
  // cursor's level; or a page; of a page that is too large the part that lies within, for which it
  // is split. The cursor goes behind it. None as find_next() (POST-30). Panics as find_next().
  // Errors: no_memory, too_many_pending.
  [[gnu::always_inline]] Result<std::optional<Fragment<C>>, PageTableError> take_next(
      u64 len) noexcept;

  // All of it: `sink(Fragment<C>&&)` gets each fragment (POST-31). By itself it drops them later.
  template <class Sink>
    requires requires(Sink& sink, Fragment<C>&& fragment) {
      { sink(std::move(fragment)) } noexcept;
    }
  Progress unmap(u64 len, Sink&& sink) noexcept;
  Progress unmap(u64 len) noexcept {
    return unmap(len, [](Fragment<C>&&) noexcept {});
  }

  // Changes the first page in the next `len` bytes as `op` says, and goes behind it; a page that is
  // too large is split (POST-32). The page's range, or none as find_next(). Panics as find_next(),
  // and bad_cache. Error: no_memory; then `op` was asked for nothing.
  template <ProtectOp Op>
  [[gnu::always_inline]] Result<std::optional<VirtRange>, PageTableError> protect_next(
      u64 len, Op&& op) noexcept;

  // All of them. A bad cache policy is a panic if it is asked for at first, and an error later.
  template <ProtectOp Op>
  Progress protect(u64 len, Op&& op) noexcept;

 private:
  template <Platform>
  friend class SpaceCursorMut;

  using Entry = typename C::Entry;
  using For = typename Cursor<C>::For;
  using Found = typename Cursor<C>::Found;

  explicit CursorMut(Cursor<C>&& at) noexcept : at_(std::move(at)) {}

  [[gnu::always_inline]] void check_map(u64 len, u32 level) const noexcept;
  static void check_tracked(PhysAddr at) noexcept;
  static void check_untracked(PhysAddr at) noexcept;
  [[gnu::always_inline]] static void check_leaf(PhysAddr at, u32 level,
                                                PageProperty property) noexcept;
  Result<bool, PageTableError> map_otherwise(u64 bits, u32 level) noexcept;
  Result<void, PageTableError> prepare(u32 level) noexcept;
  Result<void, PageTableError> put_huge(EntryView<C>& entry, u64 bits) noexcept;
  Result<void, PageTableError> split(u64 until) noexcept;
  std::optional<PageTableError> fill_table(u64& bits, u64 pages, Progress& run) noexcept;
  static bool may_take(u64 bits) noexcept;
  [[gnu::always_inline]] static RawItem raw_item_of(u64 bits, u32 level) noexcept {
    return {Entry::leaf_paddr(bits, level), static_cast<u8>(level), Entry::leaf_property(bits)};
  }
  std::optional<Fragment<C>> take_here() noexcept;
  [[gnu::noinline]] Result<std::optional<Fragment<C>>, PageTableError> take_next_otherwise(
      u64 len) noexcept;
  template <class Op>
  [[gnu::noinline]] Result<std::optional<VirtRange>, PageTableError> protect_next_otherwise(
      u64 len, Op& op) noexcept;
  std::optional<PageTableError> protect_here(Found found, u64 until, auto&& op) noexcept;

  Cursor<C> at_;
};

}  // namespace mm

#include "impl/page_table/cursor.inl"
