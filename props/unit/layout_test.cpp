// SPDX-License-Identifier: MPL-2.0
// Where the kernel has everything (A.2), in both layouts.
#include "impl/vm/layout.h"

#include <gtest/gtest.h>

#include "impl/hosted/platform.h"
#include "impl/page_table/config.h"

namespace {

using mm::kLayout, mm::kSeedLayout, mm::Layout, mm::PhysAddr, mm::Region, mm::u64, mm::VirtAddr;

constexpr u64 kPage = mm::kPageSize, kGiB = u64{1} << 30, kTiB = u64{1} << 40;

TEST(Layouts, AreThoseOfTheKernel) {
  EXPECT_EQ(kLayout.users.end, 0x0000'7fff'ffff'f000u);
  EXPECT_EQ(kLayout.linear.bytes(), 64 * kTiB);
  EXPECT_EQ(kLayout.areas.bytes(), 32 * kTiB);
  EXPECT_EQ(kLayout.metadata.bytes(), kTiB);
  EXPECT_EQ(kLayout.metadata.end, 0xffff'e100'0000'0000u);
  EXPECT_EQ(kLayout.image.bytes(), 2 * kGiB - 16 * kPage);
  EXPECT_EQ(kSeedLayout.metadata.bytes(), 2 * kGiB);
  EXPECT_EQ(kSeedLayout.areas, (Region{kLayout.areas.begin, kSeedLayout.metadata.begin}));
}

// 2 GiB of slots are 33,554,432 of them.
TEST(Layouts, MemoryEndsWhereThereAreNoSlotsForIt) {
  EXPECT_EQ(kLayout.end_of_memory(), kLayout.linear.bytes());
  EXPECT_EQ(kSeedLayout.end_of_memory(), u64{33'554'432} * kPage);
  for (const Layout& layout : {kLayout, kSeedLayout}) {
    const PhysAddr last{layout.end_of_memory() - 1};
    EXPECT_EQ(layout.linear_of({0}).value, layout.linear.begin);
    EXPECT_TRUE(layout.linear.contains(layout.linear_of(last).value));
    EXPECT_EQ(layout.slot_of({kPage - 1}).value, layout.metadata.begin);
    EXPECT_EQ(layout.slot_of({kPage}).value, layout.metadata.begin + 64);
    EXPECT_EQ(layout.slot_of(last).value + Layout::kSlotBytes, layout.metadata.end);
  }
  static_assert(sizeof(mm::MetaSlot<mm::Hosted>) == Layout::kSlotBytes);
}

TEST(Layouts, AreWhatPageTablesCanMap) {
  constexpr mm::VirtRange kUsers = mm::range_of_table<mm::UserConfig<mm::Hosted>>();
  constexpr mm::VirtRange kKernels = mm::range_of_table<mm::KernelConfig<mm::Hosted>>();
  for (const Layout& layout : {kLayout, kSeedLayout}) {
    for (const Region& region : layout.regions()) {
      const mm::VirtRange& all = region == layout.users ? kUsers : kKernels;
      EXPECT_TRUE(all.contains({region.begin}) && all.contains({region.end - 1}));
    }
    EXPECT_EQ(kUsers.last.value + 1 - layout.users.end, kPage) << "the last is nobody's";
    EXPECT_EQ(kKernels.first.value, layout.linear.begin);
    EXPECT_EQ(kKernels.last.value - layout.image.end + 1, 16 * kPage);
  }
}

TEST(Layouts, WhatIsNotSoundIsSeen) {
  const auto with = [](auto change) {
    Layout layout = kLayout;
    change(layout);
    return layout.is_sound();
  };
  EXPECT_TRUE(with([](Layout&) {}));
  EXPECT_FALSE(with([](Layout& l) { l.areas.begin -= kPage; })) << "in the linear mapping";
  EXPECT_FALSE(with([](Layout& l) { l.areas.end += kPage; })) << "in the slots";
  EXPECT_FALSE(with([](Layout& l) { l.metadata.end = l.image.begin + kPage; }));
  EXPECT_FALSE(with([](Layout& l) { l.areas.end = l.areas.begin; })) << "empty";
  EXPECT_FALSE(with([](Layout& l) { l.image.end = 0; })) << "2^64 is no number";
  EXPECT_FALSE(with([](Layout& l) { l.linear.begin += 8; })) << "not a page";
  EXPECT_FALSE(with([](Layout& l) { l.linear.begin -= kPage; })) << "not canonical";
  EXPECT_FALSE(with([](Layout& l) { l.users.end += 2 * kPage; })) << "not the lower half";
  EXPECT_FALSE(with([](Layout& l) { std::swap(l.areas, l.metadata); })) << "in another order";
}

}  // namespace
