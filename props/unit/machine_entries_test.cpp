// SPDX-License-Identifier: MPL-2.0
// What the raw bytes of tables say, entry by entry.
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "props/unit/machine.h"

namespace {

using namespace unit::machine;

// What an enumeration saw, in a form to be compared: level and kind, address, where it leads.
class Enumeration : public Machine {
 protected:
  static std::vector<std::string> seen(uint64_t begin, uint64_t last, int levels = 4) {
    std::vector<std::string> seen;
    for_each_entry(kRoot, levels, begin, last, [&](const Entry& entry) {
      char text[80];
      std::snprintf(text, sizeof text, "%s%d %llx-%llx %llx", entry.is_leaf() ? "leaf" : "table",
                    entry.level, static_cast<unsigned long long>(entry.va),
                    static_cast<unsigned long long>(entry.last),
                    static_cast<unsigned long long>(entry.pa()));
      seen.emplace_back(text);
    });
    return seen;
  }
  using Strings = std::vector<std::string>;
};

TEST_F(Enumeration, ShowsTablesBeforeWhatTheyHoldInAscendingOrder) {
  EXPECT_EQ(seen(0, ~0ull), Strings());
  map(0x1000, kData | PS | P);
  map(0, kOther | PS | P);
  map(k2M, 5 * k2M | PS | P, 2);
  map(0xffff'ffff'ffff'f000, kData | PS | P);
  map(0xffff'8000'0000'0000 + k1G, 3 * k1G | PS | P, 3);
  map(0x7fff'ffff'f000, kOther | PS | P);
  EXPECT_EQ(
      seen(0, ~0ull),
      (Strings{"table4 0-7fffffffff 2000", "table3 0-3fffffff 3000", "table2 0-1fffff 4000",
               "leaf1 0-fff 101000", "leaf1 1000-1fff 100000", "leaf2 200000-3fffff a00000",
               "table4 7f8000000000-7fffffffffff 9000", "table3 7fffc0000000-7fffffffffff a000",
               "table2 7fffffe00000-7fffffffffff b000", "leaf1 7ffffffff000-7fffffffffff 101000",
               "table4 ffff800000000000-ffff807fffffffff 8000",
               "leaf3 ffff800040000000-ffff80007fffffff c0000000",
               "table4 ffffff8000000000-ffffffffffffffff 5000",
               "table3 ffffffffc0000000-ffffffffffffffff 6000",
               "table2 ffffffffffe00000-ffffffffffffffff 7000",
               "leaf1 fffffffffffff000-ffffffffffffffff 100000"}));
}

TEST_F(Enumeration, KeepsToItsRange) {
  map(0, kData | PS | P);
  map(0x1000, kData | PS | P);
  map(k2M, 5 * k2M | PS | P, 2);
  map(0xffff'ffff'ffff'f000, kData | PS | P);
  const Strings upper{"table4 0-7fffffffff 2000", "table3 0-3fffffff 3000"};
  auto with = [&](Strings more) {
    more.insert(more.begin(), upper.begin(), upper.end());
    return more;
  };
  EXPECT_EQ(seen(0xfff, 0xfff), with({"table2 0-1fffff 4000", "leaf1 0-fff 100000"}));
  EXPECT_EQ(seen(0x1000, 0x1000), with({"table2 0-1fffff 4000", "leaf1 1000-1fff 100000"}));
  EXPECT_EQ(seen(0x2000, k2M - 1), with({"table2 0-1fffff 4000"}));
  EXPECT_EQ(seen(0x1fff, k2M),
            with({"table2 0-1fffff 4000", "leaf1 1000-1fff 100000", "leaf2 200000-3fffff a00000"}));
  EXPECT_EQ(seen(2 * k2M - 1, k1G), with({"leaf2 200000-3fffff a00000"}));
  EXPECT_EQ(seen(2 * k2M, k1G - 1), with({}));
  EXPECT_EQ(seen(k1G, k1G), Strings{upper[0]});
  EXPECT_EQ(seen(1, 0), Strings());
  EXPECT_EQ(seen(1ull << 47, (1ull << 63) - 1), Strings());
  EXPECT_EQ(seen(~0ull, ~0ull).size(), 4u);
  EXPECT_EQ(seen(~0ull - 4096, ~0ull - 4096).size(), 3u);
  EXPECT_EQ(seen(0xffff'ff80'0000'0000, ~0ull).size(), 4u);
  EXPECT_EQ(seen(0xffff'8000'0000'0000, 0xffff'ff7f'ffff'ffff), Strings());
}

TEST_F(Enumeration, HasFiveLevels) {
  control([](Control& c) { c.la57 = true; });
  map(0xff00'0000'0000'0000, kData | PS | P);
  map(~0ull - 4095, kData | PS | P);
  map(0x00ff'ffff'ffff'f000, kData | PS | P);
  const Strings all = seen(0, ~0ull, 5);
  ASSERT_EQ(all.size(), 15u);
  EXPECT_EQ(all[4], "leaf1 fffffffffff000-ffffffffffffff 100000");
  EXPECT_EQ(all[5], "table5 ff00000000000000-ff00ffffffffffff 2000");
  EXPECT_EQ(all[9], "leaf1 ff00000000000000-ff00000000000fff 100000");
  EXPECT_EQ(all[14], "leaf1 fffffffffffff000-ffffffffffffffff 100000");
}

TEST_F(Enumeration, SaysWhatEveryBitMeans) {
  uint64_t where = 0;
  auto only = [&](uint64_t raw, int level = 1) {
    SetUp();
    where = map(kVa, raw, level);
    Entry only{};
    for_each_entry(kRoot, 4, kVa, kVa, [&](const Entry& entry) { only = entry; });
    EXPECT_EQ(only.where, where);
    EXPECT_EQ(only.raw, raw);
    EXPECT_EQ(only.level, level);
    return only;
  };
  // A leaf that nobody can read is a leaf; all bits but bit 7 are clear.
  Entry entry = only(kData | PS);
  EXPECT_TRUE(entry.is_leaf() && !entry.is_table() && entry.is_executable());
  EXPECT_FALSE(entry.is_readable() || entry.is_writable() || entry.is_user() ||
               entry.is_accessed() || entry.is_dirty() || entry.is_global() || entry.has_avail1() ||
               entry.has_avail2());
  EXPECT_EQ(entry.cache(), CacheBits::none);
  EXPECT_EQ(entry.pa(), kData);
  EXPECT_EQ(entry.strange_bits(), 0u);
  // Each bit alone.
  EXPECT_TRUE(only(kData | PS | 1).is_readable());
  EXPECT_TRUE(only(kData | PS | 2).is_writable());
  EXPECT_TRUE(only(kData | PS | 4).is_user());
  EXPECT_EQ(only(kData | PS | 8).cache(), CacheBits::pwt);
  EXPECT_EQ(only(kData | PS | 16).cache(), CacheBits::pcd);
  EXPECT_EQ(only(kData | PS | 24).cache(), CacheBits::both);
  EXPECT_TRUE(only(kData | PS | 32).is_accessed());
  EXPECT_TRUE(only(kData | PS | 64).is_dirty());
  EXPECT_TRUE(only(kData | PS | 256).is_global());
  EXPECT_TRUE(only(kData | PS | 1ull << 52).has_avail1());
  EXPECT_TRUE(only(kData | PS | 1ull << 53).has_avail2());
  EXPECT_FALSE(only(kData | PS | 1ull << 63).is_executable());
  // What no bit means.
  for (const int bit : {9, 10, 11, 54, 58, 62}) {
    EXPECT_EQ(only(kData | PS | 1ull << bit).strange_bits(), 1ull << bit);
  }
  EXPECT_EQ(only(1ull << 51 | PS).strange_bits(), 0u);
  EXPECT_EQ(only(1ull << 51 | PS).pa(), 1ull << 51);
  // The address of a large page begins at its size.
  EXPECT_EQ(only(k1G | 0x1ff000 | PS, 2).pa(), k1G);
  EXPECT_EQ(only(k1G | 0x1ff000 | PS, 2).strange_bits(), 0x1ff000u);
  EXPECT_EQ(only(k1G | 0x3fff'f000 | PS, 3).pa(), k1G);
  // A table entry, at level 1 too, where it means nothing.
  EXPECT_EQ(only(kData | 7 | A | 3ull << 52, 2).strange_bits(), 0u);
  EXPECT_TRUE(only(kData | 7, 2).is_table());
  EXPECT_EQ(only(kData | 5, 2).strange_bits(), 2u);
  EXPECT_EQ(only(kData | 7 | D | G, 2).strange_bits(), D | G);
  EXPECT_TRUE(only(kData | 7, 1).is_table());
}

TEST_F(Enumeration, SkipsWhatIsAbsentWhateverItsBits) {
  map(kVa, ~uint64_t{0} & ~(P | PS));
  EXPECT_EQ(seen(kVa, kVa).size(), 3u);
}

TEST_F(Enumeration, BearsGarbage) {
  word(kRoot) = 0x000f'ffff'ffff'f000 | P;  // A table where no memory is.
  word(kRoot + 8) = kRoot | P;              // The root itself.
  word(kRoot + 16) = k1G | PS;              // A leaf where the processor has none.
  EXPECT_EQ(seen(0, span_of(4) - 1), Strings{"table4 0-7fffffffff ffffffffff000"});
  EXPECT_EQ(seen(2 * span_of(4), 2 * span_of(4)), Strings{"leaf4 10000000000-17fffffffff 0"});
  int count = 0;
  EXPECT_FALSE(for_each_entry(kRoot, 4, 0, ~0ull, [&](const Entry&) { return ++count < 7; }));
  EXPECT_EQ(count, 7);
  EXPECT_TRUE(for_each_entry(kRoot, 4, 0, ~0ull, [&](const Entry&) { return ++count < 100; }));
  EXPECT_LT(count, 7 + 3 * 3 * 3 * 3 + 3 * 3 * 3 + 3 * 3 + 3 + 1);
}

}  // namespace
