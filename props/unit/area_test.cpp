// SPDX-License-Identifier: MPL-2.0
// Areas: what is mapped in them, and that no CPU knows of it any more when they are gone.
#include <random>

#include "impl/frame/kinds.h"
#include "impl/vm/kernel_area.h"
#include "props/unit/spaces.h"

namespace {

using namespace spaces;
using Area = mm::KernelArea<Kernel>;
using mm::AreaError, mm::AreaMapped;

// 64 pages over the end of what a table of level 3 maps by one of level 2.
constexpr u64 kMiddle = u64{0} - (u64{1} << 41) + 768 * k1G;
constexpr u64 kEnd = kMiddle + 64 * kPage, kAll = 2048, kBegin = kEnd - kAll * kPage;
constexpr u64 kFar = u64{1} << 44;  // Memory that is none.
constexpr PageProperty kGlobal = mm::kKernelData;
constexpr u64 kEveryCpu = ~u64{0};

class Areas : public Spaces {
 protected:
  void SetUp() override {
    Spaces::SetUp();
    P::globals().kernel_ranges.init({kBegin}, {kEnd});
    P::let_interrupt(kEveryCpu);
  }
  void TearDown() override {
    EXPECT_TRUE(are_all_addresses_free());
    P::let_interrupt(0);
    Spaces::TearDown();
  }

  static auto frames(u64 count) {
    auto made = mm::FrameAllocOptions<P>().alloc_segment(count);
    EXPECT_TRUE(made.ok());
    return made.take();
  }
  AreaMapped map_frames(Area& to, u64 pages, u64 offset, auto& segment,
                        PageProperty how = kGlobal) {
    return Area::map_frames(to, *kernel, pages, offset, segment, how);
  }
  AreaMapped map_range(Area& to, u64 pages, u64 offset, u64 at, u64 count,
                       PageProperty how = kGlobal) {
    return Area::map_range(to, *kernel, pages, offset, {at}, count, how);
  }
  // With frames of its own, from its beginning to its end.
  Area of_frames(u64 pages, PhysAddr* at = nullptr) {
    Area area;
    auto segment = frames(pages);
    if (at != nullptr) *at = segment.start_paddr();
    EXPECT_FALSE(map_frames(area, pages, 0, segment).stopped_by);
    EXPECT_FALSE(static_cast<bool>(segment) && !segment.is_empty());
    return area;
  }
  // Memory that nobody counts.
  Area of_memory(u64 pages, u64 at = kFar) {
    Area area;
    EXPECT_FALSE(map_range(area, pages, 0, at, pages).stopped_by);
    return area;
  }
  // 32 small pages, two of 2 MiB from kMiddle - 4 MiB on, and 64 pages with nothing.
  Area of_large_pages() {
    Area area;
    EXPECT_FALSE(map_range(area, 1120, 0, kFar + k2M - 32 * kPage, 1056).stopped_by);
    return area;
  }

  static bool are_all_addresses_free() {
    mm::AddressRange<P> range;
    return P::globals().kernel_ranges.alloc(range, kAll * kPage);
  }
  static void expect_mapped(const Area& area, u64 page, u64 at) {
    const auto item = area.query(page);
    ASSERT_TRUE(item) << page;
    EXPECT_EQ(item->at.value, at) << page;
    EXPECT_EQ(item->property, kGlobal);
  }
  bool is_mapped(u64 va) { return kernel->page_walk({va}).has_value(); }

  static bool loads(u32 cpu, u64 va) {
    return check::machine::touch(cpu, va, Access::load, Privilege::supervisor).ok();
  }
};

// --- Mapping

TEST_F(Areas, AreAtTheEndOfWhatIsFree) {
  const Area first = of_memory(3), second = of_memory(5);
  EXPECT_EQ(first.begin().value, kEnd - 3 * kPage);
  EXPECT_EQ(first.end().value, kEnd);
  EXPECT_EQ(first.pages(), 3u);
  EXPECT_EQ(second.end(), first.begin());
}

TEST_F(Areas, HaveFramesWhereTheyWereAskedFor) {
  auto segment = frames(3);
  const PhysAddr at = segment.start_paddr();
  Area area;
  EXPECT_FALSE(area);
  const AreaMapped done = map_frames(area, 8, 2, segment);
  EXPECT_TRUE(area);
  EXPECT_FALSE(done.stopped_by);
  EXPECT_EQ(done.pages, 3u);
  EXPECT_EQ(done.cpus, 0u);
  for (u64 page = 0; page < 8; ++page) {
    const u64 va = area.begin().value + page * kPage;
    EXPECT_EQ(is_mapped(va), page >= 2 && page < 5);
    if (page < 2 || page >= 5) {
      EXPECT_FALSE(area.query(page)) << page;
      continue;
    }
    const u64 wanted = at.value + (page - 2) * kPage;
    expect_mapped(area, page, wanted);
    EXPECT_TRUE(area.query(page)->is_tracked);
    EXPECT_EQ(count_of({wanted}), 1u) << "the table's";
    EXPECT_EQ(kernel->page_walk({va + 5})->at.value, wanted + 5);
  }
}

TEST_F(Areas, HaveMemoryByTheLargestPages) {
  const Area area = of_large_pages();
  for (const u64 page : {u64{0}, u64{31}, u64{32}, u64{32 + 511}, u64{32 + 512}, u64{1055}}) {
    expect_mapped(area, page, kFar + k2M + (page - 32) * kPage);
    EXPECT_FALSE(area.query(page)->is_tracked);
    EXPECT_EQ(area.query(page)->level, page < 32 ? 1 : 2);
  }
  EXPECT_FALSE(area.query(1056));
  EXPECT_FALSE(area.query(1119));
}

// Nothing is asked for, and nothing refused.
TEST_F(Areas, WithNothingTakeNoMemory) {
  const auto before = look(*kernel);
  const auto some = frames(1);
  auto segment = some.slice(0, 0);
  P::left = 0;
  Area area, other;
  EXPECT_FALSE(map_range(area, 4, 4, kFar, 0).stopped_by);
  EXPECT_FALSE(map_frames(other, kAll - 4, 7, segment).stopped_by);
  EXPECT_FALSE(area.query(0) || area.query(3) || other.query(7));
  EXPECT_TRUE(area.split(1).ok());
  P::left = -1;
  EXPECT_EQ(look(*kernel), before);
}

TEST_F(Areas, ThatHaveNoRoomAreNone) {
  auto segment = frames(2);
  Area area;
  EXPECT_EQ(map_range(area, kAll + 1, 0, kFar, 1).stopped_by, AreaError::no_space);
  EXPECT_EQ(map_range(area, ~u64{0} / kPage + 1, 0, kFar, 1).stopped_by, AreaError::no_space);
  EXPECT_EQ(map_frames(area, ~u64{0}, 0, segment).stopped_by, AreaError::no_space);
  EXPECT_FALSE(area);
  EXPECT_EQ(segment.size(), 2 * kPage);
  const Area most = of_memory(kAll - 1);
  EXPECT_EQ(map_range(area, 2, 0, kFar, 1).stopped_by, AreaError::no_space);
  EXPECT_FALSE(map_range(area, 1, 0, kFar, 1).stopped_by);
}

TEST_F(Areas, WrongArgumentsArePanicsBeforeAnything) {
  auto segment = frames(2);
  const auto before = look(*kernel);
  PageProperty protects = kGlobal, marked = kGlobal;
  protects.cache = CachePolicy::write_protected;
  marked.privileged.bits |= PrivilegedPageFlags::kAvail1;
  constexpr u64 k52 = u64{1} << 52;
  Area area;
  const auto of_range = [&](u64 pages, u64 offset, u64 at, u64 count, PageProperty how) {
    return P::guarded([&] { (void)map_range(area, pages, offset, at, count, how); });
  };
  const auto of_frames = [&](u64 pages, u64 offset, PageProperty how) {
    return P::guarded([&] { (void)map_frames(area, pages, offset, segment, how); });
  };
  // In the order in which they are looked for: what comes later is wrong each time, too.
  EXPECT_EQ(of_range(0, 1, k52, 1, protects), Panic::empty_range);
  EXPECT_EQ(of_range(4, 5, k52, 0, protects), Panic::beyond_barrier);
  EXPECT_EQ(of_range(4, 3, k52, 2, protects), Panic::beyond_barrier);
  EXPECT_EQ(of_range(4, ~u64{0}, k52, 2, protects), Panic::beyond_barrier);
  EXPECT_EQ(of_range(4, 2, k52, ~u64{0}, protects), Panic::beyond_barrier);
  EXPECT_EQ(of_range(4, 2, k52, 1, protects), Panic::bad_address);
  EXPECT_EQ(of_range(4, 2, k52 - kPage, 2, protects), Panic::bad_address);
  EXPECT_EQ(of_range(4, 2, ~u64{0} - kPage + 1, 2, protects), Panic::bad_address);
  EXPECT_EQ(of_range(4, 2, kFar + 8, 2, protects), Panic::bad_address);
  EXPECT_EQ(of_range(4, 2, k52 - kPage, 1, protects), Panic::bad_cache);
  EXPECT_EQ(of_range(4, 2, k52, 0, protects), Panic::bad_cache);
  EXPECT_EQ(of_range(kAll + 1, 2, kFar, 1, protects), Panic::bad_cache);
  EXPECT_EQ(of_range(kAll + 1, 2, kFar, 1, marked), Panic::bad_property);
  EXPECT_EQ(of_frames(0, 1, protects), Panic::empty_range);
  EXPECT_EQ(of_frames(4, 3, protects), Panic::beyond_barrier);
  EXPECT_EQ(of_frames(kAll + 1, 0, protects), Panic::bad_cache);
  EXPECT_EQ(of_frames(kAll + 1, 0, marked), Panic::bad_property);
  EXPECT_FALSE(area);
  EXPECT_EQ(segment.size(), 2 * kPage);
  EXPECT_EQ(look(*kernel), before);
  EXPECT_TRUE(are_all_addresses_free());
}

// PRE-4: what is mapped must be such that a table can give it up.
TEST_F(Areas, FramesThatKeepTheirLastHandleAreAPanicBeforeAnything) {
  mm::Segment<P> segment(
      mm::FrameAllocOptions<P>()
          .alloc_segment_with(2, [](PhysAddr) noexcept { return mm::KernelMeta{}; })
          .take());
  Area area;
  EXPECT_EQ(P::guarded([&] { (void)map_frames(area, 4, 0, segment); }), Panic::last_handle);
  EXPECT_FALSE(area);
  EXPECT_EQ(segment.size(), 2 * kPage);
  EXPECT_TRUE(are_all_addresses_free());
  (void)mm::Segment<P, mm::KernelMeta>::try_from(std::move(segment)).take();
}

// On either side of the middle it takes two tables: each is refused in turn. What was mapped is
// taken out again, and what was not is still the caller's.
TEST_F(Areas, WithoutMemoryNothingIsMapped) {
  for (long granted = 0;; ++granted) {
    auto segment = frames(4);
    const PhysAddr at = segment.start_paddr();
    Area area;
    P::left = granted;
    const AreaMapped done = map_frames(area, 90, 24, segment);
    P::left = -1;
    if (!done.stopped_by) {
      EXPECT_EQ(granted, 4);
      EXPECT_EQ(done.pages, 4u);
      break;
    }
    EXPECT_EQ(done.stopped_by, AreaError::no_memory);
    EXPECT_FALSE(area);
    EXPECT_TRUE(are_all_addresses_free());
    EXPECT_EQ(segment.start_paddr().value, at.value + done.pages * kPage);
    EXPECT_EQ(segment.size(), (4 - done.pages) * kPage);
    EXPECT_EQ(done.pages, granted < 2 ? 0u : 2u);
    EXPECT_EQ(done.cpus, granted < 2 ? 0u : 0b1110u);
    for (u64 va = kBegin; va < kEnd; va += kPage) EXPECT_FALSE(is_mapped(va));
    drain();
    // Tables that were made stay: the next time they need not be.
    kernel.emplace(mm::PageTable<Kernel>::new_kernel_page_table().take());
  }
}

// --- Cutting

TEST_F(Areas, BothPartsHaveWhatWasTheirs) {
  PhysAddr at{};
  Area lower = of_frames(6, &at);
  P::left = 0;
  Area upper = lower.split(4).take();
  P::left = -1;
  EXPECT_EQ(lower.pages(), 4u);
  EXPECT_EQ(upper.pages(), 2u);
  EXPECT_EQ(lower.end(), upper.begin());
  EXPECT_EQ(upper.end().value, kEnd);
  for (u64 page = 0; page < 4; ++page) expect_mapped(lower, page, at.value + page * kPage);
  for (u64 page = 0; page < 2; ++page) expect_mapped(upper, page, at.value + (4 + page) * kPage);
  EXPECT_EQ(drop(std::move(lower)).pages, 4u);
  EXPECT_FALSE(lower);  // NOLINT(bugprone-use-after-move): it is none then.
  for (u64 page = 0; page < 2; ++page) expect_mapped(upper, page, at.value + (4 + page) * kPage);
  EXPECT_EQ(drop(std::move(upper)).pages, 2u);
}

// Before the pages that are mapped, among them, and behind.
TEST_F(Areas, TheRunMayLieInEitherPart) {
  for (const u64 cut : {u64{1}, u64{3}, u64{4}, u64{5}, u64{6}, u64{9}}) {
    Area lower;
    ASSERT_FALSE(map_range(lower, 10, 3, kFar, 3).stopped_by);
    Area upper = lower.split(cut).take();
    for (u64 page = 0; page < 10; ++page) {
      const Area& area = page < cut ? lower : upper;
      const u64 within = page < cut ? page : page - cut;
      if (page >= 3 && page < 6) {
        expect_mapped(area, within, kFar + (page - 3) * kPage);
      } else {
        EXPECT_FALSE(area.query(within)) << cut << ' ' << page;
      }
    }
    const u64 in_lower = std::clamp<u64>(cut, 3, 6) - 3;
    EXPECT_EQ(drop(std::move(upper)).pages, 3 - in_lower);
    EXPECT_EQ(drop(std::move(lower)).pages, in_lower);
  }
}

TEST_F(Areas, ALargePageOverTheCutIsSplitFirst) {
  Area lower = of_large_pages();
  const auto before = look(*kernel);
  P::left = 0;
  EXPECT_EQ(lower.split(32 + 100).error(), PageTableError::no_memory);
  EXPECT_EQ(lower.pages(), 1120u);
  EXPECT_EQ(look(*kernel), before);
  P::left = 1;
  Area upper = lower.split(32 + 100).take();
  EXPECT_EQ(P::left, 0) << "one table";
  P::left = -1;
  for (u64 page = 0; page < 1056; ++page) {
    const Area& area = page < 132 ? lower : upper;
    const u64 within = page < 132 ? page : page - 132;
    expect_mapped(area, within, kFar + k2M + (page - 32) * kPage);
    EXPECT_EQ(area.query(within)->level, page < 32 + 512 ? 1 : 2);
  }
  P::left = 0;  // No page is cut by that.
  EXPECT_EQ(drop(std::move(lower)).pages, 132u);
  const mm::AreaDropped dropped = drop(std::move(upper));
  EXPECT_EQ(dropped.pages, 412u + 1);
  EXPECT_EQ(dropped.tables, 0u);
}

TEST_F(Areas, BetweenPagesOrOutsideOfThemACutTakesNoMemory) {
  Area area = of_large_pages();
  P::left = 0;
  for (const u64 cut : {u64{1100}, u64{1056}, u64{32 + 512}, u64{32}, u64{7}}) {
    const Area upper = area.split(cut).take();
    EXPECT_EQ(area.pages(), cut);
  }
}

TEST_F(Areas, ACutThatLeavesNothingIsAPanic) {
  Area area = of_memory(4);
  for (const u64 page : {u64{0}, u64{4}, u64{5}, ~u64{0}}) {
    EXPECT_EQ(P::guarded([&] { (void)area.split(page); }), Panic::bad_split) << page;
  }
  EXPECT_EQ(area.pages(), 4u);
  Area one = of_memory(1);
  EXPECT_EQ(P::guarded([&] { (void)one.split(1); }), Panic::bad_split);
}

// --- Dropping

TEST_F(Areas, FramesAreFreeWhenAllCpusHavePassed) {
  PhysAddr at{};
  Area area = of_frames(3, &at);
  const mm::AreaDropped dropped = drop(std::move(area));
  EXPECT_EQ(dropped.pages, 3u);
  EXPECT_EQ(dropped.tables, 0u);
  EXPECT_EQ(dropped.cpus, 0b1110u);
  EXPECT_EQ(awaited(), 0b1111u);
  for (const u32 cpu : {3u, 1u, 2u}) EXPECT_EQ(pass(cpu), 0u);
  for (u64 page = 0; page < 3; ++page) EXPECT_EQ(count_of({at.value + page * kPage}), 1u);
  EXPECT_EQ(pass(0), 1u);  // With the first the period began; the others wait for the next.
  for (const u32 cpu : {3u, 1u, 2u}) EXPECT_EQ(pass(cpu), 0u);
  EXPECT_EQ(count_of({at.value + kPage}), 1u);
  EXPECT_EQ(pass(0), 2u);
  for (u64 page = 0; page < 3; ++page)
    EXPECT_EQ(count_of({at.value + page * kPage}), Slot::kUnused);
}

// Also if its CPU has not passed in a period that was running: the others are to pass again.
TEST_F(Areas, ARunningPeriodWaitsForAllAgain) {
  { const Area first = of_frames(1); }
  for (const u32 cpu : {1u, 2u, 3u}) (void)pass(cpu);
  EXPECT_EQ(awaited(), 0b0001u);
  { const Area second = of_frames(1); }
  EXPECT_EQ(awaited(), 0b1111u);
}

TEST_F(Areas, ATableThatIsFullGoesWhole) {
  Area area;
  ASSERT_FALSE(map_range(area, 64 + 512 + 512 + 3, 3, kFar + kPage, 1024).stopped_by);
  const mm::AreaDropped dropped = drop(std::move(area));
  EXPECT_EQ(dropped.tables, 2u);
  EXPECT_EQ(dropped.frames, 1024u);
  EXPECT_EQ(dropped.pages, 0u);
}

// INV-48: whatever a CPU translates by, it knows what the kernel maps; global translations outlive
// a change of the root.
TEST_F(Areas, NoCpuKnowsOfItAnyMore) {
  for (const u64 pages : {u64{1}, u64{31}, u64{32}}) {
    Area area = of_frames(pages);
    const u64 first = area.begin().value, last = area.end().value - kPage;
    const Space other = make();
    activate(0, *kernel);
    activate(1, *space);
    activate(2, *space);
    for (const u32 cpu : {0u, 1u, 2u}) EXPECT_TRUE(loads(cpu, first) && loads(cpu, last));
    activate(2, other);
    EXPECT_TRUE(knows(2, first) && knows(2, last)) << "it is global";
    EXPECT_EQ(drop(std::move(area)).cpus, 0b1110u);
    for (const u32 cpu : {0u, 1u, 2u, 3u}) {
      EXPECT_FALSE(knows(cpu, first) || knows(cpu, last)) << pages << ' ' << cpu;
      EXPECT_FALSE(has_work(cpu));
      if (cpu < 3) EXPECT_FALSE(loads(cpu, first) || loads(cpu, last));
    }
    activate(2, *kernel);
    drain();
  }
}

// BUG-21: its addresses are another's then.
TEST_F(Areas, WhatComesThereIsSeen) {
  activate(1, *space);
  PhysAddr first{}, second{};
  u64 va = 0;
  {
    const Area area = of_frames(2, &first);
    va = area.begin().value;
    EXPECT_TRUE(loads(1, va));
  }
  const Area area = of_frames(2, &second);
  ASSERT_EQ(area.begin().value, va);
  ASSERT_NE(first, second) << "not given back yet";
  const auto seen = check::machine::touch(1, va, Access::load, Privilege::supervisor);
  EXPECT_EQ(seen.address, second.value);
}

// Up to 31 pages are flushed singly: what else a CPU knows it need not find again.
TEST_F(Areas, OfFewPagesOthersStayKnown) {
  activate(1, *kernel);
  const Area kept = of_memory(1);
  const auto still_knows_after = [&](u64 pages) {
    Area area = of_memory(pages);
    EXPECT_TRUE(loads(1, kept.begin().value));
    (void)drop(std::move(area));
    return knows(1, kept.begin().value);
  };
  EXPECT_TRUE(still_knows_after(1));
  EXPECT_TRUE(still_knows_after(31));
  EXPECT_FALSE(still_knows_after(32));
  Area large;
  EXPECT_TRUE(loads(1, kept.begin().value));
  ASSERT_FALSE(map_range(large, 64 + 512, 0, kFar, 1).stopped_by);
  (void)drop(std::move(large));
  EXPECT_TRUE(knows(1, kept.begin().value)) << "it is not its size that counts";
}

// A large page, or a table, is all the pages that it spans.
TEST_F(Areas, OfOneLargePageOrTableNothingStaysKnown) {
  activate(1, *kernel);
  const Area kept = of_memory(64);
  for (const u64 at : {kFar, kFar + kPage}) {  // By a large page, or by small ones.
    Area area = of_memory(512, at);
    ASSERT_EQ(area.end().value, kMiddle);
    EXPECT_TRUE(loads(1, kept.begin().value) && loads(1, area.begin().value + 300 * kPage));
    const u64 va = area.begin().value;
    const mm::AreaDropped dropped = drop(std::move(area));
    EXPECT_EQ(dropped.pages, at == kFar ? 1u : 0u);
    EXPECT_EQ(dropped.tables, at == kFar ? 0u : 1u);
    EXPECT_EQ(dropped.frames, at == kFar ? 0u : 512u);
    EXPECT_FALSE(knows(1, kept.begin().value) || knows(1, va + 300 * kPage));
  }
}

// It knows no page by that table any more, but may know the table.
TEST_F(Areas, WhereATableMadeRoomNobodyKnowsIt) {
  activate(1, *kernel);
  const Area kept = of_memory(64);
  { const Area leaves_its_table = of_memory(1); }
  EXPECT_TRUE(loads(1, kept.begin().value));
  bool was_told = false;
  P::during_spin = [&] { was_told |= has_work(1); };
  Area area;
  const AreaMapped done = map_range(area, 512, 0, kFar, 512);
  P::during_spin = nullptr;
  EXPECT_EQ(done.pages, 512u);
  EXPECT_EQ(done.cpus, 0b1110u);
  EXPECT_TRUE(was_told);
  EXPECT_FALSE(has_work(1));
  EXPECT_FALSE(knows(1, kept.begin().value)) << "512 pages are everything";
  EXPECT_NE(awaited(), 0u);
  expect_mapped(area, 300, kFar + 300 * kPage);
  Area next;
  EXPECT_EQ(map_range(next, 512, 0, kFar, 512).cpus, 0u) << "there was none";
  EXPECT_EQ(next.query(0)->level, 2);
}

// As long as a CPU may know what was there, the addresses are nobody's.
TEST_F(Areas, AddressesAreFreeOnlyWhenAllHaveFlushed) {
  activate(3, *kernel);
  Area area = of_frames(1);
  const u64 va = area.begin().value;
  EXPECT_TRUE(loads(3, va));
  int spins = 0;
  P::during_spin = [&] {
    ++spins;
    if (!has_work(3)) return;
    EXPECT_TRUE(knows(3, va));
    EXPECT_FALSE(is_mapped(va));
    EXPECT_FALSE(are_all_addresses_free());
    EXPECT_FALSE(P::globals().deferred.awaited() == 0);
  };
  (void)drop(std::move(area));
  P::during_spin = nullptr;
  EXPECT_GT(spins, 0);
  EXPECT_FALSE(knows(3, va));
}

TEST_F(Areas, WithNothingThereNothingIsFlushed) {
  activate(1, *kernel);
  Area area;
  ASSERT_FALSE(map_range(area, 3, 0, kFar, 0).stopped_by);
  const mm::AreaDropped dropped = drop(std::move(area));
  EXPECT_EQ(dropped.pages + dropped.tables + dropped.frames + dropped.cpus, 0u);
  EXPECT_FALSE(has_work(1));
}

// Room for what is pending ends in the middle: it goes on when CPUs have passed.
TEST_F(Areas, IfTooMuchIsPendingADropGoesOnWhenCpusHavePassed) {
  Area area = of_frames(5);
  const u64 va = area.begin().value;
  auto& deferred = P::globals().deferred;
  u64 reserved = 0;
  while (deferred.try_reserve()) ++reserved;
  deferred.unreserve(2);  // The first begins a period, the second waits for the next.
  reserved -= 2;
  int waits = 0;
  P::during_spin = [&] {
    if (has_work(1)) return;  // It waits for flushes.
    ++waits;
    for (u64 page = 0; page < 5; ++page) EXPECT_EQ(is_mapped(va + page * kPage), page >= 2);
    deferred.unreserve(reserved);
    reserved = 0;
  };
  const mm::AreaDropped dropped = drop(std::move(area));
  P::during_spin = nullptr;
  EXPECT_EQ(waits, 1);
  EXPECT_EQ(dropped.pages, 5u);
  EXPECT_EQ(dropped.cpus, 0b1110u);
  EXPECT_FALSE(is_mapped(va + 4 * kPage));
}

TEST_F(Areas, AMovedAreaIsDroppedOnce) {
  Area area = of_frames(2);
  const u64 va = area.begin().value;
  {
    const Area moved(std::move(area));
    EXPECT_FALSE(area);  // NOLINT(bugprone-use-after-move): it is none then.
    EXPECT_EQ(moved.begin().value, va);
    EXPECT_TRUE(is_mapped(va));
  }
  EXPECT_FALSE(is_mapped(va));
  const mm::AreaDropped dropped = drop(std::move(area));
  EXPECT_EQ(dropped.pages + dropped.cpus, 0u);
}

// --- INV-45: areas are apart, in their place, and mapped as was asked; what is not theirs is not.

TEST_F(Areas, AgreeWithAListOfPages) {
  struct Held {
    Area area;
    std::vector<u64> mapped;  // Where each page leads; 0: nowhere.
  };
  std::mt19937 random(11);
  const auto below = [&](u64 n) { return static_cast<u64>(random()) % n; };
  std::vector<std::unique_ptr<Held>> all;
  const auto check = [&] {
    std::map<u64, u64> wanted;
    for (const auto& held : all) {
      ASSERT_EQ(held->area.pages(), held->mapped.size());
      ASSERT_TRUE(kBegin <= held->area.begin().value && held->area.end().value <= kEnd);
      for (u64 page = 0; page < held->mapped.size(); ++page) {
        const u64 va = held->area.begin().value + page * kPage;
        ASSERT_TRUE(wanted.emplace(va, held->mapped[page]).second) << "of two areas";
      }
    }
    for (u64 va = kBegin; va < kEnd; va += kPage) {
      const auto at = wanted.find(va);
      const auto found = kernel->page_walk({va});
      ASSERT_EQ(found ? found->at.value : 0, at == wanted.end() ? 0 : at->second);
    }
  };
  for (int step = 0; step < 600; ++step) {
    P::left = below(4) == 0 ? static_cast<long>(below(3)) : -1;
    const u64 one = all.empty() ? 0 : below(all.size());
    switch (below(5)) {
      case 0:
      case 1: {
        auto held = std::make_unique<Held>();
        const u64 pages = 1 + (below(3) == 0 ? below(1300) : below(20));
        const u64 offset = below(pages + 1), count = below(pages - offset + 1);
        const u64 at = kFar + below(1024) * kPage;
        if (map_range(held->area, pages, offset, at, count).stopped_by) break;
        held->mapped.resize(pages);
        for (u64 i = 0; i < count; ++i) held->mapped[offset + i] = at + i * kPage;
        all.push_back(std::move(held));
        break;
      }
      case 2: {
        const long left = std::exchange(P::left, -1);
        auto segment = mm::FrameAllocOptions<P>().alloc_segment(1 + below(9));
        P::left = left;
        if (!segment.ok()) break;
        auto held = std::make_unique<Held>();
        const u64 count = segment.value().size() / kPage, pages = count + below(4);
        const u64 at = segment.value().start_paddr().value, offset = below(pages - count + 1);
        if (map_frames(held->area, pages, offset, segment.value()).stopped_by) break;
        held->mapped.resize(pages);
        for (u64 i = 0; i < count; ++i) held->mapped[offset + i] = at + i * kPage;
        all.push_back(std::move(held));
        break;
      }
      case 3: {
        if (all.empty() || all[one]->mapped.size() < 2) break;
        const u64 page = 1 + below(all[one]->mapped.size() - 1);
        auto upper = all[one]->area.split(page);
        if (!upper.ok()) break;
        auto& mapped = all[one]->mapped;
        const auto cut = mapped.begin() + static_cast<std::ptrdiff_t>(page);
        all.push_back(
            std::make_unique<Held>(Held{upper.take(), std::vector<u64>(cut, mapped.end())}));
        mapped.resize(page);
        break;
      }
      default:
        if (all.empty()) break;
        P::left = 0;  // It takes none.
        std::swap(all[one], all.back());
        all.pop_back();
        break;
    }
    P::left = -1;
    check();
    if (HasFatalFailure()) return;
    if (below(3) == 0) pass_all();
  }
}

}  // namespace
