// SPDX-License-Identifier: MPL-2.0
// The boot page table: whose tables are whose, what is mapped and split, and that all is given back
// once. What a CPU finds is asked of the simulated one.
#include "impl/boot/boot_page_table.h"

#include <thread>

#include "props/unit/booting.h"

namespace {

using namespace booting;
using mm::BootTableError;

constexpr auto keep = [](PageFlags&, CachePolicy&) noexcept {};
constexpr auto read_only = [](PageFlags& flags, CachePolicy&) noexcept { flags = {R}; };

// In the last GiB there is nothing.
constexpr u64 kFar = 0xffff'ffff'8000'0000;

class BootPageTableTest : public Booting {
 protected:
  static u64 early_pages() {
    u64 pages = 0;
    for (const PhysRange& range : P::globals().early_allocator.allocated()) {
      pages += range.bytes() / kPage;
    }
    return pages;
  }
  static u64 map(u64 va, u64 pa = 7 * kPage, PageProperty how = property(R | W)) {
    const mm::BootTableChange change = table().map_base_page({va}, {pa}, how);
    EXPECT_FALSE(change.stopped_by.has_value());
    return change.count;
  }
  static auto dismiss(u32 cpu) {
    P::become(cpu);
    auto done = table().dismiss();
    P::become(0);
    return done;
  }
};

// --- The firmware's tables

TEST_F(BootPageTableTest, TheFirmwaresTablesAreMarkedAtTheFirstUse) {
  EXPECT_EQ(entry(kRoot, 0) & kAvail1, 0u) << "nobody has used it";
  start_early();
  (void)map(kFar);
  for (const auto& [page, index] :
       {std::pair{kRoot, 0u}, {kRoot, 256u}, {kUpper, 0u}, {kMiddle, 0u}}) {
    EXPECT_EQ(entry(page, index) & ~(u64{0xf'ffff'ffff} << 12), kToTable | kAvail1)
        << page << " " << index;
  }
  EXPECT_EQ(entry(kUpper, 1), kLarge | k1G) << "no table";
  EXPECT_EQ(entry(kLowest, 3), kSmall | 3 * kPage) << "no table, though bit 7 is not set";
  EXPECT_EQ(entry(kRoot, 511) & kAvail1, 0u) << "ours";
}

TEST_F(BootPageTableTest, WhatTheMachineMarksMeanwhileStaysMarked) {
  entry(kRoot, 0) &= ~u64{1 << 5};
  P::before_exchange = [](PhysAddr) { entry(kRoot, 0) |= 1 << 5; };
  start_early();
  (void)map(kFar);
  EXPECT_EQ(entry(kRoot, 0), (kToTable | kUpper * kPage | kAvail1));
}

// --- Mapping

TEST_F(BootPageTableTest, TablesAreTakenFromAboveDownwards) {
  start_early();
  const mm::BootTableChange change = table().map_base_page({kFar}, {7 * kPage}, property(R | W));
  ASSERT_EQ(change.count, 3);
  for (u64 i = 0; i < 3; ++i) EXPECT_EQ(change.tables[i].value, (9 + i) * kPage);
  EXPECT_EQ(entry(kRoot, 511), 9 * kPage | 7);
  EXPECT_EQ(entry(9, 510), 10 * kPage | 7);
  EXPECT_EQ(entry(10, 0), 11 * kPage | 7);
  EXPECT_EQ(entry(9, 511) | entry(10, 1) | entry(11, 1), 0u) << "empty but for that";
  EXPECT_EQ(touch(kFar + 5), 7 * kPage + 5);
  EXPECT_EQ(map(kFar + kPage), 0u);
  EXPECT_EQ(map(kFar + k2M), 1u);
  EXPECT_EQ(map(kFar + k1G), 2u);
  EXPECT_EQ(early_pages(), 6u);
}

TEST_F(BootPageTableTest, APageIsMappedAsItIsSaid) {
  start_early();
  const PageProperty how = property(R, CachePolicy::uncacheable, mm::PrivilegedPageFlags::kUser);
  (void)map(kFar, 8 * kPage, how);
  const auto found = walk(kFar + 9);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->at.value, 8 * kPage + 9);
  EXPECT_EQ(found->property, how);
  EXPECT_EQ(found->level, 1u);
  EXPECT_EQ(touch(kFar, 0, /*is_user=*/true), 8 * kPage);
  EXPECT_EQ(touch(kFar, 1), std::nullopt);
  EXPECT_EQ(touch(kFar, 2), std::nullopt);
  EXPECT_EQ(walk(kFar + kPage), std::nullopt);
}

// A table that is reached by two ways.
TEST_F(BootPageTableTest, WhatIsMappedByOneWayIsMappedByAll) {
  start_early();
  EXPECT_EQ(map(kLinear + 8 * k2M), 1u);
  EXPECT_EQ(touch(8 * k2M), 7 * kPage);
}

// The lock is free after each, and nothing has changed.
TEST_F(BootPageTableTest, WhatIsWrongIsRefusedInOrder) {
  const auto refuses = [](u64 va, u64 pa, CachePolicy cache) {
    return P::guarded([&] { (void)table().map_base_page({va}, {pa}, property(R, cache)); });
  };
  constexpr CachePolicy kGood = CachePolicy::write_back, kBad = CachePolicy::write_protected;
  EXPECT_EQ(refuses(kFar + 1, u64{1} << 52, kBad), Panic::misaligned);
  EXPECT_EQ(refuses(kFar, u64{1} << 52, kBad), Panic::bad_address);
  EXPECT_EQ(refuses(k1G, 0, kBad), Panic::bad_cache);
  EXPECT_EQ(refuses(k1G, 0, kGood), Panic::mapped_huge);
  EXPECT_EQ(refuses(k2M, 0, kGood), Panic::mapped_huge);
  EXPECT_EQ(refuses(kPage, 0, kGood), Panic::mapped_already);
  EXPECT_EQ(refuses(kFar, 0, kGood), Panic::no_early);

  const auto protecting = [](u64 va, CachePolicy cache) {
    return P::guarded([&] {
      (void)table().protect_base_page({va},
                                      [&](PageFlags&, CachePolicy& now) noexcept { now = cache; });
    });
  };
  EXPECT_EQ(protecting(kFar + 1, kBad), Panic::misaligned);
  EXPECT_EQ(protecting(kFar, kBad), Panic::bad_cache);
  EXPECT_EQ(protecting(kFar, kGood), Panic::not_mapped);
  EXPECT_EQ(protecting(k2M, kGood), Panic::no_early);
  EXPECT_EQ(entry(kMiddle, 1), kLarge | k2M);

  EXPECT_EQ(protecting(kPage, kGood), Panic::none) << "no table is needed";
  start_early();
  EXPECT_EQ(refuses(kFar, 0, kGood), Panic::none);
  EXPECT_TRUE(P::disable_interrupts() != 0) << "they are on again";
}

// --- Splitting

TEST_F(BootPageTableTest, AGibIsSplitByPagesOf2MiB) {
  start_early();
  const auto change = table().protect_base_page({k1G + 3 * k2M + 5 * kPage}, read_only);
  EXPECT_EQ(change.count, 2);
  for (u64 i = 0; i < 512; ++i) {
    for (const u64 byte : {u64{0}, k2M - 1}) {
      const auto found = walk(k1G + i * k2M + byte);
      ASSERT_TRUE(found.has_value()) << i;
      EXPECT_EQ(found->at.value, k1G + i * k2M + byte) << i;
      EXPECT_EQ(found->property, property(R | W | X)) << i;
      EXPECT_EQ(found->level, i == 3 ? 1u : 2u) << i;
    }
  }
  for (u64 i = 0; i < 512; ++i) {
    const auto found = walk(k1G + 3 * k2M + i * kPage);
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->at.value, k1G + 3 * k2M + i * kPage) << i;
    EXPECT_EQ(found->property, property(i == 5 ? R : R | W | X)) << i;
  }
}

// The PAT bit of a page is bit 12 if it is large, and bit 7 if not.
TEST_F(BootPageTableTest, ThePatBitIsNoPartOfAnAddress) {
  constexpr u64 kPat = 1 << 12;
  entry(kUpper, 1) |= kPat;
  start_early();
  const auto change = table().protect_base_page({k1G}, keep);
  ASSERT_EQ(change.count, 2);
  const u64 first = change.tables[0].value / kPage, second = change.tables[1].value / kPage;
  EXPECT_EQ(entry(first, 1), (kLarge | kPat | (k1G + k2M)));
  EXPECT_EQ(entry(second, 0), kLarge | k1G);
  EXPECT_EQ(entry(second, 1), kLarge | (k1G + kPage));
}

TEST_F(BootPageTableTest, NoMarkIsLostBySplitting) {
  start_early();
  constexpr u64 kAccessed = 1 << 5, kDirty = 1 << 6;
  (void)map(kFar);  // The firmware's tables have their marks.
  P::before_exchange = [](PhysAddr at) {
    if (at.value / kPage == kMiddle) entry(kMiddle, 1) |= kAccessed | kDirty;
    P::before_exchange = nullptr;
  };
  (void)table().protect_base_page({k2M}, read_only);
  for (const u64 va : {k2M, k2M + kPage, 2 * k2M - kPage}) {
    EXPECT_EQ(walk(va)->property.flags.bits & (A | D), A | D) << va;
  }
  EXPECT_EQ(walk(k2M)->property.flags.bits & W, 0);
}

TEST_F(BootPageTableTest, NoMarkIsLostByProtecting) {
  (void)table().protect_base_page({kPage}, keep);
  P::before_exchange = [](PhysAddr at) {
    P::before_exchange = nullptr;
    *reinterpret_cast<u64*>(P::kMemoryBase + at.value) |= 1 << 5;
  };
  (void)table().protect_base_page({2 * kPage}, read_only);
  EXPECT_EQ(walk(2 * kPage)->property, property(R | A));
}

TEST_F(BootPageTableTest, APageWithoutRightsIsStillThere) {
  (void)table().protect_base_page({5 * kPage},
                                  [](PageFlags& flags, CachePolicy&) noexcept { flags = {}; });
  EXPECT_EQ(touch(5 * kPage), std::nullopt);
  const auto found = walk(5 * kPage);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->at.value, 5 * kPage);
  EXPECT_EQ(found->property, property(0));
  EXPECT_EQ(P::guarded([] { (void)table().map_base_page({5 * kPage}, {0}, property(R)); }),
            Panic::mapped_already);
}

// --- Memory

TEST_F(BootPageTableTest, WhereOneTableIsRefusedThoseBeforeItStay) {
  P::globals().early_allocator.init({9 * kPage, 11 * kPage}, {});
  const auto change = table().map_base_page({kFar}, {7 * kPage}, property(R));
  EXPECT_EQ(change.stopped_by, BootTableError::no_memory);
  EXPECT_EQ(change.count, 2);
  EXPECT_EQ(entry(9, 510), 10 * kPage | 7);
  EXPECT_EQ(walk(kFar), std::nullopt);

  P::globals().early_allocator.init({12 * kPage, 13 * kPage}, {});
  const auto split = table().protect_base_page({k1G}, read_only);
  EXPECT_EQ(split.stopped_by, BootTableError::no_memory);
  EXPECT_EQ(split.count, 1);
  EXPECT_EQ(walk(k1G)->level, 2u);
  EXPECT_EQ(walk(k1G)->property, property(R | W | X)) << "not protected";
}

TEST_F(BootPageTableTest, LaterTablesAreFramesAsTheEarlyOnesHaveBecome) {
  start_early();
  (void)map(kFar);
  (void)make_metadata().into_raw();
  const auto change = table().map_base_page({kFar + k1G}, {7 * kPage}, property(R));
  ASSERT_EQ(change.count, 2);
  for (const PhysAddr at : {PhysAddr{9 * kPage}, change.tables[0], change.tables[1]}) {
    const auto frame = mm::Frame<P>::from_in_use(at).take();
    EXPECT_TRUE(frame.dyn_meta().is<mm::EarlyAllocatedFrameMeta>()) << at.value / kPage;
    EXPECT_EQ(frame.reference_count(), 2u) << "this handle, and the table's";
  }
  EXPECT_EQ(touch(kFar), 7 * kPage) << "the table lives on";
  P::left = 1;
  const auto refused = table().map_base_page({0xffff'9000'0000'0000}, {0}, property(R));
  EXPECT_EQ(refused.stopped_by, BootTableError::no_memory);
  EXPECT_EQ(refused.count, 1);
}

// --- Dismissal

TEST_F(BootPageTableTest, ACpuThatHasDismissedItIsRefused) {
  boot();
  const auto first = dismiss(1).take();
  EXPECT_FALSE(first.was_last);
  EXPECT_EQ(first.given, 0u);
  EXPECT_FALSE(dismiss(1).ok());
  P::become(1);
  EXPECT_EQ(table().map_base_page({kFar}, {0}, property(R)).stopped_by, BootTableError::dismissed);
  EXPECT_EQ(table().protect_base_page({kPage}, keep).stopped_by, BootTableError::dismissed);
  EXPECT_EQ(table().map_base_page({1}, {0}, property(R)).stopped_by, BootTableError::dismissed)
      << "before all else";
  P::become(0);
  EXPECT_EQ(map(kFar), 3u) << "the other still may";
}

TEST_F(BootPageTableTest, TheLastDismissalGivesAllBackOnce) {
  start_early();
  (void)map(kFar);                               // Three early tables.
  (void)table().protect_base_page({k1G}, keep);  // Two, by way of both entries of the root.
  const u64 early = early_pages();
  (void)make_metadata().into_raw();  // Three for the slots.
  (void)map(kLinear + 9 * k2M);      // A frame.
  const u64 before = free_pages();
  EXPECT_EQ(early, 5u);
  EXPECT_FALSE(dismiss(0).take().was_last);
  EXPECT_EQ(free_pages(), before);
  const auto last = dismiss(1).take();
  EXPECT_TRUE(last.was_last);
  EXPECT_EQ(last.given, early + 3 + 1);
  EXPECT_EQ(free_pages(), before + last.given);
  EXPECT_FALSE(mm::Frame<P>::from_in_use({9 * kPage}).ok()) << "unused";
}

TEST_F(BootPageTableTest, NoTableIsReachedAfterwardsAndPagesStayWhatTheyWere) {
  boot();
  (void)map(kLinear + 9 * k2M);
  (void)dismiss(1);
  EXPECT_NE(entry(kRoot, 0), 0u);
  (void)dismiss(0);
  EXPECT_EQ(entry(kRoot, 0) | entry(kRoot, 256) | entry(kRoot, 448), 0u);
  EXPECT_EQ(entry(kUpper, 0) | entry(kMiddle, 0) | entry(kMiddle, 9), 0u);
  EXPECT_EQ(entry(kUpper, 1), kLarge | k1G);
  EXPECT_EQ(entry(kMiddle, 1), kLarge | k2M);
  EXPECT_EQ(entry(kLowest, 1), kSmall | kPage);
  EXPECT_EQ(walk(kPage), std::nullopt);
}

TEST_F(BootPageTableTest, OneThatNobodyHasUsedCanBeDismissed) {
  boot();
  ::new (static_cast<void*>(&table())) Table();
  entry(kRoot, 448) = 0;  // What boot() has made there.
  for (const u64 page : {kRoot, kUpper, kMiddle}) entry(page, 0) &= ~kAvail1;
  entry(kRoot, 256) &= ~kAvail1;
  (void)dismiss(0);
  const auto last = dismiss(1).take();
  EXPECT_TRUE(last.was_last);
  EXPECT_EQ(last.given, 0u);
  EXPECT_EQ(entry(kRoot, 0), 0u);
}

// --- Two CPUs at once

TEST_F(BootPageTableTest, TwoCpusMakeNoTableTwice) {
  boot();
  constexpr u64 kEach = 100;
  const u64 before = free_pages();
  std::array<u64, 2> made{};
  {
    std::array<std::jthread, 2> threads;
    for (u32 cpu = 0; cpu < 2; ++cpu) {
      threads[cpu] = std::jthread([cpu, &made] {
        P::become(cpu);
        for (u64 i = 0; i < kEach; ++i) made[cpu] += map(kFar + (2 * i + cpu) * kPage);
        (void)table().dismiss();
      });
    }
  }
  EXPECT_EQ(made[0] + made[1], 3u);
  EXPECT_EQ(free_pages(), before + 3) << "the slots' three, and these";
}

}  // namespace
