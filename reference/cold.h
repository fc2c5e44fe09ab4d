// SPDX-License-Identifier: MPL-2.0
// The machine that boots: it has memory, and no metadata yet.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "reference/tables.h"

namespace reference {

// What the loader said of [begin, end).
struct Region {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  trace::RegionName type{};
  bool operator==(const Region&) const = default;
};

// Memory that the early allocator takes from: all below the tail is spent, be it handed out or
// passed by for the sake of alignment.
struct Supply {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t tail = 0;
  bool operator==(const Supply&) const = default;
};

// One call of the boot mapping.
struct ColdMapping {
  std::uint64_t va = 0;
  std::uint64_t pa = 0;
  std::uint64_t property = 0;
  bool operator==(const ColdMapping&) const = default;
};

// An entry of a table that it boots with, which is not empty: a table a level below, or else a page
// of its own table's level.
struct BootEntry {
  std::optional<Page> table{};
  Page to = 0;  // The first physical page.
  trace::Property property{};
  bool operator==(const BootEntry&) const = default;
};

struct BootTable {
  Level level = 1;
  std::map<std::uint16_t, BootEntry> entries{};  // By index.
  bool operator==(const BootTable&) const = default;
};
using BootTables = std::map<Page, BootTable>;

// The firmware's tables, in this order, lie behind the memory; the others are the boot page table's
// own.
inline constexpr Page kFirmwareRoot = trace::kColdMachine.pages.raw;
inline constexpr Page kFirmwareTables = 5;
constexpr bool is_firmwares(Page table) { return table >= kFirmwareRoot; }

struct Cold {
  std::vector<Region> regions{};  // As they were reported; once normalised, as they are then.
  bool is_normalised = false;
  std::vector<Supply> supplies{};  // Of the early allocator, the low one first; none before it was
                                   // started. They stay when it retires.
  std::uint64_t max_paddr = 0;     // 0: metadata is not initialised.
  std::vector<ColdMapping> mapped{};                  // In the order of the calls.
  std::map<std::uint64_t, trace::KindName> marked{};  // Pages that are in use, each with one count
                                                      // that nobody gives back.
  std::set<std::uint64_t> free{};                     // Pages that the frame allocator has.
  bool has_allocator = false;
  BootTables tables{};                  // None while they are as the firmware left them.
  std::array<bool, 2> has_dismissed{};  // Which CPU, the boot page table.

  bool is_initialised() const { return max_paddr != 0; }
  bool operator==(const Cold&) const = default;
};

// Takes from the first supply that has enough.
std::optional<std::uint64_t> take_early(std::vector<Supply>&, std::uint64_t pages,
                                        std::uint64_t align);

}  // namespace reference
