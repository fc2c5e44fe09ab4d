// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its page tables by, under their names there, on mm itself.
#include "impl/page_table/page_table.h"

#include <array>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::CachePolicy, mm::FrameAllocOptions, mm::PageFlags, mm::PageProperty, mm::PageTableError,
    mm::Panic;
using mm::PrivilegedPageFlags, mm::VirtAddr, mm::VirtRange;

using Plain = mm::PlainConfig<P>;
using Kernel = mm::KernelConfig<P, 508, 512>;
using User = mm::UserConfig<P>;
template <class C>
using Cursor = mm::Cursor<C>;
template <class C>
using CursorMut = mm::CursorMut<C>;
template <class C>
using PageTable = mm::PageTable<C>;

constexpr u64 k2M = u64{2} << 20, k1G = u64{1} << 30;
constexpr u8 R = PageFlags::kReadable, W = PageFlags::kWritable, X = PageFlags::kExecutable;

constexpr PageProperty property(u8 flags, CachePolicy cache = CachePolicy::write_back,
                                u8 privileged = PrivilegedPageFlags::kUser) {
  return {{flags}, cache, {privileged}};
}

Plain::Items::Item item(u64 at, u8 level, PageProperty how) {
  return Plain::Items::Item::untracked({at}, level, how);
}

template <class C>
CursorMut<C> open(const PageTable<C>& table, u64 begin, u64 end) {
  return CursorMut<C>::open(table, {begin}, {end}).take();
}

class PageTableTest : public Booted {
 protected:
  void TearDown() override {
    drain();
    Booted::TearDown();
  }
  static void drain() {
    for (int i = 0; i < 3; ++i) {
      for (mm::u32 cpu = 0; cpu < P::cpu_count(); ++cpu) mm::quiesce<P>(cpu);
    }
    EXPECT_FALSE(P::globals().deferred.is_running());
  }
};

// All subsets of the bits of a mask, the largest first.
std::vector<u8> subsets(u8 mask) {
  std::vector<u8> all;
  for (u8 subset = mask;; subset = static_cast<u8>((subset - 1) & mask)) {
    all.push_back(subset);
    if (subset == 0) return all;
  }
}

u64 raw(PhysAddr node, u64 index) {
  return P::load_pte({node.value + index * 8}, std::memory_order_relaxed);
}

TEST(PageTableHelpers, test_subset_iter) {
  EXPECT_EQ(subsets(0b1011), (std::vector<u8>{11, 10, 9, 8, 3, 2, 1, 0}));
  EXPECT_EQ(subsets(0), (std::vector<u8>{0}));
}

// OSTD's has 256 such entries; the machine of these cases has not got so many pages.
TEST_F(PageTableTest, new_kernel_page_table) {
  const auto kernel = PageTable<Kernel>::new_kernel_page_table().take();
  for (u64 i = 0; i < mm::kEntries; ++i) {
    const u64 bits = raw(kernel.root_paddr(), i);
    EXPECT_EQ(Kernel::Entry::is_table(bits), i >= Kernel::kTopBegin) << i;
  }
}

TEST_F(PageTableTest, create_user_page_table) {
  const auto kernel = PageTable<Kernel>::new_kernel_page_table().take();
  const auto user = PageTable<User>::create_user_page_table(kernel).take();
  for (u64 i = Kernel::kTopBegin; i < Kernel::kTopEnd; ++i) {
    const u64 theirs = raw(kernel.root_paddr(), i), ours = raw(user.root_paddr(), i);
    ASSERT_TRUE(User::Entry::is_table(ours));
    const PhysAddr child = User::Entry::table_paddr(ours);
    EXPECT_EQ(Kernel::Entry::table_paddr(theirs), child);
    const mm::NodeView<Kernel> node(child);
    EXPECT_EQ(node.meta().level(), 3);
    // Borrowed: nobody counts the user's entry (INV-15, INV-25).
    EXPECT_EQ(mm::MetaSlot<P>::of(child)->ref_count(), 1u);
  }
  EXPECT_EQ(mm::NodeView<User>(user.root_paddr()).meta().nr_children(), 0);
}

void expect_bad_ranges(auto&& error_of) {
  EXPECT_EQ(error_of(0, kPage + 1), PageTableError::unaligned);
  EXPECT_EQ(error_of(1, kPage), PageTableError::unaligned);
  EXPECT_EQ(error_of(0, 0), PageTableError::invalid_range);
  EXPECT_EQ(error_of(kPage, 0), PageTableError::invalid_range);
  EXPECT_EQ(error_of(kPage, kPage), PageTableError::invalid_range);
  EXPECT_EQ(error_of(0, (u64{1} << 47) + kPage), PageTableError::invalid_range);
  EXPECT_EQ(error_of(0xffff'8000'0000'0000, 0xffff'8000'0000'1000), PageTableError::invalid_range);
  EXPECT_EQ(error_of(~u64{4095}, ~u64{0}), PageTableError::invalid_range);
  // Which of two is said is decided, too.
  EXPECT_EQ(error_of(1, 1), PageTableError::invalid_range);
}

TEST_F(PageTableTest, range_check) {
  const auto table = PageTable<User>::empty().take();
  EXPECT_TRUE(CursorMut<User>::open(table, {0}, {kPage}).ok());
  expect_bad_ranges(
      [&](u64 begin, u64 end) { return CursorMut<User>::open(table, {begin}, {end}).error(); });
}

TEST_F(PageTableTest, boundary_conditions) {
  const auto table = PageTable<Plain>::empty().take();
  EXPECT_TRUE(Cursor<Plain>::open(table, {0}, {u64{1} << 47}).ok());
  expect_bad_ranges(
      [&](u64 begin, u64 end) { return Cursor<Plain>::open(table, {begin}, {end}).error(); });
}

constexpr u64 kMaxUser = 0x7fff'ffff'f000;

TEST_F(PageTableTest, start_boundary_mapping) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, kPage);
  EXPECT_TRUE(cursor.map(item(0, 1, property(R | W))).ok());
  EXPECT_EQ(cursor.virt_addr().value, kPage);
  EXPECT_EQ(table.page_walk({100})->at.value, 100u);
}

TEST_F(PageTableTest, end_boundary_mapping) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, kMaxUser - kPage, kMaxUser);
  EXPECT_TRUE(cursor.map(item(0, 1, property(R | W))).ok());
  EXPECT_EQ(table.page_walk({kMaxUser - 1})->at.value, kPage - 1);
}

TEST_F(PageTableTest, overflow_boundary_mapping) {
  const auto table = PageTable<Plain>::empty().take();
  EXPECT_EQ(CursorMut<Plain>::open(table, {kMaxUser - kPage / 2}, {kMaxUser + kPage / 2}).error(),
            PageTableError::unaligned);
}

// Other than there, what is asked for without the mark is found without it (BUG-34).
TEST_F(PageTableTest, map_preserves_page_property) {
  const auto table = PageTable<User>::empty().take();
  for (const u8 flags : subsets(0x9f)) {
    for (const u8 privileged : subsets(PrivilegedPageFlags::kUser | PrivilegedPageFlags::kGlobal)) {
      for (const auto cache : {CachePolicy::write_back, CachePolicy::uncacheable}) {
        auto cursor = open(table, kPage, 2 * kPage);
        const PageProperty how = property(flags, cache, privileged);
        auto frame = FrameAllocOptions<P>().alloc_frame().take();
        const PhysAddr at = frame.start_paddr();
        ASSERT_TRUE(cursor.map(User::Items::Item::tracked(std::move(frame), how)).ok());
        EXPECT_EQ(table.page_walk({kPage + 100})->property, how);
        EXPECT_EQ(table.page_walk({kPage + 100})->at.value, at.value + 100);
        ASSERT_TRUE(cursor.jump({kPage}).ok());
        EXPECT_EQ(cursor.query().take().item->property, how);
        EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
      }
      drain();
    }
  }
}

using E = Plain::Entry;

TEST(PageTableEntry, zeroed_pte_is_absent_pte) {
  static_assert(E::kind_of(0) == mm::EntryKind::absent && E::is_absent(0));
  static_assert(!E::is_leaf(0) && !E::is_table(0));
}

// There only what can be read; here all: a leaf that cannot be is a leaf, too.
TEST(PageTableEntry, cast_frame_pte_preserves_repr) {
  const PhysAddr at{0xff'c000'0000};
  for (u8 level = 1; level <= Plain::kHighestLevel; ++level) {
    for (const u8 flags : subsets(0x9f)) {
      for (const u8 privileged : subsets(0x43)) {
        for (const auto cache : {CachePolicy::write_back, CachePolicy::write_through,
                                 CachePolicy::write_combining, CachePolicy::uncacheable}) {
          const PageProperty how = property(flags, cache, privileged);
          ASSERT_EQ(E::fault_of_leaf(at, level, cache), Panic::none);
          const u64 bits = E::encode_leaf(at, how);
          EXPECT_EQ(E::kind_of(bits), mm::EntryKind::leaf);
          EXPECT_EQ(E::leaf_paddr(bits, level), at);
          EXPECT_EQ(E::leaf_property(bits), how);
          EXPECT_EQ((bits & E::kPresent) != 0, (flags & R) != 0);
        }
      }
    }
  }
}

TEST(PageTableEntry, cast_pt_pte_preserves_repr) {
  const PhysAddr at{0xff'c000'0000};
  for (const u8 flags : subsets(mm::PageTableFlags::kAvail1 | mm::PageTableFlags::kAvail2)) {
    const u64 bits = E::encode_table(at, {flags});
    EXPECT_EQ(E::kind_of(bits), mm::EntryKind::table);
    EXPECT_EQ(E::table_paddr(bits), at);
    EXPECT_EQ(E::table_flags(bits).bits, flags);
  }
}

TEST(PageTableEntry, cast_absent_pte_preserves_repr) {
  // What the machine may leave of an entry that is not present.
  for (const u64 bits : {E::kAccessed, E::kDirty | E::kWritable, E::kNoExecute}) {
    EXPECT_TRUE(E::is_absent(bits));
  }
}

TEST(PageTableEntry, WhatCannotBeSaidIsRefused) {
  static_assert(E::fault_of_leaf({k2M}, 2, CachePolicy::write_protected) == Panic::bad_cache);
  static_assert(E::fault_of_leaf({kPage}, 2, CachePolicy::write_back) == Panic::bad_address);
  static_assert(E::fault_of_leaf({k2M}, 3, CachePolicy::write_back) == Panic::bad_address);
  static_assert(E::fault_of_leaf({u64{1} << 52}, 1, CachePolicy::write_back) == Panic::bad_address);
  static_assert(E::fault_of_leaf({1}, 1, CachePolicy::write_back) == Panic::bad_address);
  static_assert(E::fault_of_leaf({0}, 4, CachePolicy::write_back) == Panic::bad_level);
  static_assert(E::fault_of_leaf({0}, 0, CachePolicy::write_back) == Panic::bad_level);
}

constexpr u64 leaf_of(u8 flags, CachePolicy cache, u8 privileged) {
  return E::encode_leaf({0x5000}, property(flags, cache, privileged));
}
// What only these set.
constexpr u64 bit_of(u8 flags, CachePolicy cache, u8 privileged) {
  return leaf_of(flags, cache, privileged) ^ leaf_of(0, CachePolicy::write_back, 0);
}

// Bit by bit, as the architecture has them: what is wrong both ways round comes back right.
TEST(PageTableEntry, EveryBitIsWhereItBelongs) {
  constexpr u64 kNx = u64{1} << 63;
  static_assert(leaf_of(0, CachePolicy::write_back, 0) == (0x5080 | kNx));
  constexpr auto kWb = CachePolicy::write_back;
  static_assert(bit_of(PageFlags::kReadable, kWb, 0) == 1 << 0);
  static_assert(bit_of(PageFlags::kWritable, kWb, 0) == 1 << 1);
  static_assert(bit_of(0, kWb, PrivilegedPageFlags::kUser) == 1 << 2);
  static_assert(bit_of(0, CachePolicy::write_through, 0) == 1 << 3);
  static_assert(bit_of(0, CachePolicy::write_combining, 0) == 1 << 4);
  static_assert(bit_of(0, CachePolicy::uncacheable, 0) == (1 << 3 | 1 << 4));
  static_assert(bit_of(PageFlags::kAccessed, kWb, 0) == 1 << 5);
  static_assert(bit_of(PageFlags::kDirty, kWb, 0) == 1 << 6);
  static_assert(bit_of(0, kWb, PrivilegedPageFlags::kGlobal) == 1 << 8);
  static_assert(bit_of(0, kWb, PrivilegedPageFlags::kAvail1) == u64{1} << 52);
  static_assert(bit_of(PageFlags::kAvail2, kWb, 0) == u64{1} << 53);
  static_assert(bit_of(PageFlags::kExecutable, kWb, 0) == kNx);
  static_assert(E::encode_table({0x5000}) == 0x5007);
  static_assert(E::encode_table({0x5000}, {mm::PageTableFlags::kAvail1}) ==
                (0x5007 | u64{1} << 52));
  static_assert(E::encode_table({0x5000}, {mm::PageTableFlags::kAvail2}) ==
                (0x5007 | u64{1} << 53));
  static_assert(E::address_mask(1) == 0x000f'ffff'ffff'f000);
  static_assert(E::address_mask(2) == 0x000f'ffff'ffe0'0000);
  static_assert(E::address_mask(3) == 0x000f'ffff'c000'0000);
  static_assert(mm::X86_64Entry<true>::address_mask(1) == 0x0007'ffff'ffff'f000);
}

TEST(PageTableEntry, AGuestSharesByItsOwnBit) {
  using Guest = mm::X86_64Entry</*kHasShared=*/true>;
  const u64 shared = Guest::encode_leaf({kPage}, property(R, CachePolicy::write_back, 0x80));
  EXPECT_EQ(shared & Guest::kShared, Guest::kShared);
  EXPECT_EQ(Guest::leaf_paddr(shared, 1).value, kPage);
  EXPECT_EQ(Guest::leaf_property(shared).privileged.bits, 0x80);
  EXPECT_EQ(E::encode_leaf({kPage}, property(R, CachePolicy::write_back, 0x80)) & E::kShared, 0u);
  EXPECT_EQ(Guest::fault_of_leaf({u64{1} << 51}, 1, CachePolicy::write_back), Panic::bad_address);
}

// A change of rights and cache policy is the encoding of what results.
TEST(PageTableEntry, AChangeIsWhatItSays) {
  constexpr std::array kCaches = {CachePolicy::write_back, CachePolicy::write_through,
                                  CachePolicy::write_combining, CachePolicy::uncacheable};
  for (const u8 before : subsets(0x9f)) {
    for (const u8 after : subsets(0x9f)) {
      for (const auto from : kCaches) {
        for (const auto to : kCaches) {
          const u64 old = E::encode_leaf({kPage}, property(before, from));
          ASSERT_EQ(E::with(old, {after}, to), E::encode_leaf({kPage}, property(after, to)));
        }
      }
    }
  }
}

// Other than there, an error, with the item still the caller's (decision 6).
TEST_F(PageTableTest, overlapping_mappings) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, k2M);
  ASSERT_TRUE(cursor.map(item(kPage, 1, property(R))).ok());
  ASSERT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.map(item(2 * kPage, 1, property(W))).error(), PageTableError::already_mapped);
  EXPECT_EQ(cursor.virt_addr().value, 0u);
  EXPECT_EQ(table.page_walk({0})->at.value, kPage);
}

TEST_F(PageTableTest, unaligned_map) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, kPage, 2 * k2M);
  EXPECT_EQ(panic_of([&] { (void)cursor.map(item(0, 2, property(R))); }), Panic::bad_alignment);
}

TEST_F(PageTableTest, jump) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, k2M * 512);
  EXPECT_FALSE(cursor.query().take().item);
  ASSERT_TRUE(cursor.jump({7 * kPage}).ok());
  ASSERT_TRUE(cursor.map(item(9 * kPage, 1, property(R))).ok());
  ASSERT_TRUE(cursor.jump({7 * kPage}).ok());
  const auto found = cursor.query().take();
  EXPECT_EQ(found.range, (VirtRange{{7 * kPage}, {8 * kPage - 1}}));
  EXPECT_EQ(found.item->at.value, 9 * kPage);
  // BUG-53.
  EXPECT_EQ(panic_of([&] { (void)cursor.jump({7 * kPage + 1}); }), Panic::bad_alignment);
  EXPECT_EQ(cursor.jump({512 * k2M}).error(), PageTableError::invalid_address);
  EXPECT_EQ(cursor.virt_addr().value, 7 * kPage);
}

TEST_F(PageTableTest, jump_from_end_and_query_huge_middle) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 2 * k2M);
  ASSERT_TRUE(cursor.jump({k2M}).ok());
  ASSERT_TRUE(cursor.map(item(k2M, 2, property(R))).ok());
  EXPECT_EQ(cursor.virt_addr(), cursor.end());
  EXPECT_EQ(cursor.query().error(), PageTableError::invalid_address);
  ASSERT_TRUE(cursor.jump({0}).ok());
  EXPECT_FALSE(cursor.query().take().item);
  ASSERT_TRUE(cursor.jump({k2M + k2M / 2}).ok());
  const auto found = cursor.query().take();
  EXPECT_TRUE(found.item);
  EXPECT_EQ(found.range, (VirtRange{{k2M}, {2 * k2M - 1}}));
}

// BUG-8.
TEST_F(PageTableTest, jump_from_guard_level_end) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, k2M - kPage, k2M);
  ASSERT_TRUE(cursor.map(item(0, 1, property(R))).ok());
  EXPECT_EQ(cursor.virt_addr(), cursor.end());
  ASSERT_TRUE(cursor.jump({k2M - kPage}).ok());
  EXPECT_TRUE(cursor.query().take().item);
}

TEST_F(PageTableTest, jump_near_address_space_end) {
  const auto table = PageTable<Kernel>::new_kernel_page_table().take();
  const u64 begin = ~u64{0} - k2M + 1, end = ~u64{4095};
  auto cursor = open(table, begin, end);
  ASSERT_TRUE(cursor.map(Kernel::Items::Item::untracked({0}, 1, property(R))).ok());
  ASSERT_TRUE(cursor.jump({begin}).ok());
  EXPECT_TRUE(cursor.query().take().item);
  ASSERT_TRUE(cursor.jump({end - kPage}).ok());
  EXPECT_FALSE(cursor.query().take().item);
}

TEST_F(PageTableTest, find_next) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 2 * k1G);
  for (const u64 va : {7 * kPage, k1G}) {
    ASSERT_TRUE(cursor.jump({va}).ok());
    ASSERT_TRUE(cursor.map(item(va, 1, property(R))).ok());
  }
  ASSERT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.find_next(2 * k1G)->value, 7 * kPage);
  EXPECT_EQ(cursor.find_next(2 * k1G - 7 * kPage)->value, 7 * kPage);
  ASSERT_TRUE(cursor.jump({8 * kPage}).ok());
  EXPECT_EQ(cursor.find_next(2 * k1G - 8 * kPage)->value, k1G);
  EXPECT_EQ(cursor.virt_addr().value, k1G);
  EXPECT_FALSE(cursor.find_next(0));
  EXPECT_EQ(cursor.virt_addr().value, k1G);
}

TEST_F(PageTableTest, find_next_keeps_va_around_barrier) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, k2M - kPage, k2M + kPage);
  EXPECT_FALSE(cursor.find_next(2 * kPage));
  EXPECT_EQ(cursor.virt_addr(), cursor.end());
}

// BUG-3.
TEST_F(PageTableTest, find_next_rejects_overflowing_len) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, kPage, k2M);
  EXPECT_EQ(panic_of([&] { (void)cursor.find_next(~u64{0} - kPage + 1); }), Panic::beyond_barrier);
  EXPECT_EQ(panic_of([&] { (void)cursor.find_next(k2M); }), Panic::beyond_barrier);
  EXPECT_EQ(panic_of([&] { (void)cursor.find_next(~u64{0}); }), Panic::bad_length);
  EXPECT_EQ(panic_of([&] { (void)cursor.take_next(k2M); }), Panic::beyond_barrier);
  EXPECT_EQ(cursor.virt_addr().value, kPage);
}

TEST_F(PageTableTest, take_next_takes_something) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, kPage);
  ASSERT_TRUE(cursor.map(item(5 * kPage, 1, property(R | X))).ok());
  ASSERT_TRUE(cursor.jump({0}).ok());
  const auto taken = cursor.take_next(kPage).take();
  ASSERT_TRUE(taken);
  const auto& mapped = std::get<mm::MappedFragment<Plain>>(*taken);
  EXPECT_EQ(mapped.va.value, 0u);
  EXPECT_EQ(*mapped.item, item(5 * kPage, 1, property(R | X)));
  EXPECT_FALSE(table.page_walk({0}));
}

TEST_F(PageTableTest, take_large_takes_subtree) {
  const auto table = PageTable<Plain>::empty().take();
  {
    auto cursor = open(table, 513 * kPage, 514 * kPage);
    ASSERT_TRUE(cursor.map(item(0, 1, property(R))).ok());
  }
  auto cursor = open(table, 0, k1G);
  const auto taken = cursor.take_next(k1G).take();
  ASSERT_TRUE(taken);
  const auto& stray = std::get<mm::StrayFragment<Plain>>(*taken);
  // The range is just what a page of 1 GiB can be, and here such pages are: so the cursor guards
  // the table above, and takes what is one level higher than OSTD's (decision 3).
  EXPECT_EQ(stray.va.value, 0u);
  EXPECT_EQ(stray.bytes, k1G);
  EXPECT_EQ(stray.num_frames, 1u);
}

// The same where no page of 1 GiB is: as there.
TEST_F(PageTableTest, take_large_takes_subtree_of_user) {
  const auto table = PageTable<User>::empty().take();
  {
    auto cursor = open(table, 513 * kPage, 514 * kPage);
    ASSERT_TRUE(cursor.map(User::Items::Item::untracked({0}, 1, property(R))).ok());
  }
  auto cursor = open(table, 0, k1G);
  const auto taken = cursor.take_next(k1G).take();
  ASSERT_TRUE(taken);
  const auto& stray = std::get<mm::StrayFragment<User>>(*taken);
  EXPECT_EQ(stray.va.value, k2M);
  EXPECT_EQ(stray.bytes, k2M);
  EXPECT_EQ(stray.num_frames, 1u);
}

// OSTD's maps to 11,010 pages below, where no huge page is aligned, and takes more tables than this
// machine has pages.
TEST_F(PageTableTest, mixed_granularity_map_unmap) {
  const auto table = PageTable<Plain>::empty().take();
  const u64 from = 13245 * kPage, to = (262144 + 23456) * kPage, shift = 21 * k2M;
  {
    auto cursor = open(table, from, to);
    const mm::Progress run = cursor.map_range({from - shift}, to - from, property(R | W));
    EXPECT_FALSE(run.stopped_by);
    EXPECT_EQ(run.pages, (to - from) / kPage);
  }
  for (u64 i = 0, va = from; i < 100; ++i, va += 5096) {
    const auto found = table.page_walk({va});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->at.value, va - shift);
    EXPECT_EQ(found->property, property(R | W));
  }
  {
    auto cursor = open(table, 13456 * kPage, 13457 * kPage);
    const auto taken = cursor.take_next(kPage).take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(*std::get<mm::MappedFragment<Plain>>(*taken).item,
              item(13456 * kPage - shift, 1, property(R | W)));
  }
  EXPECT_TRUE(table.page_walk({13455 * kPage}));
  EXPECT_FALSE(table.page_walk({13456 * kPage}));
  EXPECT_TRUE(table.page_walk({13457 * kPage}));
  auto cursor = open(table, from, to);
  EXPECT_EQ(cursor.unmap(to - from).pages, (to - from) / kPage - 1);
}

const auto without_w = [](PageFlags& flags, CachePolicy&) noexcept {
  flags.bits &= static_cast<u8>(~W);
};

TEST_F(PageTableTest, mixed_granularity_protect_query) {
  const auto table = PageTable<Plain>::empty().take();
  const u64 from = 512 * kPage, huge = 514 * k2M, to = from + huge + 2 * kPage;
  auto cursor = open(table, from, to);
  for (u64 i = 0; i < 514; ++i) {
    ASSERT_TRUE(cursor.map(item(i * k2M, 2, property(R | W))).ok());
  }
  ASSERT_TRUE(cursor.map(item(huge, 1, property(R | W))).ok());
  ASSERT_TRUE(cursor.map(item(huge + kPage, 1, property(R | W))).ok());
  ASSERT_TRUE(cursor.jump({from}).ok());
  for (u64 i = 0; i < 516; ++i) {
    const auto found = cursor.query().take();
    const u64 size = i < 514 ? k2M : kPage;
    const u64 va = i < 514 ? from + i * k2M : from + huge + (i - 514) * kPage;
    ASSERT_EQ(found.range, (VirtRange{{va}, {va + size - 1}}));
    ASSERT_EQ(found.item->at.value, va - from);
    if (va + size < to) ASSERT_TRUE(cursor.jump({va + size}).ok());
  }

  const u64 inside = from + 18 * kPage;
  ASSERT_TRUE(cursor.jump({inside}).ok());
  for (u64 i = 0; i < 2; ++i) {
    const auto range = cursor.protect_next(2 * kPage - i * kPage, without_w).take();
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first.value, inside + i * kPage);
    EXPECT_EQ(range->bytes(), kPage);
  }
  for (u64 page = 16; page < 22; ++page) {
    ASSERT_TRUE(cursor.jump({from + page * kPage}).ok());
    const auto found = cursor.query().take();
    EXPECT_EQ(found.item->level, 1);
    EXPECT_EQ(found.item->at.value, page * kPage);
    EXPECT_EQ(found.item->property, property(page == 18 || page == 19 ? R : R | W));
  }
}

TEST_F(PageTableTest, base_protect_query) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, kPage, 1000 * kPage);
  const mm::Progress mapped = cursor.map_range({kPage}, 999 * kPage, property(R | W));
  EXPECT_EQ(mapped.pages, 999u);
  EXPECT_FALSE(mapped.stopped_by);
  ASSERT_TRUE(cursor.jump({18 * kPage}).ok());
  const mm::Progress run = cursor.protect(2 * kPage, without_w);
  EXPECT_EQ(run.pages, 2u);
  EXPECT_EQ(cursor.virt_addr().value, 20 * kPage);
  for (u64 page = 17; page < 21; ++page) {
    ASSERT_TRUE(cursor.jump({page * kPage}).ok());
    EXPECT_EQ(cursor.query().take().item->property, property(page == 18 || page == 19 ? R : R | W));
  }
}

TEST_F(PageTableTest, protect_next_empty_entry) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, k2M);
  EXPECT_FALSE(cursor.protect_next(kPage, without_w).take());
}

TEST_F(PageTableTest, protect_next_touches_empty_range) {
  const auto table = PageTable<Plain>::empty().take();
  auto cursor = open(table, 0, 4 * kPage);
  ASSERT_TRUE(cursor.jump({2 * kPage}).ok());
  ASSERT_TRUE(cursor.map(item(0, 1, property(R | W))).ok());
  ASSERT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.protect_next(4 * kPage, without_w).take()->first.value, 2 * kPage);
  EXPECT_EQ(table.page_walk({2 * kPage})->property, property(R));
  EXPECT_FALSE(table.page_walk({kPage}));
  EXPECT_FALSE(cursor.protect_next(kPage, without_w).take());
}

}  // namespace
