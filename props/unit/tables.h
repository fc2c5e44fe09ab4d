// SPDX-License-Identifier: MPL-2.0
// A machine on which page tables are tried: the simulated one, with an allocator that refuses when
// it is told to, and calls somebody meanwhile; and what can be seen of a tree.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "impl/hosted/platform.h"
#include "impl/page_table/page_table.h"

namespace tables {

using mm::PhysAddr, mm::u16, mm::u32, mm::u64, mm::u8, mm::usize, mm::VirtAddr;

constexpr u64 kPage = mm::kPageSize, k2M = u64{2} << 20, k1G = u64{1} << 30;
constexpr u64 kPages = 128, kFree = kPages - 1;

struct P : mm::Hosted {
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    if (during_alloc) during_alloc();
    if (left == 0) return std::nullopt;
    if (left > 0) --left;
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }

  static bool compare_exchange_pte(PhysAddr at, u64& seen, u64 bits,
                                   std::memory_order order) noexcept {
    if (before_exchange) before_exchange();
    return Hosted::compare_exchange_pte(at, seen, bits, order);
  }

  static void spin_hint() noexcept {
    if (during_spin) during_spin();
    Hosted::spin_hint();
  }

  static inline long left = -1;  // So many requests are granted; all, if negative.
  static inline std::function<void()> during_alloc{}, before_exchange{}, during_spin{};
};

using Slot = mm::MetaSlot<P>;
using mm::CachePolicy, mm::PageFlags, mm::PageProperty, mm::PageTableError, mm::Panic;
using mm::PrivilegedPageFlags, mm::Progress, mm::VirtRange;

constexpr u8 R = PageFlags::kReadable, W = PageFlags::kWritable, X = PageFlags::kExecutable;
constexpr PageProperty property(u8 flags, CachePolicy cache = CachePolicy::write_back,
                                u8 privileged = 0) {
  return {{flags}, cache, {privileged}};
}

class Machine : public testing::Test {
 protected:
  void SetUp() override {
    P::power_on();
    P::left = -1;
    P::during_alloc = P::before_exchange = P::during_spin = nullptr;
    mm::Globals<P>& globals = P::globals();
    globals.pages = kPages;
    Slot::init(0, kPages);
    ::new (static_cast<void*>(&globals.allocator)) mm::Allocator<P>();
    ::new (static_cast<void*>(&globals.deferred)) mm::Deferred<P>();
    // A root at 0 would be what a CPU has at first.
    globals.allocator.add_free_memory({kPage}, kFree * kPage);
  }
  void TearDown() override {
    drain();
    EXPECT_EQ(free_pages(), kFree);  // INV-9.
  }

  static u64 free_pages() { return P::globals().allocator.free_bytes() / kPage; }
  static void pass_all() {
    for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) mm::quiesce<P>(cpu);
  }
  static void drain() {
    for (int i = 0; i < 8 && P::globals().deferred.is_running(); ++i) pass_all();
    EXPECT_FALSE(P::globals().deferred.is_running());
  }
};

// Everything of a tree: each entry that is present, by node and index, and each node's own words.
template <class C>
using Seen = std::map<std::pair<u64, u64>, u64>;

template <class C>
void look(mm::NodeView<C> node, u8 level, bool may_be_locked, Seen<C>& seen) {
  using Entry = typename C::Entry;
  const bool is_root = level == C::Paging::kLevels;
  u64 present = 0;
  for (u64 i = is_root ? C::kTopBegin : 0; i < (is_root ? C::kTopEnd : mm::kEntries); ++i) {
    const u64 bits = node.peek(i);
    if (Entry::is_absent(bits)) {
      EXPECT_EQ(bits, 0u) << "INV-28";
      continue;
    }
    ++present;
    seen[{node.paddr().value, i}] = bits;
    if (!Entry::is_table(bits)) continue;
    EXPECT_GT(level, 1);
    const mm::NodeView<C> child(Entry::table_paddr(bits));
    EXPECT_EQ(Slot::of(child.paddr())->ref_count(), 1u) << "INV-15";
    look<C>(child, static_cast<u8>(level - 1), may_be_locked, seen);
  }
  EXPECT_EQ(node.meta().level(), level) << "INV-24";
  EXPECT_EQ(node.meta().nr_children(), present) << "INV-25";
  EXPECT_FALSE(node.meta().is_stray()) << "L1";
  if (!may_be_locked) EXPECT_FALSE(node.meta().is_locked()) << "INV-39";
  seen[{node.paddr().value, mm::kEntries}] = present;
}

template <class C>
Seen<C> look(const mm::PageTable<C>& table, bool may_be_locked = false) {
  Seen<C> seen;
  look<C>(mm::NodeView<C>(table.root_paddr()), C::Paging::kLevels, may_be_locked, seen);
  return seen;
}

// How many handles each page has; where the allocator keeps the free ones is its own affair.
inline std::vector<u64> counts() {
  std::vector<u64> all;
  for (u64 page = 0; page < kPages; ++page) {
    const u64 count = Slot::of({page * kPage})->ref_count();
    all.push_back(count > Slot::kCountMax ? 0 : count);
  }
  return all;
}

}  // namespace tables
