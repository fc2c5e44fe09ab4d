// SPDX-License-Identifier: MPL-2.0
// What mm asks of the hosted platform reaches the CPU that it runs on, and no other.
#include <array>
#include <cstring>
#include <gtest/gtest.h>

#include "impl/hosted/platform.h"
#include "props/unit/machine.h"

namespace {

using namespace unit::machine;
using Platform = mm::Hosted;

class Hosted : public Machine {
 protected:
  static constexpr uint64_t kVa = 0x12'3000, kGlobalVa = 0x12'4000;

  // Both CPUs know a page and a global one that are no longer mapped.
  void SetUp() override {
    Machine::SetUp();
    for (const mm::u32 i : {0u, 1u}) {
      Platform::become(i);
      Platform::set_root({kRoot});
    }
    map(kVa, kData | P | W | U);
    map(kGlobalVa, kOther | P | G);
    for (const unsigned i : {0u, 1u}) EXPECT_TRUE(prefetch(i, kVa) && prefetch(i, kGlobalVa));
    map(kVa, 0), map(kGlobalVa, 0);
  }
  void TearDown() override {
    Platform::become(0);
    Machine::TearDown();
  }

  // Bits 0 and 1: CPU 0 knows the page, and the global one. Bits 2 and 3: CPU 1 does.
  static int known() {
    int known = 0;
    for (const unsigned i : {1u, 0u}) {
      for (const uint64_t va : {kGlobalVa, kVa}) {
        known = 2 * known + (cpus[i].tlb.find(va).translation != nullptr ? 1 : 0);
      }
    }
    return known;
  }
};

TEST_F(Hosted, FlushesAreThoseOfTheRunningCpu) {
  EXPECT_EQ(known(), 0b1111);
  Platform::flush_page({kVa});
  EXPECT_EQ(known(), 0b1011);
  Platform::become(0);
  Platform::flush_all();
  EXPECT_EQ(known(), 0b1010);
  Platform::flush_page({kGlobalVa + 5});
  EXPECT_EQ(known(), 0b1000);
}

TEST_F(Hosted, GlobalPagesOutliveARootAndNotAFullFlush) {
  Platform::set_root({200 * kPage});
  EXPECT_EQ(Platform::root().value, 200 * kPage);
  EXPECT_EQ(cpus[0].root, kRoot);
  EXPECT_EQ(known(), 0b1011);
  Platform::flush_all_and_global();
  EXPECT_EQ(known(), 0b0011);
}

// CPU 1 is the caller. An interrupt comes when its CPU takes any, and once.
TEST_F(Hosted, AnInterruptIsHeldBackUntilItsCpuTakesIt) {
  Platform::run_on(0b0011, [](void*) noexcept { Platform::flush_all(); }, nullptr);
  Platform::run_on(0b0001, [](void*) noexcept { Platform::flush_all(); }, nullptr);
  EXPECT_EQ(known(), 0b1111);
  EXPECT_TRUE(Platform::take_interrupt());
  EXPECT_EQ(known(), 0b1011);
  EXPECT_FALSE(Platform::take_interrupt());

  Platform::become(0);
  const mm::u64 saved = Platform::disable_interrupts();
  EXPECT_FALSE(Platform::take_interrupt());
  Platform::restore_interrupts(saved);
  EXPECT_EQ(known(), 0b1011);
  EXPECT_TRUE(Platform::take_interrupt());
  EXPECT_EQ(known(), 0b1010);
}

TEST_F(Hosted, WhoSpinsLetsOthersTakeTheirsIfItIsSaid) {
  Platform::run_on(0b0011, [](void*) noexcept { Platform::flush_all(); }, nullptr);
  Platform::spin_hint();
  Platform::let_interrupt(0b1110);
  Platform::spin_hint();
  EXPECT_EQ(known(), 0b1111);
  Platform::let_interrupt(0b0011);
  Platform::spin_hint();
  EXPECT_EQ(known(), 0b1110);
  EXPECT_EQ(Platform::this_cpu(), 1u);
  Platform::let_interrupt(0);
}

TEST_F(Hosted, WhatIsLearnedOfWatchedAddressesIsAWayToAPage) {
  map(kVa, kData | P | W | U);
  const auto can = [](uint64_t at) { return Platform::could_reach({at}, kPage); };
  Platform::flush_all_and_global();
  EXPECT_TRUE(prefetch(1, kVa));
  EXPECT_FALSE(can(kData));
  Platform::flush_page({kVa});
  Platform::watch(kVa + kPage);
  EXPECT_TRUE(prefetch(1, kVa));
  EXPECT_TRUE(can(kData));
  EXPECT_FALSE(can(kData - kPage) || can(kData + kPage));
  EXPECT_TRUE(Platform::could_reach({kData - kPage}, 2 * kPage));
  Platform::watch(0);
  EXPECT_TRUE(can(kData));
  Platform::flush_page({kVa});
  EXPECT_FALSE(can(kData));
}

TEST_F(Hosted, CopiesThroughTheRootOfTheRunningCpu) {
  Platform::flush_all();
  map(kVa, kData | P | W | U);
  Platform::become(2);  // Has no table.
  std::array<char, 6> bytes{'h', 'e', 'l', 'l', 'o', 0}, back{};
  EXPECT_EQ(Platform::copy_to_user({kVa}, bytes.data(), bytes.size()), 0u);
  Platform::become(1);
  EXPECT_EQ(Platform::copy_to_user({kVa + 4092}, bytes.data(), bytes.size()), 4u);
  EXPECT_EQ(Platform::copy_to_user({kVa}, bytes.data(), bytes.size()), 6u);
  EXPECT_EQ(Platform::copy_from_user(back.data(), {kVa}, back.size()), 6u);
  EXPECT_EQ(std::memcmp(&byte(kData + 4092), "hell", 4), 0);
  EXPECT_EQ(back, bytes);
}

// A word is one access: what it was, what it is, and which page the CPU reached, by a walk or not.
TEST_F(Hosted, ReachesWordsThroughTheRootOfTheRunningCpu) {
  Platform::flush_all();
  map(kVa, kData | P | W | U);
  Platform::become(1);
  const auto seen = [] { return Platform::user_access(); };
  for (uint64_t i = 0; i < 4; ++i) byte(kData + 8 + i) = static_cast<uint8_t>(1 + i);
  EXPECT_EQ(Platform::load_user({kVa + 8}), 0x0403'0201u);
  EXPECT_EQ(seen().pages[0].value, kData);
  EXPECT_EQ(seen().walked, 1u);
  EXPECT_EQ(Platform::load_user({kVa + 8}), 0x0403'0201u);
  EXPECT_EQ(seen().walked, 0u);
  // Not dirty yet: so it walks, though nothing is exchanged.
  EXPECT_EQ(Platform::compare_exchange_user({kVa + 8}, 7, 9), 0x0403'0201u);
  EXPECT_EQ(seen().walked, 1u);
  EXPECT_EQ(byte(kData + 8), 1);
  EXPECT_EQ(Platform::compare_exchange_user({kVa + 8}, 0x0403'0201, 9), 0x0403'0201u);
  EXPECT_EQ(seen().walked, 0u);
  EXPECT_EQ(Platform::load_user({kVa + 8}), 9u);
  // Vol. 3A, 4.7: absent; and a store, absent.
  EXPECT_EQ(Platform::load_user({kVa + k1G}), std::nullopt);
  EXPECT_EQ(seen().error_code, 0u);
  EXPECT_EQ(seen().pages[0].value, 0u);
  EXPECT_EQ(Platform::compare_exchange_user({kVa + k1G}, 0, 0), std::nullopt);
  EXPECT_EQ(seen().error_code, 2u);
  EXPECT_EQ(seen().walked, 1u);
}

// Of three pages, the second one known, the fourth absent.
TEST_F(Hosted, TellsWhatACopyReached) {
  Platform::flush_all();
  for (uint64_t i = 0; i < 3; ++i) map(kVa + i * kPage, (kData + (2 - i) * kPage) | P | W | U);
  Platform::become(1);
  EXPECT_TRUE(prefetch(1, kVa + kPage));
  std::vector<char> bytes(3 * kPage);
  EXPECT_EQ(Platform::copy_from_user(bytes.data(), {kVa + 4}, bytes.size()), 3 * kPage - 4);
  EXPECT_EQ(Platform::user_access().walked, 0b1101u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Platform::user_access().pages[i].value, kData + (2 - i) * kPage);
  }
  EXPECT_EQ(Platform::copy_from_user(bytes.data(), {kVa}, 0), 0u);
  EXPECT_EQ(Platform::user_access().walked, 0u);
}

}  // namespace
