// SPDX-License-Identifier: MPL-2.0
// Booting: what the loader says of memory becomes regions, allocators and metadata. The cases of
// OSTD stand under their names there; behind each, what they leave unsaid of the same function.
#include <gtest/gtest.h>
#include <vector>

#include "impl/boot/allocators.h"
#include "impl/boot/metadata.h"
#include "impl/hosted/platform.h"

namespace {

using mm::BootMap, mm::EarlyAllocator, mm::Frame, mm::MemoryRegion, mm::MemoryRegions, mm::PhysAddr,
    mm::PhysRange, mm::RegionType, mm::u64, mm::u8;

constexpr u64 kPage = mm::kPageSize, kMiB = u64{1} << 20, kGiB = u64{1} << 30, kTiB = u64{1} << 40;

constexpr PhysRange pages(u64 first, u64 end) { return {first * kPage, end * kPage}; }

MemoryRegions regions_of(std::initializer_list<MemoryRegion> all) {
  MemoryRegions regions;
  for (const MemoryRegion& region : all) EXPECT_TRUE(regions.add(region).ok());
  return regions;
}

MemoryRegions normalised(const MemoryRegions& reported) {
  MemoryRegions made;
  EXPECT_TRUE(reported.into_non_overlapping(made).ok());
  return made;
}

std::vector<MemoryRegion> list_of(const MemoryRegions& regions) {
  return {regions.all().begin(), regions.all().end()};
}

// Regions.

TEST(Regions, sort_full_non_overlapping) {
  const MemoryRegions reported = regions_of({
      {{0, kPage + 1}, RegionType::usable},  // These three can be joined:
      {{kPage - 1, 2 * kPage + 1}, RegionType::usable},
      {pages(2, 7), RegionType::usable},
      {{3 * kPage + 1, 4 * kPage - 1}, RegionType::bad},  // in one page is a hole;
      {pages(9, 11), RegionType::usable},                 // this one is far away.
  });
  const std::vector<MemoryRegion> wanted = {{pages(0, 3), RegionType::usable},
                                            {pages(3, 4), RegionType::bad},
                                            {pages(4, 7), RegionType::usable},
                                            {pages(7, 9), RegionType::unknown},
                                            {pages(9, 11), RegionType::usable}};
  EXPECT_EQ(list_of(normalised(reported)), wanted);
}

// What a page is, from what was reported: the lowest type of those that it belongs to.
RegionType type_of(u64 page, const MemoryRegions& reported) {
  RegionType lowest = RegionType::unknown;
  bool is_any = false;
  for (const auto& [range, type] : reported.all()) {
    const bool has_all = range.begin <= page && range.end >= page + kPage;
    const bool has_some = range.begin < page + kPage && range.end > page;
    if (!(type == RegionType::usable ? has_all : has_some)) continue;
    lowest = is_any ? std::min(lowest, type) : type;
    is_any = true;
  }
  return lowest;
}

TEST(Regions, AreWhatWasReportedPageByPage) {
  std::vector<PhysRange> ranges;
  const std::vector<u64> ends = {0, 1, kPage, 2 * kPage - 1, 2 * kPage, 3 * kPage + 1};
  for (const u64 begin : ends) {
    for (const u64 end : ends) {
      if (begin < end) ranges.push_back({begin, end});
    }
  }
  constexpr std::array kTypes = {RegionType::bad, RegionType::unknown, RegionType::kernel,
                                 RegionType::usable};
  for (const PhysRange& one : ranges) {
    for (const PhysRange& other : ranges) {
      for (const RegionType type : kTypes) {
        for (const RegionType other_type : kTypes) {
          const MemoryRegions reported =
              regions_of({{one, type}, {other, other_type}, {pages(6, 7), RegionType::usable}});
          const MemoryRegions made = normalised(reported);
          const auto all = made.all();
          for (mm::usize i = 0; i < all.size(); ++i) {
            ASSERT_LT(all[i].range.begin, all[i].range.end);
            if (i > 0) {
              ASSERT_EQ(all[i].range.begin, all[i - 1].range.end) << "no holes, no overlaps";
              ASSERT_NE(all[i].type, all[i - 1].type) << "adjacent regions of one type are one";
            }
            for (u64 page = all[i].range.begin; page < all[i].range.end; page += kPage) {
              ASSERT_EQ(all[i].type, type_of(page, reported)) << page;
            }
          }
          ASSERT_EQ(all.back().range.end, 7 * kPage);
          ASSERT_EQ(list_of(normalised(made)), list_of(made)) << "again changes nothing";
        }
      }
    }
  }
}

TEST(Regions, BeginWithTheFirstThatHasAPage) {
  const MemoryRegions reported = regions_of({{{1, 2 * kPage - 1}, RegionType::usable},
                                             {{100, 100}, RegionType::reserved},
                                             {pages(5, 6), RegionType::kernel}});
  const std::vector<MemoryRegion> wanted = {{pages(5, 6), RegionType::kernel}};
  EXPECT_EQ(list_of(normalised(reported)), wanted);
  EXPECT_TRUE(list_of(normalised({})).empty());
}

TEST(Regions, EndBelowTheLastPageThereCanBe) {
  constexpr u64 kLast = -kPage;
  const MemoryRegions reported = regions_of({{{kLast - 1, ~u64{0}}, RegionType::reserved},
                                             {{kLast, ~u64{0}}, RegionType::usable},
                                             {{kLast + 1, ~u64{0}}, RegionType::bad}});
  const std::vector<MemoryRegion> wanted = {{{kLast - kPage, kLast}, RegionType::reserved}};
  EXPECT_EQ(list_of(normalised(reported)), wanted);
}

TEST(Regions, AreAtMost512) {
  MemoryRegions apart;  // With the holes between, twice as many but one.
  for (u64 i = 0; i < 256; ++i) {
    ASSERT_TRUE(apart.add({pages(2 * i, 2 * i + 1), RegionType::usable}).ok());
  }
  MemoryRegions made;
  EXPECT_TRUE(apart.into_non_overlapping(made).ok());
  EXPECT_EQ(made.all().size(), 511u);
  ASSERT_TRUE(apart.add({pages(512, 513), RegionType::usable}).ok());
  EXPECT_FALSE(apart.into_non_overlapping(made).ok());

  MemoryRegions full;  // Of one type: they become one.
  for (u64 i = 0; i < 512; ++i) {
    ASSERT_TRUE(full.add({pages(i, i + 1), RegionType::usable}).ok());
  }
  EXPECT_FALSE(full.add({pages(512, 513), RegionType::usable}).ok());
  EXPECT_EQ(normalised(full).all().size(), 1u);
}

// Ranges.

std::vector<PhysRange> difference(PhysRange from, PhysRange other) {
  std::vector<PhysRange> parts;
  for (const PhysRange& part : mm::range_difference(from, other)) {
    if (!part.is_empty()) parts.push_back(part);
  }
  return parts;
}

TEST(Ranges, range_difference) {
  using Parts = std::vector<PhysRange>;
  constexpr PhysRange kFrom{10, 20};
  EXPECT_EQ(difference(kFrom, {2, 8}), Parts{kFrom}) << "disjoint, below";
  EXPECT_EQ(difference(kFrom, {22, 30}), Parts{kFrom}) << "disjoint, above";
  EXPECT_EQ(difference(kFrom, {5, 10}), Parts{kFrom}) << "touching";
  EXPECT_EQ(difference(kFrom, {5, 15}), (Parts{{15, 20}})) << "over the lower end";
  EXPECT_EQ(difference(kFrom, {15, 25}), (Parts{{10, 15}})) << "over the upper end";
  EXPECT_EQ(difference(kFrom, {12, 17}), (Parts{{10, 12}, {17, 20}})) << "contained";
  EXPECT_EQ(difference(kFrom, {5, 25}), Parts{}) << "containing";
  EXPECT_EQ(difference(kFrom, kFrom), Parts{}) << "equal";
  EXPECT_EQ(difference(kFrom, {15, 15}), Parts{kFrom}) << "empty";
}

TEST(Ranges, OutsideOfManyIsOutsideOfEach) {
  constexpr std::array<PhysRange, 3> kOthers = {{{14, 16}, {2, 11}, {18, 18}}};
  std::vector<PhysRange> parts;
  mm::for_each_outside({10, 20}, kOthers, [&](PhysRange part) { parts.push_back(part); });
  EXPECT_EQ(parts, (std::vector<PhysRange>{{11, 14}, {16, 20}}));
}

// A machine to be booted, with 128 pages of memory.

struct P : mm::Hosted {
  static constexpr u64 kMemoryBase = kColdMemoryBase;
  static constexpr u64 kSlotsBase = kColdSlotsBase;
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static std::optional<PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, mm::usize bytes) noexcept {
    globals().allocator.dealloc(at, bytes);
  }
  static mm::u32 cpu_count() noexcept { return 1; }
};
using Slot = mm::MetaSlot<P>;

constexpr BootMap kMap{.mapped_end = 64 * kPage};

struct Mapped {
  u64 va;
  u64 pa;
  bool operator==(const Mapped&) const = default;
};

class BootTest : public testing::Test {
 protected:
  void SetUp() override {
    P::power_on();
    P::globals().~Globals();
    ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
  }

  // Records what it is asked to map, and that there is no metadata meanwhile.
  auto recorder() {
    return [this](mm::VirtAddr va, PhysAddr pa, const mm::PageProperty& property) noexcept {
      EXPECT_FALSE(mm::is_initialized<P>());
      EXPECT_EQ(P::globals().max_paddr(), 0u);
      EXPECT_EQ(property, mm::kKernelData);
      mapped.push_back({va.value, pa.value});
    };
  }

  // All of it; the range of the slots' pages.
  template <class Rule = mm::AllPhysicalMemory>
  PhysRange boot(const MemoryRegions& regions) {
    EXPECT_TRUE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
    auto slots = mm::init_metadata<P, Rule>(regions, kMap, recorder());
    EXPECT_TRUE(slots.has_value());
    const auto [begin, end] = std::move(*slots).into_raw();
    return {begin.value, end.value};
  }

  static EarlyAllocator<P>& early() { return P::globals().early_allocator; }

  // Every page of the range holds an M, once.
  template <class M>
  static void expect_marked(PhysRange range) {
    for (u64 pa = range.begin; pa < range.end; pa += kPage) {
      auto found = Frame<P>::from_in_use({pa});
      ASSERT_TRUE(found.ok()) << pa / kPage;
      const Frame<P> frame = found.take();
      EXPECT_TRUE(frame.dyn_meta().is<M>()) << pa / kPage;
      EXPECT_EQ(frame.reference_count(), 2u) << "this handle, and one for ever: " << pa / kPage;
    }
  }
  static void expect_unused(PhysRange range) {
    for (u64 pa = range.begin; pa < range.end; pa += kPage) {
      EXPECT_EQ(Slot::of({pa})->ref_count(), Slot::kUnused) << pa / kPage;
    }
  }

  std::vector<Mapped> mapped;
};

// The early allocator.

TEST_F(BootTest, EarlyMemoryIsOfTheFirstRangeWhereItCanBe) {
  early().init(pages(3, 8), pages(70, 76));
  EXPECT_EQ(early().alloc(1, kPage), PhysAddr{3 * kPage});
  EXPECT_EQ(early().alloc(2, 2 * kPage), PhysAddr{4 * kPage});
  EXPECT_EQ(early().alloc(1, 4 * kPage), PhysAddr{72 * kPage}) << "page 8 is not there";
  EXPECT_EQ(early().allocated(), (std::array{pages(3, 6), pages(70, 73)}));
  EXPECT_EQ(early().alloc(4, kPage), std::nullopt);
  EXPECT_EQ(early().alloc(3, kPage), PhysAddr{73 * kPage}) << "to the last page";
  EXPECT_EQ(early().alloc(2, kPage), PhysAddr{6 * kPage}) << "the first still has some";
  EXPECT_EQ(early().alloc(1, kPage), std::nullopt);
  EXPECT_EQ(early().allocated(), (std::array{pages(3, 8), pages(70, 76)}));
}

TEST_F(BootTest, EarlyMemoryIsCountedWithoutOverflow) {
  constexpr PhysRange kHighest{-(8 * kPage), -kPage};
  early().init(kHighest, {});
  for (const u64 count : {u64{8}, u64{1} << 52, (u64{1} << 52) - 1, u64{1} << 63, ~u64{0}}) {
    EXPECT_EQ(early().alloc(count, kPage), std::nullopt) << count;
  }
  EXPECT_EQ(early().alloc(1, u64{1} << 63), std::nullopt);
  EXPECT_EQ(early().alloc(7, kPage), PhysAddr{kHighest.begin});
  EXPECT_EQ(early().alloc(1, kPage), std::nullopt);
}

TEST_F(BootTest, EarlyMemoryIsThereFromInitToRetirement) {
  auto ask = [] { return P::guarded([] { (void)early().alloc(1, kPage); }); };
  EXPECT_EQ(ask(), mm::Panic::no_early);
  early().init(pages(1, 3), {});
  EXPECT_EQ(ask(), mm::Panic::none);
  early().retire();
  EXPECT_EQ(ask(), mm::Panic::no_early);
  EXPECT_EQ(early().allocated(), (std::array{pages(1, 2), PhysRange{}}));
}

TEST_F(BootTest, EarlyMemoryIsTheLargestBelowAndAboveTheMiddle) {
  const MemoryRegions regions = regions_of({{pages(10, 20), RegionType::usable},
                                            {pages(20, 30), RegionType::kernel},
                                            {pages(30, 45), RegionType::usable},
                                            {pages(60, 80), RegionType::usable},
                                            {pages(80, 100), RegionType::module},
                                            {pages(100, 116), RegionType::usable}});
  const std::array at_64 = {pages(30, 45), pages(64, 80)};  // Cut there; of equals the lower.
  EXPECT_EQ(mm::largest_usable(regions, 64 * kPage), at_64);
  const std::array at_5 = {PhysRange{}, pages(60, 80)};
  EXPECT_EQ(mm::largest_usable(regions, 5 * kPage), at_5);
  EXPECT_TRUE(mm::init_early_allocator<P>(regions, 64 * kPage));
  EXPECT_EQ(early().alloc(1, kPage), PhysAddr{30 * kPage});
  EXPECT_EQ(early().alloc(16, kPage), PhysAddr{64 * kPage});
}

TEST_F(BootTest, WithoutUsableMemoryThereIsNoEarlyAllocator) {
  const MemoryRegions regions = regions_of({{pages(0, 9), RegionType::reclaimable}});
  EXPECT_FALSE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
  EXPECT_EQ(P::guarded([] { (void)early().alloc(1, kPage); }), mm::Panic::no_early);
}

// Metadata.

MemoryRegions some_of_each() {
  return normalised(regions_of({{pages(0, 100), RegionType::usable},
                                {pages(4, 6), RegionType::kernel},
                                {pages(60, 62), RegionType::module},
                                {pages(100, 102), RegionType::reserved},  // Then a hole.
                                {pages(104, 106), RegionType::reclaimable},
                                {pages(106, 107), RegionType::bad},
                                {pages(107, 110), RegionType::non_volatile_sleep},
                                {pages(110, 112), RegionType::framebuffer}}));
}

TEST_F(BootTest, EveryPageHasItsMark) {
  const MemoryRegions regions = some_of_each();
  ASSERT_TRUE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
  ASSERT_EQ(early().alloc(1, 2 * kPage), PhysAddr{6 * kPage});
  ASSERT_EQ(early().alloc(1, 64 * kPage), PhysAddr{64 * kPage});
  auto slots = mm::init_metadata<P>(regions, kMap, recorder());
  ASSERT_TRUE(slots.has_value());
  EXPECT_EQ(slots->start_paddr(), PhysAddr{7 * kPage});
  EXPECT_EQ(slots->size(), 2 * kPage) << "of 110 slots, 64 fit a page";
  (void)std::move(*slots).into_raw();

  EXPECT_TRUE(mm::is_initialized<P>());
  EXPECT_EQ(P::globals().max_paddr(), 110 * kPage) << "a framebuffer is no memory";
  EXPECT_EQ(P::guarded([] { (void)early().alloc(1, kPage); }), mm::Panic::no_early);
  expect_marked<mm::KernelMeta>(pages(4, 6));
  expect_marked<mm::EarlyAllocatedFrameMeta>(pages(6, 7));
  expect_marked<mm::EarlyAllocatedFrameMeta>(pages(64, 65));
  expect_marked<mm::MetaPageMeta>(pages(7, 9));
  expect_marked<mm::UnusableMemoryMeta>(pages(60, 62));
  expect_marked<mm::ReservedMemoryMeta>(pages(100, 104));
  expect_marked<mm::UnusableMemoryMeta>(pages(104, 110));
  for (const PhysRange& range : {pages(0, 4), pages(9, 60), pages(62, 64), pages(65, 100)})
    expect_unused(range);
  EXPECT_EQ(Frame<P>::from_in_use({110 * kPage}).error(), mm::GetFrameError::out_of_bound);

  mm::init_allocator<P>(regions);
  EXPECT_EQ(P::globals().allocator.free_bytes(), (4 + 51 + 2 + 35) * kPage);
}

TEST_F(BootTest, OfUsableMemoryOnlyTheHighestCounts) {
  const PhysRange slots = boot<mm::UsableMemoryOnly>(some_of_each());
  EXPECT_EQ(slots, pages(6, 8));
  EXPECT_EQ(P::globals().max_paddr(), 100 * kPage);
  expect_marked<mm::KernelMeta>(pages(4, 6));
  expect_marked<mm::MetaPageMeta>(slots);
  expect_marked<mm::UnusableMemoryMeta>(pages(60, 62));
  EXPECT_EQ(Frame<P>::from_in_use({100 * kPage}).error(), mm::GetFrameError::out_of_bound);
}

TEST_F(BootTest, MemoryAboveTheMiddleIsMappedAndThenTheSlots) {
  boot(some_of_each());
  std::vector<Mapped> wanted;
  for (u64 page = 64; page < 110; ++page) {
    wanted.push_back({0xffff'8000'0000'0000 + page * kPage, page * kPage});
  }
  wanted.push_back({0xffff'e000'0000'0000, 6 * kPage});
  wanted.push_back({0xffff'e000'0000'1000, 7 * kPage});
  EXPECT_EQ(mapped, wanted);
}

TEST_F(BootTest, TablesMadeForTheMappingAreEarlyToo) {
  const MemoryRegions regions = some_of_each();
  ASSERT_TRUE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
  auto slots = mm::init_metadata<P>(regions, kMap, [](auto...) noexcept {
    if (early().allocated()[0].bytes() < 4 * kPage) (void)early().alloc(1, kPage);
  });
  ASSERT_TRUE(slots.has_value());
  (void)std::move(*slots).into_raw();
  expect_marked<mm::MetaPageMeta>(pages(6, 8));
  expect_marked<mm::EarlyAllocatedFrameMeta>(pages(8, 10));
  mm::init_allocator<P>(regions);
  EXPECT_EQ(P::globals().allocator.free_bytes(), (4 + 50 + 38) * kPage);
}

TEST_F(BootTest, TooLittleMemoryChangesNothing) {
  const MemoryRegions regions = regions_of(
      {{pages(0, 2), RegionType::usable}, {pages(2, 129), RegionType::module}});  // Wants 3 pages.
  ASSERT_TRUE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
  EXPECT_FALSE(mm::init_metadata<P>(regions, kMap, recorder()).has_value());
  EXPECT_TRUE(mapped.empty());
  EXPECT_FALSE(mm::is_initialized<P>());
  EXPECT_EQ(P::globals().max_paddr(), 0u);
  EXPECT_EQ(early().alloc(2, kPage), PhysAddr{0}) << "not retired, and nothing taken";
}

TEST_F(BootTest, SlotsDoNotGoBeyondTheirPartOfTheAddressSpace) {
  const auto refused = [](u64 last) {
    const MemoryRegions regions =
        regions_of({{pages(0, 10), RegionType::usable}, {pages(10, last), RegionType::module}});
    ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    EXPECT_TRUE(mm::init_early_allocator<P>(regions, kMap.mapped_end));
    constexpr BootMap kNarrow{.mapped_end = kMap.mapped_end, .metadata_bytes = kPage};
    auto slots = mm::init_metadata<P>(regions, kNarrow, [](auto...) noexcept {});
    if (slots) (void)std::move(*slots).into_raw();
    return !slots;
  };
  EXPECT_FALSE(refused(64));
  EXPECT_TRUE(refused(65));
}

// Real faults.

// BUG-17: metadata that is nobody's was zero, and zero is no vtable. It is not made anything: under
// AddressSanitizer nobody can even read it.
TEST_F(BootTest, NobodysMetadataIsNotZero) {
  u8* const slots = reinterpret_cast<u8*>(P::kSlotsBase);
  P::show(slots, 128 * sizeof(Slot));
  __builtin_memset(slots, 0xa5, 128 * sizeof(Slot));
  boot(some_of_each());
  constexpr mm::usize kVTable = 48;  // Of 64 bytes; see impl/frame/meta_slot.inl.
  for (const u64 page : std::array<u64, 6>{0, 3, 9, 59, 62, 99}) {
    for (mm::usize i = 0; i < sizeof(Slot); ++i) {
      const bool is_metadata = i < mm::kMetadataMaxSize || (kVTable <= i && i < kVTable + 8);
      const u8* const byte = slots + page * sizeof(Slot) + i;
#if PAGETWIN_ASAN
      EXPECT_EQ(__asan_address_is_poisoned(byte) != 0, is_metadata) << page << ' ' << i;
#else
      if (is_metadata) EXPECT_EQ(*byte, 0xa5) << page << ' ' << i;
#endif
    }
  }
}

// BUG-19: registers of a device far above all memory made for slots up to there.
TEST_F(BootTest, WhatIsNoMemoryDoesNotRaiseMaxPaddr) {
  const MemoryRegions regions = normalised(regions_of({
      {pages(0, 100), RegionType::usable},
      {{kTiB, kTiB + 64 * kMiB}, RegionType::reserved},
      {{2 * kTiB, 2 * kTiB + 64 * kMiB}, RegionType::framebuffer},
      {{3 * kTiB, 3 * kTiB + 1}, RegionType::bad},
  }));
  EXPECT_EQ(mm::max_paddr_of<mm::AllPhysicalMemory>(regions), 100 * kPage);
  EXPECT_EQ(mm::max_paddr_of<mm::UsableMemoryOnly>(regions), 100 * kPage);
  EXPECT_EQ(boot(regions), pages(0, 2));
  EXPECT_EQ(P::globals().max_paddr(), 100 * kPage);
}

// A machine of a real size, by what boot code asks for: its memory is not there to be touched.
TEST_F(BootTest, FiveGibibytesAroundTheHoleBelowFour) {
  const MemoryRegions regions = normalised(regions_of({
      {{0, 0x9fc00}, RegionType::usable},
      {{0x9fc00, 0xa0000}, RegionType::reserved},
      {{0xf0000, 0x100000}, RegionType::reserved},
      {{0x100000, 0xbffe0000}, RegionType::usable},
      {{0x8000000, 0x9000000}, RegionType::kernel},
      {{0xbffe0000, 0xc0000000}, RegionType::reserved},
      {{0xfffc0000, 4 * kGiB}, RegionType::reserved},
      {{4 * kGiB, 6 * kGiB}, RegionType::usable},
      {{0xfd'0000'0000, kTiB}, RegionType::reserved},
  }));
  const std::vector<MemoryRegion> wanted = {
      {{0, 0x9f000}, RegionType::usable},
      {{0x9f000, 0xa0000}, RegionType::reserved},
      {{0xa0000, 0xf0000}, RegionType::unknown},
      {{0xf0000, 0x100000}, RegionType::reserved},
      {{0x100000, 0x8000000}, RegionType::usable},
      {{0x8000000, 0x9000000}, RegionType::kernel},
      {{0x9000000, 0xbffe0000}, RegionType::usable},
      {{0xbffe0000, 0xc0000000}, RegionType::reserved},
      {{0xc0000000, 0xfffc0000}, RegionType::unknown},
      {{0xfffc0000, 4 * kGiB}, RegionType::reserved},
      {{4 * kGiB, 6 * kGiB}, RegionType::usable},
      {{6 * kGiB, 0xfd'0000'0000}, RegionType::unknown},
      {{0xfd'0000'0000, kTiB}, RegionType::reserved},
  };
  EXPECT_EQ(list_of(regions), wanted);

  const u64 max_paddr = mm::max_paddr_of<mm::AllPhysicalMemory>(regions);
  EXPECT_EQ(max_paddr, 6 * kGiB);
  constexpr BootMap kReal;
  constexpr u64 kSlots = 96 * kMiB;  // 64 bytes of each 4096.
  EXPECT_EQ(mm::metadata_pages_of(max_paddr), kSlots / kPage);
  ASSERT_TRUE(mm::init_early_allocator<P>(regions, kReal.mapped_end));
  const auto at = early().alloc(mm::metadata_pages_of(max_paddr), kPage);
  ASSERT_EQ(at, PhysAddr{0x9000000}) << "below 4 GiB, behind the kernel, it is largest";
  EXPECT_EQ(early().alloc(786432, kPage), std::nullopt) << "3 GiB are not in one piece";
  EXPECT_EQ(early().alloc(524288, kPage), PhysAddr{0xf000000}) << "but 2 are, below 4 GiB";
  EXPECT_EQ(early().alloc(524288, kPage), PhysAddr{4 * kGiB}) << "and above";

  mm::map_for_metadata(kReal, max_paddr, {at->value, at->value + kSlots}, recorder());
  constexpr u64 kAbove = 2 * kGiB / kPage;
  ASSERT_EQ(mapped.size(), kAbove + kSlots / kPage);
  for (u64 i = 0; i < kAbove; ++i) {
    ASSERT_EQ(mapped[i], (Mapped{0xffff'8001'0000'0000 + i * kPage, 4 * kGiB + i * kPage}));
  }
  for (u64 i = 0; i < kSlots / kPage; ++i) {
    ASSERT_EQ(mapped[kAbove + i],
              (Mapped{0xffff'e000'0000'0000 + i * kPage, 0x9000000 + i * kPage}));
  }

  std::vector<PhysRange> left;
  for (const auto& [range, type] : regions.all()) {
    if (type != RegionType::usable) continue;
    mm::for_each_outside(range, early().allocated(), [&](PhysRange part) { left.push_back(part); });
  }
  EXPECT_EQ(left, (std::vector<PhysRange>{
                      {0, 0x9f000}, {0x100000, 0x8000000}, {0x8f000000, 0xbffe0000}}));
}

// A machine with no more memory than the loader has mapped needs no mapping but of the slots.
TEST_F(BootTest, MemoryBelowFourGibibytesIsMappedAlready) {
  mm::map_for_metadata(BootMap{}, 4 * kGiB, pages(1, 2), recorder());
  EXPECT_EQ(mapped, (std::vector<Mapped>{{0xffff'e000'0000'0000, kPage}}));
}

}  // namespace
