// SPDX-License-Identifier: MPL-2.0
// The workloads of page tables: P, one GiB in order; R, pages at random; H, huge pages; V, tracked
// frames, in a user's table or address space. Tables come from A1, as those of all peers did; what
// is given up is dropped within the time that is taken.
#include "impl/frame/alloc_options.h"
#include "impl/vm/fork.h"
#include "props/bench/permutation.h"
#include "props/bench/round.h"
#include "props/bench/stack.h"
#include "props/bench/workloads.h"

namespace bench {
namespace {

using mm::CachePolicy, mm::kPageSize, mm::PageFlags, mm::PageProperty, mm::PhysAddr, mm::VirtAddr;

using P = Machine<Stack>;
using Rounds = Round<Stack>;

// The kernel's table; and one whose pages are all small, so that a range is mapped by these.
using Kernel = mm::KernelConfig<P>;
struct Small : Kernel {
  static constexpr mm::u8 kHighestLevel = 1;
};
using User = mm::UserConfig<P>;
using Space = mm::SpaceConfig<P>;

constexpr u64 kBase = 0xffff'9000'0000'0000, kUserBase = 0x40'0000'0000;
constexpr u64 kTarget = 0x4'0000'0000;
constexpr u64 kHuge = u64{2} << 20;
constexpr PageProperty kData{
    {PageFlags::kReadable | PageFlags::kWritable}, CachePolicy::write_back, {}};

constexpr auto without_w = [](PageFlags& flags, CachePolicy&) noexcept {
  flags.bits &= static_cast<mm::u8>(~PageFlags::kWritable);
};
constexpr auto with_w = [](PageFlags& flags, CachePolicy&) noexcept {
  flags.bits |= PageFlags::kWritable;
};

// Grace periods end at once: there is one CPU, which passes.
void pass() {
  mm::quiesce<P>(0);
  mm::quiesce<P>(0);
}

template <class C>
[[gnu::always_inline]] inline mm::CursorMut<C> open(const mm::PageTable<C>& table, u64 begin,
                                                    u64 end) {
  return mm::CursorMut<C>::open(table, {begin}, {end}).take();
}
[[gnu::always_inline]] inline mm::SpaceCursorMut<P> open(const mm::VmSpace<P>& space, u64 begin,
                                                         u64 end) {
  return mm::SpaceCursorMut<P>::open(space, {begin}, {end}).take();
}

// How many leaves, and tables of level 1, there are.
struct Content {
  u64 leaves = 0, leaf_tables = 0;
  bool operator==(const Content&) const = default;
};
template <class C>
Content content_of(PhysAddr node, u32 level) {
  Content content{0, level == 1 ? 1u : 0u};
  for (u64 i = level == C::Paging::kLevels ? C::kTopBegin : 0; i < mm::kEntries; ++i) {
    const u64 bits = P::peek_pte({node.value + i * 8});
    if (C::Entry::is_leaf(bits)) ++content.leaves;
    if (!C::Entry::is_table(bits)) continue;
    const Content below = content_of<C>(C::Entry::table_paddr(bits), level - 1);
    content.leaves += below.leaves;
    content.leaf_tables += below.leaf_tables;
  }
  return content;
}
template <class C>
Content content_of(const mm::PageTable<C>& table) {
  return content_of<C>(table.root_paddr(), C::Paging::kLevels);
}

u64 tables_for(u64 pages) { return (pages + mm::kEntries - 1) / mm::kEntries; }

// --- What is done to each page

template <class C>
[[gnu::always_inline]] inline void map_one(const mm::PageTable<C>& table, u64 va, u64 at) {
  auto cursor = open(table, va, va + kPageSize);
  if (!cursor.map(C::Items::Item::untracked({at}, 1, kData)).ok()) Rounds::note_wrong();
}
template <class C>
[[gnu::always_inline]] inline void see(const mm::Queried<C>& found) {
  if (!found.item) return Rounds::note_wrong();
  keep(found.item->at.value);  // How it is mapped is decoded for whoever looks.
}
template <class C>
[[gnu::always_inline]] inline void query_one(const mm::PageTable<C>& table, u64 va) {
  auto cursor = mm::Cursor<C>::open(table, {va}, {va + kPageSize}).take();
  auto found = cursor.query();
  if (!found.ok()) return Rounds::note_wrong();
  see<C>(found.value());
}
template <class C>
[[gnu::always_inline]] inline void protect_one(const mm::PageTable<C>& table, u64 va) {
  auto cursor = open(table, va, va + kPageSize);
  auto range = cursor.protect_next(kPageSize, with_w);
  if (!range.ok() || !range.value()) Rounds::note_wrong();
}
template <class C>
[[gnu::always_inline]] inline void unmap_one(const mm::PageTable<C>& table, u64 va) {
  auto cursor = open(table, va, va + kPageSize);
  auto taken = cursor.take_next(kPageSize);
  if (!taken.ok() || !taken.value()) Rounds::note_wrong();
}

bool is_writable(const auto& table, u64 va) {
  return (table.page_walk({va})->property.flags.bits & PageFlags::kWritable) != 0;
}

// --- What is timed of a table that maps all its pages, from `base` on; each says whether it was
// right

u64 protect_all(const auto& table, u64 base, u64 pages) {
  auto cursor = open(table, base, base + pages * kPageSize);
  return cursor.protect(pages * kPageSize, without_w).pages;
}
bool protect_as_one(Stopwatch& watch, const auto& table, u64 base, u64 pages) {
  u64 done = 0;
  watch.time([&] { done = protect_all(table, base, pages); });
  return done == pages && !is_writable(table, base + (pages - 1) * kPageSize);
}
bool protect_each(Stopwatch& watch, const auto& table, u64 base, u64 pages) {
  (void)protect_all(table, base, pages);
  watch.time([&] {
    for (u64 i = 0; i < pages; ++i) protect_one(table, base + i * kPageSize);
  });
  return is_writable(table, base + (pages - 1) * kPageSize);
}
// With the tables.
bool unmap_as_one(Stopwatch& watch, const auto& table, u64 base, u64 pages) {
  u64 done = 0;
  watch.time([&] {
    {
      auto cursor = open(table, base, base + pages * kPageSize);
      done = cursor.unmap(pages * kPageSize).pages;
    }
    pass();
  });
  return done == pages && content_of(table).leaves == 0;
}

// --- P: in order

// A round with an empty table. Whether it was right is what `work(table)` says.
template <class C>
bool with_table(u64 frames, auto&& work) {
  return Rounds::round(frames, [&] {
    auto table = mm::PageTable<C>::new_kernel_page_table();
    const bool is_right = table.ok() && [&] {
      const auto made = table.take();
      return work(made);
    }();
    pass();
    return is_right;
  });
}

template <class C>
void map_all(const mm::PageTable<C>& table, u64 pages) {
  auto cursor = open(table, kBase, kBase + pages * kPageSize);
  if (cursor.map_range({kTarget}, pages * kPageSize, kData).stopped_by) Rounds::note_wrong();
}
// A round with a table that maps so many pages.
bool with_pages(u64 pages, u64 frames, auto&& work) {
  return with_table<Small>(frames, [&](const auto& table) {
    map_all(table, pages);
    return work(table);
  });
}
void each_page(u64 pages, auto&& work) {
  for (u64 i = 0; i < pages; ++i) work(kBase + i * kPageSize, kTarget + i * kPageSize);
}

bool p1(Stopwatch& watch, u64 pages, u64 frames) {
  return with_table<Small>(frames, [&](const auto& table) {
    watch.time([&] { map_all(table, pages); });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool p1w(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    each_page(pages, [&](u64 va, u64) { unmap_one(table, va); });
    watch.time([&] { map_all(table, pages); });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool p2(Stopwatch& watch, u64 pages, u64 frames) {
  return with_table<Small>(frames, [&](const auto& table) {
    watch.time([&] { each_page(pages, [&](u64 va, u64 at) { map_one(table, va, at); }); });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool p2w(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    each_page(pages, [&](u64 va, u64) { unmap_one(table, va); });
    watch.time([&] { each_page(pages, [&](u64 va, u64 at) { map_one(table, va, at); }); });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool p3(Stopwatch& watch, u64 pages, u64 frames) {
  return with_table<Small>(frames, [&](const auto& table) {
    watch.time([&] {
      for (u64 i = 0; i < pages; i += mm::kEntries) {
        auto cursor = open(table, kBase + i * kPageSize, kBase + i * kPageSize + kHuge);
        (void)cursor.map_range({kTarget + i * kPageSize}, kHuge, kData);
      }
    });
    return content_of(table).leaf_tables == tables_for(pages);
  });
}
bool p4(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    watch.time([&] {
      auto cursor = mm::Cursor<Small>::open(table, {kBase}, {kBase + pages * kPageSize}).take();
      each_page(pages, [&](u64 va, u64) {
        if (!cursor.jump({va}).ok()) return Rounds::note_wrong();
        auto found = cursor.query();
        if (!found.ok()) return Rounds::note_wrong();
        see<Small>(found.value());
      });
    });
    return true;
  });
}
bool p4b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    watch.time([&] { each_page(pages, [&](u64 va, u64) { query_one(table, va); }); });
    return true;
  });
}
bool p4r(Stopwatch& watch, u64 pages, u64 frames) {
  const std::vector<u32> order = random_order(pages);
  return with_pages(pages, frames, [&](const auto& table) {
    watch.time([&] {
      for (const u32 i : order) query_one(table, kBase + i * kPageSize);
    });
    return true;
  });
}
bool p5(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames,
                    [&](const auto& table) { return protect_as_one(watch, table, kBase, pages); });
}
bool p5b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames,
                    [&](const auto& table) { return protect_each(watch, table, kBase, pages); });
}
bool p6(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames,
                    [&](const auto& table) { return unmap_as_one(watch, table, kBase, pages); });
}
bool p6b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    watch.time([&] { each_page(pages, [&](u64 va, u64) { unmap_one(table, va); }); });
    return content_of(table) == Content{0, tables_for(pages)};
  });
}
bool p6c(Stopwatch& watch, u64 pages, u64 frames) {
  return with_pages(pages, frames, [&](const auto& table) {
    watch.time([&] {
      auto cursor = open(table, kBase, kBase + pages * kPageSize);
      each_page(pages, [&](u64, u64) {
        auto taken = cursor.take_next(kPageSize);
        if (!taken.ok() || !taken.value()) Rounds::note_wrong();
      });
    });
    return content_of(table) == Content{0, tables_for(pages)};
  });
}
bool p9(Stopwatch& watch, u64 pages, u64 frames) {
  return Rounds::round(frames, [&] {
    auto table = mm::PageTable<Small>::new_kernel_page_table().take();
    map_all(table, pages);
    watch.time([&] { const auto dropped = std::move(table); });
    return true;
  });
}

// --- R: at random

u64 random_va(u64 i) { return kBase + rvpn(i) * kPageSize; }
void each_random(u64 pages, auto&& work) {
  for (u64 i = 0; i < pages; ++i) work(random_va(i), kTarget + i * kPageSize);
}
bool with_random(u64 pages, u64 frames, auto&& work) {
  return with_table<Kernel>(frames, [&](const auto& table) {
    each_random(pages, [&](u64 va, u64 at) { map_one(table, va, at); });
    return work(table);
  });
}
bool has_random(const auto& table, u64 pages) {
  return content_of(table) == Content{pages, distinct(pages, 9)};
}

bool r1(Stopwatch& watch, u64 pages, u64 frames) {
  return with_table<Kernel>(frames, [&](const auto& table) {
    watch.time([&] { each_random(pages, [&](u64 va, u64 at) { map_one(table, va, at); }); });
    return has_random(table, pages);
  });
}
bool r2(Stopwatch& watch, u64 pages, u64 frames) {
  return with_random(pages, frames, [&](const auto& table) {
    watch.time([&] { each_random(pages, [&](u64 va, u64) { query_one(table, va); }); });
    return has_random(table, pages);
  });
}
bool r3(Stopwatch& watch, u64 pages, u64 frames) {
  return with_random(pages, frames, [&](const auto& table) {
    watch.time([&] { each_random(pages, [&](u64 va, u64) { unmap_one(table, va); }); });
    return content_of(table) == Content{0, distinct(pages, 9)};
  });
}
bool r4(Stopwatch& watch, u64 pages, u64 frames) {
  return with_random(pages, frames, [&](const auto& table) {
    each_random(pages, [&](u64 va, u64) { unmap_one(table, va); });
    watch.time([&] { each_random(pages, [&](u64 va, u64 at) { map_one(table, va, at); }); });
    return has_random(table, pages);
  });
}
bool r5(Stopwatch& watch, u64 pages, u64 frames) {
  return Rounds::round(frames, [&] {
    auto table = mm::PageTable<Kernel>::new_kernel_page_table().take();
    each_random(pages, [&](u64 va, u64 at) { map_one(table, va, at); });
    watch.time([&] { const auto dropped = std::move(table); });
    return true;
  });
}

// --- H: huge pages

void map_huge(const mm::PageTable<Kernel>& table, u64 pages) {
  auto cursor = open(table, kBase, kBase + pages * kHuge);
  if (cursor.map_range({kTarget}, pages * kHuge, kData).leaves != pages) Rounds::note_wrong();
}
bool with_huge(u64 pages, u64 frames, auto&& work) {
  return with_table<Kernel>(frames, [&](const auto& table) {
    map_huge(table, pages);
    return work(table);
  });
}
void split_each(const mm::PageTable<Kernel>& table, u64 pages) {
  for (u64 i = 0; i < pages; ++i) {
    const u64 va = kBase + i * kHuge + 5 * kPageSize;
    auto cursor = open(table, va, va + kPageSize);
    auto range = cursor.protect_next(kPageSize, without_w);
    if (!range.ok() || !range.value()) Rounds::note_wrong();
  }
}
void unmap_huge(const mm::PageTable<Kernel>& table, u64 pages) {
  auto cursor = open(table, kBase, kBase + pages * kHuge);
  if (cursor.unmap(pages * kHuge).pages != pages * mm::kEntries) Rounds::note_wrong();
}

bool h1(Stopwatch& watch, u64 pages, u64 frames) {
  return with_table<Kernel>(frames, [&](const auto& table) {
    watch.time([&] { map_huge(table, pages); });
    return content_of(table) == Content{pages, 0};
  });
}
bool h2(Stopwatch& watch, u64 pages, u64 frames) {
  return with_huge(pages, frames, [&](const auto& table) {
    watch.time([&] {
      for (u64 i = 0; i < pages; ++i) query_one(table, kBase + i * kHuge);
    });
    return true;
  });
}
bool h3(Stopwatch& watch, u64 pages, u64 frames) {
  return with_huge(pages, frames, [&](const auto& table) {
    watch.time([&] { split_each(table, pages); });
    return content_of(table) == Content{pages * mm::kEntries, pages};
  });
}
bool h4(Stopwatch& watch, u64 pages, u64 frames) {
  return with_huge(pages, frames, [&](const auto& table) {
    split_each(table, pages / 8);
    watch.time([&] {
      unmap_huge(table, pages);
      pass();
    });
    return content_of(table).leaves == 0;
  });
}
bool h4b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_huge(pages, frames, [&](const auto& table) {
    watch.time([&] {
      unmap_huge(table, pages);
      pass();
    });
    return content_of(table).leaves == 0;
  });
}
bool h4c(Stopwatch& watch, u64 pages, u64 frames) {
  return with_huge(pages, frames, [&](const auto& table) {
    watch.time([&] {
      for (u64 i = 0; i < pages; ++i) {
        const u64 va = kBase + i * kHuge;
        auto cursor = open(table, va, va + kHuge);
        auto taken = cursor.take_next(kHuge);
        if (!taken.ok() || !taken.value()) Rounds::note_wrong();
      }
    });
    return content_of(table).leaves == 0;
  });
}

// --- V: tracked frames, of which there is a second handle each

template <class C = User>
bool with_frames(u64 pages, u64 frames, auto&& work) {
  return Rounds::round(frames, [&] {
    auto table = mm::PageTable<C>::empty().take();
    std::vector<mm::Frame<P, mm::EmptyMeta>> live;
    for (u64 i = 0; i < pages; ++i) {
      live.push_back(std::move(*mm::Frame<P, mm::EmptyMeta>::alloc({})));
    }
    const PhysAddr first = live.front().start_paddr();
    auto segment = mm::Segment<P, mm::EmptyMeta>::from_raw(
        first, {first.value + pages * kPageSize});  // A1 hands them out one after another.
    for (auto& frame : live) (void)frame.clone().into_raw();
    const bool is_right = work(table, segment, live);
    { const auto dropped = std::move(table); }
    pass();
    bool are_left = true;
    for (const auto& frame : live) are_left &= frame.reference_count() == 1;
    return is_right && are_left;
  });
}
template <class C>
void map_frames(const mm::PageTable<C>& table, auto& segment) {
  const u64 bytes = segment.size();
  auto cursor = open(table, kUserBase, kUserBase + bytes);
  if (cursor.map_segment(segment, kData).stopped_by) Rounds::note_wrong();
}

bool v1(Stopwatch& watch, u64 pages, u64 frames) {
  return with_frames(pages, frames, [&](const auto& table, auto& segment, auto&) {
    watch.time([&] { map_frames(table, segment); });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool v2(Stopwatch& watch, u64 pages, u64 frames) {
  return with_frames(pages, frames, [&](const auto& table, auto& segment, auto&) {
    watch.time([&] {
      for (u64 i = 0; i < pages; ++i) {
        const u64 va = kUserBase + i * kPageSize;
        auto cursor = open(table, va, va + kPageSize);
        if (!cursor.map(User::Items::Item::tracked(segment.next(), kData)).ok()) {
          Rounds::note_wrong();
        }
      }
    });
    return content_of(table) == Content{pages, tables_for(pages)};
  });
}
bool v6(Stopwatch& watch, u64 pages, u64 frames) {
  return with_frames(pages, frames, [&](const auto& table, auto& segment, auto&) {
    map_frames(table, segment);
    return unmap_as_one(watch, table, kUserBase, pages);
  });
}
bool v6b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_frames(pages, frames, [&](const auto& table, auto& segment, auto&) {
    map_frames(table, segment);
    watch.time([&] {
      for (u64 i = 0; i < pages; ++i) {
        unmap_one(table, kUserBase + i * kPageSize);
        mm::quiesce<P>(0);
      }
    });
    return content_of(table) == Content{0, tables_for(pages)};
  });
}

// The same in a space that maps them.
bool with_space(u64 pages, u64 frames, auto&& work) {
  return with_frames<Space>(pages, frames, [&](const auto& space, auto& segment, auto& live) {
    map_frames(space, segment);
    return work(space, live);
  });
}
void each_users(u64 pages, auto&& work) {
  for (u64 i = 0; i < pages; ++i) work(kUserBase + i * kPageSize);
}

bool v4(Stopwatch& watch, u64 pages, u64 frames) {
  return with_space(pages, frames, [&](const auto& space, auto&) {
    watch.time([&] { each_users(pages, [&](u64 va) { query_one(space, va); }); });
    return true;
  });
}
bool v5(Stopwatch& watch, u64 pages, u64 frames) {
  return with_space(pages, frames, [&](const auto& space, auto&) {
    return protect_as_one(watch, space, kUserBase, pages);
  });
}
bool v5b(Stopwatch& watch, u64 pages, u64 frames) {
  return with_space(pages, frames, [&](const auto& space, auto&) {
    return protect_each(watch, space, kUserBase, pages);
  });
}
bool v7(Stopwatch& watch, u64 pages, u64 frames) {
  return with_space(pages, frames, [&](const auto& space, auto& live) {
    std::optional<mm::Forked<P>> made;
    watch.time([&] {
      auto forked = mm::fork(space);
      if (forked.ok()) made.emplace(forked.take());
    });
    if (!made || made->frames != pages || made->writable != pages) return false;
    bool is_right = content_of(made->space) == Content{pages, tables_for(pages)};
    for (const auto& frame : live) is_right &= frame.reference_count() == 3;  // One more.
    each_users(pages, [&](u64 va) {
      is_right &= !is_writable(space, va) && !is_writable(made->space, va);
    });
    return is_right;
  });
}
bool v8(Stopwatch& watch, u64 pages, u64 frames) {
  return with_space(pages, frames, [&](const auto& space, auto& live) {
    auto made = mm::fork(space).take();
    watch.time([&] { const auto dropped = std::move(made.space); });
    bool is_right = true;
    for (const auto& frame : live) is_right &= frame.reference_count() == 2;
    return is_right;
  });
}

// A page that is wanted, and not there: it is looked for, and given.
template <bool kIsZeroed>
void fault_in(const mm::VmSpace<P>& space, u64 va) {
  auto frame = mm::FrameAllocOptions<P>().zeroed(kIsZeroed).alloc_frame();
  auto cursor = open(space, va, va + kPageSize);
  auto found = cursor.query();
  if (!frame.ok() || !found.ok() || found.value().item) return Rounds::note_wrong();
  if (!cursor.map(Space::Items::Item::tracked(frame.take(), kData)).ok()) Rounds::note_wrong();
}
bool with_empty_space(u64 frames, auto&& work) {
  return Rounds::round(frames, [&] {
    const bool is_right = [&] {
      const auto space = mm::VmSpace<P>::empty().take();
      return work(space);
    }();
    pass();
    return is_right;
  });
}
bool with_faulted(u64 pages, u64 frames, auto&& work) {
  return with_empty_space(frames, [&](const auto& space) {
    each_users(pages, [&](u64 va) { fault_in<false>(space, va); });
    return work(space);
  });
}

template <bool kIsZeroed>
bool v9_as(Stopwatch& watch, u64 pages, u64 frames) {
  return with_empty_space(frames, [&](const auto& space) {
    watch.time([&] { each_users(pages, [&](u64 va) { fault_in<kIsZeroed>(space, va); }); });
    return content_of(space) == Content{pages, tables_for(pages)};
  });
}
bool v9u(Stopwatch& watch, u64 pages, u64 frames) {
  return with_faulted(pages, frames, [&](const auto& space) {
    return unmap_as_one(watch, space, kUserBase, pages);
  });
}
bool v9v(Stopwatch& watch, u64 pages, u64 frames) {
  return with_faulted(pages, frames, [&](const auto& space) {
    watch.time([&] {
      each_users(pages, [&](u64 va) {
        {
          auto cursor = open(space, va, va + kPageSize);
          if (cursor.unmap(kPageSize).pages != 1) Rounds::note_wrong();
        }
        mm::quiesce<P>(0);
      });
    });
    return content_of(space) == Content{0, tables_for(pages)};
  });
}

constexpr u64 kPages = 262'144, kHugePages = 32'768;
constexpr Workload kWorkloads[] = {
    {"P1", "map 1 GiB in small pages, as one", kPages, {30, 385, 24.7, "lpae 1.3 / 26"}, p1},
    {"P1w", "the same where tables exist", kPages, {}, p1w},
    {"P2", "the same, a cursor for each page", kPages, {220, 694, 55.9, "x86_64 6.9 / 129"}, p2},
    {"P2w", "the same where tables exist", kPages, {}, p2w},
    {"P3", "the same, a cursor for each 2 MiB", kPages, {}, p3},
    {"P4", "query each of them", kPages, {30, 210, 16.8, "ptm 2.4 / 50"}, p4},
    {"P4b", "the same, a cursor for each", kPages, {150, 471, 52.4, "x86_64 1.6 / 40"}, p4b},
    {"P4r", "the same, at random", kPages, {}, p4r},
    {"P5", "protect them, as one", kPages, {20, 384, 24.4, "ptm 2.5 / 56"}, p5},
    {"P5b", "the same, a cursor for each", kPages, {220, 685, 59.5, "ptm 1.5 / 33"}, p5b},
    {"P6", "unmap them, as one, tables too", kPages, {25, 86, 4.5, "lpae 1.1 / 22"}, p6},
    {"P6b", "the same, a cursor for each", kPages, {230, 718, 61.1, "x86_64 2.9 / 64"}, p6b},
    {"P6c", "the same, page by page", kPages, {}, p6c},
    {"P9", "drop the table that maps them", kPages, {}, p9},
    {"R1", "map pages at random in 256 GiB", kPages, {{}, {}, 446, "x86_64 151 ns"}, r1},
    {"R2", "query them", kPages, {}, r2},
    {"R3", "unmap them", kPages, {{}, {}, 430, "x86_64 42 ns"}, r3},
    {"R4", "map them again", kPages, {}, r4},
    {"R5", "drop the table that maps them", kPages, {}, r5},
    {"H1", "map pages of 2 MiB, as one", kHugePages, {}, h1},
    {"H2", "query them, a cursor for each", kHugePages, {}, h2},
    {"H3", "split each", 4'096, {2'500, 126'722, 16'577, "lpae 505 / 11,059"}, h3},
    {"H4", "unmap them, one in 8 of them split", kHugePages, {}, h4},
    {"H4b", "unmap them, none split", kHugePages, {}, h4b},
    {"H4c", "the same, a cursor for each", kHugePages, {}, h4c},
    {"V1", "map 1 GiB of frames, as one", kPages, {60, 382, 21.4}, v1},
    {"V2", "the same, a cursor for each", kPages, {260, 747, 71.4}, v2},
    {"V4", "query each in a space", kPages, {}, v4},
    {"V5", "protect them, as one", kPages, {}, v5},
    {"V5b", "the same, a cursor for each", kPages, {}, v5b},
    {"V6", "unmap them, as one, tables too", kPages, {40, 91, 4.9}, v6},
    {"V6b", "the same, a cursor for each", kPages, {}, v6b},
    {"V7", "copy the space that maps them", kPages, {150, 1'152, 82.7, "Linux 74 ns"}, v7},
    {"V8", "drop the copy", kPages, {}, v8},
    {"V9", "give a frame where none is", kPages, {330, 879, 83.0}, v9_as<false>},
    {"V9z", "the same, zeroed", kPages, {}, v9_as<true>},
    {"V9u", "unmap and free them, as one", kPages, {}, v9u},
    {"V9v", "the same, a cursor for each", kPages, {}, v9v},
};

}  // namespace

std::span<const Workload> table_workloads() { return kWorkloads; }

}  // namespace bench
