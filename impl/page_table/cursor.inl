// SPDX-License-Identifier: MPL-2.0
#pragma once

#include <algorithm>

#include "impl/page_table/cursor.h"

namespace mm {

template <PageTableConfig C>
Result<Cursor<C>, PageTableError> Cursor<C>::open(const PageTable<C>& table, VirtAddr begin,
                                                  VirtAddr end) noexcept {
  if (!is_valid_range<C>(begin, end)) return Failure{PageTableError::invalid_range};
  if ((begin.value | end.value) % kPageSize != 0) return Failure{PageTableError::unaligned};
  ReadSection<P> section;
  const auto guarded = MM_TRY(lock_range<C>(table.root_paddr(), begin, VirtAddr{end.value - 1}));
  return Cursor(std::move(section), guarded, begin, end);
}

template <PageTableConfig C>
Cursor<C>::Cursor(Cursor&& other) noexcept
    : section_(std::move(other.section_)),
      va_(other.va_),
      begin_(other.begin_),
      end_(other.end_),
      level_(other.level_),
      guard_level_(std::exchange(other.guard_level_, 0)),
      node_(other.node_),
      guard_(other.guard_) {
  for (u32 i = level_; i < guard_level_; ++i) path_[i] = other.path_[i];
}

// Behind the span that the cursor is in, and up as far as that leaves tables. The last span below
// 2^64 ends there: so the end of the range, which comes before, is compared with a last byte.
template <PageTableConfig C>
void Cursor<C>::move_forward() noexcept {
  const u64 last = last_of_slot(va_, level_);
  while (level_ < guard_level_ && index_of(last + 1, level_) == 0) pop();
  va_ = last < end_ - 1 ? last + 1 : end_;
}

template <PageTableConfig C>
void Cursor<C>::check_length(u64 len) const noexcept {
  if (len % kPageSize != 0) [[unlikely]]
    P::panic(Panic::bad_length, "POST-27: a length is not that of pages");
  if (len > end_ - va_) [[unlikely]]  // BUG-3.
    P::panic(Panic::beyond_barrier, "POST-27: len exceeds remaining cursor range");
}

template <PageTableConfig C>
void Cursor<C>::return_to(const Place& place) noexcept {
  va_ = place.va;
  pop_to_guard();
  while (level_ > place.level) push(entry().child());
}

template <PageTableConfig C>
template <typename Cursor<C>::For kFor>
typename Cursor<C>::Found Cursor<C>::search(u64 until) noexcept {
  while (va_ < until) {
    const EntryView<C> entry = this->entry();
    if (entry.is_absent()) {
      move_forward();
      continue;
    }
    const bool fits = va_ == first_of_slot(va_, level_) && last_of_slot(va_, level_) < until;
    if (entry.is_leaf()) {
      return kFor == For::page || fits ? Found::here : Found::too_large;
    }
    if (kFor == For::fitting && fits && (C::kTopCanUnmap || level_ != C::Paging::kLevels)) {
      return Found::here;
    }
    const NodeView<C> child = entry.child();
    if (child.meta().nr_children() != 0) {
      push(child);
    } else {
      move_forward();
    }
  }
  return Found::nothing;
}

template <PageTableConfig C>
Result<Queried<C>, PageTableError> Cursor<C>::query() noexcept {
  if (va_ >= end_) [[unlikely]]
    return Failure{PageTableError::invalid_address};
  if (level_ == 1) [[likely]]
    return found(va_, node_.peek(index_of(va_, 1)), 1);
  return look_down();
}

// What an entry at such a level says. Requires that it is no table.
template <PageTableConfig C>
Queried<C> Cursor<C>::found(u64 va, u64 bits, u32 level) noexcept {
  using Entry = typename C::Entry;
  Queried<C> found{.range = slot_of({va}, level), .item = std::nullopt};
  if (Entry::is_leaf(bits)) [[likely]] {
    found.item = C::Items::ref_from_raw(
        {Entry::leaf_paddr(bits, level), static_cast<u8>(level), Entry::leaf_property(bits)});
  }
  return found;
}

// The same from a level where there may be tables.
template <PageTableConfig C>
Queried<C> Cursor<C>::look_down() noexcept {
  u64 bits = node_.peek(index());
  while (C::Entry::is_table(bits)) {
    push(NodeView<C>(C::Entry::table_paddr(bits)));
    bits = node_.peek(index());
  }
  return found(va_, bits, level_);
}

template <PageTableConfig C>
std::optional<VirtAddr> Cursor<C>::find_next(u64 len) noexcept {
  check_length(len);
  if (search<For::page>(va_ + len) == Found::nothing) return std::nullopt;
  return VirtAddr{va_};
}

template <PageTableConfig C>
Result<void, PageTableError> Cursor<C>::jump(VirtAddr va) noexcept {
  if (va.value % kPageSize != 0) [[unlikely]]
    P::panic(Panic::bad_alignment, "POST-28: a cursor is to jump into a page");
  if (va.value < begin_ || va.value >= end_) return Failure{PageTableError::invalid_address};
  // Of the same table of pages, whatever the level is.
  if ((va_ ^ va.value) >> shift_of(2) == 0 && va_ < end_) [[likely]] {
    va_ = va.value;
  } else {
    jump_otherwise(va.value);
  }
  return {};
}

template <PageTableConfig C>
void Cursor<C>::jump_otherwise(u64 va) noexcept {
  if (va_ >= end_) {
    pop_to_guard();  // The end may lie in no table of the path (BUG-8).
  } else {
    while ((va_ ^ va) >> shift_of(level_ + 1) != 0) pop();
  }
  va_ = va;
}

// --- Mapping

template <PageTableConfig C>
void CursorMut<C>::check_map(u64 len, u32 level) const noexcept {
  if (at_.va_ >= at_.end_) [[unlikely]]
    P::panic(Panic::beyond_barrier, "POST-29: the cursor is at its end");
  if (level < 1 || level > C::kHighestLevel) [[unlikely]]
    P::panic(Panic::bad_level, "POST-29: cursor level not suitable for mapping");
  if (at_.va_ % page_size(level) != 0) [[unlikely]]
    P::panic(Panic::bad_alignment, "POST-29: cursor virtual address not aligned for mapping");
  if (len > at_.end_ - at_.va_) [[unlikely]]
    P::panic(Panic::beyond_barrier, "POST-29: cursor virtual address out-of-bound for mapping");
}

template <PageTableConfig C>
void CursorMut<C>::check_leaf(PhysAddr at, u32 level, PageProperty property) noexcept {
  const Panic fault = Entry::fault_of_leaf(at, level, property.cache);
  if (fault == Panic::bad_cache) [[unlikely]]
    P::panic(fault, "A.6: unsupported cache policy");
  if (fault != Panic::none) [[unlikely]]
    P::panic(fault, "A.4: page physical address contains invalid bits");
  if (!C::Items::is_allowed(property)) [[unlikely]]
    P::panic(Panic::bad_property, "A.7: the property has the mark that is the table's own");
}

template <PageTableConfig C>
void CursorMut<C>::check_tracked(PhysAddr at) noexcept {
  if (!C::Items::can_be_given_up(*MetaSlot<P>::of(at))) [[unlikely]]
    P::panic(Panic::last_handle, "PRE-4: the page would keep its last handle");
}

// Whoever could map memory as if it were a device's would reach what others own (BUG-42).
template <PageTableConfig C>
void CursorMut<C>::check_untracked(PhysAddr at) noexcept {
  if constexpr (kIsSpace<C>) {
    if (at.value < P::globals().max_paddr()) [[unlikely]]
      P::panic(Panic::bad_address, "INV-8: memory is to be mapped as a device's");
  }
}

template <PageTableConfig C>
Result<void, PageTableError> CursorMut<C>::map(Item&& item) noexcept {
  const RawItem raw = C::Items::raw_info(item);
  check_map(page_size(raw.level), raw.level);
  if (!item.is_tracked()) check_untracked(raw.at);
  check_leaf(raw.at, raw.level, item.property);
  if constexpr (C::Items::kMayOwn) {
    if (item.is_tracked()) check_tracked(raw.at);
  }
  const u64 bits = Entry::encode_leaf(raw.at, raw.property);
  const NodeView<C> node = at_.node_;
  if (raw.level == 1 && at_.level_ == 1 && Entry::is_absent(node.peek(index_of(at_.va_, 1))))
      [[likely]] {
    node.meta().add_children(1);
    node.store(index_of(at_.va_, 1), bits);
    at_.move_to_next_page();
  } else {
    (void)MM_TRY(map_otherwise(bits, raw.level));
  }
  (void)C::Items::into_raw(std::move(item));
  return {};
}

// The tables on the way are missing, or something is there, or the cursor is at another level.
// Whether a table has made room.
template <PageTableConfig C>
[[gnu::noinline]] Result<bool, PageTableError> CursorMut<C>::map_otherwise(u64 bits,
                                                                           u32 level) noexcept {
  const auto place = at_.place();
  MM_TRY(prepare(level));
  EntryView<C> entry = at_.entry();
  const bool is_table = entry.is_table();
  if (is_table) [[unlikely]] {
    if (const auto put = put_huge(entry, bits); !put.ok()) {
      at_.return_to(place);
      return Failure{put.error()};
    }
  } else {
    (void)entry.replace(bits);
  }
  at_.move_forward();
  return is_table;
}

// Takes the cursor to a level, where nothing is mapped at its address, and makes the tables that
// are missing: all of them are taken before the first is linked.
template <PageTableConfig C>
Result<void, PageTableError> CursorMut<C>::prepare(u32 level) noexcept {
  // Looking does not move the cursor.
  u32 at = std::max(at_.level_, level);
  const u32 from = at;
  std::array<NodeView<C>, C::Paging::kLevels> way;  // [level - 1]
  way[at - 1] = at == at_.level_ ? at_.node_ : NodeView<C>({at_.path_[at - 1]});
  u64 bits = way[at - 1].peek(index_of(at_.va_, at));
  while (at > level && Entry::is_table(bits)) {
    way[at - 2] = NodeView<C>(Entry::table_paddr(bits));
    --at;
    bits = way[at - 1].peek(index_of(at_.va_, at));
  }
  if (Entry::is_leaf(bits)) return Failure{PageTableError::already_mapped};
  if (at > level) {
    SpareNodes<C> made;
    const auto highest = static_cast<u8>(at - 1), count = static_cast<u8>(at - level);
    // L9: all are in our range, so they are ours.
    if (!made.take(highest, count, Entries::absent, /*locked=*/highest)) {
      return Failure{PageTableError::no_memory};
    }
    for (u8 i = 0; i < count; ++i) way[at - 2u - i] = made[i];
    for (u8 i = count; --i > 0;) {
      const NodeView<C> parent = made[static_cast<u8>(i - 1)];
      parent.private_entries()[index_of(at_.va_, at - i)] = Entry::encode_table(made.link(i));
      parent.meta().add_children(1);
    }
    EntryView<C>(way[at - 1], index_of(at_.va_, at)).alloc_if_none(made.link(0));
  } else if (Entry::is_table(bits) &&
             !maps_nothing<C>(NodeView<C>(Entry::table_paddr(bits)), level - 1)) {
    return Failure{PageTableError::already_mapped};
  }
  while (at_.level_ < from) at_.pop();
  while (at_.level_ > level) at_.push(way[at_.level_ - 2]);
  return {};
}

// A huge page instead of a table that maps nothing.
template <PageTableConfig C>
[[gnu::cold, gnu::noinline]] Result<void, PageTableError> CursorMut<C>::put_huge(
    EntryView<C>& entry, u64 bits) noexcept {
  if (!P::globals().deferred.try_reserve()) return Failure{PageTableError::too_many_pending};
  const NodeView<C> child = entry.child();
  (void)entry.replace(bits);
  // L5: nothing leads there any more.
  (void)mark_stray<C>(child, at_.level_ - 1);
  const RcuDrop<P, Node<C>> dropped(Node<C>::from_raw(child.paddr()));
  return {};
}

// Fills the table that the cursor is in, from where it is, with at most `pages` leaves of adjacent
// pages, beginning with `bits`. Stops at an entry that is there.
template <PageTableConfig C>
std::optional<PageTableError> CursorMut<C>::fill_table(u64& bits, u64 pages,
                                                       Progress& run) noexcept {
  const NodeView<C> node = at_.node_;
  const u64 first = at_.index(), end = std::min(first + pages, kEntries);
  u64 i = first;
  for (; i < end && Entry::is_absent(node.peek(i)); ++i, bits += kPageSize) node.store(i, bits);
  const u64 count = i - first;
  node.meta().add_children(static_cast<u16>(count));
  run.pages += count;
  run.leaves += count;
  if (count > 0) {
    at_.va_ += (count - 1) * kPageSize;
    at_.move_forward();
  }
  if (i == end) return std::nullopt;
  return PageTableError::already_mapped;
}

template <PageTableConfig C>
Progress CursorMut<C>::map_range(PhysAddr at, u64 len, PageProperty property) noexcept {
  Progress run;
  if (len % kPageSize != 0) [[unlikely]]
    P::panic(Panic::bad_length, "C.3: a length is not that of pages");
  if (len == 0) return run;
  check_map(len, 1);
  if (at.value % kPageSize != 0) [[unlikely]]
    P::panic(Panic::bad_alignment, "C.3: a run does not begin at a page");
  check_untracked(at);
  check_leaf({at.value | (at.value + (len - 1)) >> 12 << 12 |
              (at.value + (len - 1) < at.value ? ~u64{0} : 0)},
             1, property);
  u64 bits = Entry::encode_leaf(at, C::Items::with_mark(property, /*is_tracked=*/false));
  for (u64 left = len; left != 0;) {
    // The largest page that both addresses are aligned for, and that is not longer than the rest.
    u32 level = C::kHighestLevel;
    while (level > 1 &&
           (((at_.va_ | at.value) & (page_size(level) - 1)) != 0 || page_size(level) > left)) {
      --level;
    }
    u64 done = 0;
    if (level > 1) {
      auto mapped = map_otherwise(bits, level);
      if (!mapped.ok()) run.stopped_by = mapped.error();
      run.tables += mapped.ok() && mapped.value() ? 1 : 0;
      done = mapped.ok() ? page_size(level) : 0;
      bits += done;
      run.pages += done / kPageSize;
      run.leaves += mapped.ok() ? 1 : 0;
    } else {
      const u64 before = bits;
      if (const auto prepared = prepare(1); !prepared.ok()) {
        run.stopped_by = prepared.error();
      } else {
        run.stopped_by = fill_table(bits, left / kPageSize, run);
      }
      done = bits - before;
    }
    if (run.stopped_by) return run;
    at.value += done;
    left -= done;
  }
  return run;
}

template <PageTableConfig C>
template <class M>
Progress CursorMut<C>::map_segment(Segment<P, M>& segment, PageProperty property) noexcept
  requires(C::Items::kMayOwn)
{
  static_assert(
      std::same_as<M, typename C::Items::Tracked> || ForgetsTo<M, typename C::Items::Tracked>,
      "the table has no such frames");
  Progress run;
  if (segment.is_empty()) return run;
  check_map(segment.size(), 1);
  check_leaf(segment.start_paddr(), 1, property);
  check_tracked(segment.start_paddr());  // All pages of a segment are of one type.
  u64 bits =
      Entry::encode_leaf(segment.start_paddr(), C::Items::with_mark(property, /*is_tracked=*/true));
  while (!segment.is_empty() && !run.stopped_by) {
    const u64 before = bits;
    if (const auto prepared = prepare(1); !prepared.ok()) {
      run.stopped_by = prepared.error();
    } else {
      run.stopped_by = fill_table(bits, segment.size() / kPageSize, run);
    }
    segment.forget_front(bits - before);  // Their counts are the entries'.
  }
  return run;
}

// --- Splitting

// Splits the page at the cursor until the part at its address lies before `until`, and goes down to
// it. All the tables that this takes are there before the first is linked.
template <PageTableConfig C>
[[gnu::noinline]] Result<void, PageTableError> CursorMut<C>::split(u64 until) noexcept {
  const u32 from = at_.level_;
  u32 to = from - 1;
  while (at_.va_ != first_of_slot(at_.va_, to) || last_of_slot(at_.va_, to) >= until) --to;
  SpareNodes<C> made;
  const auto highest = static_cast<u8>(from - 1);
  // L9: locked, as all that is in our range.
  if (!made.take(highest, static_cast<u8>(from - to), Entries::unset, /*locked=*/highest)) {
    return Failure{PageTableError::no_memory};
  }
  for (u8 i = 0; at_.level_ > to; ++i) {
    const NodeView<C> child = made[i];
    at_.entry().split_if_mapped_huge(static_cast<u8>(at_.level_), made.link(i));
    at_.push(child);
  }
  return {};
}

// --- Taking out

// Whether there is room for what the entry holds, until it is dropped; then it is reserved.
template <PageTableConfig C>
bool CursorMut<C>::may_take(u64 bits) noexcept {
  if (Entry::is_leaf(bits) && !owns<C>(bits)) return true;
  return P::globals().deferred.try_reserve();
}

// What is at the cursor, which stays; nothing, if it could not be dropped later. Requires that
// there is something, that it may be taken whole.
template <PageTableConfig C>
std::optional<Fragment<C>> CursorMut<C>::take_here() noexcept {
  EntryView<C> entry = at_.entry();
  if (!may_take(entry.bits())) return std::nullopt;
  if (entry.is_leaf()) {
    return MappedFragment<C>(at_.va_, raw_item_of(entry.replace(0), at_.level_));
  }
  const NodeView<C> child = entry.child();
  (void)entry.replace(0);
  const u64 frames = mark_stray<C>(child, at_.level_ - 1);  // L5.
  return StrayFragment<C>{{at_.va_},
                          page_size(at_.level_),
                          frames,
                          RcuDrop<P, Node<C>>(Node<C>::from_raw(child.paddr()))};
}

template <PageTableConfig C>
Result<std::optional<Fragment<C>>, PageTableError> CursorMut<C>::take_next(u64 len) noexcept {
  at_.check_length(len);
  const u64 va = at_.va_;
  // A page of 4 KiB fits into any length.
  if (at_.level_ != 1 || len == 0) [[unlikely]]
    return take_next_otherwise(len);
  EntryView<C> entry(at_.node_, index_of(va, 1));
  if (!entry.is_leaf() || !may_take(entry.bits())) [[unlikely]]
    return take_next_otherwise(len);
  const u64 bits = entry.replace(0);
  at_.move_to_next_page();
  return Result<std::optional<Fragment<C>>, PageTableError>(std::in_place, std::in_place,
                                                            std::in_place_type<MappedFragment<C>>,
                                                            va, raw_item_of(bits, 1));
}

// From where there is no page of 4 KiB, or no room for it.
template <PageTableConfig C>
Result<std::optional<Fragment<C>>, PageTableError> CursorMut<C>::take_next_otherwise(
    u64 len) noexcept {
  using Taken = std::optional<Fragment<C>>;
  const auto place = at_.place();
  const u64 until = at_.va_ + len;
  const Found found = at_.template search<For::fitting>(until);
  if (found == Found::nothing) return Taken();
  if (found == Found::too_large) {
    if (const auto cut = split(until); !cut.ok()) {
      at_.return_to(place);
      return Failure{cut.error()};
    }
  }
  Taken taken = take_here();
  if (!taken) [[unlikely]] {
    at_.return_to(place);
    return Failure{PageTableError::too_many_pending};
  }
  at_.move_forward();
  return taken;
}

template <PageTableConfig C>
template <class Sink>
  requires requires(Sink& sink, Fragment<C>&& fragment) {
    { sink(std::move(fragment)) } noexcept;
  }
Progress CursorMut<C>::unmap(u64 len, Sink&& sink) noexcept {
  at_.check_length(len);
  const u64 until = at_.va_ + len;
  auto place = at_.place();  // Behind what was done last: there it stands if more cannot be done.
  for (Progress run;;) {
    const Found found = at_.template search<For::fitting>(until);
    if (found == Found::nothing) return run;
    if (found == Found::too_large) {
      if (const auto cut = split(until); !cut.ok()) {
        at_.return_to(place);
        run.stopped_by = cut.error();
        return run;
      }
    }
    if (at_.level_ > 1) {
      auto taken = take_here();
      if (!taken) [[unlikely]] {
        at_.return_to(place);
        run.stopped_by = PageTableError::too_many_pending;
        return run;
      }
      const auto* const stray = std::get_if<StrayFragment<C>>(&*taken);
      run.pages += stray != nullptr ? stray->num_frames : page_size(at_.level_) / kPageSize;
      ++run.leaves;
      at_.move_forward();
      place = at_.place();
      sink(std::move(*taken));
      continue;
    }

    // All pages of this table, in one pass.
    const NodeView<C> node = at_.node_;
    const u64 first = at_.index();
    const u64 end = std::min(first + (until - at_.va_) / kPageSize, kEntries);
    const u64 base = first_of_slot(at_.va_, 2);
    u64 count = 0, next = first;  // Behind the last that was taken, if any was.
    bool is_refused = false;
    for (u64 i = first; i < end; ++i) {
      u64 bits = node.peek(i);
      if (!Entry::is_leaf(bits)) continue;
      if (!may_take(bits)) [[unlikely]] {
        is_refused = true;
        break;
      }
      // ORDER: as in EntryView::replace().
      bits = P::exchange_pte(node.entry_at(i), 0, std::memory_order_release);
      ++count;
      next = i + 1;
      sink(Fragment<C>(std::in_place_type<MappedFragment<C>>, base + i * kPageSize,
                       raw_item_of(bits, 1)));
    }
    if (count > 0) place = {base + next * kPageSize, 1};
    node.meta().sub_children(static_cast<u16>(count));
    run.pages += count;
    run.leaves += count;
    if (is_refused) [[unlikely]] {
      at_.return_to(place);
      run.stopped_by = PageTableError::too_many_pending;
      return run;
    }
    at_.va_ = base + (end - 1) * kPageSize;
    at_.move_forward();
    if (next == end) place = at_.place();
  }
}

// --- Protecting

// Changes the page at the cursor, which stays; it goes down, if the page must be split. `op` is
// asked first: what it may not want is found before anything changes.
template <PageTableConfig C>
std::optional<PageTableError> CursorMut<C>::protect_here(Found found, u64 until,
                                                         auto&& op) noexcept {
  EntryView<C> entry = at_.entry();
  const std::optional<u64> wanted = entry.protected_bits(op);
  if (!wanted) [[unlikely]]
    return PageTableError::bad_cache;
  u64 bits = *wanted;
  if (found == Found::too_large) {
    const u64 huge = entry.bits();
    if (const auto cut = split(until); !cut.ok()) return cut.error();
    entry = at_.entry();
    // The part has an address of its own, and what the machine has marked meanwhile.
    constexpr u64 kAddress = Entry::address_mask(1);
    constexpr u64 kMarks = Entry::kAccessed | Entry::kDirty;
    bits = (entry.bits() & kAddress) | (bits & ~kAddress) | (entry.bits() & ~huge & kMarks);
  }
  entry.protect(bits);
  return std::nullopt;
}

template <PageTableConfig C>
template <ProtectOp Op>
Result<std::optional<VirtRange>, PageTableError> CursorMut<C>::protect_next(u64 len,
                                                                            Op&& op) noexcept {
  at_.check_length(len);
  const u64 va = at_.va_;
  // A page of 4 KiB fits into any length.
  if (at_.level_ != 1 || len == 0) [[unlikely]]
    return protect_next_otherwise(len, op);
  EntryView<C> entry(at_.node_, index_of(va, 1));
  if (!entry.is_leaf()) [[unlikely]]
    return protect_next_otherwise(len, op);
  const std::optional<u64> bits = entry.protected_bits(op);
  if (!bits) [[unlikely]]
    P::panic(Panic::bad_cache, "A.6: unsupported cache policy");
  entry.protect(*bits);
  at_.move_to_next_page();
  return std::optional<VirtRange>(slot_of({va}, 1));
}

// From where there is no page of 4 KiB.
template <PageTableConfig C>
template <class Op>
Result<std::optional<VirtRange>, PageTableError> CursorMut<C>::protect_next_otherwise(
    u64 len, Op& op) noexcept {
  using Protected = std::optional<VirtRange>;
  const auto place = at_.place();
  const u64 until = at_.va_ + len;
  const Found found = at_.template search<For::fitting_page>(until);
  if (found == Found::nothing) return Protected();
  if (const auto error = protect_here(found, until, op)) [[unlikely]] {
    at_.return_to(place);
    if (*error == PageTableError::bad_cache) {
      P::panic(Panic::bad_cache, "A.6: unsupported cache policy");
    }
    return Failure{*error};
  }
  const Protected range = slot_of({at_.va_}, at_.level_);
  at_.move_forward();
  return range;
}

template <PageTableConfig C>
template <ProtectOp Op>
Progress CursorMut<C>::protect(u64 len, Op&& op) noexcept {
  at_.check_length(len);
  const u64 until = at_.va_ + len;
  const auto stop = [&](Progress& run, const auto& place, PageTableError error) noexcept {
    at_.return_to(place);
    if (error == PageTableError::bad_cache && run.leaves == 0) {
      P::panic(Panic::bad_cache, "A.6: unsupported cache policy");
    }
    run.stopped_by = error;
  };
  auto place = at_.place();  // As in unmap().
  for (Progress run;;) {
    const Found found = at_.template search<For::fitting_page>(until);
    if (found == Found::nothing) return run;
    if (at_.level_ > 1) {
      if (const auto error = protect_here(found, until, op)) [[unlikely]] {
        stop(run, place, *error);
        return run;
      }
      run.pages += page_size(at_.level_) / kPageSize;
      ++run.leaves;
      at_.move_forward();
      place = at_.place();
      continue;
    }

    // All pages of this table, in one pass.
    const NodeView<C> node = at_.node_;
    const u64 first = at_.index();
    const u64 end = std::min(first + (until - at_.va_) / kPageSize, kEntries);
    const u64 base = first_of_slot(at_.va_, 2);
    u64 count = 0, next = first;  // Behind the last that was changed.
    bool is_refused = false;
    for (u64 i = first; i < end; ++i) {
      EntryView<C> entry(node, i);
      if (!entry.is_leaf()) [[unlikely]]
        continue;
      const std::optional<u64> bits = entry.protected_bits(op);
      if (!bits) [[unlikely]] {
        is_refused = true;
        break;
      }
      entry.protect(*bits);
      ++count;
      next = i + 1;
    }
    if (count > 0) place = {base + next * kPageSize, 1};
    run.pages += count;
    run.leaves += count;
    if (is_refused) [[unlikely]] {
      stop(run, place, PageTableError::bad_cache);
      return run;
    }
    at_.va_ = base + (end - 1) * kPageSize;
    at_.move_forward();
    if (next == end) place = at_.place();
  }
}

}  // namespace mm
