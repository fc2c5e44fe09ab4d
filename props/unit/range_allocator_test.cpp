// SPDX-License-Identifier: MPL-2.0
// Ranges of addresses: first fit from below, the end of the run that fits; what comes back is free
// at once, and one with what it touches.
#include "impl/vm/range_allocator.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "impl/hosted/platform.h"

namespace {

using mm::u32, mm::u64, mm::VirtAddr;
using P = mm::Hosted;
using Range = mm::AddressRange<P>;

constexpr u64 kPage = mm::kPageSize;
constexpr u64 kBegin = 0xffff'ffff'f000'0000, kPages = 16;
constexpr u64 at(u64 page) { return kBegin + page * kPage; }

class Ranges : public testing::Test {
 protected:
  void SetUp() override {
    P::power_on();
    all.init({at(0)}, {at(kPages)});
  }

  Range get(u64 pages) {
    Range range;
    EXPECT_TRUE(all.alloc(range, pages * kPage));
    return range;
  }
  // Where so many would lie; none if there is no such run.
  std::optional<u64> place(u64 pages) {
    Range range;
    if (!all.alloc(range, pages * kPage)) return std::nullopt;
    return (range.begin().value - kBegin) / kPage;
  }
  static u64 first(const Range& range) { return (range.begin().value - kBegin) / kPage; }

  mm::RangeAllocator<P> all;
};

TEST_F(Ranges, AnAllocatorThatWasNotMadeReadyHasNone) {
  mm::RangeAllocator<P> none;
  Range range;
  EXPECT_FALSE(none.alloc(range, kPage));
  EXPECT_FALSE(range);
}

TEST_F(Ranges, ARangeIsTheEndOfTheFreeRun) {
  const Range range = get(3);
  EXPECT_TRUE(range);
  EXPECT_EQ(range.begin().value, at(13));
  EXPECT_EQ(range.end().value, at(16));
  EXPECT_EQ(range.bytes(), 3 * kPage);
  EXPECT_EQ(place(13), 0u);
  EXPECT_EQ(place(14), std::nullopt);
}

TEST_F(Ranges, AllMayBeOne) {
  {
    const Range range = get(kPages);
    EXPECT_EQ(first(range), 0u);
    EXPECT_EQ(place(1), std::nullopt);
  }
  EXPECT_EQ(place(kPages), 0u);
  EXPECT_EQ(place(kPages + 1), std::nullopt);
  Range none;
  EXPECT_FALSE(all.alloc(none, ~u64{0})) << "and no sum comes round to 0";
}

// Free: pages 0 and 1, 4 to 6, 9 to 11. Of runs that are long enough the lowest, not the best.
TEST_F(Ranges, TheLowestRunThatIsLongEnoughIsTaken) {
  const Range d = get(4);  // 12 to 15.
  Range c = get(3), b = get(2), a2 = get(3), a1 = get(2);
  EXPECT_EQ(first(c), 9u);
  EXPECT_EQ(first(b), 7u);
  EXPECT_EQ(first(a2), 4u);
  EXPECT_EQ(first(a1), 2u);
  c.release();
  a2.release();
  EXPECT_EQ(place(1), 1u);
  EXPECT_EQ(place(2), 0u);
  EXPECT_EQ(place(3), 4u);
  EXPECT_EQ(place(4), std::nullopt);
  const Range some = get(2), more = get(2), last = get(3);
  EXPECT_EQ(first(some), 0u);
  EXPECT_EQ(first(more), 5u);
  EXPECT_EQ(first(last), 9u);
  EXPECT_EQ(place(1), 4u);
}

TEST_F(Ranges, WhatComesBackIsOneWithWhatItTouches) {
  Range c = get(4), b = get(4), a = get(4);
  EXPECT_EQ(first(a), 4u);
  b.release();
  EXPECT_EQ(place(4), 0u);
  EXPECT_EQ(place(5), std::nullopt);
  a.release();  // Below it, and above.
  EXPECT_EQ(place(12), 0u);
  c.release();
  EXPECT_EQ(place(kPages), 0u);
  EXPECT_FALSE(a || b || c);
  a.release();  // Nothing, and nothing comes of it.
  EXPECT_EQ(place(kPages), 0u);
}

TEST_F(Ranges, AMovedRangeStaysWhereItIs) {
  Range upper = get(4), middle = get(4), lower = get(4);
  Range moved(std::move(middle));
  EXPECT_FALSE(middle);  // NOLINT(bugprone-use-after-move): it is nothing then.
  EXPECT_EQ(first(moved), 8u);
  middle = std::move(moved);
  EXPECT_FALSE(moved);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first(middle), 8u);
  Range& self = middle;
  middle = std::move(self);
  EXPECT_EQ(first(middle), 8u);
  upper = std::move(lower);  // What it was is free.
  EXPECT_EQ(first(upper), 4u);
  EXPECT_EQ(place(5), std::nullopt);
  const Range lowest = get(4), highest = get(4);
  EXPECT_EQ(first(lowest), 0u);
  EXPECT_EQ(first(highest), 12u);
  lower = std::move(moved);  // Nothing becomes of nothing.
  EXPECT_FALSE(lower);
}

TEST_F(Ranges, BothPartsOfARangeAreRanges) {
  Range lower = get(6);
  Range upper = lower.cut({at(12)});
  EXPECT_EQ(first(lower), 10u);
  EXPECT_EQ(lower.bytes(), 2 * kPage);
  EXPECT_EQ(upper.begin().value, at(12));
  EXPECT_EQ(upper.end().value, at(16));
  lower.release();
  EXPECT_EQ(place(12), 0u);
  EXPECT_EQ(place(13), std::nullopt);
  Range last = upper.cut({at(15)});
  upper.release();
  EXPECT_EQ(place(15), 0u);
  last.release();
  EXPECT_EQ(place(kPages), 0u);
}

TEST_F(Ranges, OnceMadeReadyAllAreFree) {
  Range forgotten = get(7);
  EXPECT_EQ(place(kPages), std::nullopt);
  all.init({at(0)}, {at(kPages)});
  std::construct_at(&forgotten);  // It is not given back.
  EXPECT_EQ(place(kPages), 0u);
}

// Against pages, each free or not.
TEST_F(Ranges, AgreeWithAListOfPages) {
  std::mt19937 random(7);
  const auto below = [&](u64 n) { return random() % n; };
  std::vector<bool> taken(kPages);
  std::vector<Range> held;
  const auto set = [&](const Range& range, bool is_taken) {
    for (u64 i = first(range), n = range.bytes() / kPage; n > 0; ++i, --n) {
      EXPECT_NE(taken[i], is_taken);
      taken[i] = is_taken;
    }
  };
  const auto expected = [&](u64 pages) -> std::optional<u64> {
    for (u64 i = 0, run = 0; i < kPages; ++i) {
      run = taken[i] ? 0 : run + 1;
      const bool ends = i + 1 == kPages || taken[i + 1];
      if (ends && run >= pages) return i + 1 - pages;
    }
    return std::nullopt;
  };
  for (int step = 0; step < 50000; ++step) {
    const u64 one = held.empty() ? 0 : below(held.size());
    switch (below(4)) {
      case 0:
      case 1: {
        const u64 pages = 1 + below(6);
        const std::optional<u64> wanted = expected(pages);
        Range range;
        ASSERT_EQ(all.alloc(range, pages * kPage), wanted.has_value());
        if (!wanted) break;
        ASSERT_EQ(first(range), *wanted);
        ASSERT_EQ(range.bytes(), pages * kPage);
        set(range, true);
        held.push_back(std::move(range));  // Sometimes all of them move.
        break;
      }
      case 2:
        if (held.empty()) break;
        set(held[one], false);
        std::swap(held[one], held.back());
        held.pop_back();
        break;
      default: {
        if (held.empty() || held[one].bytes() == kPage) break;
        const u64 page = 1 + below(held[one].bytes() / kPage - 1);
        held.push_back(held[one].cut({held[one].begin().value + page * kPage}));
        break;
      }
    }
  }
  held.clear();
  EXPECT_EQ(place(kPages), 0u);
}

// Four CPUs at once: no two ever have the same page.
TEST_F(Ranges, CpusAtOnceDoNotMeet) {
  std::array<std::atomic<int>, kPages> holders{};
  std::atomic<bool> is_wrong{false};
  std::vector<std::thread> cpus;
  for (u32 cpu = 0; cpu < 4; ++cpu) {
    cpus.emplace_back([&, cpu] {
      P::become(cpu);
      std::mt19937 random(cpu);
      std::vector<Range> held;
      const auto note = [&](const Range& range, int by) {
        for (u64 i = first(range), n = range.bytes() / kPage; n > 0; ++i, --n) {
          // ORDER: only a number.
          const int before = holders[i].fetch_add(by, std::memory_order_relaxed);
          if (before != (by > 0 ? 0 : 1)) is_wrong = true;
        }
      };
      for (int step = 0; step < 3000; ++step) {
        Range range;
        if (held.size() < 3 && all.alloc(range, (1 + random() % 3) * kPage)) {
          note(range, 1);
          held.push_back(std::move(range));
        } else if (!held.empty()) {
          if (held.back().bytes() > kPage) {
            held.push_back(held.back().cut({held.back().begin().value + kPage}));
          }
          note(held.front(), -1);
          held.erase(held.begin());
        }
      }
      for (const Range& range : held) note(range, -1);
    });
  }
  for (std::thread& cpu : cpus) cpu.join();
  EXPECT_FALSE(is_wrong);
  EXPECT_EQ(place(kPages), 0u);
}

}  // namespace
