// SPDX-License-Identifier: MPL-2.0
// The simulated processor walks as the manual says, marks what it should, and says what it reached.
#include "props/unit/machine.h"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace unit::machine;

using Walks = Machine;

TEST_F(Walks, AllIndicesAreThoseOfTheManual) {
  word(kRoot + 1 * 8) = 0x2000 | P | W | U;
  word(0x2000 + 2 * 8) = 0x3000 | P | W | U;
  word(0x3000 + 3 * 8) = 0x4000 | P | W | U;
  word(0x4000 + 4 * 8) = kData | P | W | U;
  const Touch touch = load(kVa + 0xabc);
  EXPECT_TRUE(reaches(touch, kData + 0xabc));
  EXPECT_EQ(touch.level, 1);
  EXPECT_TRUE(touch.is_memory);
  EXPECT_FALSE(touch.was_known || touch.reached_hidden || touch.walked_hidden);
  EXPECT_EQ(load(kVa).value, 0xda);
}

TEST_F(Walks, FiveLevelsHaveFiveIndices) {
  control([](Control& c) { c.la57 = true; });
  const uint64_t va = kVa + (5ull << 48);
  word(kRoot + 5 * 8) = 0x2000 | P | W | U;
  word(0x2000 + 1 * 8) = 0x3000 | P | W | U;
  word(0x3000 + 2 * 8) = 0x4000 | P | W | U;
  word(0x4000 + 3 * 8) = 0x5000 | P | W | U;
  word(0x5000 + 4 * 8) = kData | P | W | U;
  EXPECT_TRUE(reaches(load(va + 1), kData + 1));
  for (const uint64_t at : path(va)) EXPECT_EQ(word(at) & (A | D), A);
}

TEST_F(Walks, LargePagesKeepMoreBitsOfTheAddress) {
  map(kVa, 3 * k2M | P | W | PS, 2);
  EXPECT_TRUE(reaches(load(kVa + 0x12345 % k2M), 3 * k2M + 4 * kPage + 0x12345));
  map(2 * k1G, 7 * k1G | P | W | PS, 3);
  const Touch touch = load(2 * k1G + 0x2345'6789);
  EXPECT_TRUE(reaches(touch, 7 * k1G + 0x2345'6789));
  EXPECT_EQ(touch.level, 3);
  EXPECT_FALSE(touch.is_memory);
  map(5 * k1G, 7 * k1G | 1 << 12 | P | PS, 3);  // Bit 12 is PAT, not address.
  EXPECT_TRUE(reaches(load(5 * k1G), 7 * k1G));
}

TEST_F(Walks, AnAbsentEntryAtAnyLevelFaultsWithoutTheBitP) {
  for (std::size_t upper = 0; upper < 4; ++upper) {
    map(kVa, kData | P | W | U);
    cpu().flush_all();
    const auto entries = path(kVa);
    const uint64_t saved = word(entries[upper]);
    word(entries[upper]) = ~P;  // Nothing else of it matters: not even what would be reserved.
    EXPECT_TRUE(faults(load(kVa + 5), kVa + 5, 0));
    EXPECT_TRUE(faults(store(kVa + 5, 1), kVa + 5, 2));
    EXPECT_TRUE(faults(load(kVa + 5, kUserMode), kVa + 5, 4));
    EXPECT_TRUE(faults(store(kVa + 5, 1, kUserMode), kVa + 5, 6));
    EXPECT_TRUE(faults(fetch(kVa + 5), kVa + 5, 16));
    EXPECT_TRUE(faults(fetch(kVa + 5, kUserMode), kVa + 5, 20));
    EXPECT_EQ(word(entries[upper]), ~P);
    word(entries[upper]) = saved;
  }
}

TEST_F(Walks, FetchesAreToldApartOnlyIfSomethingCanForbidThem) {
  for (const auto& [nxe, smep, code] : {std::array{0, 0, 4}, {0, 1, 20}, {1, 0, 20}, {1, 1, 20}}) {
    control([&](Control& c) { c.nxe = nxe != 0, c.smep = smep != 0; });
    EXPECT_TRUE(faults(fetch(kVa, kUserMode), kVa, static_cast<unsigned>(code)));
  }
}

// Which bits must be 0 where (tables 4-14 to 4-20), with MAXPHYADDR 52.
TEST_F(Walks, ReservedBitsFaultAndOthersDoNot) {
  struct Case {
    int leaf;      // The level of the leaf,
    int where;     // and of the entry in which
    int from, to;  // these bits are reserved.
  };
  for (const Case& c : {Case{1, 4, 7, 7}, Case{2, 2, 13, 20}, Case{3, 3, 13, 29}}) {
    SCOPED_TRACE(c.where);
    for (int bit = 1; bit < 63; ++bit) {
      SetUp();
      const bool is_address = bit >= 12 && bit < 52;
      if (c.where != c.leaf && is_address) continue;  // Would only lead elsewhere.
      if (c.where == 3 && bit == 7) continue;
      map(kVa, (c.leaf == 1 ? kData : k1G | PS) | P | W | U, c.leaf);
      const auto entries = path(kVa, c.leaf);
      uint64_t& entry = word(entries[static_cast<std::size_t>(4 - c.where)]);
      if ((entry >> bit & 1) != 0) continue;
      entry |= uint64_t{1} << bit;
      const uint64_t before = entry;
      if (bit >= c.from && bit <= c.to) {
        EXPECT_TRUE(faults(load(kVa), kVa, 1 + 8)) << bit;
        EXPECT_TRUE(faults(store(kVa, 1, kUserMode), kVa, 1 + 2 + 4 + 8)) << bit;
        EXPECT_TRUE(faults(fetch(kVa), kVa, 1 + 8 + 16)) << bit;
        EXPECT_EQ(entry, before);
      } else {
        EXPECT_TRUE(load(kVa).ok()) << bit;
      }
    }
  }
}

TEST_F(Walks, TheTopTwoLevelsHaveNoPages) {
  control([](Control& c) { c.la57 = true; });
  map(kVa, kData | P | W | U);
  const auto entries = path(kVa);
  for (std::size_t i = 0; i < 2; ++i) {
    word(entries[i]) |= PS;
    EXPECT_TRUE(faults(load(kVa), kVa, 9));
    word(entries[i]) &= ~PS;
    const uint64_t saved = std::exchange(word(entries[i]), P | PS);  // Not for its address.
    EXPECT_TRUE(faults(load(kVa), kVa, 9));
    word(entries[i]) = saved;
  }
  EXPECT_TRUE(load(kVa).ok());
}

TEST_F(Walks, WithoutNxeTheBitXdIsReservedAtEveryLevel) {
  control([](Control& c) { c.nxe = false; });
  map(kVa, kData | P | W | U);
  for (const uint64_t at : path(kVa)) {
    word(at) |= XD;
    EXPECT_TRUE(faults(load(kVa), kVa, 9));
    EXPECT_TRUE(faults(fetch(kVa, kUserMode), kVa, 4 + 9));
    word(at) &= ~XD;
  }
  EXPECT_TRUE(fetch(kVa).ok());
}

TEST_F(Walks, TheUpperEntryIsTheOneThatCounts) {
  map(kVa, kData | P | W | U);
  const auto entries = path(kVa);
  word(entries[1]) = 0;
  word(entries[2]) |= XD;
  EXPECT_TRUE(faults(load(kVa), kVa, 0));
  word(entries[0]) |= PS;  // Reserved, above what is absent.
  EXPECT_TRUE(faults(load(kVa), kVa, 9));
}

TEST_F(Walks, WhatIsNotCanonicalIsAProtectionFault) {
  for (const uint64_t va : {0x0000'8000'0000'0000ull, 0xffff'7fff'ffff'ffffull, 1ull << 63,
                            0x7fff'ffff'ffff'ffffull, 1ull << 56, 0xfffe'ffff'ffff'ffffull}) {
    EXPECT_EQ(load(va).outcome, Outcome::general_protection) << va;
    EXPECT_EQ(fetch(va, kUserMode).outcome, Outcome::general_protection) << va;
  }
  for (const uint64_t va : {0x0000'7fff'ffff'ffffull, 0xffff'8000'0000'0000ull, ~0ull, 0ull}) {
    EXPECT_EQ(load(va).outcome, Outcome::page_fault) << va;
  }
  control([](Control& c) { c.la57 = true; });
  for (const uint64_t va : {1ull << 56, 0xfeff'ffff'ffff'ffffull, 1ull << 63, 0x7full << 56}) {
    EXPECT_EQ(load(va).outcome, Outcome::general_protection) << va;
  }
  for (const uint64_t va :
       {0x00ff'ffff'ffff'ffffull, 0xff00'0000'0000'0000ull, 0x0000'8000'0000'0000ull}) {
    EXPECT_EQ(load(va).outcome, Outcome::page_fault) << va;
  }
}

TEST_F(Walks, TheLastPageOfAllIsLikeAnyOther) {
  const uint64_t va = ~0ull - 4095;
  const uint64_t at = map(va, kData | P | W);
  EXPECT_EQ(path(va), (std::vector<uint64_t>{kRoot + 4088, 0x2ff8, 0x3ff8, 0x4ff8}));
  EXPECT_TRUE(reaches(store(~0ull, 0x5a), kData + 4095));
  EXPECT_EQ(byte(kData + 4095), 0x5a);
  EXPECT_EQ(word(at), kData | P | W | A | D);
}

TEST_F(Walks, WhereNoMemoryIsTheBusIsOpen) {
  const uint64_t beyond = kPages * kPage;
  map(kVa, beyond | P | W);
  for (const Touch& touch : {load(kVa), store(kVa, 0x5a), load(kVa + 4095)}) {
    EXPECT_TRUE(touch.ok());
    EXPECT_FALSE(touch.is_memory || touch.reached_hidden);
  }
  EXPECT_EQ(load(kVa).value, kPages % 256);
  map(kVa + k1G, 0x000f'ffff'ffff'f000 | P | W | U);
  EXPECT_TRUE(reaches(load(kVa + k1G + 9), 0x000f'ffff'ffff'f009));
  EXPECT_EQ(load(kVa + k1G).value, 0xff);
  word(path(kVa)[2]) = beyond | P | W | U;  // A table there is empty.
  cpu().flush_all();
  EXPECT_TRUE(faults(load(kVa), kVa, 0));
  EXPECT_EQ(word(path(kVa)[2]), beyond | P | W | U);
}

TEST_F(Walks, MemoryEndsWhereItWasInstalled) {
  install_pages(256);
  byte(256 * kPage) = 0x77;
  map(kVa, 255 * kPage | P | W);
  map(kVa + kPage, 256 * kPage | P | W);
  EXPECT_TRUE(load(kVa).is_memory);
  EXPECT_FALSE(store(kVa + kPage, 1).is_memory);
  hide(&byte(256 * kPage), kPage);
  EXPECT_FALSE(load(kVa + kPage).reached_hidden);
  show(&byte(256 * kPage), kPage);
  EXPECT_EQ(load(kVa + kPage).value, 0);  // 256 modulo 256.
  EXPECT_EQ(byte(256 * kPage), 0x77);
}

TEST_F(Walks, ACpuWithoutATableReachesNothing) {
  word(0) = 0 | P | W | U;  // Would be a table, if this were one.
  cpu().reset();
  EXPECT_TRUE(faults(load(0), 0, 0));
  EXPECT_EQ(word(0), P | W | U);
  word(0) = 0;
}

TEST_F(Walks, BitsOfCr3BelowAndAboveTheAddressMeanNothing) {
  map(kVa, kData | P);
  cpu().write_cr3(kRoot | 0xfff | 0xfffull << 52);
  EXPECT_TRUE(load(kVa).ok());
}

using Flags = Machine;

TEST_F(Flags, AllEntriesOfAWalkAreAccessedAndOnlyTheLeafIsDirty) {
  for (const int level : {1, 2, 3}) {
    SetUp();
    map(kVa, (level == 1 ? kData : 0) | (level == 1 ? 0 : PS) | P | W | U, level);
    const auto entries = path(kVa, level);
    EXPECT_TRUE(load(kVa, kUserMode).ok());
    for (const uint64_t at : entries) EXPECT_EQ(word(at) & (A | D), A);
    EXPECT_TRUE(store(kVa, 1, kUserMode).ok());
    for (const uint64_t at : entries) {
      EXPECT_EQ(word(at) & (A | D), at == entries.back() ? A | D : A);
    }
  }
}

TEST_F(Flags, AFirstStoreSetsBoth) {
  const uint64_t at = map(kVa, kData | P | W);
  EXPECT_TRUE(store(kVa, 0x42).ok());
  EXPECT_EQ(word(at), kData | P | W | A | D);
  EXPECT_EQ(byte(kData), 0x42);
}

TEST_F(Flags, AFaultSetsNone) {
  const uint64_t at = map(kVa, kData | P | XD);
  EXPECT_TRUE(faults(store(kVa, 1), kVa, 3));
  EXPECT_TRUE(faults(load(kVa, kUserMode), kVa, 5));
  EXPECT_TRUE(faults(fetch(kVa), kVa, 17));
  for (const uint64_t each : path(kVa)) EXPECT_EQ(word(each) & (A | D), 0u);
  EXPECT_EQ(byte(kData), 0xda);
  EXPECT_EQ(word(at), kData | P | XD);
}

TEST_F(Flags, AreSetThoughTwoStepsUseTheSameEntry) {
  word(kRoot + 8 * 511) = kRoot | P | W;  // The root is also the table of the last 512 GiB.
  const Touch touch = load(~0ull - 4095);
  EXPECT_TRUE(reaches(touch, kRoot));
  EXPECT_EQ(word(kRoot + 8 * 511), kRoot | P | W | A);
  EXPECT_EQ(touch.value, 0);
  word(kRoot + 8 * 511) = kRoot | P | W;
  cpu().flush_all();
  EXPECT_TRUE(store(~0ull - 4095 + 8 * 256, 0).ok());  // At last, the entry is a leaf too.
  EXPECT_EQ(word(kRoot + 8 * 511), kRoot | P | W | A | D);
}

TEST_F(Flags, AStoreToTheTableItselfSeesTheFlagsThatItSet) {
  const uint64_t at = map(kVa, 4 * kPage | P | W);  // The page is the table with its own entry.
  ASSERT_EQ(at, 4 * kPage + 4 * 8);
  EXPECT_EQ(load(kVa + 4 * 8).value, P | W | A);
  EXPECT_TRUE(store(kVa + 4 * 8, 0).ok());
  EXPECT_EQ(word(at), 4 * kPage);
}

TEST_F(Flags, AreNeverSetInAnEntryThatIsGone) {
  const uint64_t at = map(kVa, 0);
  std::atomic_ref<uint64_t> entry(word(at));
  std::atomic<bool> is_over = false;
  cpus[1].write_cr3(kRoot);
  std::thread other([&] {
    while (!is_over) {
      (void)touch(1, kVa, Access::store, kUserMode, 1);
      cpus[1].invlpg(kVa);
    }
  });
  int wrong = 0, marked = 0;
  for (int i = 0; i < 100'000 || (marked == 0 && i < 500'000'000); ++i) {
    const uint64_t absent = entry.exchange(kData | P | W | U);
    const uint64_t before = entry.exchange(0);
    wrong += absent != 0 || (before & ~(A | D)) != (kData | P | W | U) ? 1 : 0;
    marked += (before & D) != 0 ? 1 : 0;
  }
  is_over = true;
  other.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(marked, 0);
}

using Hidden = Machine;

// Under AddressSanitizer the page is poisoned, and these accesses would end the process if it saw
// them.
TEST_F(Hidden, WhatNobodyOwnsIsReachedAndSaid) {
  void* const page = &byte(kData);
  map(kVa, kData | P | W);
  EXPECT_FALSE(load(kVa).reached_hidden || cpu().has_reached_hidden);
  hide(page, kPage);
  EXPECT_TRUE(load(kVa).reached_hidden);
  EXPECT_TRUE(cpu().has_reached_hidden);
  EXPECT_EQ(load(kVa).value, 0xda);
  EXPECT_TRUE(store(kVa + 8, 1).reached_hidden);
  std::array<char, 16> bytes{};
  EXPECT_EQ(copy_from(0, bytes.data(), kVa, bytes.size()).bytes, bytes.size());
  EXPECT_EQ(copy_to(0, kVa, bytes.data(), bytes.size()).bytes, bytes.size());
  hide(page, 40);  // Of less than a page nothing is noted.
  show(page, kPage);
  EXPECT_FALSE(load(kVa).reached_hidden);
  hide(page, 40);
  EXPECT_FALSE(load(kVa).reached_hidden);
  show(page, 40);
  EXPECT_TRUE(cpu().has_reached_hidden);
  reset_cpus();
  EXPECT_FALSE(cpu().has_reached_hidden);
}

TEST_F(Hidden, AWalkThroughATableThatNobodyOwnsIsSaid) {
  map(kVa, kData | P | W);
  const uint64_t upper = path(kVa)[2] & ~uint64_t{4095};
  hide(&byte(upper), kPage);
  EXPECT_TRUE(load(kVa).walked_hidden);
  show(&byte(upper), kPage);
  EXPECT_FALSE(load(kVa).walked_hidden);  // Known: there was no walk.
  cpu().flush_all();
  const uint64_t table = path(kVa).back() & ~uint64_t{4095};
  hide(&byte(table), kPage);
  const Touch through = load(kVa), absent = load(kVa + kPage);
  int leaves = 0;
  for_each_entry(kRoot, 4, 0, ~0ull, [&](const Entry& entry) { leaves += entry.level == 1; });
  show(&byte(table), kPage);
  EXPECT_TRUE(through.ok() && through.walked_hidden && !through.reached_hidden);
  EXPECT_TRUE(faults(absent, kVa + kPage, 0));
  EXPECT_TRUE(absent.walked_hidden);
  EXPECT_TRUE(cpu().has_reached_hidden);
  EXPECT_EQ(leaves, 1);
}

// For ThreadSanitizer to judge: the hiding of a table is after the walk, because the flush is.
TEST_F(Hidden, AFlushByAnotherIsAfterWhatWasWalked) {
  map(kVa, kData | P | W);
  const uint64_t table = path(kVa).back() & ~uint64_t{4095};
  cpus[1].write_cr3(kRoot);
  std::atomic<bool> is_over = false;
  std::thread other([&] {
    EXPECT_TRUE(touch(1, kVa, Access::store, kKernelMode, 1).ok());
    is_over.store(true, std::memory_order_relaxed);
  });
  while (!is_over.load(std::memory_order_relaxed)) std::this_thread::yield();
  cpus[1].invlpg(kVa);
  hide(&byte(table), kPage);
  show(&byte(table), kPage);
  other.join();
}

using Copies = Machine;

TEST_F(Copies, GoOverPagesAndEndAtTheFirstFault) {
  map(kVa, kData | P | W | U);
  map(kVa + kPage, kOther | P | U);
  std::vector<uint8_t> bytes(3 * kPage, 0xee);
  for (uint64_t i = 0; i < kPage; ++i) byte(kData + i) = 1, byte(kOther + i) = 2;
  const Copied all = copy_from(0, bytes.data(), kVa + 4000, 100);
  EXPECT_EQ(all.bytes, 100u);
  EXPECT_TRUE(all.last.ok());
  EXPECT_EQ(bytes[95], 1);
  EXPECT_EQ(bytes[96], 2);
  EXPECT_EQ(bytes[100], 0xee);
  const Copied part = copy_from(0, bytes.data(), kVa + 1, 3 * kPage);
  EXPECT_EQ(part.bytes, 2 * kPage - 1);
  EXPECT_TRUE(faults(part.last, kVa + 2 * kPage, 0));
  const Copied written = copy_to(0, kVa + 4090, bytes.data(), 100);
  EXPECT_EQ(written.bytes, 6u);
  EXPECT_TRUE(faults(written.last, kVa + kPage, 3));
  EXPECT_EQ(copy_from(0, bytes.data(), 1ull << 63, 1).last.outcome, Outcome::general_protection);
  EXPECT_EQ(copy_from(0, bytes.data(), 0, 0).bytes, 0u);
}

TEST_F(Copies, AreAllowedUnderSmapAndLeaveItInForce) {
  control([](Control& c) { c.smap = true; });
  map(kVa, kData | P | W | U);
  uint8_t value = 0x77;
  EXPECT_EQ(copy_to(0, kVa, &value, 1).bytes, 1u);
  EXPECT_EQ(byte(kData), 0x77);
  EXPECT_TRUE(faults(load(kVa), kVa, 1));
}

}  // namespace
