// SPDX-License-Identifier: MPL-2.0
// A machine just booted, and what must be so when a case is over.
#pragma once

#include <gtest/gtest.h>

#include "impl/hosted/platform.h"

namespace upstream {

using P = mm::Hosted;
using mm::PhysAddr, mm::u32, mm::u64, mm::u8;

constexpr u64 kPage = mm::kPageSize;
constexpr u64 kPages = 128, kLoose = 8;

constexpr PhysAddr page(u64 number) { return {number * kPage}; }

// The pages below kLoose belong to nobody, all others to the allocator.
class Booted : public testing::Test {
 protected:
  void SetUp() override {
    P::power_on();
    mm::Globals<P>& globals = P::globals();
    globals.pages = kPages;
    globals.next_list_id.store(1, std::memory_order_relaxed);
    mm::MetaSlot<P>::init(0, kPages);
    ::new (static_cast<void*>(&globals.allocator)) mm::Allocator<P>();
    ::new (static_cast<void*>(&globals.deferred)) mm::Deferred<P>();
    globals.allocator.add_free_memory(page(kLoose), (kPages - kLoose) * kPage);
  }

  // Nothing is lost (INV-9).
  void TearDown() override {
    for (u64 i = 0; i < kLoose; ++i) {
      EXPECT_EQ(mm::MetaSlot<P>::of(page(i))->ref_count(), mm::MetaSlot<P>::kUnused) << i;
    }
    EXPECT_EQ(free_pages(), kPages - kLoose);
  }

  static u64 free_pages() { return P::globals().allocator.free_bytes() / kPage; }
};

// What the body panics with.
mm::Panic panic_of(auto&& body) { return P::guarded(body); }

}  // namespace upstream
