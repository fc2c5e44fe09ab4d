// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its kernel space by, under their names there, on mm itself. An area
// here has pages, not bytes, and is dropped when others can take their interrupts: they are waited
// for.
#include "impl/frame/alloc_options.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/layout.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::CachePolicy, mm::PageFlags, mm::PageProperty, mm::kLayout;
// The last of the entries that areas lie in: there are not pages enough for all tables.
using Kernel = mm::KernelConfig<P, 444, 448>;
using Area = mm::KernelArea<Kernel>;

constexpr PageProperty kProperty{.flags = {PageFlags::kReadable | PageFlags::kWritable},
                                 .cache = CachePolicy::write_back,
                                 .privileged = {}};
constexpr u64 kTwo = 2;  // Pages.

class KspaceTest : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    check::machine::reset_cpus();
    P::become(0);
    P::globals().kernel_ranges.init({kLayout.areas.begin}, {kLayout.areas.end});
    kernel.emplace(mm::PageTable<Kernel>::new_kernel_page_table().take());
    P::let_interrupt(~u64{0});
  }
  void TearDown() override {
    P::let_interrupt(0);
    kernel.reset();
    for (int i = 0; i < 3; ++i) {
      for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
        P::become(cpu);
        mm::quiesce<P>(cpu);
      }
    }
    Booted::TearDown();
  }

  void map_frames(Area& to, PhysAddr& at) {
    auto frames = mm::FrameAllocOptions<P>().alloc_segment(kTwo).take();
    at = frames.start_paddr();
    EXPECT_FALSE(Area::map_frames(to, *kernel, kTwo, 0, frames, kProperty).stopped_by);
  }
  PhysAddr map_untracked(Area& to) {
    const PhysAddr at{P::globals().max_paddr()};
    EXPECT_FALSE(Area::map_range(to, *kernel, kTwo, 0, at, kTwo, kProperty).stopped_by);
    return at;
  }
  // A new one, with nothing in it, where the last one was.
  void expect_nothing_is_left(u64 begin) {
    Area area;
    EXPECT_FALSE(Area::map_range(area, *kernel, kTwo, 0, {}, 0, kProperty).stopped_by);
    EXPECT_EQ(area.begin().value, begin);
    for (u64 page = 0; page < kTwo; ++page) {
      EXPECT_FALSE(area.query(page));
      EXPECT_FALSE(kernel->page_walk({begin + page * kPage}));
    }
  }

  std::optional<mm::PageTable<Kernel>> kernel;
};

void expect_mapped(const Area& area, PhysAddr from, bool is_tracked) {
  EXPECT_EQ(area.pages(), kTwo);
  EXPECT_TRUE(kLayout.areas.contains(area.begin().value));
  EXPECT_TRUE(kLayout.areas.contains(area.end().value - 1));
  for (u64 page = 0; page < kTwo; ++page) {
    const auto item = area.query(page);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->is_tracked, is_tracked);
    EXPECT_EQ(item->at.value, from.value + page * kPage);
    EXPECT_EQ(item->level, 1);
    EXPECT_EQ(item->property, kProperty);
  }
}

TEST_F(KspaceTest, kvirt_area_tracked_map_pages) {
  Area area;
  PhysAddr at{};
  map_frames(area, at);
  expect_mapped(area, at, true);
}

TEST_F(KspaceTest, kvirt_area_untracked_map_pages) {
  Area area;
  const PhysAddr at = map_untracked(area);
  expect_mapped(area, at, false);
}

TEST_F(KspaceTest, kvirt_area_tracked_drop) {
  u64 begin = 0;
  {
    Area area;
    PhysAddr at{};
    map_frames(area, at);
    begin = area.begin().value;
  }
  expect_nothing_is_left(begin);
}

TEST_F(KspaceTest, kvirt_area_untracked_drop) {
  u64 begin = 0;
  {
    Area area;
    (void)map_untracked(area);
    begin = area.begin().value;
  }
  expect_nothing_is_left(begin);
}

TEST_F(KspaceTest, manual_paddr_to_vaddr) {
  const PhysAddr at{kPage};
  EXPECT_EQ(kLayout.linear_of(at).value, kLayout.linear.begin + kPage);
}

}  // namespace
