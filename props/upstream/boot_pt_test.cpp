// SPDX-License-Identifier: MPL-2.0
// The page table that the machine boots with. The cases of OSTD stand under their names there.
#include "impl/boot/boot_page_table.h"
#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::CachePolicy, mm::PageFlags, mm::PageProperty, mm::Panic, mm::VirtAddr;

constexpr u8 R = PageFlags::kReadable, W = PageFlags::kWritable, X = PageFlags::kExecutable;
constexpr PageProperty users(u8 flags) {
  return {{flags}, CachePolicy::write_back, {mm::PrivilegedPageFlags::kUser}};
}

constexpr VirtAddr kFrom{0x1000};
constexpr PhysAddr kTo{0x2000};

// On an empty table, where metadata is there: so new tables are frames. What the machine does with
// its last CPU's dismissal comes behind each case.
class BootPtTest : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    P::become(0);
    ::new (static_cast<void*>(&boot_pt())) mm::BootPageTable<P>();
    P::globals().is_metadata_ready.store(1, std::memory_order_relaxed);
    root_ = mm::FrameAllocOptions<P>().alloc_frame().take();
    P::set_root(root_.start_paddr());
  }
  void TearDown() override {
    const u64 before = free_pages();
    for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
      P::become(cpu);
      auto done = boot_pt().dismiss();
      ASSERT_TRUE(done.ok());
      EXPECT_EQ(done.value().was_last, cpu + 1 == P::cpu_count());
      if (done.value().was_last) EXPECT_EQ(free_pages() - before, done.value().given);
    }
    P::become(0);
    P::reset_machine(kPages);
    (void)drop(std::exchange(root_, {}));
    P::globals().is_metadata_ready.store(0, std::memory_order_relaxed);
    Booted::TearDown();
  }

  static mm::BootPageTable<P>& boot_pt() { return P::globals().boot_page_table; }

  void expect_mapped(PageProperty property) const {
    const auto found = mm::BootPageTable<P>::page_walk(root_.start_paddr(), {kFrom.value + 1});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->at.value, kTo.value + 1);
    EXPECT_EQ(found->property, property);
  }

  mm::Frame<P, mm::EmptyMeta> root_;
};

TEST_F(BootPtTest, map_base_page) {
  (void)boot_pt().map_base_page(kFrom, kTo, users(R | W));
  expect_mapped(users(R | W));
}

TEST_F(BootPtTest, map_base_page_already_mapped) {
  (void)boot_pt().map_base_page(kFrom, kTo, users(R | W));
  EXPECT_EQ(panic_of([] { (void)boot_pt().map_base_page(kFrom, page(3), users(R | W)); }),
            Panic::mapped_already);
  expect_mapped(users(R | W));
}

TEST_F(BootPtTest, protect_base_page_unmapped) {
  EXPECT_EQ(panic_of([] {
              (void)boot_pt().protect_base_page(
                  kFrom, [](PageFlags& flags, CachePolicy&) noexcept { flags = {R | X}; });
            }),
            Panic::not_mapped);
}

TEST_F(BootPtTest, map_protect) {
  (void)boot_pt().map_base_page(kFrom, kTo, users(R | W));
  expect_mapped(users(R | W));
  (void)boot_pt().protect_base_page(
      kFrom, [](PageFlags& flags, CachePolicy&) noexcept { flags = {R | X}; });
  expect_mapped(users(R | X));
}

}  // namespace
