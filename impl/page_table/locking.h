// SPDX-License-Identifier: MPL-2.0
// The protocol by which cursors keep out of each other's way, and nothing else (C.7).
//
//   root        ── no lock: entries are loaded, acquire
//    └ table    ── no lock
//       └ GUARD ── locked: the lowest node that has the whole range
//          ├ table  locked, if its span meets the range
//          │  └ ...
//          └ table  locked, if ...
//
// A cursor owns its guard node and every node below that its range meets, until it is closed; from
// the first such node on it finds all others by entries that nobody else may change. On the way
// down to the guard it has no lock, so that cursors elsewhere write to nothing it reads.
//
// LOCKS: nodes, top down, and below a node by ascending address; an absent table above the guard is
// made under the lock of the node that it is linked to, which is let go before the next is taken.
// So no two cursors wait for each other.
//
//   L1  A node is stray from the moment when it can no longer be reached from the root.
//   L2  Who locks a node that he found without a lock looks whether it is stray, and starts again.
//   L3  A node found without a lock stays a node until the read section ends (deferred.h).
//   L4  A child is locked, or whole and nobody's, before its entry is published.
//   L5  Cutting off: the entry is cleared, then the node marked under its lock, then unlocked.
//   L6  nr_children and is_stray are read and written under the lock.
//   L7  On the way down entries are read whole, atomically.
//   L8  Nothing outside the guard's subtree is touched.
//   L9  A table that is made inside the range is locked by the cursor at once.
//   L10 Starting again leaves nothing behind but, possibly, tables with no mapping.
#pragma once

#include "impl/page_table/entry.h"

namespace mm {

enum class PageTableError : u8 {
  invalid_range,     // No range of addresses of this table.
  unaligned,         // A range of the table that is not one of whole pages.
  invalid_address,   // Outside the cursor's range, or behind its end.
  no_memory,         // For a table.
  already_mapped,    // Something is mapped there.
  too_many_pending,  // There is no room for what must be dropped later; see deferred.h.
  bad_cache,         // Of one page of a run: the cache policy that was asked for cannot be had.
};

// The level of the node that guards [first, last]: of the lowest node that has all of it; but if
// that is just what a huge page can be, one above, so that it can be mapped (BUG-35).
template <PageTableConfig C>
constexpr u32 guard_level_of(VirtAddr first, VirtAddr last) noexcept {
  const u64 differ = first.value ^ last.value;
  u32 level = 1;
  while (level < C::Paging::kLevels && differ >> shift_of(level + 1) != 0) ++level;
  const u64 within = page_size(level + 1) - 1;
  const bool is_one_slot = (first.value & within) == 0 && (last.value & within) == within;
  if (is_one_slot && level < C::kHighestLevel) ++level;
  return level;
}

// A guard node, locked with all below that meets the range.
template <PageTableConfig C>
struct Guarded {
  NodeView<C> node;
  u32 level = 0;
};

namespace locking {

// Locks the tables below a locked node that meet [first, last]; they are not stray (L1).
// LOCKS: parent before child, ascending.
template <PageTableConfig C>
[[gnu::noinline]] void lock_below(NodeView<C> node, u32 level, u64 first, u64 last) noexcept {
  using Entry = typename C::Entry;
  if (level == 1) return;
  u64 left = node.meta().nr_children();
  const u64 end = index_of(last, level) + 1;
  const u64 in_slot = page_size(level) - 1;
  for (u64 i = index_of(first, level), at = first; i < end && left > 0; ++i) {
    const u64 bits = node.peek(i);
    const u64 slot_last = at | in_slot;
    if (!Entry::is_absent(bits)) --left;
    if (Entry::is_table(bits)) {
      const NodeView<C> child(Entry::table_paddr(bits));
      child.meta().lock();
      lock_below<C>(child, level - 1, at, slot_last < last ? slot_last : last);
    }
    at = slot_last + 1;
  }
}

// LOCKS: the reverse of lock_below(): child before parent, descending.
template <PageTableConfig C>
[[gnu::noinline]] void unlock_below(NodeView<C> node, u32 level, u64 first, u64 last) noexcept {
  using Entry = typename C::Entry;
  if (level == 1) return;
  u64 left = node.meta().nr_children();
  const u64 begin = index_of(first, level);
  const u64 in_slot = page_size(level) - 1;
  for (u64 i = index_of(last, level) + 1, at = last; i-- > begin && left > 0;) {
    const u64 bits = node.peek(i);
    const u64 slot_first = at & ~in_slot;
    if (!Entry::is_absent(bits)) --left;
    if (Entry::is_table(bits)) {
      const NodeView<C> child(Entry::table_paddr(bits));
      unlock_below<C>(child, level - 1, slot_first > first ? slot_first : first, at);
      child.meta().unlock();
    }
    at = slot_first - 1;
  }
}

// What came of an entry that was found absent on the way down.
enum class Outcome : u8 { again, at_table, at_leaf, made, no_memory };

// Makes the tables that are missing from a node down to the guard. They are whole before they are
// linked, all at once, and nobody's, but for the guard, which is ours (L4).
// LOCKS: the node's, for itself. If the guard was made, or the node holds a leaf after all and is
// the guard, it is returned locked.
template <PageTableConfig C>
[[gnu::cold, gnu::noinline]] Outcome make_missing(NodeView<C>& node, u32 level, u32 guard_level,
                                                  VirtAddr first) noexcept {
  using Entry = typename C::Entry;
  NodeGuard<C> guard(node);
  if (node.meta().is_stray()) return Outcome::again;  // L2.
  EntryView<C> entry(node, index_of(first.value, level));
  if (entry.is_table()) return Outcome::at_table;
  if (entry.is_leaf()) {
    (void)std::move(guard).forget();
    return Outcome::at_leaf;
  }

  SpareNodes<C> made;
  const auto count = static_cast<u8>(level - guard_level);
  if (!made.take(static_cast<u8>(level - 1), count, Entries::absent,
                 static_cast<u8>(guard_level))) {
    return Outcome::no_memory;
  }
  const NodeView<C> lowest = made[static_cast<u8>(count - 1)];
  for (u8 i = count; --i > 0;) {
    const NodeView<C> parent = made[static_cast<u8>(i - 1)];
    parent.private_entries()[index_of(first.value, level - i)] = Entry::encode_table(made.link(i));
    parent.meta().add_children(1);
  }
  entry.alloc_if_none(made.link(0));
  node = lowest;
  return Outcome::made;
}

// The whole of lock_range(), where something is missing, or mapped, on the way, or was cut off.
template <PageTableConfig C>
[[gnu::cold, gnu::noinline]] Result<Guarded<C>, PageTableError> lock_range_otherwise(
    PhysAddr root, u32 guard_level, VirtAddr first) noexcept {
  using Entry = typename C::Entry;
  NodeView<C> node(root);
  u32 level = C::Paging::kLevels;
  for (;;) {
    const u64 bits = level > guard_level ? node.load(index_of(first.value, level)) : 0;
    if (level > guard_level && Entry::is_table(bits)) {
      node = NodeView<C>(Entry::table_paddr(bits));
      --level;
      continue;
    }
    if (level > guard_level && Entry::is_absent(bits)) {
      const Outcome outcome = make_missing<C>(node, level, guard_level, first);
      if (outcome == Outcome::no_memory) return Failure{PageTableError::no_memory};
      if (outcome == Outcome::made) return Guarded<C>{node, guard_level};
      if (outcome == Outcome::at_leaf) return Guarded<C>{node, level};
      if (outcome == Outcome::at_table) continue;
    } else {
      node.meta().lock();
      const bool is_stray = node.meta().is_stray();  // L2.
      // A page on the way may have been taken out or split meanwhile: then it goes on from here.
      const bool is_guard =
          level == guard_level || Entry::is_leaf(node.peek(index_of(first.value, level)));
      if (!is_stray && is_guard) return Guarded<C>{node, level};
      node.meta().unlock();
      if (!is_stray) continue;
    }
    node = NodeView<C>(root);  // L10: from the start.
    level = C::Paging::kLevels;
  }
}

}  // namespace locking

// Makes [first, last] the caller's alone: the way down without a lock, the guard node, and all that
// is below it. Requires a read section, as long as the locks are held.
// LOCKS: as above; held on return, unless there is no memory for a table.
template <PageTableConfig C>
[[gnu::always_inline]] inline Result<Guarded<C>, PageTableError> lock_range(
    PhysAddr root, VirtAddr first, VirtAddr last) noexcept {
  using Entry = typename C::Entry;
  const u32 guard_level = guard_level_of<C>(first, last);
  Guarded<C> guarded{NodeView<C>(root), C::Paging::kLevels};
  bool is_plain = true;  // Tables all the way.
#pragma GCC unroll 8
  for (u32 level = C::Paging::kLevels; level > 1; --level) {
    if (level == guard_level) break;
    const u64 bits = guarded.node.load(index_of(first.value, level));
    is_plain = Entry::is_table(bits);
    if (!is_plain) [[unlikely]]
      break;
    guarded = {NodeView<C>(Entry::table_paddr(bits)), level - 1};
  }
  if (is_plain) [[likely]] {
    // The entry is wanted next, and would be asked for only when the lock has been had.
    if (guard_level == 1) guarded.node.prefetch(index_of(first.value, 1));
    auto& meta = guarded.node.meta();
    meta.lock();
    if (meta.is_stray()) [[unlikely]] {  // L2.
      meta.unlock();
      is_plain = false;
    }
  }
  if (!is_plain) [[unlikely]]
    guarded = MM_TRY(locking::lock_range_otherwise<C>(root, guard_level, first));
  if (guarded.level > 1) {
    locking::lock_below<C>(guarded.node, guarded.level, first.value, last.value);
  }
  return guarded;
}

// LOCKS: releases what lock_range() took, and what was made since; the guard is last.
template <PageTableConfig C>
[[gnu::always_inline]] inline void unlock_range(const Guarded<C>& guarded, VirtAddr first,
                                                VirtAddr last) noexcept {
  if (guarded.level > 1) {
    locking::unlock_below<C>(guarded.node, guarded.level, first.value, last.value);
  }
  guarded.node.meta().unlock();
}

// Marks the nodes of a subtree stray and unlocks them, the root of it first, and its children by
// descending address. Returns how many pages of 4 KiB are mapped there. Requires that no entry
// leads there any more (L5), and that all its nodes are locked by the caller.
template <PageTableConfig C>
[[gnu::noinline]] u64 mark_stray(NodeView<C> node, u32 level) noexcept {
  using Entry = typename C::Entry;
  u64 left = node.meta().nr_children();
  u64 pages = level == 1 ? left : 0;
  node.meta().mark_stray();
  node.meta().unlock();
  if (level == 1) return pages;
  // Nobody changes a node that is stray, so its entries can still be read.
  for (u64 i = kEntries; i-- > 0 && left > 0;) {
    const u64 bits = node.peek(i);
    if (Entry::is_absent(bits)) continue;
    --left;
    if (Entry::is_leaf(bits)) {
      pages += page_size(level) / kPageSize;
    } else {
      pages += mark_stray<C>(NodeView<C>(Entry::table_paddr(bits)), level - 1);
    }
  }
  return pages;
}

// Whether nothing is mapped in a subtree that is locked by the caller: tables without a page in
// them may be left of what was.
template <PageTableConfig C>
bool maps_nothing(NodeView<C> node, u32 level) noexcept {
  using Entry = typename C::Entry;
  u64 left = node.meta().nr_children();
  if (level == 1) return left == 0;
  for (u64 i = 0; i < kEntries && left > 0; ++i) {
    const u64 bits = node.peek(i);
    if (Entry::is_absent(bits)) continue;
    --left;
    if (Entry::is_leaf(bits)) return false;
    if (!maps_nothing<C>(NodeView<C>(Entry::table_paddr(bits)), level - 1)) return false;
  }
  return true;
}

}  // namespace mm
