// SPDX-License-Identifier: MPL-2.0
// The lock protocol of page tables in small scopes, under every schedule with few preemptions: a
// subtree is cut off while another lane comes down to it, tables are made by both, a walker is
// inside, a page is split. Whatever the schedule, nothing is lost, and nothing is held.
#include <functional>
#include <gtest/gtest.h>

#include "check/explore/platform.h"
#include "impl/frame/alloc_options.h"
#include "impl/page_table/page_table.h"

namespace {

using namespace check::explore;
using mm::kPageSize, mm::PhysAddr, mm::u32, mm::u64, mm::u8;

// Two CPUs.
struct P : Explored {
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static u32 cpu_count() noexcept { return 2; }
  static std::optional<PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, mm::usize bytes) noexcept {
    globals().allocator.dealloc(at, bytes);
  }
};

using User = mm::UserConfig<P>;
using Cursor = mm::CursorMut<User>;
using Item = User::Items::Item;
using Table = mm::PageTable<User>;
using Slot = mm::MetaSlot<P>;
using Lanes = std::vector<std::function<void()>>;

constexpr u64 kPages = 32, k2M = u64{2} << 20, k1G = u64{1} << 30;
constexpr mm::PageProperty kData{
    {mm::PageFlags::kReadable | mm::PageFlags::kWritable}, mm::CachePolicy::write_back, {}};

// ThreadSanitizer makes each of them dear.
constexpr u32 kPreemptions = PAGETWIN_TSAN ? 2 : 3;

void restart() {
  P::power_on();
  ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
  P::globals().pages = kPages;
  Slot::init(0, kPages);
  P::globals().allocator.add_free_memory({kPageSize}, (kPages - 1) * kPageSize);
}

Cursor open(const Table& table, u64 begin, u64 end) {
  return Cursor::open(table, {begin}, {end}).take();
}
// Another lane may have been there before.
void map(const Table& table, u64 va) {
  auto cursor = open(table, va, va + kPageSize);
  auto frame = mm::FrameAllocOptions<P>().zeroed(false).alloc_frame().take();
  const auto mapped = cursor.map(Item::tracked(std::move(frame), kData));
  if (!mapped.ok()) EXPECT_EQ(mapped.error(), mm::PageTableError::already_mapped);
  // Ours alone, and not cut off: so everybody finds it.
  EXPECT_TRUE(table.page_walk({va}));
}
void unmap(const Table& table, u64 begin, u64 end) {
  auto cursor = open(table, begin, end);
  EXPECT_FALSE(cursor.unmap(end - begin).stopped_by);
}

// Every node is as its entries say, and nobody's.
void check_node(mm::NodeView<User> node, u8 level) {
  const auto& meta = node.meta();
  EXPECT_EQ(meta.level(), level);
  EXPECT_FALSE(meta.is_locked());
  EXPECT_FALSE(meta.is_stray());
  u64 present = 0;
  for (u64 i = 0; i < mm::kEntries; ++i) {
    const u64 bits = node.peek(i);
    if (User::Entry::is_absent(bits)) continue;
    ++present;
    if (!User::Entry::is_table(bits)) continue;
    EXPECT_EQ(Slot::of(User::Entry::table_paddr(bits))->ref_count(), 1u);
    check_node(mm::NodeView<User>(User::Entry::table_paddr(bits)), static_cast<u8>(level - 1));
  }
  EXPECT_EQ(meta.nr_children(), present);
}

// Runs the lanes under every schedule within the bound, from `begin(table)` each time; `end(table)`
// looks at what came of it.
void explore(u32 preemptions, auto&& begin, auto&& lanes_on, auto&& end) {
  Exhaustive chooser({.preemptions = preemptions, .failures = 0});
  u64 schedules = 0;
  do {
    restart();
    {
      const Table table = Table::empty().take();
      begin(table);
      const Lanes lanes = lanes_on(table);
      ASSERT_EQ(Scheduler::run(lanes, chooser), End::finished);
      check_node(mm::NodeView<User>(table.root_paddr()), 4);
      end(table);
    }
    for (int i = 0; i < 4; ++i) {
      for (u32 cpu = 0; cpu < 2; ++cpu) mm::quiesce<P>(cpu);
    }
    ASSERT_EQ(P::globals().allocator.free_bytes(), (kPages - 1) * kPageSize);
    ++schedules;
    if (testing::Test::HasFailure()) break;
  } while (chooser.next());
  std::printf("%llu schedules\n", static_cast<unsigned long long>(schedules));
}

// BUG-45: the table of the page is cut off, or made again, or neither.
TEST(Cursors, ASubtreeIsCutOffWhileAnotherComesDown) {
  explore(
      kPreemptions, [](const Table& table) { map(table, k2M); },
      [](const Table& table) {
        return Lanes{[&] { unmap(table, 0, 2 * k1G); }, [&] { map(table, k2M + kPageSize); }};
      },
      [](const Table& table) { EXPECT_FALSE(table.page_walk({k2M})); });
}

// The same, where the other lacks a table, and is to make it in what is cut off.
TEST(Cursors, ASubtreeIsCutOffWhileAnotherMakesATableInIt) {
  explore(
      kPreemptions, [](const Table& table) { map(table, k2M); },
      [](const Table& table) {
        return Lanes{[&] { unmap(table, 0, 2 * k1G); }, [&] { map(table, 2 * k2M); }};
      },
      [](const Table& table) { EXPECT_FALSE(table.page_walk({k2M})); });
}

// And where a table comes and goes while the other looks.
TEST(Cursors, ATableComesAndGoesWhileAnotherComesDown) {
  explore(
      kPreemptions, [](const Table&) {},
      [](const Table& table) {
        return Lanes{[&] {
                       map(table, k2M);
                       unmap(table, 0, 2 * k1G);
                     },
                     [&] { map(table, k2M + kPageSize); }};
      },
      [](const Table& table) { EXPECT_FALSE(table.page_walk({k2M})); });
}

// A table that is made in a cursor's range is the cursor's (L9).
TEST(Cursors, WhatACursorMakesIsItsOwn) {
  explore(
      kPreemptions, [](const Table&) {},
      [](const Table& table) {
        return Lanes{[&] {
                       auto cursor = open(table, 0, 2 * k2M);
                       EXPECT_TRUE(cursor.map(Item::untracked({0}, 1, kData)).ok());
                       EXPECT_TRUE(cursor.query().ok());
                       (void)cursor.map(Item::untracked({kPageSize}, 1, kData));
                     },
                     [&] { map(table, kPageSize); }};
      },
      [](const Table& table) { EXPECT_TRUE(table.page_walk({kPageSize})); });
}

TEST(Cursors, BothMakeTheTablesThatAreMissing) {
  explore(
      kPreemptions, [](const Table&) {},
      [](const Table& table) {
        return Lanes{[&] { map(table, k2M); }, [&] { map(table, k2M - kPageSize); }};
      },
      [](const Table& table) {
        EXPECT_TRUE(table.page_walk({k2M}));
        EXPECT_TRUE(table.page_walk({k2M - kPageSize}));
      });
}

// A huge page comes instead of an empty table, into which the other is on its way.
TEST(Cursors, AnEmptyTableMakesRoomWhileAnotherComesDown) {
  explore(
      kPreemptions, [](const Table& table) { (void)open(table, k2M, k2M + kPageSize); },
      [](const Table& table) {
        return Lanes{[&] {
                       auto cursor = open(table, k2M, 2 * k2M);
                       (void)cursor.map(Item::untracked({0}, 2, kData));
                     },
                     [&] { map(table, k2M); }};
      },
      [](const Table& table) { EXPECT_TRUE(table.page_walk({k2M})); });
}

TEST(Cursors, APageIsSplitWhileAnotherComesDown) {
  explore(
      kPreemptions,
      [](const Table& table) {
        auto cursor = open(table, 0, 2 * k2M);
        (void)cursor.map(Item::untracked({0}, 2, kData));
      },
      [](const Table& table) {
        return Lanes{[&] { unmap(table, kPageSize, 2 * kPageSize); },
                     [&] { unmap(table, 3 * kPageSize, 4 * kPageSize); }};
      },
      [](const Table& table) {
        EXPECT_TRUE(table.page_walk({0}));
        EXPECT_FALSE(table.page_walk({kPageSize}));
        EXPECT_TRUE(table.page_walk({2 * kPageSize}));
        EXPECT_FALSE(table.page_walk({3 * kPageSize}));
      });
}

// Of the table at a level on the way to an address: what it says there.
u64 entry_at(const Table& table, u64 va, u8 level) {
  mm::NodeView<User> node(table.root_paddr());
  for (u8 at = 4; at > level; --at) {
    node = mm::NodeView<User>(User::Entry::table_paddr(node.peek(mm::index_of(va, at))));
  }
  return node.peek(mm::index_of(va, level));
}

// Who waited for the table above the page finds it split, or gone, and goes on from there: the
// guard is the lowest table that has the whole range.
TEST(Cursors, APageIsSplitOrGoesWhileAnotherWaits) {
  for (const u64 pages : {u64{1}, mm::kEntries}) {
    explore(
        kPreemptions,
        [](const Table& table) {
          auto cursor = open(table, 0, 2 * k2M);
          (void)cursor.map(Item::untracked({0}, 2, kData));
        },
        [pages](const Table& table) {
          return Lanes{[&table, pages] { unmap(table, 0, pages * kPageSize); },
                       [&table] {
                         const auto cursor = open(table, 3 * kPageSize, 4 * kPageSize);
                         if (cursor.guard_level() == 1) return;
                         EXPECT_EQ(cursor.guard_level(), 2);
                         EXPECT_TRUE(User::Entry::is_leaf(entry_at(table, 0, 2)));
                       }};
        },
        [](const Table& table) { EXPECT_FALSE(table.page_walk({0})); });
  }
}

// What was cut off is freed, and used again, and the walker is still inside: not before it is out.
TEST(Cursors, AWalkerIsInsideWhatIsCutOff) {
  explore(
      kPreemptions, [](const Table& table) { map(table, k2M); },
      [](const Table& table) {
        return Lanes{[&] {
                       unmap(table, 0, 2 * k1G);
                       mm::quiesce<P>(0);
                       auto frame = mm::FrameAllocOptions<P>().alloc_frame();
                       if (frame.ok()) frame.value().writer().fill(~u64{0});
                     },
                     [&] {
                       {
                         const mm::ReadSection<P> section;
                         const auto found = table.page_walk({k2M});
                         if (found) EXPECT_EQ(found->property, kData);
                       }
                       mm::quiesce<P>(1);
                     }};
      },
      [](const Table&) {});
}

// Both give up, and both pass: the one who is the last to pass drops, once.
TEST(Cursors, BothGiveUpAndPass) {
  explore(
      kPreemptions,
      [](const Table& table) {
        map(table, 0);
        map(table, k2M);
      },
      [](const Table& table) {
        return Lanes{[&] {
                       unmap(table, 0, kPageSize);
                       mm::quiesce<P>(0);
                       mm::quiesce<P>(0);
                     },
                     [&] {
                       unmap(table, k2M, k2M + kPageSize);
                       mm::quiesce<P>(1);
                       mm::quiesce<P>(1);
                     }};
      },
      [](const Table&) {});
}

}  // namespace
