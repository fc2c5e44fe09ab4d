// SPDX-License-Identifier: MPL-2.0
// Deferred reclamation: when what was given up is dropped, in which order, and that there is a
// bound that is asked for.
#include "props/unit/tables.h"

namespace {

using namespace tables;

// Says when it goes.
struct Noted {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 number = 0;
  void on_drop(mm::PageBytes) noexcept;
};
std::vector<u64> dropped;
std::function<void(u64)> on_each;
void Noted::on_drop(mm::PageBytes) noexcept {
  dropped.push_back(number);
  if (on_each) on_each(number);
}

class DeferredTest : public Machine {
 protected:
  void SetUp() override {
    Machine::SetUp();
    dropped.clear();
    on_each = nullptr;
  }

  static mm::Deferred<P>& deferred() { return P::globals().deferred; }
  static mm::Frame<P, Noted> make(u64 number) {
    return mm::FrameAllocOptions<P>().alloc_frame_with(Noted{number}).take();
  }
  static void give_up(mm::Frame<P>&& frame) {
    ASSERT_TRUE(deferred().try_reserve());
    deferred().drop_later(std::move(frame));
  }
  static void give_up(u64 number) { give_up(make(number)); }
  static std::vector<PhysAddr> pending() {
    std::vector<PhysAddr> all;
    deferred().each_pending([&](PhysAddr at, bool) { all.push_back(at); });
    return all;
  }
};

using Numbers = std::vector<u64>;

TEST_F(DeferredTest, WaitsForEveryCpuTheCallersToo) {
  give_up(1);
  for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
    EXPECT_EQ(dropped, Numbers());
    EXPECT_EQ(mm::quiesce<P>(cpu), cpu + 1 == P::cpu_count() ? 1u : 0u);
    EXPECT_EQ(mm::quiesce<P>(0), 0u);  // Once is as good as twice.
  }
  EXPECT_EQ(dropped, Numbers{1});
  EXPECT_FALSE(deferred().is_running());
}

TEST_F(DeferredTest, WhatComesWhileAPeriodRunsWaitsForTheNext) {
  give_up(1);
  mm::quiesce<P>(1);
  give_up(2);
  give_up(3);
  for (const u32 cpu : {0u, 2u, 3u}) mm::quiesce<P>(cpu);
  EXPECT_EQ(dropped, Numbers{1});
  EXPECT_TRUE(deferred().is_running());
  EXPECT_EQ(deferred().awaited(), 0b1111u);
  pass_all();
  EXPECT_EQ(dropped, (Numbers{1, 2, 3}));
}

TEST_F(DeferredTest, WhatADropGivesUpWaitsForTheNext) {
  on_each = [](u64 number) {
    if (number < 3) give_up(number + 1);
  };
  give_up(1);
  pass_all();
  EXPECT_EQ(dropped, Numbers{1});
  pass_all();
  pass_all();
  EXPECT_EQ(dropped, (Numbers{1, 2, 3}));
  EXPECT_FALSE(deferred().is_running());
}

// A frame may be given up many times, between others: its turn is that of its last.
TEST_F(DeferredTest, InTheOrderInWhichAllCame) {
  auto first = make(1), second = make(2);
  give_up(first.clone());
  give_up(first.clone());
  give_up(std::move(second));
  give_up(3);
  give_up(std::move(first));
  EXPECT_EQ(pending().size(), 5u);
  pass_all();
  EXPECT_EQ(dropped, Numbers());
  pass_all();
  EXPECT_EQ(dropped, (Numbers{2, 3, 1}));
}

// Adjacent frames take no more room than one. Not with one that has its turn before.
TEST_F(DeferredTest, ARunIsOneEntry) {
  u64 number = 0;
  auto segment = mm::FrameAllocOptions<P>()
                     .alloc_segment_with(10, [&](PhysAddr) noexcept { return Noted{++number}; })
                     .take();
  give_up(segment.next());
  for (int i = 0; i < 8; ++i) give_up(segment.next());
  u64 running = 0;
  deferred().each_pending([&](PhysAddr, bool is_running) { running += is_running ? 1 : 0; });
  EXPECT_EQ(running, 1u);
  EXPECT_EQ(pending().size(), 9u);
  pass_all();
  EXPECT_EQ(dropped, Numbers{1});
  pass_all();
  EXPECT_EQ(dropped.size(), 9u);
  EXPECT_EQ(dropped.back(), 9u);
}

// Full, and asked for before anything changes.
TEST_F(DeferredTest, ThereIsABoundThatIsAskedFor) {
  using User = mm::UserConfig<P>;
  const auto table = mm::PageTable<User>::empty().take();
  auto cursor = mm::CursorMut<User>::open(table, {0}, {2 * k2M}).take();
  auto frame = mm::FrameAllocOptions<P>().alloc_frame().take();
  EXPECT_TRUE(cursor.map(User::Items::Item::tracked(std::move(frame), property(R))).ok());
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_TRUE(cursor.map(User::Items::Item::untracked({0}, 1, property(R))).ok());
  EXPECT_TRUE(cursor.jump({0}).ok());

  u64 taken = 0;
  while (deferred().try_reserve()) ++taken;
  EXPECT_EQ(taken, mm::Deferred<P>::kMost);
  const auto before = look(table, true);
  EXPECT_EQ(cursor.take_next(k2M).error(), PageTableError::too_many_pending);
  EXPECT_EQ(cursor.unmap(2 * k2M).stopped_by, PageTableError::too_many_pending);
  EXPECT_EQ(cursor.virt_addr().value, 0u);
  EXPECT_TRUE(cursor.query().ok());  // Down to the page.
  EXPECT_EQ(cursor.take_next(kPage).error(), PageTableError::too_many_pending);
  EXPECT_EQ(cursor.unmap(kPage).stopped_by, PageTableError::too_many_pending);
  EXPECT_EQ(look(table, true), before);
  EXPECT_EQ(cursor.level(), 1);
  // What nobody counts needs no room.
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_TRUE(cursor.query().ok());
  EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  // Now the table is empty, and cannot make room for a huge page.
  EXPECT_TRUE(cursor.jump({k2M}).ok());
  EXPECT_EQ(cursor.map(User::Items::Item::untracked({0}, 2, property(R))).error(),
            PageTableError::too_many_pending);
  EXPECT_EQ(cursor.level(), 1);
  deferred().unreserve(taken);
  EXPECT_TRUE(cursor.map(User::Items::Item::untracked({0}, 2, property(R))).ok());
  EXPECT_TRUE(cursor.jump({0}).ok());
  EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
}

// Through the ring, and round.
TEST_F(DeferredTest, TheRingGoesOnForEver) {
  auto first = make(1), second = make(2);
  for (int round = 0; round < 5; ++round) {
    for (u64 i = 0; i < mm::Deferred<P>::kMost / 2; ++i) {
      give_up(i % 2 == 0 ? first.clone() : second.clone());
    }
    drain();
    ASSERT_EQ(first.reference_count(), 1u);
    ASSERT_EQ(second.reference_count(), 1u);
  }
}

}  // namespace
