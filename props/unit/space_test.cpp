// SPDX-License-Identifier: MPL-2.0
// Address spaces: on which CPUs they are active, who is told to flush what is unmapped, and that no
// page is given back that a CPU may still reach. Interrupts are held back until a test has them
// taken.
#include "impl/vm/space.h"

#include "props/unit/spaces.h"

namespace {

using namespace spaces;

class SpaceTest : public Spaces {};

// --- On which CPUs (INV-44)

TEST_F(SpaceTest, IsActiveWhereItsRootIs) {
  const Space other = make();
  EXPECT_EQ(active_on(*space), 0u);
  activate(0, *space);
  activate(2, *space);
  EXPECT_EQ(active_on(*space), 0b101u);
  EXPECT_EQ(count_of(space->root_paddr()), 3u);
  activate(0, *space);  // Nothing happens.
  EXPECT_EQ(active_on(*space), 0b101u);
  EXPECT_EQ(count_of(space->root_paddr()), 3u);
  activate(0, other);
  EXPECT_EQ(active_on(*space), 0b100u);
  EXPECT_EQ(active_on(other), 0b001u);
  EXPECT_EQ(count_of(space->root_paddr()), 2u);
}

// Whatever kind the other table is of, on both sides.
TEST_F(SpaceTest, IsLeftForATableOfAnyKind) {
  const auto user = mm::PageTable<mm::UserConfig<P>>::create_user_page_table(*kernel).take();
  const auto plain = mm::PageTable<mm::PlainConfig<P>>::empty().take();
  const auto there_and_back = [&](const auto& table) {
    activate(1, *space);
    EXPECT_EQ(active_on(*space), 0b010u);
    activate(1, table);
    EXPECT_EQ(active_on(*space), 0u);
    EXPECT_EQ(count_of(space->root_paddr()), 1u);
  };
  there_and_back(*kernel);
  there_and_back(user);
  there_and_back(plain);
  activate(1, *kernel);  // Of what was plain.
}

TEST_F(SpaceTest, OutlivesItsHandleWhileACpuHasIt) {
  const PhysAddr page = map(kVa);
  activate(1, *space);
  const PhysAddr root = space->root_paddr();
  EXPECT_FALSE(drop(std::move(*space)));
  space.reset();
  EXPECT_TRUE(reaches(1, kVa));
  EXPECT_EQ(count_of(root), 1u);
  activate(1, *kernel);
  EXPECT_EQ(count_of(root), Slot::kUnused);
  EXPECT_NE(count_of(page), 1u);
}

// --- Flushes

TEST_F(SpaceTest, DispatchDoesItHereAndQueuesItElsewhere) {
  map(kVa);
  for (const u32 cpu : {0u, 1u, 2u}) {
    activate(cpu, *space);
    EXPECT_TRUE(reaches(cpu, kVa));
  }
  auto cursor = open(*space, kVa, kVa + kPage);
  cursor.flusher().issue_pages({kVa}, 1);
  const auto [cpus, is_done] = cursor.flusher().dispatch();
  EXPECT_EQ(cpus, 0b110u);
  EXPECT_TRUE(is_done);
  EXPECT_TRUE(cursor.flusher().issued().is_empty());
  EXPECT_FALSE(knows(0, kVa));
  EXPECT_TRUE(knows(1, kVa) && knows(2, kVa));
  EXPECT_TRUE(has_work(1) && has_work(2));
  EXPECT_FALSE(has_work(0) || has_work(3));
  EXPECT_EQ(cursor.flusher().behind(), 0b110u);

  EXPECT_TRUE(interrupt(1));
  EXPECT_FALSE(knows(1, kVa) || has_work(1));
  EXPECT_EQ(cursor.flusher().behind(), 0b100u);
  EXPECT_EQ(cursor.flusher().dispatch().cpus, 0u);  // There is nothing.
  EXPECT_TRUE(interrupt(2));
  EXPECT_EQ(cursor.flusher().behind(), 0u);
  EXPECT_EQ(cursor.flusher().sync(), 0u);
}

// The own CPU may translate by another table.
TEST_F(SpaceTest, DispatchElsewhereOnly) {
  map(kVa);
  activate(0, *kernel);
  activate(3, *space);
  EXPECT_TRUE(reaches(3, kVa));
  auto cursor = open(*space, kVa, kVa + kPage);
  EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  EXPECT_EQ(cursor.flusher().behind(), 0b1000u);
  EXPECT_TRUE(reaches(3, kVa));  // By what it still knows.
  EXPECT_TRUE(interrupt(3));
  EXPECT_FALSE(reaches(3, kVa));
}

TEST_F(SpaceTest, SyncWaitsForThoseThatHaveNotDoneIt) {
  for (const u32 cpu : {0u, 1u, 2u}) activate(cpu, *space);
  const Space other = make();
  activate(3, other);
  {
    auto cursor = open(other, kVa, kVa + kPage);
    cursor.flusher().issue_pages({kVa}, 1);
  }
  EXPECT_TRUE(has_work(3));
  auto cursor = open(*space, kVa, kVa + kPage);
  cursor.flusher().issue(mm::Flush::all());
  EXPECT_EQ(cursor.flusher().dispatch().cpus, 0b110u);
  EXPECT_TRUE(interrupt(1));
  P::let_interrupt(cursor.flusher().behind());
  EXPECT_EQ(cursor.flusher().sync(), 0b100u);
  P::let_interrupt(0);
  EXPECT_EQ(P::this_cpu(), 0u);
  EXPECT_FALSE(has_work(1) || has_work(2));
  EXPECT_TRUE(has_work(3));  // Nobody waits for that.
  EXPECT_EQ(cursor.flusher().sync(), 0u);
}

// Not for what was queued later.
TEST_F(SpaceTest, SyncWaitsForItsOwnOnly) {
  activate(1, *space);
  mm::CpuSet<P> set;
  set.join(1);
  mm::Flusher<P> first(set), second(set);
  first.issue_pages({kVa}, 1);
  (void)first.dispatch();
  EXPECT_TRUE(interrupt(1));
  second.issue_pages({kVa}, 1);
  (void)second.dispatch();
  EXPECT_EQ(first.behind(), 0u);
  EXPECT_EQ(first.sync(), 0u);
  EXPECT_EQ(second.behind(), 0b10u);
  EXPECT_TRUE(interrupt(1));
  EXPECT_EQ(second.behind(), 0u);
}

// Of one flusher, and of two, to one CPU, which takes one interrupt.
TEST_F(SpaceTest, AQueueTakesWhatComesUntilItIsTakenOut) {
  for (const u32 cpu : {1u, 2u}) activate(cpu, *space);
  constexpr u64 kPagesHere = 20;
  {
    auto cursor = open(*space, kVa, kVa + 2 * kPagesHere * kPage);
    for (u64 i = 0; i < 2 * kPagesHere; ++i) map(cursor, kVa + i * kPage);
  }
  for (u64 i = 0; i < 2 * kPagesHere; ++i) EXPECT_TRUE(reaches(1, kVa + i * kPage));
  for (const u64 begin : {kVa, kVa + kPagesHere * kPage}) {
    auto cursor = open(*space, begin, begin + kPagesHere * kPage);
    EXPECT_EQ(cursor.unmap(kPagesHere * kPage).pages, kPagesHere);
  }
  EXPECT_TRUE(interrupt(1));  // By now it is of everything.
  EXPECT_FALSE(interrupt(1));
  for (u64 i = 0; i < 2 * kPagesHere; ++i) EXPECT_FALSE(reaches(1, kVa + i * kPage));
}

TEST_F(SpaceTest, WhoPassesFlushesBefore) {
  map(kVa);
  activate(1, *space);
  EXPECT_TRUE(reaches(1, kVa));
  {
    auto cursor = open(*space, kVa, kVa + kPage);
    cursor.flusher().issue_pages({kVa}, 1);
    (void)cursor.flusher().dispatch();
  }
  EXPECT_FALSE(P::globals().deferred.is_running());  // Whether or not a period runs.
  EXPECT_EQ(pass(1), 0u);
  EXPECT_FALSE(knows(1, kVa) || has_work(1));
  EXPECT_TRUE(interrupt(1));  // It comes all the same, and finds nothing.
}

TEST_F(SpaceTest, ClosingDispatchesWhatIsLeft) {
  activate(1, *space);
  {
    auto cursor = open(*space, kVa, kVa + kPage);
    cursor.flusher().issue_pages({kVa}, 2);
    Cursor moved = std::move(cursor);
    EXPECT_EQ(moved.flusher().issued().pages(), 2u);
    EXPECT_TRUE(cursor.flusher().issued().is_empty());  // NOLINT(bugprone-use-after-move)
    EXPECT_FALSE(has_work(1));
  }
  EXPECT_TRUE(has_work(1));
  EXPECT_TRUE(interrupt(1));
  { auto cursor = open(*space, kVa, kVa + kPage); }
  EXPECT_FALSE(has_work(1));
}

TEST_F(SpaceTest, ProtectingFlushesNothingByItself) {
  map(kVa);
  activate(0, *space);
  EXPECT_TRUE(reaches(0, kVa));
  auto cursor = open(*space, kVa, kVa + kPage);
  const auto take_all = [](PageFlags& flags, CachePolicy&) noexcept { flags.bits = 0; };
  EXPECT_TRUE(cursor.protect_next(kPage, take_all).take());
  EXPECT_TRUE(cursor.jump({kVa}).ok());
  EXPECT_EQ(cursor.protect(kPage, take_all).leaves, 1u);
  EXPECT_TRUE(cursor.flusher().issued().is_empty());
  EXPECT_TRUE(reaches(0, kVa));
  cursor.flusher().issue_pages({kVa}, 1);
  EXPECT_TRUE(cursor.flusher().dispatch().is_done);
  EXPECT_FALSE(reaches(0, kVa));
}

// --- What is unmapped

TEST_F(SpaceTest, UnmappingDispatchesAPageAtATime) {
  activate(0, *space);
  activate(1, *space);
  auto cursor = open(*space, kVa, kVa + 8 * kPage);
  for (const u64 i : {0u, 1u, 5u}) map(cursor, kVa + i * kPage);
  for (const u64 i : {0u, 1u, 5u}) EXPECT_TRUE(reaches(0, kVa + i * kPage));
  EXPECT_TRUE(cursor.jump({kVa + 5 * kPage}).ok());
  EXPECT_TRUE(cursor.query().take().item);
  EXPECT_TRUE(cursor.jump({kVa}).ok());
  EXPECT_EQ(cursor.unmap(2 * kPage).pages, 2u);
  EXPECT_FALSE(knows(0, kVa) || knows(0, kVa + kPage));
  EXPECT_TRUE(knows(0, kVa + 5 * kPage));
  EXPECT_TRUE(interrupt(1));
  // With nothing there, nothing is dispatched.
  EXPECT_EQ(cursor.unmap(2 * kPage).pages, 0u);
  EXPECT_FALSE(interrupt(1));
}

// A table that lies within the range goes whole, and everything is flushed.
TEST_F(SpaceTest, UnmappingTwoMebibytesTakesTheTable) {
  activate(0, *space);
  map(k1G + k2M + 3 * kPage);
  map(k1G + k2M + 4 * kPage);
  map(k1G);
  EXPECT_TRUE(reaches(0, k1G) && reaches(0, k1G + k2M + 3 * kPage));
  auto cursor = open(*space, k1G, k1G + 2 * k2M);
  EXPECT_TRUE(cursor.jump({k1G + k2M}).ok());
  u64 tables = 0, frames = 0;
  const Progress run = cursor.unmap(k2M, [&](const mm::Fragment<Space::Config>& fragment) noexcept {
    const auto* stray = std::get_if<mm::StrayFragment<Space::Config>>(&fragment);
    ASSERT_NE(stray, nullptr);
    ++tables;
    frames += stray->num_frames;
  });
  EXPECT_EQ(run.pages, 2u);
  EXPECT_EQ(tables, 1u);
  EXPECT_EQ(frames, 2u);
  EXPECT_FALSE(knows(0, k1G) || knows(0, k1G + k2M + 3 * kPage));
  EXPECT_TRUE(reaches(0, k1G));
}

// BUG-29: CPU 1 is told, and does not listen.
TEST_F(SpaceTest, AFrameIsNotFreeWhileACpuMayReachIt) {
  const PhysAddr page = map(kVa);
  activate(1, *space);
  EXPECT_TRUE(reaches(1, kVa));
  {
    auto cursor = open(*space, kVa, kVa + kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  }
  for (int i = 0; i < 3; ++i) {
    for (const u32 cpu : {0u, 2u, 3u}) EXPECT_EQ(pass(cpu), 0u);
  }
  EXPECT_TRUE(reaches(1, kVa));
  EXPECT_EQ(count_of(page), 1u);
  EXPECT_EQ(pass(1), 1u);
  EXPECT_FALSE(reaches(1, kVa));
  EXPECT_NE(count_of(page), 1u);
}

// CPU 1 has passed, and still knows the page: so it must pass again.
TEST_F(SpaceTest, APeriodWaitsAgainForWhomSomethingIsQueued) {
  map(kVa);
  map(kVa + kPage);
  activate(1, *space);
  EXPECT_TRUE(reaches(1, kVa) && reaches(1, kVa + kPage));
  {
    auto cursor = open(*space, kVa, kVa + 2 * kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
    EXPECT_EQ(awaited(), 0b1111u);
    for (const u32 cpu : {1u, 2u, 3u}) pass(cpu);
    EXPECT_EQ(awaited(), 0b0001u);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
    EXPECT_EQ(awaited(), 0b0011u);
  }
  EXPECT_EQ(pass(0), 0u);
  EXPECT_TRUE(knows(1, kVa + kPage));
  EXPECT_EQ(pass(1), 1u);  // The first; the other waits for the next period.
  EXPECT_FALSE(knows(1, kVa + kPage));
  EXPECT_EQ(awaited(), 0b1111u);
}

// Who has passed gave up nothing that the running period drops.
TEST_F(SpaceTest, APeriodDoesNotWaitAgainForWhoHasPassed) {
  const PhysAddr first = map(kVa), second = map(kVa + kPage);
  activate(1, *space);
  {
    auto cursor = open(*space, kVa, kVa + kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  }
  pass(0);
  pass(1);
  EXPECT_EQ(awaited(), 0b1100u);
  EXPECT_TRUE(reaches(1, kVa + kPage));
  {
    auto cursor = open(*space, kVa + kPage, kVa + 2 * kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  }
  EXPECT_EQ(awaited(), 0b1100u);
  pass(2);
  EXPECT_EQ(pass(3), 1u);
  EXPECT_NE(count_of(first), 1u);
  EXPECT_EQ(count_of(second), 1u);
  for (const u32 cpu : {0u, 2u, 3u}) pass(cpu);
  EXPECT_EQ(count_of(second), 1u);
  EXPECT_EQ(pass(1), 1u);
  EXPECT_FALSE(reaches(1, kVa + kPage));
}

// An error stops it, and what was taken out is flushed.
TEST_F(SpaceTest, AnErrorDispatchesWhatWasDone) {
  activate(0, *space);
  auto cursor = open(*space, kVa, kVa + 2 * kPage);
  map(cursor, kVa);
  map(cursor, kVa + kPage);
  EXPECT_TRUE(reaches(0, kVa) && reaches(0, kVa + kPage));
  EXPECT_TRUE(cursor.jump({kVa}).ok());
  u64 taken = 0;
  while (P::globals().deferred.try_reserve()) ++taken;
  P::globals().deferred.unreserve(1);
  const Progress run = cursor.unmap(2 * kPage);
  EXPECT_EQ(run.stopped_by, PageTableError::too_many_pending);
  EXPECT_EQ(run.pages, 1u);
  EXPECT_FALSE(knows(0, kVa));
  EXPECT_TRUE(knows(0, kVa + kPage));
  P::globals().deferred.unreserve(taken - 1);
}

// --- What is mapped

TEST_F(SpaceTest, APageIsTheUsersAndNeverGlobal) {
  const PageProperty wanted = property(R | W, CachePolicy::write_through,
                                       PrivilegedPageFlags::kGlobal | PrivilegedPageFlags::kAvail1);
  const PageProperty user = property(R | W, CachePolicy::write_through, PrivilegedPageFlags::kUser);
  auto cursor = open(*space, 0, k2M);
  EXPECT_TRUE(cursor.map(Item::tracked(frame(), wanted)).ok());
  EXPECT_TRUE(cursor.map(Item::untracked({kIo}, 1, wanted)).ok());
  EXPECT_EQ(cursor.map_range({kIo}, 2 * kPage, wanted).pages, 2u);
  auto segment = mm::FrameAllocOptions<P>().alloc_segment(2).take();
  EXPECT_EQ(cursor.map_segment(segment, wanted).pages, 2u);
  for (u64 va = 0; va < 6 * kPage; va += kPage) {
    EXPECT_EQ(space->page_walk({va})->property, user) << va;
  }
}

// INV-8, BUG-42; before the cache policy is looked at, and after the place is.
TEST_F(SpaceTest, MemoryIsNotMappedAsADevices) {
  auto cursor = open(*space, 0, 4 * kPage);
  const auto map_raw = [&](u64 at, mm::u8 level = 1, CachePolicy cache = CachePolicy::uncacheable) {
    return P::guarded([&] { (void)cursor.map(Item::untracked({at}, level, property(R, cache))); });
  };
  const auto map_run = [&](u64 at, u64 len, CachePolicy cache = CachePolicy::uncacheable) {
    return P::guarded([&] { (void)cursor.map_range({at}, len, property(R, cache)); });
  };
  EXPECT_EQ(map_raw(0), Panic::bad_address);
  EXPECT_EQ(map_raw((kPages - 1) * kPage, 1, CachePolicy::write_protected), Panic::bad_address);
  EXPECT_EQ(map_raw(0, 2), Panic::bad_level);
  EXPECT_EQ(map_run(0, 5 * kPage), Panic::beyond_barrier);
  EXPECT_EQ(map_run((kPages - 1) * kPage, 2 * kPage), Panic::bad_address);
  EXPECT_EQ(map_run(0, kPage + 1), Panic::bad_length);
  EXPECT_EQ(map_run(0, kPage, CachePolicy::write_protected), Panic::bad_address);
  EXPECT_EQ(map_run(kIo, kPage, CachePolicy::write_protected), Panic::bad_cache);
  EXPECT_EQ(map_run(0, 0), Panic::none);
  EXPECT_EQ(cursor.virt_addr().value, 0u);
  EXPECT_EQ(map_raw(kPages * kPage), Panic::none);
  EXPECT_EQ(map_run(kPages * kPage, 3 * kPage), Panic::none);
  EXPECT_EQ(cursor.virt_addr().value, 4 * kPage);
}

}  // namespace
