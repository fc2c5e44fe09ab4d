// SPDX-License-Identifier: MPL-2.0
// The copy of an address space for a new program: both map the same frames, and neither may write
// to them any more, so that whoever tries faults, and is given a frame of its own then
// (copy-on-write). Pages of devices are mapped as they were.
//
//   1. All of the old space is locked, as by a cursor over it: nobody changes it meanwhile.
//   2. The new one is made, table by table, and whole before anything of the old one changes: if
//      there is no memory, it is dropped, and nothing has happened.
//   3. Rights are taken away in the old one. What the machine marks meanwhile is not lost.
//   4. All CPUs that it is active on have forgotten the rights, before it is unlocked: else one
//      could still write to a frame that somebody has taken a copy of by now.
#pragma once

#include "impl/vm/space.h"

namespace mm {

template <Platform P>
struct Forked {
  VmSpace<P> space;
  u64 frames = 0;    // That both map,
  u64 devices = 0;   // and pages of devices.
  u64 writable = 0;  // Entries of frames that could be written before.
  u64 cpus = 0;      // Which had to be waited for.
};

namespace forking {

template <Platform P>
using C = SpaceConfig<P>;

// A leaf as the new space has it.
template <Platform P>
constexpr u64 copied_leaf(u64 bits) noexcept {
  using Entry = typename C<P>::Entry;
  constexpr u64 kMarks = Entry::kAccessed | Entry::kDirty;
  return bits & ~(owns<C<P>>(bits) ? kMarks | Entry::kWritable : kMarks);
}

// All entries of a table of pages, with a count more of each frame. The copy is nobody's yet.
template <Platform P>
void copy_pages(NodeView<C<P>> from, NodeView<C<P>> to, Forked<P>& done) noexcept {
  using Entry = typename C<P>::Entry;
  u64* const copies = to.private_entries();
  u64 frames = 0;
  for (u64 i = 0; i < kEntries; ++i) {
    const u64 bits = from.peek(i);
    if (owns<C<P>>(bits)) {
      inc_frame_ref_count<P>(Entry::leaf_paddr(bits, 1));
      ++frames;
    }
    copies[i] = copied_leaf<P>(bits);
  }
  const u16 pages = from.meta().nr_children();
  to.meta().add_children(pages);
  done.frames += frames;
  done.devices += pages - frames;
}

// Calls `see(i, child)` for each table right below one that is above level 1, until it says false;
// and says whether it never did.
template <Platform P>
bool each_table(NodeView<C<P>> node, u32 level, auto&& see) noexcept {
  using Entry = typename C<P>::Entry;
  const u64 end = level == C<P>::Paging::kLevels ? C<P>::kTopEnd : kEntries;
  u64 left = node.meta().nr_children();
  for (u64 i = 0; i < end && left > 0; ++i) {
    const u64 bits = node.peek(i);
    if (Entry::is_absent(bits)) continue;
    --left;
    if (!see(i, NodeView<C<P>>(Entry::table_paddr(bits)))) return false;
  }
  return true;
}

// All tables below a table in which something is mapped, but those in which nothing is. Each is
// linked when it is whole, or when what is in it can be dropped with it. False if there is no
// memory for one.
template <Platform P>
[[nodiscard]] bool copy_tables(NodeView<C<P>> from, NodeView<C<P>> to, u32 level,
                               Forked<P>& done) noexcept {
  const auto below = static_cast<u8>(level - 1);
  return each_table<P>(from, level, [&](u64 i, NodeView<C<P>> child) {
    if (maps_nothing<C<P>>(child, below)) return true;
    auto node =
        alloc_node<C<P>>(below, /*is_locked=*/false, below == 1 ? Entries::unset : Entries::absent);
    if (!node) return false;
    const NodeView<C<P>> copy(node->start_paddr());
    if (below == 1) copy_pages<P>(child, copy, done);
    to.private_entries()[i] = C<P>::Entry::encode_table(std::move(*node).into_raw());
    to.meta().add_children(1);
    return below == 1 || copy_tables<P>(child, copy, below, done);
  });
}

// Takes away the right to write to frames; says how many entries had it.
template <Platform P>
u64 protect_frames(NodeView<C<P>> node, u32 level) noexcept {
  using Entry = typename C<P>::Entry;
  u64 writable = 0;
  if (level == 1) {
    for (u64 i = 0; i < kEntries; ++i) {
      EntryView<C<P>> entry(node, i);
      if (!owns<C<P>>(entry.bits()) || (entry.bits() & Entry::kWritable) == 0) continue;
      entry.protect(entry.bits() & ~Entry::kWritable);
      ++writable;
    }
    return writable;
  }
  (void)each_table<P>(node, level, [&](u64, NodeView<C<P>> child) {
    writable += protect_frames<P>(child, level - 1);
    return true;
  });
  return writable;
}

}  // namespace forking

// Error: no_memory. Aborts (count_overflow) as a clone does. Requires that interrupts are on, as
// Flusher::sync().
// LOCKS: all tables of the old space, as a cursor over it; and then those of Flusher::dispatch().
template <Platform P>
Result<Forked<P>, PageTableError> fork(const VmSpace<P>& old) noexcept {
  using C = SpaceConfig<P>;
  static_assert(C::kHighestLevel == 1, "leaves are copied in the lowest tables alone");
  constexpr VirtRange kAll = range_of_table<C>();
  const auto lock = MM_TRY(Cursor<C>::open(old, kAll.first, {kAll.last.value + 1}));

  Forked<P> done{MM_TRY(VmSpace<P>::with_upper_half_of(old))};
  const NodeView<C> from(old.root_paddr()), to(done.space.root_paddr());
  if (!forking::copy_tables<P>(from, to, C::Paging::kLevels, done)) {
    return Failure{PageTableError::no_memory};
  }

  done.writable = forking::protect_frames<P>(from, C::Paging::kLevels);
  if (done.writable == 0) return done;
  Flusher<P> flusher(from.meta().cpus());
  flusher.issue(Flush::all());
  (void)flusher.dispatch();
  done.cpus = flusher.sync();
  return done;
}

}  // namespace mm
