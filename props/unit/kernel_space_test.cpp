// SPDX-License-Identifier: MPL-2.0
// The kernel's page table at boot: what it maps, page by page, by software and by a CPU; and how
// CPUs go over to it.
#include "impl/vm/kernel_space.h"

#include "check/machine/entries.h"
#include "props/unit/booting.h"

namespace {

using namespace booting;
using Kernel = mm::KernelConfig<P>;
using Kernels = mm::PageTable<Kernel>;
using Slots = mm::Segment<P, mm::MetaPageMeta>;

constexpr u64 kImage = 0xffff'ffff'8000'1000;
constexpr PhysRange kImageAt{kPage, 9 * kPage};

class KernelSpaceTest : public Booting {
 protected:
  static constexpr mm::KernelMap kMap{{kLinear}, {kMetadata}, {kImage}, kImageAt};

  void TearDown() override { end_of_usable = kPages; }

  static Slots boot_to_metadata() {
    start_early();
    return make_metadata();
  }
  static Kernels make() {
    return mm::init_kernel_page_table<Kernel>(kMap, boot_to_metadata()).take();
  }

  static auto activate(u32 cpu, const Kernels& kernel) {
    P::become(cpu);
    auto done = mm::activate_kernel_page_table(kernel);
    P::become(0);
    return done.take();
  }

  // How many leaves of each level there are from `va` on, all of them of nobody's memory.
  static std::array<u64, 4> leaves(const Kernels& kernel, u64 va, u64 bytes) {
    std::array<u64, 4> count{};
    check::machine::for_each_entry(kernel.root_paddr().value, 4, va, va + bytes - 1,
                                   [&](const check::machine::Entry& entry) {
                                     if (!entry.is_leaf()) return;
                                     ++count[static_cast<usize>(entry.level)];
                                     EXPECT_FALSE(entry.has_avail1()) << "tracked";
                                     EXPECT_EQ(entry.strange_bits(), 0u);
                                   });
    return count;
  }
  using Count = std::array<u64, 4>;
};

// --- What it maps

TEST_F(KernelSpaceTest, EveryPageOfMemoryIsMappedForData) {
  const Kernels kernel = make();
  ASSERT_EQ(P::globals().max_paddr(), kPages * kPage);
  for (u64 pa = 0; pa < P::globals().max_paddr(); pa += kPage) {
    for (const u64 byte : {u64{0}, kPage - 1}) {
      const auto found = kernel.page_walk({kLinear + pa + byte});
      ASSERT_TRUE(found.has_value()) << pa / kPage;
      EXPECT_EQ(found->at.value, pa + byte) << "INV-46";
      EXPECT_EQ(found->property, mm::kKernelData) << "INV-46";
    }
  }
  EXPECT_EQ(kernel.page_walk({kLinear + P::globals().max_paddr()}), std::nullopt);
}

TEST_F(KernelSpaceTest, ACpuReachesEveryPageOfMemoryForData) {
  const Kernels kernel = make();
  (void)activate(0, kernel);
  for (u64 pa = 0; pa < P::globals().max_paddr(); pa += kPage) {
    EXPECT_EQ(touch(kLinear + pa + 7, 0), pa + 7);
    EXPECT_EQ(touch(kLinear + pa + 8, 1), pa + 8);
    EXPECT_EQ(touch(kLinear + pa, 2), std::nullopt) << "nothing there is code";
    EXPECT_EQ(touch(kLinear + pa, 0, /*is_user=*/true), std::nullopt);
  }
  EXPECT_EQ(touch(kLinear + P::globals().max_paddr()), std::nullopt);
}

TEST_F(KernelSpaceTest, MemoryIsMappedByTheLargestPages) {
  const Kernels kernel = make();
  EXPECT_EQ(leaves(kernel, kLinear, k1G), (Count{0, 0, 1, 0}));
}

TEST_F(KernelSpaceTest, EverythingIsWhereTheLayoutHasIt) {
  constexpr mm::Layout kLayout = mm::kLayout;
  const Kernels kernel =
      mm::init_kernel_page_table<Kernel>(mm::KernelMap::of(kLayout, kImageAt), boot_to_metadata())
          .take();
  EXPECT_EQ(kernel.page_walk(kLayout.linear_of({5 * kPage}))->at.value, 5 * kPage);
  EXPECT_EQ(kernel.page_walk({kLayout.image.begin})->at.value, kImageAt.begin);
  EXPECT_TRUE(kernel.page_walk({kLayout.metadata.begin}).has_value());
  EXPECT_FALSE(kernel.page_walk({kLayout.areas.end - kPage}).has_value());
  mm::AddressRange<P> range;
  ASSERT_TRUE(P::globals().kernel_ranges.alloc(range, kPage));
  EXPECT_EQ(range.end().value, kLayout.areas.end);
  range.release();
  ASSERT_TRUE(P::globals().kernel_ranges.alloc(range, kLayout.areas.bytes()));
  EXPECT_EQ(range.begin().value, kLayout.areas.begin);
}

TEST_F(KernelSpaceTest, WhatIsLeftIsMappedBySmallOnes) {
  end_of_usable = kPages - 1;
  const Kernels kernel = make();
  ASSERT_EQ(P::globals().max_paddr(), (kPages - 1) * kPage);
  EXPECT_EQ(leaves(kernel, kLinear, k1G), (Count{0, kPages - 1, 0, 0}));
  EXPECT_TRUE(kernel.page_walk({kLinear + (kPages - 2) * kPage}).has_value());
  EXPECT_EQ(kernel.page_walk({kLinear + (kPages - 1) * kPage}), std::nullopt);
}

TEST_F(KernelSpaceTest, TheSlotsAreMappedAndTheirSegmentIsKept) {
  Slots slots = boot_to_metadata();
  const u64 at = slots.start_paddr().value, pages = slots.size() / kPage;
  EXPECT_EQ(pages, mm::metadata_pages_of(kPages * kPage));
  const Kernels kernel = mm::init_kernel_page_table<Kernel>(kMap, std::move(slots)).take();
  EXPECT_FALSE(static_cast<bool>(slots));
  (void)activate(0, kernel);
  for (u64 i = 0; i < pages; ++i) {
    EXPECT_EQ(touch(kMetadata + i * kPage, 1), at + i * kPage);
    EXPECT_EQ(touch(kMetadata + i * kPage, 2), std::nullopt);
    EXPECT_EQ(Slot::of({at + i * kPage})->ref_count(), 1u);
  }
  EXPECT_EQ(leaves(kernel, kMetadata, k1G), (Count{0, pages, 0, 0}));
}

TEST_F(KernelSpaceTest, TheImageMayBeExecuted) {
  const Kernels kernel = make();
  EXPECT_EQ(kernel.page_walk({kImage})->property, mm::kKernelImage);
  (void)activate(0, kernel);
  for (u64 pa = kImageAt.begin; pa < kImageAt.end; pa += kPage) {
    for (u8 access = 0; access < 3; ++access) {
      EXPECT_EQ(touch(kImage + pa - kImageAt.begin, access), pa) << int{access};
    }
  }
  EXPECT_EQ(leaves(kernel, kImage - kPage, k2M), (Count{0, kImageAt.bytes() / kPage, 0, 0}));
  EXPECT_EQ(touch(kImage - kPage), std::nullopt);
}

// Nothing else.
TEST_F(KernelSpaceTest, AnEmptyImageIsNone) {
  mm::KernelMap map = kMap;
  map.image_at = {};
  const Kernels kernel = mm::init_kernel_page_table<Kernel>(map, boot_to_metadata()).take();
  EXPECT_EQ(leaves(kernel, kImage, k1G), Count{});
}

// --- What it is refused

TEST_F(KernelSpaceTest, WithoutMemoryTheSlotsStayTheCallers) {
  Slots slots = boot_to_metadata();
  const u64 before = free_pages();
  // The root, 256 tables below it, and two each for the slots and the image, memory's one.
  constexpr long kTables = 1 + 256 + 1 + 2 + 2;
  for (const long granted : {0l, 1l, 200l, 257l, 258l, 259l, kTables - 1}) {
    P::left = granted;
    auto refused = mm::init_kernel_page_table<Kernel>(kMap, std::move(slots));
    ASSERT_FALSE(refused.ok()) << granted;
    EXPECT_EQ(refused.error(), mm::PageTableError::no_memory);
    EXPECT_FALSE(slots.is_empty());
    EXPECT_EQ(free_pages(), before) << granted;
  }
  P::left = kTables;
  EXPECT_TRUE(mm::init_kernel_page_table<Kernel>(kMap, std::move(slots)).ok());
}

TEST_F(KernelSpaceTest, AMapThatMakesNoSenseIsRefused) {
  Slots slots = boot_to_metadata();
  const auto error_with = [&](auto change) {
    mm::KernelMap map = kMap;
    change(map);
    return mm::init_kernel_page_table<Kernel>(map, std::move(slots)).error();
  };
  using Map = mm::KernelMap;
  using enum mm::PageTableError;
  EXPECT_EQ(error_with([](Map& map) { map.linear = {0}; }), invalid_range) << "the users'";
  EXPECT_EQ(error_with([](Map& map) { map.metadata.value += 8; }), unaligned);
  EXPECT_EQ(error_with([](Map& map) { map.image = {kLinear + kPage}; }), already_mapped);
  EXPECT_FALSE(slots.is_empty());
}

// --- How CPUs go over to it

TEST_F(KernelSpaceTest, ACpuLoadsTheRootThenForgetsAllThenDismisses) {
  const Kernels kernel = make();
  P::events.clear();
  EXPECT_FALSE(activate(0, kernel).was_last);
  EXPECT_EQ(P::events, (std::vector<std::string>{"root", "flushed"}));
  EXPECT_EQ(P::root(), kernel.root_paddr());
  EXPECT_EQ(Slot::of(kernel.root_paddr())->ref_count(), 2u) << "ours, and the CPU's";
  EXPECT_TRUE(walk(kPage).has_value()) << "the other CPU still translates by it";

  P::events.clear();
  const mm::BootDismissal last = activate(1, kernel);
  EXPECT_TRUE(last.was_last);
  EXPECT_EQ(last.given, 3u) << "the slots' tables";
  ASSERT_GE(P::events.size(), 3u);
  EXPECT_EQ(P::events[0], "root");
  EXPECT_EQ(P::events[1], "flushed");
  EXPECT_EQ(P::events[2], "cleared");
  EXPECT_EQ(Slot::of(kernel.root_paddr())->ref_count(), 3u);
  EXPECT_EQ(walk(kPage), std::nullopt);
  EXPECT_EQ(touch(kLinear + kPage), kPage);
}

// What the CPU knew of the firmware's table, and be it global.
TEST_F(KernelSpaceTest, NothingOfTheBootPageTableIsKnownAnyMore) {
  start_early();
  const PageProperty global{{R | W}, CachePolicy::write_back, {mm::PrivilegedPageFlags::kGlobal}};
  (void)table().map_base_page({kImage}, {300 * kPage}, global);
  EXPECT_EQ(touch(kImage), 300 * kPage);
  EXPECT_EQ(touch(2 * kPage), 2 * kPage);
  const Kernels kernel = mm::init_kernel_page_table<Kernel>(kMap, make_metadata()).take();
  (void)activate(0, kernel);
  EXPECT_EQ(touch(kImage), kImageAt.begin);
  EXPECT_EQ(touch(2 * kPage), std::nullopt);
}

// It is the table that the CPU has booted with that is made, not the kernel's.
TEST_F(KernelSpaceTest, ABootPageTableThatNobodyUsedIsDismissedToo) {
  const Kernels kernel = make();
  ::new (static_cast<void*>(&table())) Table();  // As if nobody had.
  entry(kRoot, 448) = 0;
  (void)activate(0, kernel);
  EXPECT_TRUE(activate(1, kernel).was_last);
  EXPECT_EQ(entry(kRoot, 0), 0u);
  EXPECT_EQ(touch(kLinear + kPage), kPage) << "the kernel's is as it was";
}

TEST_F(KernelSpaceTest, ACpuGoesOverOnce) {
  const Kernels kernel = make();
  (void)activate(0, kernel);
  auto again = mm::activate_kernel_page_table(kernel);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error(), mm::BootTableError::dismissed);
  EXPECT_EQ(Slot::of(kernel.root_paddr())->ref_count(), 2u);
}

}  // namespace
