// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its frame allocator by, under their names there, on mm itself. Behind
// them, what they leave unsaid.
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::BuddyPool, mm::Chunk, mm::Order, mm::PageCache;

constexpr Chunk chunk(u64 first, Order order) { return {page(first), order}; }

TEST(Order, greater_order_of_works) {
  const std::map<u64, Order> wanted = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3},
                                       {6, 3}, {7, 3}, {8, 3}, {9, 4}};
  for (const auto [pages, order] : wanted) EXPECT_EQ(mm::greater_order_of(pages * kPage), order);
}

TEST(Order, lesser_order_of_works) {
  const std::map<u64, Order> wanted = {{1, 0}, {2, 1}, {3, 1}, {4, 2}, {5, 2},
                                       {6, 2}, {7, 2}, {8, 3}, {9, 3}};
  for (const auto [pages, order] : wanted) EXPECT_EQ(mm::lesser_order_of(pages * kPage), order);
}

TEST(Order, max_order_from_works) {
  const std::map<u64, Order> wanted = {{0, 52}, {1, 0}, {2, 1}, {3, 0}, {4, 2},
                                       {5, 0},  {6, 1}, {7, 0}, {8, 3}};
  for (const auto [first, order] : wanted) EXPECT_EQ(mm::max_order_from(page(first)), order);
}

TEST(Chunks, split_to_chunks_works) {
  const auto chunks = [](u64 first, u64 pages) {
    std::vector<Chunk> all;
    mm::split_to_chunks(page(first), pages * kPage, [&](Chunk one) { all.push_back(one); });
    return all;
  };
  EXPECT_EQ(chunks(3, 0), std::vector<Chunk>{});
  EXPECT_EQ(chunks(0, 8), std::vector{chunk(0, 3)});
  EXPECT_EQ(chunks(1, 1), std::vector{chunk(1, 0)});
  EXPECT_EQ(chunks(1, 8), (std::vector{chunk(1, 0), chunk(2, 1), chunk(4, 2), chunk(8, 0)}));
  EXPECT_EQ(chunks(6, 7), (std::vector{chunk(6, 1), chunk(8, 2), chunk(12, 0)}));
}

TEST(Chunks, split_to_order_works) {
  const auto chunks = [](Chunk whole, Order order) {
    std::vector<Chunk> all;
    mm::split_to_order(whole, order, [&](Chunk one) { all.push_back(one); });
    return all;
  };
  EXPECT_EQ(chunks(chunk(8, 3), 3), std::vector{chunk(8, 3)});
  EXPECT_EQ(chunks(chunk(8, 3), 2), (std::vector{chunk(8, 2), chunk(12, 2)}));
  EXPECT_EQ(chunks(chunk(4, 2), 0),
            (std::vector{chunk(4, 0), chunk(5, 0), chunk(6, 0), chunk(7, 0)}));
}

TEST(Chunks, free_chunk_ops) {
  constexpr Chunk whole = chunk(8, 2);
  EXPECT_EQ(whole.bytes(), 4 * kPage);
  EXPECT_EQ(whole.buddy(), page(12));
  EXPECT_EQ(chunk(12, 2).buddy(), page(8));
  EXPECT_EQ(whole.lower(), chunk(8, 1));
  EXPECT_EQ(whole.upper(), chunk(10, 1));
  EXPECT_EQ(whole.lower().merged(), whole);
  EXPECT_EQ(whole.upper().merged(), whole);
  EXPECT_EQ(whole.lower().buddy(), whole.upper().at);
}

class AllocatorTest : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    P::become(0);
  }

  static mm::Allocator<P>& allocator() { return P::globals().allocator; }

  // The number of its first page; kPages if there is none.
  static u64 alloc(u64 pages, u64 align = 1) {
    const auto at = P::alloc(pages * kPage, align * kPage);
    return at ? at->value / kPage : kPages;
  }
  static void dealloc(u64 first, u64 pages) { P::dealloc(page(first), pages * kPage); }

  // An allocator that has just these pages; all others are forgotten.
  static void have_only(u64 first, u64 pages) {
    mm::MetaSlot<P>::init(0, kPages);
    ::new (static_cast<void*>(&allocator())) mm::Allocator<P>();
    allocator().add_free_memory(page(first), pages * kPage);
  }
};

TEST_F(AllocatorTest, buddy_set_insert_alloc) {
  const u64 first = alloc(16, 16);
  ASSERT_NE(first, kPages);
  BuddyPool<P, 4> pool;
  EXPECT_EQ(pool.take(0), std::nullopt);

  pool.insert(chunk(first, 3));
  EXPECT_EQ(pool.bytes(), 8 * kPage);
  EXPECT_EQ(pool.take(4), std::nullopt);

  const auto half = pool.take(2);
  EXPECT_EQ(half, chunk(first, 2));
  EXPECT_EQ(pool.bytes(), 4 * kPage);
  const auto one = pool.take(0);
  EXPECT_EQ(one, chunk(first + 4, 0));
  EXPECT_EQ(pool.bytes(), 3 * kPage);
  EXPECT_EQ(pool.take(2), std::nullopt);
  EXPECT_EQ(pool.take_at_most(2), chunk(first + 6, 1));

  // All come together again, in whatever order they are given back.
  pool.insert(*half);
  pool.insert(chunk(first + 6, 1));
  pool.insert(*one);
  EXPECT_EQ(pool.bytes(), 8 * kPage);
  EXPECT_EQ(pool.take(3), chunk(first, 3));
  EXPECT_EQ(pool.bytes(), 0u);

  // What is too large for the pool is kept in parts, which stay parts.
  pool.insert(chunk(first, 4));
  EXPECT_EQ(pool.bytes(), 16 * kPage);
  EXPECT_EQ(pool.take(4), std::nullopt);
  EXPECT_TRUE(pool.take(3) && pool.take(3));
  EXPECT_EQ(pool.bytes(), 0u);
  dealloc(first, 16);
}

TEST_F(AllocatorTest, per_cpu_counter) {
  // What one CPU takes another gives back: the first has less than nothing then.
  std::vector<u64> taken;
  for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
    P::become(cpu);
    for (u64 i = 0; i <= cpu; ++i) taken.push_back(alloc(1));
    EXPECT_EQ(free_pages(), kPages - kLoose - taken.size());
  }
  P::become(3);
  while (!taken.empty()) {
    dealloc(taken.back(), 1);
    taken.pop_back();
    EXPECT_EQ(free_pages(), kPages - kLoose - taken.size());
  }
}

TEST_F(AllocatorTest, frame_allocator_alloc_layout_match) {
  for (const auto& [pages, align] : std::vector<std::pair<u64, u64>>{
           {1, 1}, {2, 1}, {3, 1}, {4, 1}, {2, 2}, {4, 4}, {8, 8}, {16, 16}}) {
    const u64 first = alloc(pages, align);
    ASSERT_NE(first, kPages);
    EXPECT_EQ(first % align, 0u);
    EXPECT_EQ(free_pages(), kPages - kLoose - pages);
    dealloc(first, pages);
  }
}

TEST_F(AllocatorTest, test_alloc_dealloc) {
  std::vector<std::pair<u64, u64>> kept;
  for (u64 round = 0; round < 3; ++round) {
    for (const u64 pages : std::vector<u64>{1, 2, 3, 4, 5, 7, 8, 9, 1, 1}) {
      const u64 first = alloc(pages);
      if (first == kPages) continue;
      if (pages % 2 == round % 2) {
        kept.emplace_back(first, pages);
      } else {
        dealloc(first, pages);
      }
    }
  }
  EXPECT_GT(kept.size(), 5u);
  for (const auto& [first, pages] : kept) dealloc(first, pages);
}

// What OSTD has no case for.

TEST_F(AllocatorTest, the_page_freed_last_is_had_first) {
  std::vector<u64> taken(40);
  for (u64& one : taken) one = alloc(1);
  for (const u64 one : taken) dealloc(one, 1);  // Past what the cache can hold.
  for (u64 i = 0; i < 4; ++i) EXPECT_EQ(alloc(1), taken[39 - i]);
  for (u64 i = 0; i < 4; ++i) dealloc(taken[36 + i], 1);
}

TEST_F(AllocatorTest, a_cached_block_is_never_handed_out_misaligned) {
  const u64 first = alloc(8, 8);
  dealloc(first + 1, 4);  // The cache has it, and it begins at an odd page.
  dealloc(first + 5, 2);
  const u64 four = alloc(4, 4), two = alloc(2, 2);
  ASSERT_TRUE(four != kPages && two != kPages);
  EXPECT_EQ(four % 4, 0u);
  EXPECT_EQ(two % 2, 0u);
  // They are there for whoever does not mind.
  EXPECT_EQ(alloc(4), first + 1);
  EXPECT_EQ(alloc(2), first + 5);
  dealloc(first, 8);
  dealloc(four, 4);
  dealloc(two, 2);
}

TEST_F(AllocatorTest, single_pages_are_had_though_no_batch_is) {
  have_only(9, 1);
  allocator().add_free_memory(page(11), kPage);
  EXPECT_EQ(alloc(2), kPages);
  const u64 one = alloc(1), two = alloc(1);
  EXPECT_EQ(std::minmax(one, two), std::minmax(u64{9}, u64{11}));
  EXPECT_EQ(alloc(1), kPages);
  EXPECT_EQ(free_pages(), 0u);
  SetUp();
}

TEST_F(AllocatorTest, the_cache_is_given_back_before_a_request_is_refused) {
  have_only(16, 8);
  const u64 one = alloc(1);  // The other seven are in the cache now, each alone.
  EXPECT_EQ(one, 16u);
  EXPECT_EQ(alloc(4, 4), 20u);
  EXPECT_EQ(alloc(4), kPages);
  EXPECT_EQ(alloc(2, 2), 18u);
  SetUp();
}

TEST_F(AllocatorTest, a_larger_cached_block_will_do) {
  have_only(16, 8);
  EXPECT_EQ(alloc(8, 8), 16u);
  dealloc(17, 4);  // Of three pages at once no pool could make a chunk of this.
  EXPECT_EQ(alloc(3), 17u);
  EXPECT_EQ(alloc(1), 20u);
  EXPECT_EQ(alloc(1), kPages);
  SetUp();
}

// With next to nothing free there is nothing to balance, and no end to wait for.
TEST_F(AllocatorTest, next_to_no_memory_is_balanced) {
  for (u64 pages = 1; pages < 8; ++pages) {
    have_only(8, pages);
    EXPECT_EQ(alloc(16), kPages);  // Half an equal part is less than a page: nothing is moved.
    allocator().each_free([](u32, PageCache::Block) { ADD_FAILURE(); },
                          [](u32, Chunk) { ADD_FAILURE(); }, [](Chunk) {});
    for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
      P::become(cpu);
      std::vector<u64> taken;
      for (u64 one = alloc(1); one != kPages; one = alloc(1)) taken.push_back(one);
      for (const u64 one : taken) dealloc(one, 1);
      (void)alloc(16);  // Refused: gives the cache back, for the next CPU.
      EXPECT_EQ(free_pages(), pages);
    }
  }
  SetUp();
}

TEST_F(AllocatorTest, no_request_is_too_large_to_be_refused) {
  for (const u64 pages : {kPages, u64{1} << 31, u64{1} << 32, u64{1} << 51}) {
    EXPECT_EQ(alloc(pages), kPages);
  }
  EXPECT_EQ(alloc(1, u64{1} << 51), kPages);
}

// Everything that must be so of all free blocks: they are disjoint, those of pools are aligned and
// have no buddy beside them, and together they are as much as the counters say.
void expect_sound(mm::Allocator<P>& allocator) {
  std::map<u64, u64> blocks;  // By first page, their number of pages.
  std::map<std::tuple<u32, Order, u64>, bool> pools;
  u64 pages = 0;
  const auto see = [&](PhysAddr at, u64 count) {
    EXPECT_TRUE(blocks.emplace(at.value / kPage, count).second);
    pages += count;
  };
  const auto see_chunk = [&](u32 pool, Chunk one) {
    see(one.at, one.bytes() / kPage);
    EXPECT_EQ(one.at.value % one.bytes(), 0u);
    EXPECT_FALSE(pools.contains({pool, one.order, one.buddy().value}));
    pools[{pool, one.order, one.at.value}] = true;
  };
  constexpr u32 kShared = ~u32{0};
  allocator.each_free([&](u32, PageCache::Block block) { see(block.at, block.pages); }, see_chunk,
                      [&](Chunk one) { see_chunk(kShared, one); });
  u64 end = 0;
  for (const auto& [first, count] : blocks) {
    EXPECT_LE(end, first);
    end = first + count;
  }
  EXPECT_EQ(pages * kPage, allocator.free_bytes());
}

// Whether somebody who asks on this CPU must be given something.
bool must_serve(mm::Allocator<P>& allocator, u64 pages, u64 align) {
  bool must = false;
  const auto see_chunk = [&](Chunk one) {
    must = must || one.bytes() / kPage >= std::max(pages, align);
  };
  allocator.each_free(
      [&](u32 cpu, PageCache::Block block) {
        const bool fits = block.pages >= pages && block.at.value / kPage % align == 0;
        must = must || (cpu == P::this_cpu() && fits);
      },
      [&](u32 cpu, Chunk one) {
        if (cpu == P::this_cpu()) see_chunk(one);
      },
      see_chunk);
  return must;
}

TEST_F(AllocatorTest, anything_goes) {
  std::mt19937 random(1);
  const auto below = [&](u64 end) { return random() % end; };
  std::vector<std::pair<u64, u64>> held;
  u64 held_pages = 0, refused = 0, given = 0;
  for (u64 step = 0; step < 5'000; ++step) {
    P::become(static_cast<u32>(below(P::cpu_count())));
    if (below(2) == 0) {
      const u64 pages = 1 + below(below(3) == 0 ? 20 : 4);
      const u64 align = u64{1} << (below(2) == 0 ? 0 : below(4));
      const bool must = must_serve(allocator(), pages, align);
      const u64 first = alloc(pages, align);
      ++(first == kPages ? refused : given);
      if (first == kPages) {
        ASSERT_FALSE(must) << pages << " pages, aligned to " << align;
        continue;
      }
      ASSERT_EQ(first % align, 0u);
      for (u64 i = 0; i < pages; ++i) {
        ASSERT_EQ(mm::MetaSlot<P>::of(page(first + i))->ref_count(), mm::MetaSlot<P>::kUnused);
      }
      held.emplace_back(first, pages);
      held_pages += pages;
    } else if (!held.empty()) {
      std::swap(held[below(held.size())], held.back());
      auto [first, pages] = held.back();
      held.pop_back();
      if (pages > 1 && below(3) == 0) {
        const u64 cut = 1 + below(pages - 1);
        held.emplace_back(first + cut, pages - cut);
        pages = cut;
      }
      held_pages -= pages;
      if (below(10) != 0) {
        dealloc(first, pages);
      } else {
        allocator().add_free_memory(page(first), pages * kPage);
      }
    }
    ASSERT_EQ(free_pages(), kPages - kLoose - held_pages);
    ASSERT_NO_FATAL_FAILURE(expect_sound(allocator()));
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(given, 100u);
  for (const auto& [first, pages] : held) dealloc(first, pages);
}

}  // namespace
