// SPDX-License-Identifier: MPL-2.0
// What OSTD's cases leave unsaid of cursors: ranges in one call, the ends of the address space,
// five levels, what a level decides, running out of memory, marks of the machine, and a map beside.
#include "props/gen/dice.h"
#include "props/unit/tables.h"

namespace {

using namespace tables;

using Plain = mm::PlainConfig<P>;
using Plain5 = mm::PlainConfig<P, mm::FiveLevels>;
using Kernel = mm::KernelConfig<P, 508, 512>;
using User = mm::UserConfig<P>;
template <class C>
using CursorMut = mm::CursorMut<C>;
template <class C>
using PageTable = mm::PageTable<C>;
template <class C>
using Item = typename C::Items::Item;
template <class C>
using Stray = mm::StrayFragment<C>;
template <class C>
using Mapped = mm::MappedFragment<C>;

class CursorTest : public Machine {};

template <class C>
CursorMut<C> open(const PageTable<C>& table, u64 begin, u64 end) {
  return CursorMut<C>::open(table, {begin}, {end}).take();
}
template <class C>
Item<C> untracked(u64 at, u8 level, PageProperty how = property(R)) {
  return Item<C>::untracked({at}, level, how);
}
mm::Panic panic_of(auto&& body) { return P::guarded(body); }

const auto without_w = [](PageFlags& flags, CachePolicy&) noexcept {
  flags.bits &= static_cast<u8>(~W);
};

// BUG-35.
TEST_F(CursorTest, ARangeThatIsJustAHugePageCanTakeOne) {
  const auto table = PageTable<Kernel>::new_kernel_page_table().take();
  const u64 base = 0xffff'fe00'0000'0000;
  auto cursor = open(table, base + k2M, base + 2 * k2M);
  EXPECT_EQ(cursor.guard_level(), 2);
  EXPECT_TRUE(cursor.map(untracked<Kernel>(k2M, 2)).ok());
  EXPECT_TRUE(cursor.jump({base + k2M}).ok());
  EXPECT_EQ(cursor.query().take().item->level, 2);
  // Where no page is so large, the guard is as low as it can be.
  EXPECT_EQ(mm::guard_level_of<Kernel>({0}, {k1G - 1}), 2);
  EXPECT_EQ(mm::guard_level_of<Plain>({0}, {k1G - 1}), 3);
  EXPECT_EQ(mm::guard_level_of<Plain>({0}, {kPage - 1}), 1);
  EXPECT_EQ(mm::guard_level_of<Plain>({0}, {k2M - kPage - 1}), 1);
  EXPECT_EQ(mm::guard_level_of<Plain>({kPage}, {k2M + kPage - 1}), 2);
  EXPECT_EQ(mm::guard_level_of<Plain>({0}, {(u64{1} << 47) - 1}), 4);
  EXPECT_EQ(mm::guard_level_of<Plain5>({0}, {(u64{1} << 48) - 1}), 4);
  EXPECT_EQ(mm::guard_level_of<Plain5>({0}, {(u64{1} << 56) - 1}), 5);
}

// Decision 4.
TEST_F(CursorTest, AnEmptyTableIsNoObstacle) {
  const auto table = PageTable<Plain>::empty().take();
  {
    (void)open(table, 0, kPage);
  }  // Makes the way down.
  const u64 free = free_pages();
  {
    auto cursor = open(table, 0, k1G);
    EXPECT_TRUE(cursor.map(untracked<Plain>(k1G, 3)).ok());
    EXPECT_EQ(look(table, true).size(), 4u);  // Two nodes, with an entry each.
  }
  EXPECT_EQ(free_pages(), free);  // Not before all have passed,
  pass_all();
  EXPECT_EQ(free_pages(), free + 2);  // the table of pages with the one above it.
  EXPECT_EQ(table.page_walk({kPage + 5})->at.value, k1G + kPage + 5);

  // One that maps something is.
  {
    auto cursor = open(table, 2 * k1G, 3 * k1G);
    EXPECT_TRUE(cursor.map(untracked<Plain>(0, 1)).ok());
    EXPECT_TRUE(cursor.jump({2 * k1G}).ok());
    const auto before = look(table, true);
    EXPECT_EQ(cursor.map(untracked<Plain>(k1G, 3)).error(), PageTableError::already_mapped);
    EXPECT_EQ(cursor.map(untracked<Plain>(k2M, 2)).error(), PageTableError::already_mapped);
    EXPECT_EQ(look(table, true), before);
  }
}

TEST_F(CursorTest, WhatIsWrongIsAPanicBeforeAnythingChanges) {
  const auto table = PageTable<User>::empty().take();
  auto cursor = open(table, kPage, k2M + kPage);
  const auto before = look(table, true);
  const auto refused = [&](auto&& map) {
    const Panic code = panic_of([&] { map(); });
    EXPECT_EQ(look(table, true), before);
    EXPECT_EQ(cursor.virt_addr().value, kPage);
    return code;
  };
  const auto map = [&](Item<User> item) {
    return refused([&] { (void)cursor.map(std::move(item)); });
  };
  constexpr u8 kMark = PrivilegedPageFlags::kAvail1;
  EXPECT_EQ(map(untracked<User>(0, 3)), Panic::bad_level);
  EXPECT_EQ(map(untracked<User>(0, 0)), Panic::bad_level);
  EXPECT_EQ(map(untracked<User>(0, 2)), Panic::bad_alignment);
  EXPECT_EQ(map(untracked<User>(1, 1)), Panic::bad_address);
  EXPECT_EQ(map(untracked<User>(u64{1} << 52, 1)), Panic::bad_address);
  EXPECT_EQ(map(untracked<User>(0, 1, property(R, CachePolicy::write_protected))),
            Panic::bad_cache);
  EXPECT_EQ(map(untracked<User>(0, 1, property(R, CachePolicy::write_back, kMark))),
            Panic::bad_property);

  const auto range = [&](u64 at, u64 len, PageProperty how = property(R)) {
    return refused([&] { (void)cursor.map_range({at}, len, how); });
  };
  EXPECT_EQ(range(0, kPage + 1), Panic::bad_length);
  EXPECT_EQ(range(1, kPage), Panic::bad_alignment);
  EXPECT_EQ(range(0, k2M + kPage), Panic::beyond_barrier);
  EXPECT_EQ(range(0, ~u64{4095}), Panic::beyond_barrier);
  EXPECT_EQ(range((u64{1} << 52) - kPage, 2 * kPage), Panic::bad_address);
  EXPECT_EQ(range(~u64{4095}, 2 * kPage), Panic::bad_address);
  EXPECT_EQ(range(0, kPage, property(R, CachePolicy::write_protected)), Panic::bad_cache);
  EXPECT_EQ(range(0, kPage, property(R, CachePolicy::write_back, kMark)), Panic::bad_property);

  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_EQ(panic_of([&] { (void)cursor.map(untracked<User>(0, 2)); }), Panic::beyond_barrier);
  EXPECT_TRUE(cursor.map(untracked<User>(0, 1)).ok());
  EXPECT_EQ(panic_of([&] { (void)cursor.map(untracked<User>(0, 1)); }), Panic::beyond_barrier);
}

// At the place of a huge page that would have to be split for it, too.
TEST_F(CursorTest, ABadCachePolicyIsAPanicBeforeAnythingChanges) {
  const auto table = PageTable<User>::empty().take();
  auto cursor = open(table, 0, 2 * k2M);
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_TRUE(cursor.map(untracked<User>(0, 2)).ok());
  EXPECT_TRUE(cursor.jump({0}).ok());
  const auto before = look(table, true);
  const auto bad = [](PageFlags&, CachePolicy& cache) noexcept {
    cache = CachePolicy::write_protected;
  };
  EXPECT_EQ(panic_of([&] { (void)cursor.protect_next(k2M + kPage, bad); }), Panic::bad_cache);
  EXPECT_EQ(panic_of([&] { (void)cursor.protect(k2M + kPage, bad); }), Panic::bad_cache);
  EXPECT_EQ(look(table, true), before);
  EXPECT_EQ(cursor.virt_addr().value, 0u);

  // Later it is an error, with what was done before.
  EXPECT_EQ(cursor.map_range({0}, k2M, property(R)).stopped_by, std::nullopt);
  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.map_range({kPage}, kPage, property(R | W)).pages, 1u);
  EXPECT_TRUE(cursor.jump({0}).ok());
  const Progress run = cursor.protect(2 * k2M, [](PageFlags& flags, CachePolicy& cache) noexcept {
    if ((flags.bits & W) == 0) cache = CachePolicy::write_protected;
  });
  EXPECT_EQ(run.stopped_by, PageTableError::bad_cache);
  EXPECT_EQ(run.pages, 1u);
  EXPECT_EQ(cursor.virt_addr().value, kPage);
}

// Which of two right answers there is.
TEST_F(CursorTest, TheLevelDecidesWhetherATableIsTakenWhole) {
  const auto table = PageTable<Plain>::empty().take();
  const auto fill = [&] {
    auto cursor = open(table, 0, 3 * k2M);
    EXPECT_FALSE(cursor.map_range({kPage}, 2 * kPage, property(R)).stopped_by);
  };
  fill();
  auto cursor = open(table, 0, 3 * k2M);
  auto taken = cursor.take_next(k2M).take();
  EXPECT_EQ(std::get<Stray<Plain>>(*taken).num_frames, 2u);
  EXPECT_EQ(cursor.virt_addr().value, k2M);
  // Absent: on to the end of the slot in which the length ends.
  EXPECT_FALSE(cursor.take_next(kPage).take());
  EXPECT_EQ(cursor.virt_addr().value, 2 * k2M);

  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_FALSE(cursor.map_range({kPage}, 2 * kPage, property(R)).stopped_by);
  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.level(), 1);
  taken = cursor.take_next(k2M).take();
  EXPECT_EQ(std::get<Mapped<Plain>>(*taken).va.value, 0u);
  EXPECT_EQ(cursor.unmap(k2M - kPage).pages, 1u);
  EXPECT_EQ(cursor.virt_addr().value, k2M);
  EXPECT_EQ(cursor.level(), 2);
  // A table that is empty is taken, too, and says so.
  EXPECT_TRUE(cursor.jump({0}).ok());
  taken = cursor.take_next(k2M).take();
  EXPECT_EQ(std::get<Stray<Plain>>(*taken).num_frames, 0u);
}

TEST_F(CursorTest, ASubtreeCountsHugePagesByTheirParts) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 2 * k1G);
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_FALSE(cursor.map_range({k2M}, k2M + 3 * kPage, property(R)).stopped_by);
  EXPECT_TRUE(cursor.jump({0}).ok());
  while (cursor.level() < cursor.guard_level()) EXPECT_TRUE(cursor.jump({k1G}).ok());
  EXPECT_TRUE(cursor.jump({0}).ok());
  const auto taken = cursor.take_next(k1G).take();
  EXPECT_EQ(std::get<Stray<Plain>>(*taken).num_frames, 512u + 3);
  EXPECT_EQ(std::get<Stray<Plain>>(*taken).bytes, k1G);
}

// The entries right below the kernel's root stay (INV-33).
TEST_F(CursorTest, TheKernelsTopStays) {
  const auto table = PageTable<Kernel>::new_kernel_page_table().take();
  const u64 base = 0xffff'fe00'0000'0000, span = u64{1} << 39;
  auto cursor = open(table, base, base + 2 * span);
  EXPECT_EQ(cursor.guard_level(), 4);
  EXPECT_FALSE(cursor.map_range({0}, 2 * k2M, property(R)).stopped_by);
  EXPECT_TRUE(cursor.jump({base + span}).ok());
  EXPECT_TRUE(cursor.jump({base}).ok());
  EXPECT_EQ(cursor.level(), 4);
  const auto taken = cursor.take_next(span).take();
  EXPECT_EQ(std::get<Stray<Kernel>>(*taken).bytes, k1G);
  EXPECT_EQ(std::get<Stray<Kernel>>(*taken).num_frames, 1024u);
  EXPECT_EQ(cursor.unmap(2 * span - k1G).pages, 0u);
  EXPECT_EQ(mm::NodeView<Kernel>(table.root_paddr()).meta().nr_children(), 4);
}

// The last slot ends at 2^64, which no number says: of 2 MiB, 1 GiB and 512 GiB.
TEST_F(CursorTest, TheLastSlotHasAnEnd) {
  const u64 end = ~u64{4095};
  for (const u64 bytes : {k2M, k1G, u64{1} << 39, u64{1} << 40}) {
    const auto table = PageTable<Kernel>::new_kernel_page_table().take();
    const u64 begin = 0 - bytes;
    auto cursor = open(table, begin, end);
    const u32 top = cursor.level();
    const auto rewind = [&] { EXPECT_TRUE(cursor.jump({begin}).ok()); };
    EXPECT_FALSE(cursor.find_next(end - begin));
    EXPECT_EQ(cursor.virt_addr().value, end);
    rewind();
    EXPECT_FALSE(cursor.take_next(end - begin).take());
    EXPECT_EQ(cursor.virt_addr().value, end);
    rewind();
    EXPECT_FALSE(cursor.protect_next(end - begin, without_w).take());
    EXPECT_EQ(cursor.virt_addr().value, end);
    EXPECT_TRUE(cursor.jump({end - kPage}).ok());
    const auto found = cursor.query().take();
    EXPECT_FALSE(found.item);
    EXPECT_EQ(found.range.last.value, top == 1 ? end - 1 : ~u64{0});
    EXPECT_TRUE(cursor.map(untracked<Kernel>(0, 1, property(R | W))).ok());
    EXPECT_EQ(cursor.virt_addr().value, end);
    rewind();
    EXPECT_EQ(cursor.level(), top);
    EXPECT_EQ(cursor.find_next(end - begin)->value, end - kPage);
    rewind();
    EXPECT_EQ(cursor.protect(end - begin, without_w).pages, 1u);
    rewind();
    // Never as a table: its slot does not lie within the range.
    const auto taken = cursor.take_next(end - begin).take();
    EXPECT_EQ(std::get<Mapped<Kernel>>(*taken).va.value, end - kPage);
    EXPECT_EQ(cursor.virt_addr().value, end);
    rewind();
    EXPECT_FALSE(
        cursor.map_range({k2M}, end - begin > k2M ? k2M : k2M - kPage, property(R)).stopped_by);
  }
}

TEST_F(CursorTest, FiveLevels) {
  static_assert(mm::range_of_table<Plain5>().last.value == (u64{1} << 56) - 1);
  using Kernel5 = mm::KernelConfig<P, 510, 512, mm::FiveLevels>;
  static_assert(mm::range_of_table<Kernel5>() == VirtRange{{0xfffe'0000'0000'0000}, {~u64{0}}});
  static_assert(mm::range_of_table<mm::KernelConfig<P, 256, 512, mm::FiveLevels>>().first.value ==
                0xff00'0000'0000'0000);
  static_assert(mm::range_of_table<mm::KernelConfig<P>>() ==
                VirtRange{{0xffff'8000'0000'0000}, {~u64{0}}});
  const auto kernel = PageTable<Kernel5>::new_kernel_page_table().take();
  const auto user = PageTable<mm::UserConfig<P, mm::FiveLevels>>::create_user_page_table(kernel);
  EXPECT_TRUE(user.ok());
  const auto table = PageTable<Plain5>::empty().take();
  const u64 far = (u64{1} << 56) - k1G;
  auto cursor = open(table, far - k1G, far + k1G);
  EXPECT_EQ(cursor.guard_level(), 3);
  EXPECT_FALSE(cursor.map_range({0}, 2 * k1G, property(R | W)).stopped_by);
  EXPECT_EQ(table.page_walk({far + 77})->at.value, k1G + 77);
  EXPECT_TRUE(cursor.jump({far}).ok());
  EXPECT_EQ(cursor.protect(kPage, without_w).pages, 1u);
  EXPECT_EQ(table.page_walk({far})->property, property(R));
  EXPECT_EQ(table.page_walk({far + kPage})->property, property(R | W));
  EXPECT_TRUE(cursor.jump({far - k1G}).ok());
  EXPECT_EQ(cursor.unmap(2 * k1G).pages, 2 * k1G / kPage);
  // A root entry of a table that may be taken out.
  auto whole = CursorMut<Plain5>::open(table, {0}, {1});
  EXPECT_EQ(whole.error(), PageTableError::unaligned);
}

// Marks of the machine that come while an entry is changed, at the worst moments.
TEST_F(CursorTest, NoMarkOfTheMachineIsLost) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 2 * k2M);
  using Entry = Plain::Entry;
  EXPECT_TRUE(cursor.map(untracked<Plain>(0, 2, property(R | W))).ok());
  EXPECT_TRUE(cursor.map(untracked<Plain>(k2M, 2, property(R | W))).ok());
  EXPECT_TRUE(cursor.jump({0}).ok());

  // Where the leaf's entry is: in the only table of level 2.
  u64 node = table.root_paddr().value;
  for (int level = 4; level > 2; --level) {
    node = Entry::table_paddr(mm::NodeView<Plain>({node}).peek(0)).value;
  }
  const auto mark = [&](u64 marks) {
    const u64 bits = P::load_pte({node}, std::memory_order_relaxed);
    P::store_pte({node}, bits | marks, std::memory_order_relaxed);
  };
  // Between looking and writing.
  auto range = cursor.protect_next(k2M, [&](PageFlags& flags, CachePolicy&) noexcept {
    flags.bits = R;
    mark(Entry::kAccessed | Entry::kDirty);
  });
  EXPECT_TRUE(range.take());
  constexpr u8 kBoth = PageFlags::kAccessed | PageFlags::kDirty;
  EXPECT_EQ(table.page_walk({0})->property, property(R | kBoth));

  // What is taken away on purpose, and not marked again, is gone.
  EXPECT_TRUE(cursor.jump({0}).ok());
  auto again = cursor.protect_next(
      k2M, [&](PageFlags& flags, CachePolicy&) noexcept { flags.bits &= static_cast<u8>(~kBoth); });
  EXPECT_TRUE(again.take());
  EXPECT_EQ(table.page_walk({0})->property, property(R));

  // While a huge page is split, for protecting, and again for taking out.
  P::during_alloc = [&] { mark(Entry::kDirty); };
  EXPECT_TRUE(cursor.jump({kPage}).ok());
  auto part =
      cursor.protect_next(kPage, [](PageFlags& flags, CachePolicy&) noexcept { flags.bits |= W; });
  EXPECT_EQ(part.take()->first.value, kPage);
  EXPECT_EQ(table.page_walk({kPage})->property, property(R | W | PageFlags::kDirty));
  EXPECT_EQ(table.page_walk({0})->property, property(R | PageFlags::kDirty));

  node += 8;
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  const auto taken = cursor.take_next(kPage).take();
  EXPECT_EQ(std::get<Mapped<Plain>>(*taken).item->property, property(R | W | PageFlags::kDirty));
  P::during_alloc = nullptr;
}

// --- Out of memory

// Runs `work` with one request granted, with two, and so on, until it is done; a refusal must leave
// everything as it was. How often it was refused.
template <class C>
int refuse_each(const PageTable<C>& table, auto&& place, auto&& work) {
  const auto tree = look(table, true);
  const auto before = counts();
  const auto where = place();
  const u64 free = P::globals().allocator.free_bytes();
  for (int granted = 0;; ++granted) {
    P::left = granted;
    const auto refused = work();
    P::left = -1;
    if (!refused) return granted;
    EXPECT_EQ(*refused, PageTableError::no_memory);
    EXPECT_EQ(look(table, true), tree);
    EXPECT_EQ(counts(), before);
    EXPECT_EQ(place(), where);
    EXPECT_EQ(P::globals().allocator.free_bytes(), free);
    if (testing::Test::HasFailure() || granted > 8) return -1;
  }
}

std::optional<PageTableError> error_of(auto&& result) {
  if (result.ok()) return std::nullopt;
  return result.error();
}

TEST_F(CursorTest, OpeningIsRefusedWithoutATrace) {
  const auto table = PageTable<Plain>::empty().take();
  const auto nowhere = [] { return 0; };
  const auto opening = [&](u64 begin, u64 end) {
    return refuse_each(table, nowhere,
                       [&] { return error_of(mm::Cursor<Plain>::open(table, {begin}, {end})); });
  };
  EXPECT_EQ(opening(k2M, k2M + kPage), 3);
  EXPECT_EQ(opening(0, kPage), 1);
  EXPECT_EQ(opening(k1G, k1G + kPage), 2);
  EXPECT_EQ(opening(0, k1G), 0);
}

auto place_of(const auto& cursor) {
  return [&] { return std::pair(cursor.virt_addr(), cursor.level()); };
}

TEST_F(CursorTest, MappingIsRefusedWithoutATrace) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, u64{1} << 40);
  EXPECT_EQ(cursor.guard_level(), 4);
  const auto map = [&](u64 at, u8 level) {
    return refuse_each(table, place_of(cursor),
                       [&] { return error_of(cursor.map(untracked<Plain>(at, level))); });
  };
  EXPECT_EQ(map(0, 1), 3);
  EXPECT_EQ(map(kPage, 1), 0);
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_EQ(map(0, 2), 0);
  EXPECT_EQ(map(0, 1), 1);
  EXPECT_TRUE(cursor.jump({k1G}).ok());
  EXPECT_EQ(map(0, 1), 2);
  EXPECT_TRUE(cursor.jump({2 * k1G}).ok());
  EXPECT_EQ(map(0, 3), 0);
  EXPECT_TRUE(cursor.jump({u64{1} << 39}).ok());
  EXPECT_EQ(refuse_each(table, place_of(cursor),
                        [&] { return cursor.map_range({0}, k2M, property(R)).stopped_by; }),
            2);
}

TEST_F(CursorTest, SplittingIsRefusedWithoutATrace) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 4 * k1G);
  for (u64 i = 1; i < 4; ++i) {
    EXPECT_TRUE(cursor.jump({i * k1G}).ok());
    EXPECT_TRUE(cursor.map(untracked<Plain>(i * k1G, 3, property(R | W))).ok());
  }
  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(
      refuse_each(table, place_of(cursor), [&] { return error_of(cursor.take_next(k1G + kPage)); }),
      2);
  EXPECT_EQ(cursor.virt_addr().value, k1G + kPage);
  EXPECT_TRUE(cursor.jump({k1G + k2M}).ok());
  EXPECT_TRUE(cursor.query().take().item);
  EXPECT_EQ(cursor.level(), 2);
  EXPECT_EQ(refuse_each(table, place_of(cursor),
                        [&] { return error_of(cursor.protect_next(kPage, without_w)); }),
            1);
  // A run stops where the single operation would have been refused.
  EXPECT_TRUE(cursor.jump({2 * k1G + k1G - k2M}).ok());
  P::left = 1;
  const Progress run = cursor.unmap(k2M + kPage);
  EXPECT_EQ(run.stopped_by, PageTableError::no_memory);
  EXPECT_EQ(run.pages, 512u);
  EXPECT_EQ(cursor.virt_addr().value, 3 * k1G);
}

TEST_F(CursorTest, MakingATableIsRefusedWithoutATrace) {
  const auto before = counts();
  for (long granted = 0; granted < 5; ++granted) {
    P::left = granted;
    EXPECT_EQ(error_of(PageTable<Kernel>::new_kernel_page_table()), PageTableError::no_memory);
    EXPECT_EQ(counts(), before);
  }
  P::left = 0;
  EXPECT_EQ(error_of(PageTable<Plain>::empty()), PageTableError::no_memory);
  P::left = 5;
  const auto kernel = PageTable<Kernel>::new_kernel_page_table().take();
  EXPECT_EQ(error_of(PageTable<User>::create_user_page_table(kernel)), PageTableError::no_memory);
  EXPECT_FALSE(mm::NodeView<Kernel>(kernel.root_paddr()).meta().is_locked());
}

// --- Tracked frames

TEST_F(CursorTest, ASegmentIsMappedFrameByFrame) {
  const auto table = PageTable<User>::empty().take();
  auto segment = mm::FrameAllocOptions<P>().alloc_segment(16).take();
  const u64 start = segment.start_paddr().value;
  const auto keeps = segment.clone();
  auto cursor = open(table, 0, 2 * k2M);
  EXPECT_TRUE(cursor.jump({k2M + 4 * kPage}).ok());
  EXPECT_TRUE(cursor.map(untracked<User>(0, 1)).ok());
  EXPECT_TRUE(cursor.jump({k2M - 6 * kPage}).ok());
  const Progress run = cursor.map_segment(segment, property(R | W));
  EXPECT_EQ(run.pages, 10u);
  EXPECT_EQ(run.stopped_by, PageTableError::already_mapped);
  EXPECT_EQ(cursor.virt_addr().value, k2M + 4 * kPage);
  EXPECT_EQ(segment.size(), 6 * kPage);
  EXPECT_EQ(segment.start_paddr().value, start + 10 * kPage);
  for (u64 i = 0; i < 10; ++i) {
    EXPECT_EQ(table.page_walk({k2M + (i - 6) * kPage})->at.value, start + i * kPage);
    EXPECT_EQ(Slot::of({start + i * kPage})->ref_count(), 2u);
  }
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  const auto found = cursor.query().take();
  EXPECT_TRUE(found.item->is_tracked);
  EXPECT_EQ(found.item->frame()->reference_count(), 2u);
  {
    const auto more = found.item->to_owned();
    EXPECT_EQ(more.frame.reference_count(), 3u);
  }
  EXPECT_TRUE(cursor.jump({0}).ok());
  while (cursor.level() != 2) EXPECT_TRUE(cursor.jump({k2M}).ok() && cursor.jump({0}).ok());
  EXPECT_EQ(cursor.unmap(2 * k2M).pages, 11u);
  EXPECT_EQ(Slot::of({start})->ref_count(), 2u);  // INV-13: until all have passed.
  pass_all();
  pass_all();
  EXPECT_EQ(Slot::of({start})->ref_count(), 1u);
}

// What goes in comes out, with its rights and its count (C.2).
TEST_F(CursorTest, AnItemComesOutAsItWentIn) {
  const auto table = PageTable<Kernel>::new_kernel_page_table().take();
  auto cursor = open(table, 0xffff'fe00'0000'0000, 0xffff'fe00'0000'1000);
  auto frame = mm::FrameAllocOptions<P>().alloc_frame().take();
  const PhysAddr at = frame.start_paddr();
  auto item = Item<Kernel>::tracked(std::move(frame), mm::kKernelData);
  for (int i = 0; i < 3; ++i) {  // Again and again: BUG-34.
    EXPECT_TRUE(cursor.map(std::move(item)).ok());
    EXPECT_FALSE(item.is_tracked());
    EXPECT_TRUE(cursor.jump(cursor.begin()).ok());
    auto taken = cursor.take_next(kPage).take();
    item = std::move(std::get<Mapped<Kernel>>(*taken).item).into_inner();
    EXPECT_TRUE(item.is_tracked());
    EXPECT_EQ(item.at, at);
    EXPECT_EQ(item.property, mm::kKernelData);
    EXPECT_EQ(item.frame.reference_count(), 1u);
    EXPECT_TRUE(cursor.jump(cursor.begin()).ok());
  }
  // One that is refused stays.
  EXPECT_TRUE(cursor.map(untracked<Kernel>(0, 1)).ok());
  EXPECT_TRUE(cursor.jump(cursor.begin()).ok());
  EXPECT_EQ(cursor.map(std::move(item)).error(), PageTableError::already_mapped);
  EXPECT_TRUE(item.is_tracked());
  EXPECT_FALSE(P::globals().deferred.is_running());
}

// Whoever drops the table could not drop it.
TEST_F(CursorTest, AFrameThatKeepsItsLastHandleIsRefused) {
  const auto table = PageTable<Kernel>::new_kernel_page_table().take();
  auto cursor = open(table, 0xffff'fe00'0000'0000, 0xffff'fe00'0000'4000);
  auto segment = mm::FrameAllocOptions<P>()
                     .alloc_segment_with(2, [](PhysAddr) noexcept { return mm::KernelMeta{}; })
                     .take();
  EXPECT_EQ(panic_of([&] { (void)cursor.map_segment(segment, property(R)); }), Panic::last_handle);
  EXPECT_EQ(segment.size(), 2 * kPage);
  auto item = Item<Kernel>::tracked(segment.next(), property(R));
  EXPECT_EQ(panic_of([&] { (void)cursor.map(std::move(item)); }), Panic::last_handle);
  EXPECT_TRUE(item.is_tracked());
  // Who knows what it is may drop it.
  (void)drop(mm::Frame<P, mm::KernelMeta>::try_from(std::move(item.frame)).take());
}

TEST_F(CursorTest, ATableGoesWithWhatItMaps) {
  auto segment = mm::FrameAllocOptions<P>().alloc_segment(3).take();
  auto table = PageTable<User>::empty().take();
  {
    auto cursor = open(table, 0, k2M);
    EXPECT_EQ(cursor.map_segment(segment, property(R)).pages, 3u);
    EXPECT_TRUE(segment.is_empty());
    auto moved = std::move(cursor);
    EXPECT_EQ(moved.virt_addr().value, 3 * kPage);
  }
  const auto copy = table.shallow_copy();
  table = PageTable<User>::empty().take();
  EXPECT_TRUE(copy.page_walk({2 * kPage}));
}

TEST_F(CursorTest, EachCpuHasAHandleOfItsRoot) {
  std::vector<PageTable<Plain>> tables;
  for (int i = 0; i < 2; ++i) tables.push_back(PageTable<Plain>::empty().take());
  const auto count = [&](usize i) { return Slot::of(tables[i].root_paddr())->ref_count(); };
  P::set_root({});
  tables[0].first_activate();
  tables[0].activate();
  EXPECT_EQ(P::root(), tables[0].root_paddr());
  EXPECT_EQ(count(0), 2u);
  tables[1].activate();
  EXPECT_EQ(count(0), 1u);
  EXPECT_EQ(count(1), 2u);
  const PhysAddr root = P::root();
  P::set_root({});
  (void)drop(mm::Frame<P>::from_raw(root));
}

// --- Against a map

// What is mapped, page by page, and how; and the cursor's operations on it.
class Beside {
 public:
  struct At {
    u64 at;
    PageProperty property;
    bool operator==(const At&) const = default;
  };
  std::map<u64, At> pages;

  bool has(u64 begin, u64 end) const {
    const auto first = pages.lower_bound(begin);
    return first != pages.end() && first->first < end;
  }
  void map(u64 va, u64 at, u64 bytes, PageProperty how) {
    for (u64 i = 0; i < bytes; i += kPage) pages[va + i] = {at + i, how};
  }
};

template <class C>
void compare(const PageTable<C>& table, const Beside& beside, u64 begin, u64 end) {
  for (u64 va = begin; va < end; va += kPage) {
    const auto found = table.page_walk({va});
    const auto known = beside.pages.find(va);
    ASSERT_EQ(found.has_value(), known != beside.pages.end()) << std::hex << va;
    if (!found) continue;
    ASSERT_EQ(found->at.value, known->second.at) << std::hex << va;
    ASSERT_EQ(found->property, known->second.property) << std::hex << va;
  }
}

template <class C>
void try_at_random(u64 seed, u64 base, u64 bytes, const PageTable<C>& table) {
  props::Dice dice(seed);
  Beside beside;
  const auto change = [](PageFlags& flags, CachePolicy& cache) noexcept {
    flags.bits ^= W;
    cache = CachePolicy::write_through;
  };
  for (int round = 0; round < 40; ++round) {
    const u64 unit = dice.one_in(2) ? kPage : k2M;
    const u64 begin = base + dice.below(bytes / unit) * unit;
    const u64 end = begin + unit * (1 + dice.below((base + bytes - begin) / unit));
    if (dice.one_in(6)) P::left = dice.below(4);
    auto opened = CursorMut<C>::open(table, {begin}, {end});
    if (!opened.ok()) {
      ASSERT_EQ(opened.error(), PageTableError::no_memory);
      P::left = -1;
      continue;
    }
    auto cursor = opened.take();
    for (int step = 0; step < 12; ++step) {
      const u64 va = cursor.virt_addr().value;
      u64 len = dice.one_in(3) ? dice.below(4) * kPage : dice.below(3) * k2M;
      len = std::min(len, end - va);
      const u64 until = va + len;
      if (dice.one_in(8)) P::left = dice.below(3);
      switch (dice.below(7)) {
        case 0: {
          const u64 to = begin + dice.below((end - begin) / kPage) * kPage;
          ASSERT_TRUE(cursor.jump({to}).ok());
          break;
        }
        case 1: {
          const bool is_there = beside.has(va, until);
          const auto first = beside.pages.lower_bound(va);
          const auto found = cursor.find_next(len);
          ASSERT_EQ(found.has_value(), is_there);
          if (found) ASSERT_EQ(found->value, first->first);
          if (!found) ASSERT_GE(cursor.virt_addr().value, until);
          break;
        }
        case 2: {
          const auto found = cursor.query();
          ASSERT_EQ(found.ok(), va < end);
          if (va == end) break;
          auto queried = cursor.query().take();
          ASSERT_EQ(queried.item.has_value(), beside.pages.contains(va));
          ASSERT_TRUE(queried.range.contains({va}));
          if (queried.item) {
            ASSERT_EQ(queried.item->at.value + (va - queried.range.first.value),
                      beside.pages.at(va).at);
            ASSERT_EQ(queried.item->property, beside.pages.at(va).property);
          } else {
            ASSERT_FALSE(beside.has(std::max(queried.range.first.value, base),
                                    std::min(queried.range.last.value, end - 1)));
          }
          break;
        }
        case 3: {
          if (len == 0) break;
          const u64 at = dice.one_in(2) ? va % (8 * k1G) : dice.below(1000) * kPage;
          const PageProperty how = property(dice.one_in(2) ? R | W : R);
          const Progress run = cursor.map_range({at}, len, how);
          const u64 done = run.pages * kPage;
          ASSERT_EQ(cursor.virt_addr().value, va + done);
          ASSERT_FALSE(beside.has(va, va + done));
          beside.map(va, at, done, how);
          if (run.stopped_by == PageTableError::already_mapped) {
            ASSERT_TRUE(beside.has(va + done, until));
          }
          if (!run.stopped_by) ASSERT_EQ(done, len);
          break;
        }
        case 4: {
          const Progress run = cursor.protect(len, change);
          u64 changed = 0;
          for (auto& [page, how] : beside.pages) {
            if (page < va || page >= until) continue;
            if (run.stopped_by && page >= cursor.virt_addr().value) continue;
            change(how.property.flags, how.property.cache);
            ++changed;
          }
          ASSERT_EQ(changed, run.pages);
          break;
        }
        case 5: {
          const Progress run = cursor.unmap(len);
          const u64 now = run.stopped_by ? cursor.virt_addr().value : until;
          ASSERT_EQ(std::erase_if(beside.pages,
                                  [&](auto& one) { return one.first >= va && one.first < now; }),
                    run.pages);
          break;
        }
        default: {
          auto taken = cursor.take_next(len);
          if (!taken.ok()) {
            ASSERT_EQ(cursor.virt_addr().value, va);
            break;
          }
          const auto fragment = taken.take();
          ASSERT_EQ(fragment.has_value() || (C::kTopCanUnmap && !beside.has(va, until)) ||
                        !beside.has(va, until),
                    true);
          if (!fragment) break;
          u64 from = 0, size = 0;
          if (const auto* const stray = std::get_if<Stray<C>>(&*fragment)) {
            from = stray->va.value;
            size = stray->bytes;
          } else {
            const auto& mapped = std::get<Mapped<C>>(*fragment);
            from = mapped.va.value;
            size = mm::page_size(mapped.item->level);
            ASSERT_EQ(mapped.item->at.value, beside.pages.at(from).at);
          }
          ASSERT_FALSE(beside.has(va, from));
          ASSERT_LE(from + size, until);
          ASSERT_EQ(cursor.virt_addr().value, from + size);
          std::erase_if(beside.pages,
                        [&](auto& one) { return one.first >= from && one.first < from + size; });
        }
      }
      P::left = -1;
      ASSERT_LE(cursor.virt_addr().value, end);
      if (testing::Test::HasFailure()) return;
    }
    {
      const auto closed = std::move(cursor);
    }
    (void)look(table);
    compare(table, beside, base, base + bytes);
    if (dice.one_in(2)) mm::quiesce<P>(dice.below(P::cpu_count()));
    if (testing::Test::HasFailure()) return;
  }
}

TEST_F(CursorTest, AgreesWithAMap) {
  for (u64 seed = 0; seed < 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    {
      const auto table = PageTable<Plain>::empty().take();
      try_at_random(seed, k1G - 2 * k2M, 5 * k2M, table);
    }
    {
      const auto table = PageTable<Kernel>::new_kernel_page_table().take();
      try_at_random(seed, 0xffff'ff00'0000'0000 - 3 * k2M, 5 * k2M, table);
      try_at_random(seed, 0 - 3 * k2M, 3 * k2M - kPage, table);
    }
    drain();
  }
}

}  // namespace
