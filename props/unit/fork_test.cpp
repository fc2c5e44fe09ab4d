// SPDX-License-Identifier: MPL-2.0
// Copies of address spaces: what both map then, and with which rights; that a copy that cannot be
// had leaves everything as it was; and that no CPU writes any more by what it knew.
#include "impl/vm/fork.h"

#include "props/unit/spaces.h"

namespace {

using namespace spaces;
using Config = Space::Config;
using Entry = Config::Entry;
using Forked = mm::Forked<P>;

class ForkTest : public Spaces {
 protected:
  static Forked fork(const Space& old) {
    auto made = mm::fork(old);
    EXPECT_TRUE(made.ok());
    return made.take();
  }
  // While others wait for their interrupts.
  Forked fork_waiting_for(u64 cpus) {
    P::let_interrupt(cpus);
    Forked made = fork(*space);
    P::let_interrupt(0);
    return made;
  }

  PhysAddr map_as(u64 va, u8 flags, CachePolicy cache = CachePolicy::write_back) {
    auto cursor = open(*space, va, va + kPage);
    auto mapped = frame();
    const PhysAddr at = mapped.start_paddr();
    EXPECT_TRUE(cursor.map(Item::tracked(std::move(mapped), property(flags, cache))).ok());
    return at;
  }
  void map_device(u64 va, PhysAddr at, u8 flags) {
    auto cursor = open(*space, va, va + kPage);
    const auto how = property(flags, CachePolicy::uncacheable);
    EXPECT_TRUE(cursor.map(Item::untracked(at, 1, how)).ok());
  }
  static u64 leaf(const Space& space, u64 va) {
    mm::NodeView<Config> node(space.root_paddr());
    for (u32 level = 4; level > 1; --level) {
      const u64 bits = node.peek(mm::index_of(va, level));
      if (!Entry::is_table(bits)) return 0;
      node = mm::NodeView<Config>(Entry::table_paddr(bits));
    }
    return node.peek(mm::index_of(va, 1));
  }
  static bool stores(u32 cpu, u64 va) {
    return check::machine::touch(cpu, va, Access::store, Privilege::user, 1).ok();
  }
};

// Pages far apart, so that every level has several tables.
constexpr std::array<u64, 7> kPlaces = {0,
                                        kPage,
                                        k2M - kPage,
                                        k2M,
                                        k1G + 5 * kPage,
                                        (u64{1} << 39) + k1G,
                                        (u64{1} << 47) - 2 * kPage};

TEST_F(ForkTest, OfNothing) {
  const auto [copy, frames, devices, writable, cpus] = fork(*space);
  EXPECT_EQ(frames + devices + writable + cpus, 0u);
  EXPECT_EQ(count_of(copy.root_paddr()), 1u);
  EXPECT_EQ(look(copy).size(), 1u);
  EXPECT_EQ(active_on(copy), 0u);
}

TEST_F(ForkTest, SharesEveryFrame) {
  std::vector<PhysAddr> frames;
  for (const u64 va : kPlaces) frames.push_back(map(va));
  const auto before = look(*space);
  Forked made = fork(*space);
  EXPECT_EQ(made.frames, kPlaces.size());
  EXPECT_EQ(made.writable, kPlaces.size());
  EXPECT_EQ(made.devices, 0u);
  EXPECT_EQ(made.cpus, 0u);
  EXPECT_EQ(look(made.space).size(), before.size());
  for (usize i = 0; i < kPlaces.size(); ++i) {
    EXPECT_EQ(count_of(frames[i]), 2u);
    for (const Space* one : {&std::as_const(*space), &std::as_const(made.space)}) {
      EXPECT_EQ(one->page_walk({kPlaces[i]})->at, frames[i]);
      EXPECT_EQ(one->page_walk({kPlaces[i]})->property,
                property(R, CachePolicy::write_back, PrivilegedPageFlags::kUser));
    }
  }
  EXPECT_TRUE(drop(std::move(made.space)));
  for (const PhysAddr at : frames) EXPECT_EQ(count_of(at), 1u);
}

TEST_F(ForkTest, KeepsAllElseOfAProperty) {
  constexpr u8 kAvail2 = PageFlags::kAvail2;
  map_as(kVa, R | W | X | kAvail2, CachePolicy::write_through);
  map_as(kVa + kPage, R | W | PageFlags::kAccessed | PageFlags::kDirty);
  map_as(kVa + 2 * kPage, kAvail2, CachePolicy::write_combining);  // Not present for the machine.
  map_as(kVa + 3 * kPage, W);
  map_device(kVa + 4 * kPage, {kIo}, R | W | PageFlags::kAccessed | PageFlags::kDirty);
  map_device(kVa + 5 * kPage, {kIo + kPage}, R | kAvail2);
  std::array<u64, 6> before;
  for (u64 i = 0; i < 6; ++i) before[i] = leaf(*space, kVa + i * kPage);
  const Forked made = fork(*space);
  EXPECT_EQ(made.frames, 4u);
  EXPECT_EQ(made.devices, 2u);
  EXPECT_EQ(made.writable, 3u);
  for (u64 i = 0; i < 6; ++i) {
    const u64 kept = i < 4 ? before[i] & ~Entry::kWritable : before[i];
    EXPECT_EQ(leaf(*space, kVa + i * kPage), kept) << i;
    EXPECT_EQ(leaf(made.space, kVa + i * kPage), kept & ~(Entry::kAccessed | Entry::kDirty)) << i;
  }
}

// One page mapped twice, and a copy of a copy.
TEST_F(ForkTest, CountsEachEntry) {
  const PhysAddr at = map(kVa);
  {
    auto cursor = open(*space, kVa + k2M, kVa + k2M + kPage);
    auto again = mm::FrameRef<P, mm::Untyped>::borrow_paddr(at).to_owned();
    EXPECT_TRUE(cursor.map(Item::tracked(std::move(again), property(R))).ok());
  }
  const Forked first = fork(*space);
  EXPECT_EQ(first.writable, 1u);
  EXPECT_EQ(count_of(at), 4u);
  const Forked second = fork(first.space);
  EXPECT_EQ(second.frames, 2u);
  EXPECT_EQ(second.writable, 0u);
  EXPECT_EQ(count_of(at), 6u);
}

TEST_F(ForkTest, LeavesOutTablesThatMapNothing) {
  map(kVa);
  { auto cursor = open(*space, k2M, k2M + kPage); }           // Below a table of others.
  { auto cursor = open(*space, k1G * 4, k1G * 4 + kPage); }   // Two.
  { auto cursor = open(*space, u64{1} << 40, (u64{1} << 40) + kPage); }  // Three.
  const auto before = look(*space);
  const Forked made = fork(*space);
  std::map<u64, u64> tables;
  for (const auto& [place, bits] : look(made.space)) tables[place.first] += 1;
  EXPECT_EQ(tables.size(), 4u);
  EXPECT_EQ(leaf(*space, kVa) & ~(Entry::kAccessed | Entry::kDirty), leaf(made.space, kVa));
  EXPECT_GT(before.size(), look(made.space).size());
}

TEST_F(ForkTest, BorrowsTheKernelsHalf) {
  activate(0, *space);
  // The machine marks it as accessed in the old one.
  EXPECT_FALSE(check::machine::touch(0, mm::range_of_table<Kernel>().first.value, Access::load,
                                     Privilege::supervisor)
                   .ok());
  const u64 marked = mm::NodeView<Config>(space->root_paddr()).peek(508) | Entry::kAccessed;
  P::store_pte(mm::NodeView<Config>(space->root_paddr()).entry_at(508), marked,
               std::memory_order_relaxed);
  const Forked made = fork(*space);
  const mm::NodeView<Config> root(made.space.root_paddr()), kernels(kernel->root_paddr());
  for (u64 i = 0; i < mm::kEntries; ++i) {
    EXPECT_EQ(root.peek(i), i < 508 ? 0 : kernels.peek(i)) << i;
    if (i >= 508) EXPECT_EQ(count_of(Entry::table_paddr(root.peek(i))), 1u);
  }
  EXPECT_EQ(root.meta().nr_children(), 0u);
}

// --- Without memory

// At every page that it takes: counts, tables and free pages are as before.
TEST_F(ForkTest, ARefusedPageLeavesEverythingAsItWas) {
  for (const u64 va : kPlaces) map(va);
  map_device(kVa, {kIo}, R | W);
  for (const u32 cpu : {0u, 1u}) activate(cpu, *space);
  EXPECT_TRUE(stores(1, 0));
  const auto tables_before = look(*space);
  const auto counts_before = counts();
  const u64 free_before = free_pages();
  u64 tables = 0;
  for (const auto& [place, bits] : tables_before) tables += place.second == mm::kEntries ? 1 : 0;
  EXPECT_EQ(tables, 13u);
  for (u64 granted = 0; granted < tables; ++granted) {
    P::left = static_cast<long>(granted);
    auto made = mm::fork(*space);
    EXPECT_EQ(P::left, 0);
    P::left = -1;
    ASSERT_FALSE(made.ok()) << granted;
    EXPECT_EQ(made.error(), PageTableError::no_memory);
    EXPECT_EQ(look(*space), tables_before);
    EXPECT_EQ(counts(), counts_before);
    EXPECT_EQ(free_pages(), free_before);
    EXPECT_FALSE(has_work(1));
    EXPECT_TRUE(knows(1, 0) && stores(1, 0));
  }
  P::left = static_cast<long>(tables);
  const Forked made = fork_waiting_for(0b0010);
  EXPECT_EQ(P::left, 0);
  P::left = -1;
  EXPECT_EQ(made.frames, kPlaces.size());
}

// The root first, then from the root downwards, by ascending address; and the old one is as it was
// all the time.
TEST_F(ForkTest, TakesPagesInTheOrderOfMapping) {
  for (const u64 va : {u64{0}, k1G, k1G + k2M}) map(va);
  const auto before = look(*space);
  P::during_alloc = [&] { EXPECT_EQ(look(*space, /*may_be_locked=*/true), before); };
  const Forked made = fork(*space);
  P::during_alloc = nullptr;
  EXPECT_NE(look(*space), before);
  EXPECT_EQ(made.frames, 3u);
}

// --- What CPUs know

TEST_F(ForkTest, NoCpuWritesByWhatItKnew) {
  const PhysAddr at = map(kVa);
  for (const u32 cpu : {0u, 1u, 3u}) {
    activate(cpu, *space);
    EXPECT_TRUE(stores(cpu, kVa));
  }
  const Forked made = fork_waiting_for(0b1010);
  EXPECT_EQ(made.cpus, 0b1010u);
  for (const u32 cpu : {0u, 1u, 3u}) {
    EXPECT_FALSE(knows(cpu, kVa));
    EXPECT_FALSE(stores(cpu, kVa));
    EXPECT_TRUE(reaches(cpu, kVa));
    EXPECT_FALSE(has_work(cpu));
  }
  EXPECT_EQ(mm::page_bytes<P>(at)[0], 1);
  // What it knew is not needed for the marks to be kept.
  EXPECT_NE(leaf(*space, kVa) & Entry::kDirty, 0u);
  EXPECT_EQ(leaf(made.space, kVa) & Entry::kDirty, 0u);
}

// Until they have, the space is locked.
TEST_F(ForkTest, WaitsWithTheSpaceLocked) {
  map(kVa);
  activate(1, *space);
  EXPECT_TRUE(stores(1, kVa));
  static bool was_locked;
  was_locked = false;
  static PhysAddr root;
  root = space->root_paddr();
  // Whoever flushes looks.
  P::run_on(
      0b0100,
      [](void*) noexcept { was_locked = mm::NodeView<Config>(root).meta().is_locked(); }, nullptr);
  const Forked made = fork_waiting_for(0b0110);
  EXPECT_TRUE(was_locked);
  EXPECT_FALSE(mm::NodeView<Config>(root).meta().is_locked());
  EXPECT_EQ(made.cpus, 0b0010u);
}

TEST_F(ForkTest, WithNothingWritableNobodyFlushes) {
  map_as(kVa, R);
  map_device(kVa + kPage, {kIo}, R | W);
  for (const u32 cpu : {0u, 1u}) {
    activate(cpu, *space);
    EXPECT_TRUE(reaches(cpu, kVa));
  }
  EXPECT_TRUE(stores(1, kVa + kPage));
  const Forked made = fork(*space);
  EXPECT_EQ(made.cpus, 0u);
  EXPECT_TRUE(knows(0, kVa) && knows(1, kVa) && !has_work(1));
  EXPECT_TRUE(stores(1, kVa + kPage));
}

// The machine marks a page when its entry has been looked at, and is about to be changed.
TEST_F(ForkTest, NoMarkIsLost) {
  map(kVa);
  activate(1, *space);
  u64 changes = 0;
  P::before_exchange = [&] {
    if (++changes == 1) EXPECT_TRUE(stores(1, kVa));
  };
  const Forked made = fork_waiting_for(0b0010);
  P::before_exchange = nullptr;
  EXPECT_EQ(changes, 2u);  // It was tried again.
  constexpr u64 kSeen = Entry::kAccessed | Entry::kDirty | Entry::kWritable;
  EXPECT_EQ(leaf(*space, kVa) & kSeen, Entry::kAccessed | Entry::kDirty);
  EXPECT_EQ(leaf(made.space, kVa) & kSeen, 0u);
  EXPECT_FALSE(stores(1, kVa));
}

// Each gets a page of its own when it writes.
TEST_F(ForkTest, WhoWritesFaultsAndIsGivenAFrame) {
  const PhysAddr shared = map(kVa);
  activate(0, *space);
  EXPECT_TRUE(stores(0, kVa));
  const Forked made = fork(*space);
  EXPECT_FALSE(stores(0, kVa));
  PhysAddr own{};
  {
    auto cursor = open(*space, kVa, kVa + kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
    own = map(cursor, kVa);
  }
  EXPECT_TRUE(stores(0, kVa));
  drain();
  EXPECT_EQ(count_of(shared), 1u);
  EXPECT_EQ(space->page_walk({kVa})->at, own);
  EXPECT_EQ(made.space.page_walk({kVa})->at, shared);
}

}  // namespace
