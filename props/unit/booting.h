// SPDX-License-Identifier: MPL-2.0
// A machine that boots: the simulated one, all of its memory, two CPUs that translate by the
// firmware's table, and what is done until there is metadata and an allocator.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "impl/boot/allocators.h"
#include "impl/boot/metadata.h"
#include "impl/hosted/platform.h"

namespace booting {

using mm::CachePolicy, mm::PageFlags, mm::PageProperty, mm::Panic, mm::PhysAddr, mm::PhysRange;
using mm::u32, mm::u64, mm::u8, mm::usize, mm::VirtAddr;

constexpr u64 kPage = mm::kPageSize, k2M = u64{2} << 20, k1G = u64{1} << 30;
constexpr u64 kPages = check::machine::kPages;

struct P : mm::Hosted {
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    if (left == 0) return std::nullopt;
    if (left > 0) --left;
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }
  static u32 cpu_count() noexcept { return 2; }

  static bool compare_exchange_pte(PhysAddr at, u64& seen, u64 bits,
                                   std::memory_order order) noexcept {
    if (before_exchange) before_exchange(at);
    return Hosted::compare_exchange_pte(at, seen, bits, order);
  }
  static u64 exchange_pte(PhysAddr at, u64 bits, std::memory_order order) noexcept {
    if (at.value / kPage == kRootPage) events.push_back("cleared");
    return Hosted::exchange_pte(at, bits, order);
  }
  static void set_root(PhysAddr root) noexcept {
    events.push_back("root");
    Hosted::set_root(root);
  }
  static void flush_all_and_global() noexcept {
    events.push_back("flushed");
    Hosted::flush_all_and_global();
  }

  static constexpr u64 kRootPage = 400;  // Of the firmware's tables.
  static inline long left = -1;          // So many requests are granted; all, if negative.
  static inline std::function<void(PhysAddr)> before_exchange{};
  static inline std::vector<std::string> events{};  // In the order in which they came.
};

using Slot = mm::MetaSlot<P>;
using Table = mm::BootPageTable<P>;

constexpr u8 R = PageFlags::kReadable, W = PageFlags::kWritable, X = PageFlags::kExecutable;
constexpr u8 A = PageFlags::kAccessed, D = PageFlags::kDirty;
constexpr PageProperty property(u8 flags, CachePolicy cache = CachePolicy::write_back,
                                u8 privileged = 0) {
  return {{flags}, cache, {privileged}};
}

// Entries as a firmware writes them: present, writable; accessed, if they lead to a table; a larger
// page. Intel SDM vol. 3A, tables 4-15 to 4-20.
constexpr u64 kSmall = 0x03, kToTable = 0x23, kLarge = 0x83, kAvail1 = u64{1} << 52;

class Booting : public testing::Test {
 protected:
  static constexpr u64 kRoot = P::kRootPage, kUpper = 401, kMiddle = 402, kLowest = 403;
  static constexpr u64 kLinear = 0xffff'8000'0000'0000, kMetadata = 0xffff'e000'0000'0000;

  void SetUp() override {
    P::power_on();
    P::reset_machine(kPages);
    P::left = -1;
    P::before_exchange = nullptr;
    ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    P::show(mm::page_bytes<P>({0}), kPages * kPage);
    // Not zero: whoever needs that has to see to it.
    __builtin_memset(mm::page_bytes<P>({0}), 0xa5, kPages * kPage);
    write_firmware();
    for (const u32 cpu : {1u, 0u}) {
      P::become(cpu);
      P::set_root({kRoot * kPage});
    }
    P::events.clear();
  }

  // Entries 0 and 256 of the root lead to the same: the first 2 MiB by pages of 4 KiB, 14 MiB more
  // by pages of 2 MiB, and the second GiB by one page.
  static void write_firmware() {
    __builtin_memset(mm::page_bytes<P>({kRoot * kPage}), 0, 4 * kPage);
    entry(kRoot, 0) = entry(kRoot, 256) = kToTable | kUpper * kPage;
    entry(kUpper, 0) = kToTable | kMiddle * kPage;
    entry(kUpper, 1) = kLarge | k1G;
    entry(kMiddle, 0) = kToTable | kLowest * kPage;
    for (u64 i = 1; i < 8; ++i) entry(kMiddle, i) = kLarge | i * k2M;
    for (u64 i = 0; i < 512; ++i) entry(kLowest, i) = kSmall | i * kPage;
  }
  static u64& entry(u64 page, u64 index) {
    return reinterpret_cast<u64*>(mm::page_bytes<P>({page * kPage}))[index];
  }

  static Table& table() { return P::globals().boot_page_table; }
  static auto walk(u64 va) { return Table::page_walk({kRoot * kPage}, {va}); }

  // The kernel's image lies in pages 1 to 8; the firmware's tables are reserved.
  static mm::MemoryRegions regions() {
    mm::MemoryRegions made;
    using enum mm::RegionType;
    for (const mm::MemoryRegion& region :
         {mm::MemoryRegion{{0, kPage}, reserved}, mm::MemoryRegion{{kPage, 9 * kPage}, kernel},
          mm::MemoryRegion{{9 * kPage, kRoot * kPage}, usable},
          mm::MemoryRegion{{kRoot * kPage, 404 * kPage}, reserved},
          mm::MemoryRegion{{404 * kPage, end_of_usable * kPage}, usable}}) {
      EXPECT_TRUE(made.add(region).ok());
    }
    return made;
  }
  static inline u64 end_of_usable = kPages;

  static void start_early() { ASSERT_TRUE(mm::init_early_allocator<P>(regions(), kRoot * kPage)); }
  // With the slots mapped in the boot page table.
  static auto make_metadata() {
    const mm::BootMap map{.linear_base = kLinear, .mapped_end = k2M, .metadata_base = kMetadata};
    auto slots = mm::init_metadata<P>(
        regions(), map, [](VirtAddr va, PhysAddr pa, PageProperty how) noexcept {
          EXPECT_FALSE(table().map_base_page(va, pa, how).stopped_by.has_value());
        });
    EXPECT_TRUE(slots.has_value());
    mm::init_allocator<P>(regions());
    return std::move(*slots);
  }
  static void boot() {
    start_early();
    (void)make_metadata().into_raw();
  }

  static u64 free_pages() { return P::globals().allocator.free_bytes() / kPage; }

  // What the CPU finds there; nothing if it faults.
  static std::optional<u64> touch(u64 va, u8 access = 0, bool is_user = false) {
    const P::Touched seen = P::touch({va}, access, is_user, /*ac=*/false);
    if (!seen.is_ok) return std::nullopt;
    return seen.at.value;
  }
};

}  // namespace booting
