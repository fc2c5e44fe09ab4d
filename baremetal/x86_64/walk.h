// SPDX-License-Identifier: MPL-2.0
// What the raw bytes of a tree of tables say of one address, read as the CPU would; and which
// access that allows. It decides nothing: it is asked where a CPU may have gone, and whether it has
// believed the tables, or something that it remembered.
#pragma once

#include <array>

#include "baremetal/x86_64/layout.h"

namespace bare {

inline constexpr u64 kAddressBits = 0x000f'ffff'ffff'f000;
inline constexpr u64 kPresent = 1 << 0, kAccessed = 1 << 5, kDirty = 1 << 6, kLeaf = 1 << 7,
                     kGlobal = 1 << 8;

// The bytes that an entry of this level spans.
constexpr u64 span_of(u32 level) noexcept { return u64{4096} << (9 * (level - 1)); }
constexpr u64 page_of(u64 at) noexcept { return at & ~u64{4095}; }
constexpr bool is_canonical(u64 at) noexcept { return at + (u64{1} << 47) < u64{1} << 48; }

// What all entries of a walk allow together.
struct Rights {
  bool writable = true, user = true, executable = true;

  constexpr Rights under(u64 entry) const noexcept {
    return {writable && (entry & 2) != 0, user && (entry & 4) != 0, executable && entry >> 63 == 0};
  }
  bool operator==(const Rights&) const = default;
};

struct Walk {
  enum class Found : u8 { leaf, absent, reserved };
  struct Step {
    u64 at;     // The physical address of an entry, and
    u64 entry;  // what it was.
  };

  Found found = Found::absent;
  u32 level = 0;  // Of the last entry.
  u32 count = 0;
  std::array<Step, 4> steps{};
  Rights rights{};

  const Step& last() const noexcept { return steps[count - 1]; }
  // Of a leaf: where the address leads.
  u64 to(u64 at) const noexcept {
    return (last().entry & kAddressBits & ~(span_of(level) - 1)) | (at & (span_of(level) - 1));
  }
  bool is_dirty() const noexcept { return (last().entry & kDirty) != 0; }
};

// The word is only read. Outside RAM there are no tables.
inline u64& entry_at(u64 at) noexcept { return *linear<u64>(at); }
inline u64 load_entry(u64 at) noexcept {
  if (at >= kTestedEnd) return 0;
  // ORDER: relaxed: nothing is read through it but other entries, which it does not promise.
  return __atomic_load_n(&entry_at(at), __ATOMIC_RELAXED);
}

// Requires that `at` is canonical.
inline Walk walk(u64 root, u64 at, bool nxe) noexcept {
  Walk walk;
  u64 table = root;
  for (u32 level = 4;; --level) {
    const u64 where = table + (at / span_of(level) % 512) * 8;
    const u64 entry = load_entry(where);
    const bool is_leaf = level == 1 || (entry & kLeaf) != 0;
    u64 reserved = nxe ? 0 : u64{1} << 63;
    if (level == 4) reserved |= kLeaf;
    // The bit above the address bits that a large page leaves is its PAT.
    if (level > 1 && is_leaf) reserved |= (span_of(level) - 1) & ~u64{0x1fff};
    walk.rights = walk.rights.under(entry);
    walk.level = level;
    walk.steps[walk.count++] = {where, entry};
    if ((entry & kPresent) == 0) return walk;
    if ((entry & reserved) != 0) {
      walk.found = Walk::Found::reserved;
      return walk;
    }
    if (is_leaf) {
      walk.found = Walk::Found::leaf;
      return walk;
    }
    table = entry & kAddressBits;
  }
}

}  // namespace bare
