// SPDX-License-Identifier: MPL-2.0
// What the simulated processor remembers, and when it forgets.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "props/unit/machine.h"

namespace {

using namespace unit::machine;

using Staleness = Machine;

TEST_F(Staleness, WhatIsKnownIsUsedWithoutALookAtMemory) {
  const uint64_t at = map(kVa, kData | P | W | U);
  EXPECT_FALSE(load(kVa).was_known);
  word(at) = kOther | P;
  EXPECT_TRUE(load(kVa + 7).was_known);
  EXPECT_EQ(load(kVa).value, 0xda);
  word(at) = 0;
  EXPECT_EQ(load(kVa, kUserMode).value, 0xda);
  word(kRoot + 8) = 0;
  EXPECT_TRUE(reaches(fetch(kVa), kData));
  cpu().invlpg(kVa + 4095);
  EXPECT_TRUE(faults(load(kVa), kVa, 0));
}

TEST_F(Staleness, OtherPagesAndOtherCpusAreNotFlushed) {
  const uint64_t at = map(kVa, kData | P | W);
  const uint64_t next = map(kVa + kPage, kOther | P | W);
  cpus[1].write_cr3(kRoot);
  for (const unsigned i : {0u, 1u}) {
    EXPECT_TRUE(touch(i, kVa, Access::load, kKernelMode).ok());
    EXPECT_TRUE(touch(i, kVa + kPage, Access::load, kKernelMode).ok());
  }
  word(at) = word(next) = 0;
  cpu().invlpg(kVa);
  EXPECT_TRUE(faults(load(kVa), kVa, 0));
  EXPECT_TRUE(load(kVa + kPage).ok());
  EXPECT_TRUE(touch(1, kVa, Access::load, kKernelMode).was_known);
  cpus[1].flush_all();
  EXPECT_FALSE(touch(1, kVa, Access::load, kKernelMode).ok());
  EXPECT_TRUE(load(kVa + kPage).ok());
}

TEST_F(Staleness, WhatIsAbsentOrReservedIsNeverKnown) {
  const uint64_t at = map(kVa, 0);
  EXPECT_TRUE(faults(load(kVa), kVa, 0));
  word(at) = kData | P;
  EXPECT_TRUE(load(kVa).ok());
  cpu().invlpg(kVa);
  word(path(kVa)[0]) |= PS;
  EXPECT_TRUE(faults(load(kVa), kVa, 9));
  word(path(kVa)[0]) &= ~PS;
  EXPECT_TRUE(load(kVa).ok());
}

TEST_F(Staleness, AFaultByWhatIsKnownIsDeliveredAndDoesNotRecur) {
  const uint64_t at = map(kVa, kData | P);
  EXPECT_TRUE(load(kVa).ok());
  word(at) = kData | P | W;
  const Touch touch = store(kVa, 1);
  EXPECT_TRUE(faults(touch, kVa, 3));
  EXPECT_TRUE(touch.was_known);
  EXPECT_TRUE(store(kVa, 1).ok());
}

TEST_F(Staleness, AFaultForgetsGlobalAndLargePagesToo) {
  const uint64_t at = map(kVa, P | G | PS, 2);
  EXPECT_TRUE(load(kVa).ok());
  word(at) = 0;
  EXPECT_TRUE(load(kVa + 5 * kPage).was_known);
  EXPECT_TRUE(faults(load(kVa, kUserMode), kVa, 5));
  EXPECT_TRUE(faults(load(kVa + 5 * kPage), kVa + 5 * kPage, 0));
}

TEST_F(Staleness, AFaultAtOneAddressForgetsNoOther) {
  const uint64_t at = map(kVa, kData | P);
  EXPECT_TRUE(load(kVa).ok());
  word(at) = 0;
  EXPECT_FALSE(load(kVa + kPage).ok());
  EXPECT_TRUE(load(kVa).was_known);
}

TEST_F(Staleness, AStoreByWhatIsNotDirtyLooksAtMemoryAgain) {
  const uint64_t at = map(kVa, kData | P | W);
  EXPECT_TRUE(load(kVa).ok());
  const Touch touch = store(kVa, 0x11);
  EXPECT_TRUE(touch.ok());
  EXPECT_FALSE(touch.was_known);
  EXPECT_EQ(word(at), kData | P | W | A | D);
  EXPECT_TRUE(store(kVa, 0x12).was_known);

  word(at) = kOther | P | W;  // Another frame, not flushed: seen by the store, and known from then.
  cpu().invlpg(kVa);
  EXPECT_TRUE(load(kVa).ok());
  word(at) = kData | P | W;
  EXPECT_TRUE(reaches(load(kVa), kOther));
  EXPECT_TRUE(reaches(store(kVa, 0x13), kData));
  EXPECT_TRUE(reaches(load(kVa), kData));

  cpu().invlpg(kVa);
  word(at) = kData | P | W;
  EXPECT_TRUE(load(kVa).ok());
  word(at) = 0;
  EXPECT_TRUE(faults(store(kVa, 1), kVa, 2));
  EXPECT_TRUE(faults(load(kVa), kVa, 0));  // Forgotten by that fault.
}

TEST_F(Staleness, FlagsThatAreClearedAreNotSetAgainBeforeAFlush) {
  const uint64_t at = map(kVa, kData | P | W);
  EXPECT_TRUE(store(kVa, 1).ok());
  word(at) = kData | P | W;
  EXPECT_TRUE(store(kVa, 2).ok());
  EXPECT_EQ(word(at), kData | P | W);
  cpu().invlpg(kVa);
  EXPECT_TRUE(load(kVa).ok());
  EXPECT_EQ(word(at), kData | P | W | A);
}

TEST_F(Staleness, GlobalPagesOutliveCr3AndNotInvlpgNorPge) {
  auto warm = [&] {
    map(kVa, kData | P | G);
    map(kVa + kPage, kOther | P);
    EXPECT_TRUE(load(kVa).ok() && load(kVa + kPage).ok());
    map(kVa, 0), map(kVa + kPage, 0);
  };
  warm();
  cpu().write_cr3(200 * kPage);  // An empty table.
  EXPECT_TRUE(reaches(load(kVa), kData));
  EXPECT_TRUE(faults(load(kVa + kPage), kVa + kPage, 0));
  cpu().invlpg(kVa);
  EXPECT_TRUE(faults(load(kVa), kVa, 0));

  cpu().write_cr3(kRoot);
  warm();
  cpu().flush_all();
  EXPECT_TRUE(load(kVa).ok());
  cpu().flush_all_and_global();
  EXPECT_TRUE(faults(load(kVa), kVa, 0));

  warm();
  cpu().write_cr3(kRoot);  // The same root is a flush all the same.
  EXPECT_FALSE(load(kVa + kPage).ok());
  control([](Control& c) { c.pge = false; });
  EXPECT_FALSE(load(kVa).ok());
  warm();  // With PGE clear, the bit means nothing.
  cpu().flush_all();
  EXPECT_FALSE(load(kVa).ok());
}

TEST_F(Staleness, TheBitGOfATableMeansNothing) {
  map(kVa, kData | P);
  for (const uint64_t at : path(kVa)) word(at) |= at == path(kVa).back() ? 0 : G;
  EXPECT_TRUE(load(kVa).ok());
  map(kVa, 0);
  cpu().flush_all();
  EXPECT_FALSE(load(kVa).ok());
}

TEST_F(Staleness, RightsAreThoseAtTheTimeButControlFlagsArePresent) {
  const uint64_t at = map(kVa, kData | P | U | W | D);
  EXPECT_TRUE(load(kVa).ok());
  word(at) = kData | P;
  EXPECT_TRUE(store(kVa, 1, kUserMode).ok());
  cpu().control.smap = true;
  EXPECT_TRUE(faults(load(kVa), kVa, 1));  // As of a user's page, which it is no longer.
  cpu().control.smap = false;
  EXPECT_TRUE(load(kVa).ok());
  EXPECT_TRUE(faults(store(kVa, 1), kVa, 3));
  cpu().control.wp = false;
  EXPECT_TRUE(store(kVa, 1).ok());
}

TEST_F(Staleness, ControlFlagsThatChangeWhatEntriesMeanFlush) {
  const uint64_t at = map(kVa, kData | P | G);
  auto forgets = [&](auto&& change) {
    word(at) = kData | P | G;
    EXPECT_TRUE(load(kVa).ok());
    word(at) = kOther | P | G;
    control(change);
    return load(kVa).address == kOther;
  };
  EXPECT_FALSE(forgets([](Control& c) { c.wp = false; }));
  EXPECT_FALSE(forgets([](Control& c) { c.smap = c.ac = true; }));
  EXPECT_TRUE(forgets([](Control& c) { c.smep = true; }));
  cpu().invlpg(kVa);
  EXPECT_FALSE(forgets([](Control& c) { c.smep = false; }));
  cpu().invlpg(kVa);
  EXPECT_TRUE(forgets([](Control& c) { c.nxe = false; }));
  EXPECT_TRUE(forgets([](Control& c) { c.pge = false; }));
  EXPECT_TRUE(load(kVa).was_known);
  control([](Control& c) { c.la57 = true; });
  EXPECT_FALSE(load(kVa).was_known);
}

TEST_F(Staleness, OfSeveralSizesTheSmallestIsUsedAndInvlpgForgetsAll) {
  // A small page is known; software makes the region large without a flush; a neighbour makes the
  // large page known.
  map(kVa, kData | P);
  EXPECT_TRUE(load(kVa).ok());
  const uint64_t large = path(kVa, 2).back();
  word(large) = P | PS;
  EXPECT_TRUE(reaches(load(kVa + kPage), 5 * kPage));
  EXPECT_TRUE(reaches(load(kVa), kData));
  EXPECT_EQ(load(kVa + kPage).level, 2);
  word(large) = 0;
  cpu().invlpg(kVa);
  EXPECT_FALSE(load(kVa).ok());
  EXPECT_FALSE(load(kVa + kPage).ok());
}

TEST_F(Staleness, InvlpgOfAnyAddressInALargePageForgetsIt) {
  for (const int level : {2, 3}) {
    const uint64_t at = map(kVa, P | PS, level);
    EXPECT_TRUE(load(kVa).ok());
    word(at) = 0;
    cpu().invlpg(kVa + 200 * kPage + 17);
    EXPECT_FALSE(load(kVa).ok()) << level;
  }
}

TEST_F(Staleness, InvlpgOfWhatIsNotCanonicalDoesNothing) {
  map(kVa, kData | P);
  EXPECT_TRUE(load(kVa).ok());
  cpu().invlpg(kVa | 1ull << 63);
  EXPECT_TRUE(load(kVa).was_known);
}

TEST_F(Staleness, ManyPagesAreKnownAtOnce) {
  for (uint64_t i = 0; i < 256; ++i) map(kVa + i * kPage, kData | P);
  for (uint64_t i = 0; i < 256; ++i) EXPECT_TRUE(load(kVa + i * kPage).ok());
  word(path(kVa, 2).back()) = 0;
  int known = 0, seen = 0;
  for (uint64_t i = 0; i < 256; ++i) known += load(kVa + i * kPage).was_known ? 1 : 0;
  cpu().tlb.each([&](uint64_t va, int level, bool is_global, const Translation& translation) {
    EXPECT_LT(va - kVa, 256 * kPage);
    EXPECT_EQ(level, 1);
    EXPECT_FALSE(is_global);
    EXPECT_EQ(translation.page, kData);
    EXPECT_EQ(translation.rights, (Rights{false, false, true}));
    EXPECT_FALSE(translation.is_dirty);
    ++seen;
  });
  EXPECT_EQ(known, 256);
  EXPECT_EQ(seen, 256);
  cpu().reset();
  cpu().tlb.each([](auto&&...) { ADD_FAILURE(); });
}

TEST_F(Staleness, ScatteredPagesAreKnownAtOnce) {
  auto va = [](uint64_t i) { return i * i * 7919 % 8192 * kPage; };
  for (uint64_t i = 0; i < 100; ++i) map(va(i), kData | P);
  for (uint64_t i = 0; i < 100; ++i) EXPECT_TRUE(load(va(i)).ok());
  for (uint64_t i = 0; i < 100; ++i) EXPECT_TRUE(load(va(i)).was_known) << i;
}

TEST_F(Staleness, ForgettingForWantOfRoomIsAlwaysTheSame) {
  std::vector<uint64_t> first;
  for (int run = 0; run < 2; ++run) {
    SetUp();
    for (int i = 0; i < run; ++i) cpu().flush_all();
    for (uint64_t i = 0; i < 2045; ++i) map(i * kPage, kData | P | (i % 3 == 0 ? G : 0));
    for (uint64_t i = 0; i < 2045; ++i) (void)load(i * kPage);
    std::vector<uint64_t> known;
    cpu().tlb.each([&](uint64_t va, int, bool, auto&&) { known.push_back(va); });
    EXPECT_GT(known.size(), 300u);
    if (run == 0) first = known;
    EXPECT_EQ(known, first);
  }
}

TEST_F(Staleness, PrefetchLearnsWithoutAnAccess) {
  const uint64_t at = map(kVa, kData | P | XD);
  EXPECT_TRUE(prefetch(0, kVa + 9));
  EXPECT_EQ(word(at), kData | P | XD | A);
  word(at) = 0;
  EXPECT_TRUE(load(kVa).was_known);
  EXPECT_TRUE(prefetch(0, kVa));
  cpu().invlpg(kVa);
  EXPECT_FALSE(prefetch(0, kVa));
  EXPECT_FALSE(prefetch(0, 1ull << 63));
}

// Caches of paging structures are there only if asked for.
class Structures : public Machine {
 protected:
  void SetUp() override {
    Machine::SetUp();
    cpu().caches_structures = true;
    map(kVa, kData | P | W | U);
    map(kVa + kPage, kOther | P | W | U);
    entries_ = path(kVa);
    EXPECT_TRUE(load(kVa).ok());
  }
  std::vector<uint64_t> entries_;
};

TEST_F(Structures, AWalkBeginsAtTheLowestKnownTable) {
  for (std::size_t i = 0; i < 3; ++i) word(entries_[i]) = 0;
  EXPECT_TRUE(reaches(load(kVa + kPage), kOther));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(word(entries_[i]), 0u);  // Not even marked.
  cpu().invlpg(k1G);
  EXPECT_FALSE(load(kVa + 2 * kPage).ok());
}

TEST_F(Structures, UpperTablesAreKnownToo) {
  const uint64_t va = kVa + k2M;
  map(va, kData | P);
  cpu().flush_all();
  EXPECT_TRUE(load(kVa).ok());
  word(entries_[0]) = word(entries_[1]) = 0;
  EXPECT_TRUE(load(va).ok());
}

TEST_F(Structures, RightsOfUpperEntriesAreKept) {
  cpu().flush_all();
  word(entries_[0]) &= ~U;
  word(entries_[2]) &= ~W;
  EXPECT_TRUE(load(kVa).ok());
  word(entries_[0]) |= U;
  word(entries_[2]) |= W;
  EXPECT_TRUE(faults(load(kVa + kPage, kUserMode), kVa + kPage, 5));
  EXPECT_TRUE(load(kVa + kPage, kUserMode).ok());  // That fault has forgotten them.
}

TEST_F(Structures, EveryFlushForgetsAllOfThem) {
  for (int how = 0; how < 6; ++how) {
    SetUp();
    word(entries_[2]) = 0;
    if (how == 1) cpu().invlpg(0);  // Of any address.
    if (how == 2) cpu().write_cr3(kRoot);
    if (how == 3) cpu().flush_all_and_global();
    if (how == 4) control([](Control& c) { c.pge = false; });
    if (how == 5) cpu().invlpg(1ull << 63);  // Is not canonical, and so does nothing.
    EXPECT_EQ(load(kVa + kPage).ok(), how == 0 || how == 5) << how;
  }
}

TEST_F(Structures, AFaultForgetsThoseOfItsAddress) {
  word(entries_[2]) = 0;
  EXPECT_FALSE(load(kVa + 2 * kPage).ok());  // Absent in the known table.
  EXPECT_FALSE(load(kVa + kPage).ok());
}

}  // namespace
