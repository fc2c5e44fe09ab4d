// SPDX-License-Identifier: MPL-2.0
// How a virtual address is translated: by a tree of tables. A table of level 1 has pages of 4 KiB;
// one entry of a table of level l spans page_size(l) bytes, and the root's level is the highest.
#pragma once

#include <bit>
#include <concepts>

#include "impl/addr/address.h"

namespace mm {

inline constexpr u64 kEntries = 512;  // Of a table.
inline constexpr u8 kIndexBits = 9;
inline constexpr u64 kEntryBytes = 8;
static_assert(kEntries == u64{1} << kIndexBits && kEntries * kEntryBytes == kPageSize);

// How many levels there are, and how many bits of an address they translate: all above are equal to
// the highest of these.
template <class T>
concept PagingConsts = requires {
  { T::kLevels } -> std::convertible_to<u8>;
  { T::kAddressBits } -> std::convertible_to<u8>;
  requires T::kAddressBits == std::countr_zero(kPageSize) + kIndexBits* T::kLevels;
};
// Intel SDM vol. 3A, 4.5.
struct FourLevels {
  static constexpr u8 kLevels = 4, kAddressBits = 48;
};
struct FiveLevels {
  static constexpr u8 kLevels = 5, kAddressBits = 57;
};
static_assert(PagingConsts<FourLevels> && PagingConsts<FiveLevels>);

// Bits below those that choose the entry of a table of this level.
constexpr u32 shift_of(u32 level) noexcept {
  return static_cast<u32>(std::countr_zero(kPageSize)) + kIndexBits * (level - 1);
}
// What an entry of such a table spans, in bytes. Of the level above the root's it is the whole
// tree.
constexpr u64 page_size(u32 level) noexcept { return u64{1} << shift_of(level); }
constexpr u64 index_of(u64 va, u32 level) noexcept {
  return va >> shift_of(level) & (kEntries - 1);
}
// Where the entry's span begins that `va` is in, and its last byte. There is no end to it if the
// span is the last below 2^64, so ends are inclusive wherever a span is meant.
constexpr u64 first_of_slot(u64 va, u32 level) noexcept { return va & ~(page_size(level) - 1); }
constexpr u64 last_of_slot(u64 va, u32 level) noexcept { return va | (page_size(level) - 1); }

// Addresses from the first to the last, both of them included. Never empty.
struct VirtRange {
  VirtAddr first, last;

  constexpr u64 bytes() const noexcept { return last.value - first.value + 1; }
  constexpr bool contains(VirtAddr at) const noexcept { return first <= at && at <= last; }
  bool operator==(const VirtRange&) const = default;
};

// The span that `va` is in, of an entry of such a table.
constexpr VirtRange slot_of(VirtAddr va, u32 level) noexcept {
  return {{first_of_slot(va.value, level)}, {last_of_slot(va.value, level)}};
}

}  // namespace mm
