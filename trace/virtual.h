// SPDX-License-Identifier: MPL-2.0
// The nouns of page tables: the tables that there are, virtual places, what can be mapped, how a
// CPU touches it.
#pragma once

#include "trace/machine.h"

namespace trace {

// How a table is made (C.2). The top-level entries that it has: of the user's kinds, [0, 256); of
// the kernel's, [508, 512), the last four.
enum class TableKindName : std::uint8_t {
  user,    // Items are frames that users may touch, or physical ranges (I/O memory). Leaves of up
           // to 2 MiB. Its upper half is the kernel's (C.3), so it takes a machine with tables.
  plain,   // Items are physical ranges. Leaves of up to 1 GiB.
  plain5,  // The same with 5 levels: [0, 256) of the fifth. No CPU translates by it.
  space,   // A user's address space (C.10, trace/ops/tlb.h): as `user`, with leaves of 4 KiB.
  kernel,  // Items are frames, or physical ranges. Leaves of up to 2 MiB. Only the machine's own.
};
inline constexpr std::array kTableKindNames = {"user", "plain", "plain5", "space", "kernel"};

struct TableKind {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = kTableKindNames.size() - 1;  // The last cannot be asked.
  TableKindName name = TableKindName::user;
  constexpr void parts(auto&& each) { each(name); }
  constexpr void settle() {
    name = static_cast<TableKindName>(static_cast<unsigned>(name) % kCount);
  }
  auto operator<=>(const TableKind&) const = default;
};

struct TableTag {
  static constexpr char kLetter = 't';
};
using OwnTable = Register<TableTag, 2>;  // A handle of a table's root, and of which kind it is.

struct AreaTag {
  static constexpr char kLetter = 'a';
};
using Area = Register<AreaTag, 3>;  // A range of the kernel's addresses, and what is mapped there.

// Where areas are (trace/ops/area.h): in the kernel's table, over the end of what a table of level
// 3 maps by one of level 2.
inline constexpr std::uint64_t kAreasEnd = std::uint64_t{0} - (std::uint64_t{1} << 41) +
                                           (std::uint64_t{768} << 30) + std::uint64_t{64} * 4096;
inline constexpr std::uint64_t kAreaPages = 2048;
inline constexpr std::uint64_t kAreasBegin = kAreasEnd - kAreaPages * 4096;

// A table: one in a register of the lane, or one of the machine's own, which all lanes share and
// which are there from the beginning, in this order, as many as the machine has (Machine::tables).
struct Table {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kFirstShared = OwnTable::kCount;
  static constexpr std::uint8_t kCount = kFirstShared + TableCount::kMost;
  std::uint8_t index = 0;
  constexpr bool is_shared() const { return index >= kFirstShared; }
  constexpr OwnTable own() const { return {index}; }  // Requires that it is not shared.
  constexpr std::uint8_t shared() const { return static_cast<std::uint8_t>(index - kFirstShared); }
  constexpr void parts(auto&& each) { each(index); }
  constexpr void settle() { index = static_cast<std::uint8_t>(index % kCount); }
  auto operator<=>(const Table&) const = default;
};
inline constexpr std::array<const char*, Table::kCount> kTableNames = {"t0",   "t1",    "kernel",
                                                                       "user", "plain", "space"};
inline constexpr std::array<TableKindName, TableCount::kMost> kSharedKinds = {
    TableKindName::kernel, TableKindName::user, TableKindName::plain, TableKindName::space};

// How facts number tables: the machine's own first, then the registers of each lane.
constexpr std::uint64_t number_of(std::uint8_t lane, Table table) {
  if (table.is_shared()) return table.shared();
  return TableCount::kMost + std::uint64_t{lane} * OwnTable::kCount + table.index;
}
inline constexpr std::size_t kMostTables =
    TableCount::kMost + std::size_t{Cpu::kMost} * OwnTable::kCount;

// A virtual address: so many pages (from -128 to 127) from one of the places that are worth asking
// about, and a byte. Modulo 2^64.
struct VirtPlace {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint8_t kCount = 23;
  std::uint8_t place = 0;
  std::uint8_t page = 0;    // As a signed number.
  std::uint8_t offset = 0;  // See PageOffset.
  constexpr int pages() const { return static_cast<std::int8_t>(page); }
  constexpr void parts(auto&& each) { each(place), each(page), each(offset); }
  constexpr void settle() {
    place = static_cast<std::uint8_t>(place % kCount);
    offset = PageOffset::settled(offset);
  }
  auto operator<=>(const VirtPlace&) const = default;
};

inline constexpr std::array<const char*, VirtPlace::kCount> kVirtNames = {
    "zero",          "two_mib",         "four_mib",     "one_gib",       "two_gib",
    "gib_and_2_mib", "half_tib",        "one_tib",      "user_end",      "lower_half_end",
    "kernel_begin",  "kernel_2_mib",    "kernel_1_gib", "kernel_second", "kernel_third",
    "kernel_last",   "last_1_gib",      "last_2_mib",   "last_page",     "upper_half_begin",
    "two_to_48",     "last_below_2_56", "areas_end"};

constexpr std::uint64_t address_of(VirtPlace at) {
  constexpr std::uint64_t k1 = 1;
  constexpr std::uint64_t kKernel = std::uint64_t{0} - (k1 << 41);  // Top-level entry 508.
  constexpr std::array<std::uint64_t, VirtPlace::kCount> kAnchors = {0,
                                                                     k1 << 21,
                                                                     k1 << 22,
                                                                     k1 << 30,
                                                                     k1 << 31,
                                                                     (k1 << 30) + (k1 << 21),
                                                                     k1 << 39,
                                                                     k1 << 40,
                                                                     (k1 << 47) - 4096,
                                                                     k1 << 47,
                                                                     kKernel,
                                                                     kKernel + (k1 << 21),
                                                                     kKernel + (k1 << 30),
                                                                     kKernel + (k1 << 39),
                                                                     kKernel + 2 * (k1 << 39),
                                                                     kKernel + 3 * (k1 << 39),
                                                                     std::uint64_t{0} - (k1 << 30),
                                                                     std::uint64_t{0} - (k1 << 21),
                                                                     std::uint64_t{0} - 4096,
                                                                     std::uint64_t{0} - (k1 << 47),
                                                                     k1 << 48,
                                                                     (k1 << 56) - 4096,
                                                                     kAreasEnd};
  const auto pages = static_cast<std::uint64_t>(std::int64_t{at.pages()});
  return kAnchors[at.place % VirtPlace::kCount] + pages * 4096 + PageOffset::byte(at.offset);
}

// A physical address to be mapped: so many pages from the beginning of the machine's memory, or
// from a place where there is none.
struct Target {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint8_t kCount = 6;
  std::uint8_t base = 0;
  std::uint16_t page = 0;
  constexpr void parts(auto&& each) { each(base), each(page); }
  constexpr void settle() { base = static_cast<std::uint8_t>(base % kCount); }
  auto operator<=>(const Target&) const = default;
};
inline constexpr std::array<const char*, Target::kCount> kTargetNames = {
    "memory", "one_gib", "four_gib", "sixteen_tib", "last_gib_below_2_52", "two_to_52"};

constexpr std::uint64_t address_of(Target at) {
  constexpr std::uint64_t k1 = 1;
  constexpr std::array<std::uint64_t, Target::kCount> kBases = {
      0, k1 << 30, k1 << 32, k1 << 44, (k1 << 52) - (k1 << 30), k1 << 52};
  return kBases[at.base % Target::kCount] + at.page * std::uint64_t{4096};
}

// How far a cursor is to go: so many pages of a size; all that is left of its range, or so many
// pages less; or so far that its address comes round to 0, and so many pages more. And a byte.
struct Length {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint8_t kRest = 4, kRound = 5, kCount = 6;
  std::uint8_t unit = 0;
  std::uint8_t count = 0;
  std::uint8_t offset = 0;  // See PageOffset.
  constexpr void parts(auto&& each) { each(unit), each(count), each(offset); }
  constexpr void settle() {
    unit = static_cast<std::uint8_t>(unit % kCount);
    offset = PageOffset::settled(offset);
  }
  auto operator<=>(const Length&) const = default;
};
inline constexpr std::array<const char*, Length::kCount> kLengthNames = {
    "page", "two_mib", "one_gib", "half_tib", "rest", "round"};

// In bytes, modulo 2^64, of a cursor that stands at `now` in a range that ends at `end`.
constexpr std::uint64_t bytes_of(Length length, std::uint64_t now, std::uint64_t end) {
  constexpr std::array<std::uint64_t, 4> kSizes = {std::uint64_t{1} << 12, std::uint64_t{1} << 21,
                                                   std::uint64_t{1} << 30, std::uint64_t{1} << 39};
  const std::uint64_t byte = PageOffset::byte(length.offset);
  if (length.unit == Length::kRest) return end - now - length.count * kSizes[0] + byte;
  if (length.unit == Length::kRound) return length.count * kSizes[0] - now + byte;
  return length.count * kSizes[length.unit] + byte;
}

// The level of a table, or of the page that a leaf in it maps: 1 is 4 KiB.
struct Level {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kMost = 5;
  std::uint8_t value = 1;
  constexpr void parts(auto&& each) { each(value); }
  constexpr void settle() {
    if (value == 0 || value > kMost) value = static_cast<std::uint8_t>(1 + value % kMost);
  }
  auto operator<=>(const Level&) const = default;
};

enum class AccessName : std::uint8_t { load, store, fetch };
inline constexpr std::array kAccessNames = {"load", "store", "fetch"};

struct Access {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = kAccessNames.size();
  AccessName name = AccessName::load;
  constexpr void parts(auto&& each) { each(name); }
  constexpr void settle() { name = static_cast<AccessName>(static_cast<unsigned>(name) % kCount); }
  auto operator<=>(const Access&) const = default;
};

// What an entry, or a fragment taken out of a table, is.
enum class ItemName : std::uint8_t {
  none,
  tracked,    // A frame that the table owns a handle of.
  untracked,  // A physical range.
  stray,      // A table taken out whole.
};
inline constexpr std::array kItemNames = {"none", "tracked", "untracked", "stray"};

}  // namespace trace
