// SPDX-License-Identifier: MPL-2.0
// What the raw bytes of a tree of tables say, by the conventions of its owner rather than of the
// processor: which entries are occupied, and what each means.
//
//   occupied   bit 0 or bit 7 is set; else the entry is absent, whatever its other bits.
//   leaf       bit 7 is set, at every level. It need not be present (bit 0): the owner still maps
//              something there that no program can read.
//   table      occupied, and not a leaf. At level 1 it has no meaning; it is shown, not followed.
//
// Any bytes will do: a table outside memory is empty, and no path is longer than there are levels.
// But a tree whose tables refer to themselves has 512 entries a level: see() may stop by returning
// false.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "check/machine/bus.h"
#include "check/machine/walk.h"

namespace check::machine {

enum class CacheBits : std::uint8_t { none, pwt, pcd, both };  // Bits 3 and 4 of an entry.

struct Entry {
  std::uint64_t va;     // The first address it spans, and
  std::uint64_t last;   // the last one: there is none after 2^64 - 1.
  std::uint64_t where;  // The physical address of the entry itself.
  std::uint64_t raw;
  int level;

  constexpr bool bit(int n) const noexcept { return (raw >> n & 1) != 0; }

  constexpr bool is_leaf() const noexcept { return bit(7); }
  constexpr bool is_table() const noexcept { return bit(0) && !bit(7); }
  // Of the page, without the bits that lie below its size; or of the table.
  constexpr std::uint64_t pa() const noexcept {
    return raw & 0x000f'ffff'ffff'f000 & (is_leaf() ? ~(span_of(level) - 1) : ~std::uint64_t{0});
  }
  constexpr bool is_readable() const noexcept { return bit(0); }
  constexpr bool is_writable() const noexcept { return bit(1); }
  constexpr bool is_executable() const noexcept { return !bit(63); }
  constexpr bool is_user() const noexcept { return bit(2); }
  constexpr CacheBits cache() const noexcept { return static_cast<CacheBits>(raw >> 3 & 3); }
  constexpr bool is_accessed() const noexcept { return bit(5); }
  constexpr bool is_dirty() const noexcept { return bit(6); }
  constexpr bool is_global() const noexcept { return bit(8); }
  constexpr bool has_avail1() const noexcept { return bit(52); }
  constexpr bool has_avail2() const noexcept { return bit(53); }
  // Bits that must be 0 by the same conventions: of a leaf 9 to 11, its address below its size, and
  // 54 to 62 (51 is an address bit here: no memory is shared with a host); of a table, besides what
  // it always has, all but the accessed flag, which the processor sets, and the two available ones.
  constexpr std::uint64_t strange_bits() const noexcept {
    constexpr std::uint64_t kAvailable = std::uint64_t{3} << 52;
    constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;
    if (!is_leaf()) return (raw & ~(kAddress | kAvailable | 1 << 5)) ^ 7;
    const std::uint64_t address = kAddress & ~(span_of(level) - 1);
    return raw & ~(address | kAvailable | 0x1ff | std::uint64_t{1} << 63);
  }
};

namespace detail {

// The entries first to end of one table; entry 0 spans what begins at `base`. False: stopped.
template <class See>
bool each_entry(std::uint64_t table, int level, std::uint64_t base, std::uint64_t first,
                std::uint64_t end, std::uint64_t begin, std::uint64_t last, See& see) {
  const std::uint64_t span = span_of(level);
  const std::uint64_t lowest = base + first * span;
  if (begin > lowest) first += std::min((begin - lowest) / span, end - first);
  for (std::uint64_t i = first; i < end; ++i) {
    const std::uint64_t va = base + i * span;
    if (va > last) break;
    const std::uint64_t where = table + i * 8;
    const Entry entry{va, va + (span - 1), where, load_entry(where), level};
    if (!entry.is_leaf() && !entry.is_table()) continue;
    if constexpr (std::is_same_v<decltype(see(entry)), bool>) {
      if (!see(entry)) return false;
    } else {
      see(entry);
    }
    if (entry.is_table() && level > 1 &&
        !each_entry(entry.pa(), level - 1, va, 0, 512, begin, last, see)) {
      return false;
    }
  }
  return true;
}

}  // namespace detail

// Calls see(Entry) for every occupied entry that spans an address of [begin, last], which may end
// at 2^64 - 1: in ascending order, a table before what it holds. The upper half of the root spans
// the upper half of all addresses. If see() returns a bool, false ends it; then it returns false.
template <class See>
bool for_each_entry(std::uint64_t root, int levels, std::uint64_t begin, std::uint64_t last,
                    See&& see) {
  if (begin > last) return true;
  const std::uint64_t table = root & 0x000f'ffff'ffff'f000;
  // Sign extension: what entry 0 would span if entries 256 to 511 were to end at 2^64 - 1.
  const std::uint64_t upper = std::uint64_t{0} - 512 * span_of(levels);
  return detail::each_entry(table, levels, 0, 0, 256, begin, last, see) &&
         detail::each_entry(table, levels, upper, 256, 512, begin, last, see);
}

}  // namespace check::machine
