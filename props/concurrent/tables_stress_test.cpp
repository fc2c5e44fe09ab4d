// SPDX-License-Identifier: MPL-2.0
// Real threads, each a CPU, in one page table: subtrees are taken out while others map inside
// (BUG-45), tables are made by many at once, walkers and readers look on, and the tables that were
// cut off are freed, and used again, as soon as all have passed. Under ThreadSanitizer it must be
// silent, and at the end nothing is lost.
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "impl/hosted/platform.h"
#include "impl/page_table/page_table.h"
#include "props/gen/dice.h"

namespace {

// Who waits lets others go on: there may be fewer processors than threads.
struct P : mm::Hosted {
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static std::optional<mm::PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(mm::PhysAddr at, mm::usize bytes) noexcept {
    globals().allocator.dealloc(at, bytes);
  }
  static void spin_hint() noexcept { std::this_thread::yield(); }
};

using mm::CachePolicy, mm::kPageSize, mm::PageFlags, mm::PageProperty, mm::PageTableError, mm::u32,
    mm::u64;

using User = mm::UserConfig<P>;
using Cursor = mm::CursorMut<User>;
using Item = User::Items::Item;

constexpr u64 kPages = check::machine::kPages;
constexpr u64 kBytes = (kPages - 1) * kPageSize;
constexpr u64 k2M = u64{2} << 20, k1G = u64{1} << 30, kTop = u64{1} << 39;
constexpr PageProperty kData{
    {PageFlags::kReadable | PageFlags::kWritable}, CachePolicy::write_back, {}};

class Thread {
 public:
  Thread(const mm::PageTable<User>& table, u32 cpu) : table_(table), cpu_(cpu), dice_(1 + cpu) {}

  void run(int steps) {
    check::machine::become(cpu_);
    for (int i = 0; i < steps; ++i) {
      step();
      if (dice_.one_in(4)) mm::quiesce<P>(cpu_);
    }
  }

 private:
  // A few pages, around the boundaries of all sizes.
  u64 some_page() {
    const u64 base = dice_.one_in(8) ? kTop : dice_.one_in(2) ? k1G : k2M;
    return base + (u64{dice_.below(8)} - 4) * kPageSize;
  }

  void step() {
    switch (dice_.below(8)) {
      case 0:
      case 1:
      case 2: return map();
      case 3: return unmap();
      case 4: return take_subtree();
      case 5: return protect();
      case 6: return look();
      default: return walk();
    }
  }

  void map() {
    const u64 at = some_page();
    auto frame = mm::FrameAllocOptions<P>().alloc_frame();
    if (!frame.ok()) return;
    auto item = Item::tracked(frame.take(), kData);
    auto opened = Cursor::open(table_, {at}, {at + kPageSize});
    if (!opened.ok()) return;
    auto cursor = opened.take();
    const auto mapped = cursor.map(std::move(item));
    EXPECT_EQ(item.is_tracked(), !mapped.ok());
    if (!mapped.ok()) {
      EXPECT_TRUE(mapped.error() == PageTableError::already_mapped ||
                  mapped.error() == PageTableError::no_memory);
      if (mapped.error() == PageTableError::no_memory) return;
    }
    // As long as the cursor has it locked, it is there for everybody: not in a table that is stray.
    EXPECT_TRUE(table_.page_walk({at}));
  }

  void unmap() {
    const u64 at = some_page();
    auto opened = Cursor::open(table_, {at}, {at + 2 * kPageSize});
    if (!opened.ok()) return;
    auto cursor = opened.take();
    (void)cursor.unmap(2 * kPageSize);
  }

  void take_subtree() {
    const u64 size = dice_.one_in(3) ? kTop : dice_.one_in(2) ? k1G : k2M;
    const u64 at = dice_.below(2) * size;
    auto opened = Cursor::open(table_, {at}, {at + 2 * size});
    if (!opened.ok()) return;
    auto cursor = opened.take();
    // Others come down to what we have locked, and wait there, and find it cut off.
    if (dice_.one_in(2)) std::this_thread::yield();
    (void)cursor.unmap(2 * size);
  }

  void protect() {
    const u64 at = some_page();
    auto opened = Cursor::open(table_, {at}, {at + 4 * kPageSize});
    if (!opened.ok()) return;
    auto cursor = opened.take();
    (void)cursor.protect(4 * kPageSize, [](PageFlags& flags, CachePolicy&) noexcept {
      flags.bits ^= PageFlags::kWritable;
    });
  }

  void look() {
    const u64 at = some_page();
    auto opened = mm::Cursor<User>::open(table_, {at}, {at + kPageSize});
    if (!opened.ok()) return;
    auto cursor = opened.take();
    const auto found = cursor.query().take();
    if (found.item) EXPECT_GE(found.item->to_owned().frame.reference_count(), 2u);
  }

  void walk() {
    const mm::ReadSection<P> section;
    (void)table_.page_walk({some_page()});
  }

  const mm::PageTable<User>& table_;
  u32 cpu_;
  props::Dice dice_;
};

TEST(TablesStress, ThreadsLoseNothing) {
  P::power_on();
  P::globals().pages = kPages;
  mm::MetaSlot<P>::init(0, kPages);
  P::globals().allocator.add_free_memory({kPageSize}, kBytes);
  for (const u32 threads : {2u, 4u}) {
    {
      const auto table = mm::PageTable<User>::empty().take();
      std::vector<std::thread> running;
      for (u32 i = 0; i < threads; ++i) {
        running.emplace_back([&table, i] { Thread(table, i).run(60'000); });
      }
      // Those that do not run pass all the time.
      std::atomic<bool> is_over = false;
      std::thread others([&] {
        if (threads == P::cpu_count()) return;
        check::machine::become(threads);
        while (!is_over.load()) {
          for (u32 cpu = threads; cpu < P::cpu_count(); ++cpu) mm::quiesce<P>(cpu);
          std::this_thread::yield();
        }
      });
      for (std::thread& thread : running) thread.join();
      is_over.store(true);
      others.join();
    }
    for (int i = 0; i < 3; ++i) {
      for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) mm::quiesce<P>(cpu);
    }
    EXPECT_FALSE(P::globals().deferred.is_running());
    EXPECT_EQ(P::globals().allocator.free_bytes(), kBytes);
    for (u64 page = 0; page < kPages; ++page) {
      const u64 count = mm::MetaSlot<P>::of({page * kPageSize})->ref_count();
      EXPECT_TRUE(count == mm::MetaSlot<P>::kUnused || count == mm::MetaSlot<P>::kUnique);
    }
  }
}

}  // namespace
