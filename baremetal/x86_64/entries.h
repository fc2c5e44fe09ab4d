// SPDX-License-Identifier: MPL-2.0
// What the raw bytes of a tree of tables say, by the conventions of its owner rather than of the
// CPU: an entry is occupied if bit 0 or bit 7 is set; a leaf has bit 7, at every level, and need
// not be present. A table outside the machine is empty.
#pragma once

#include <algorithm>

#include "baremetal/x86_64/walk.h"

namespace bare {

struct TreeEntry {
  u64 va, last;  // What it spans, both included.
  u64 raw;
  u32 level;

  constexpr bool bit(u32 n) const noexcept { return (raw >> n & 1) != 0; }
  constexpr bool is_leaf() const noexcept { return bit(7); }
  constexpr bool is_table() const noexcept { return bit(0) && !bit(7); }
  constexpr u64 pa() const noexcept { return raw & address_bits(); }
  constexpr bool is_readable() const noexcept { return bit(0); }
  constexpr bool is_writable() const noexcept { return bit(1); }
  constexpr bool is_executable() const noexcept { return !bit(63); }
  constexpr bool is_user() const noexcept { return bit(2); }
  constexpr u32 cache() const noexcept { return raw >> 3 & 3; }
  constexpr bool is_accessed() const noexcept { return bit(5); }
  constexpr bool is_dirty() const noexcept { return bit(6); }
  constexpr bool is_global() const noexcept { return bit(8); }
  constexpr bool has_avail1() const noexcept { return bit(52); }
  constexpr bool has_avail2() const noexcept { return bit(53); }
  // Which none should have.
  constexpr u64 strange_bits() const noexcept {
    constexpr u64 kAvailable = u64{3} << 52;
    if (!is_leaf()) return (raw & ~(kAddressBits | kAvailable | kAccessed)) ^ 7;
    return raw & ~(address_bits() | kAvailable | 0x1ff | u64{1} << 63);
  }

 private:
  constexpr u64 address_bits() const noexcept {
    return is_leaf() ? kAddressBits & ~(span_of(level) - 1) : kAddressBits;
  }
};

// Entries [first, end) of a table, of which entry 0 spans what begins at `base`.
void each_entry_of(u64 table, u32 level, u64 base, u64 first, u64 end, u64 begin, u64 last,
                   auto& see) noexcept {
  const u64 span = span_of(level);
  const u64 lowest = base + first * span;
  if (begin > lowest) first += std::min((begin - lowest) / span, end - first);
  for (u64 i = first; i < end; ++i) {
    const u64 va = base + i * span;
    if (va > last) return;
    const TreeEntry entry{va, va + (span - 1), load_entry(table + i * 8), level};
    if (!entry.is_leaf() && !entry.is_table()) continue;
    see(entry);
    if (entry.is_table() && level > 1) {
      each_entry_of(entry.pa(), level - 1, va, 0, 512, begin, last, see);
    }
  }
}

// see(TreeEntry) for every occupied entry that spans an address of [begin, last]: upwards, a table
// before what it holds. The upper half of the root spans the upper half of all addresses.
void for_each_entry(u64 root, u32 levels, u64 begin, u64 last, auto&& see) noexcept {
  if (begin > last) return;
  const u64 upper = u64{0} - 512 * span_of(levels);
  each_entry_of(root & kAddressBits, levels, 0, 0, 256, begin, last, see);
  each_entry_of(root & kAddressBits, levels, upper, 256, 512, begin, last, see);
}

}  // namespace bare
