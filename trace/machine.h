// SPDX-License-Identifier: MPL-2.0
// The shape of the machine a trace runs on, and what a place means on it. The first record of
// every trace.
//
// At first every page is unused, the loose ones belong to nobody and all others to the allocator,
// no lane holds anything, and every byte of page n is n modulo 256. Then the machine's tables, if
// it has any, are made, with pages of the allocator's choice. No CPU translates by a table at
// first; CR0.WP and EFER.NXE are set, CR4.SMEP and CR4.SMAP are not, and CR4.PGE is.
#pragma once

#include <algorithm>

#include "trace/scalar.h"

namespace trace {

// The names of the places outside a machine, in the order of PhysPlace::kFirstOutside.
inline constexpr std::array<const char*, PhysPlace::kOutside> kOutsideNames = {
    "first_beyond_end", "second_beyond_end", "far_beyond_end", "one_gib",
    "last_below_4_gib", "four_gib",          "one_tib",        "last_below_2_52",
    "two_to_52",        "two_to_63",         "last_but_one",   "last_below_2_64"};

struct CpuCount {
  static constexpr std::size_t kBytes = 1;
  std::uint8_t count = 1;
  constexpr void parts(auto&& each) { each(count); }
  constexpr void settle() {
    if (count == 0 || count > Cpu::kMost) count = static_cast<std::uint8_t>(1 + count % Cpu::kMost);
  }
  auto operator<=>(const CpuCount&) const = default;
};

// How many page tables the machine has from the beginning: none; the kernel's; that and a user's;
// these and a plain one; these and an address space (trace/virtual.h).
struct TableCount {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kMost = 4;
  // The pages of the first so many: roots, and the kernel's four tables below its root.
  static constexpr std::array<std::uint16_t, kMost + 1> kPages = {0, 5, 6, 7, 8};
  std::uint8_t count = 0;
  constexpr std::uint16_t pages() const { return kPages[count]; }
  constexpr void parts(auto&& each) { each(count); }
  constexpr void settle() { count = static_cast<std::uint8_t>(count % (kMost + 1)); }
  auto operator<=>(const TableCount&) const = default;
};

struct Machine {
  static constexpr std::uint16_t kMostPages = 128;

  Count pages{16};
  Count loose{8};  // The first pages never belong to the allocator; all others always do.
  CpuCount cpus{2};
  TableCount tables{0};  // Made of the allocator's pages, of which there are enough.

  static constexpr void fields(auto&& each) {
    each("pages", &Machine::pages);
    each("loose", &Machine::loose);
    each("cpus", &Machine::cpus);
    each("tables", &Machine::tables);
  }
  auto operator<=>(const Machine&) const = default;

  constexpr void settle() {
    pages.raw =
        std::max<std::uint16_t>(2, static_cast<std::uint16_t>(pages.raw % (kMostPages + 1)));
    loose.raw = std::max<std::uint16_t>(1, static_cast<std::uint16_t>(loose.raw % pages.raw));
    cpus.settle();
    tables.settle();
    while (tables.pages() > pages.raw - loose.raw) --tables.count;
  }

  constexpr std::uint8_t lane(Cpu cpu) const {
    return static_cast<std::uint8_t>(cpu.index % cpus.count);
  }

  // The byte address meant by a place.
  constexpr std::uint64_t address(PhysPlace at) const {
    constexpr std::uint64_t k1 = 1;
    const std::uint64_t end = pages.raw * std::uint64_t{4096};
    const std::array<std::uint64_t, PhysPlace::kOutside> outside = {
        end,
        end + 4096,
        end + 999 * std::uint64_t{4096},
        k1 << 30,
        (k1 << 32) - 4096,
        k1 << 32,
        k1 << 40,
        (k1 << 52) - 4096,  // The last page that an entry can name.
        k1 << 52,
        k1 << 63,
        ~std::uint64_t{8191},
        ~std::uint64_t{4095}};
    const std::uint64_t page = at.is_outside()
                                   ? outside[(at.page - PhysPlace::kFirstOutside) % outside.size()]
                                   : at.page % pages.raw * std::uint64_t{4096};
    return page + PageOffset::byte(at.offset);
  }

  // Whether the page around an address belongs to the allocator.
  constexpr bool is_allocators(std::uint64_t address) const {
    return address / 4096 >= loose.raw && address / 4096 < pages.raw;
  }
};

// The machine that boot operations boot, beside the one that all others are asked of. What its boot
// code maps from the beginning ends at kColdMiddle, which stands for 4 GiB.
inline constexpr Machine kColdMachine{.pages = {128}, .loose = {1}, .cpus = {1}, .tables = {0}};
inline constexpr std::uint64_t kColdMiddle = 64 * std::uint64_t{4096};
constexpr std::uint64_t cold_address(ColdPlace place) { return kColdMachine.address(place.at); }

}  // namespace trace
