// SPDX-License-Identifier: MPL-2.0
// The page walk: from a linear address to what memory says of it, entry by entry, through the raw
// bytes of physical memory. Intel SDM vol. 3A, 4.5 (4-level and 5-level paging) and 4.8 (accessed
// and dirty flags).
//
// A walk only reads. If the access that it was made for is allowed, mark() sets the flags: accessed
// in every entry that the walk used, dirty in the leaf. A walk that leads to a fault sets none. (A
// processor may set the accessed flag of an entry that it used before it faulted: 4.8 says when a
// flag is set at the latest, not that it is not set. That difference is named `early_accessed`.)
#pragma once

#include <array>
#include <cstdint>

#include "check/machine/access.h"

namespace check::machine {

// MAXPHYADDR. With 52 bits no address bit of an entry is reserved, other than those that a large
// page leaves unused.
inline constexpr int kPhysicalBits = 52;
inline constexpr std::uint64_t kFrameMask = ((std::uint64_t{1} << kPhysicalBits) - 1) & ~0xfffull;

// The bytes that one entry at this level spans: 4 KiB at level 1, 2 MiB, 1 GiB, 512 GiB, 256 TiB.
constexpr std::uint64_t span_of(int level) noexcept {
  return std::uint64_t{4096} << (9 * (level - 1));
}

// All bits from the uppermost that is translated on are equal (4.1.1, and vol. 1, 3.3.7.1).
constexpr bool is_canonical(std::uint64_t va, int levels) noexcept {
  const auto high = static_cast<std::int64_t>(va) >> (11 + 9 * levels);
  return high == 0 || high == -1;
}

// Where a walk begins: a table, its level, and what the entries above it allow.
struct Start {
  std::uint64_t table = 0;
  int level = 0;
  Rights rights;
};

enum class Found : std::uint8_t { translation, absent, reserved };

struct Walk {
  struct Step {
    std::uint64_t at;     // The physical address of an entry, and
    std::uint64_t entry;  // what it held.
    Rights rights;        // What all entries up to it allow.
  };

  Found found = Found::absent;
  std::uint8_t level = 0;       // Of the last entry read. Of a translation, the size of its page.
  bool walked_hidden = false;   // A table lay in memory that nobody owns.
  std::uint8_t count = 0;       // Of steps.
  std::array<Step, 5> steps{};  // From the uppermost entry that was read.

  const Step& last() const noexcept { return steps[count - 1]; }

  // Of a translation:
  std::uint64_t page() const noexcept { return last().entry & kFrameMask & ~(span_of(level) - 1); }
  Rights rights() const noexcept { return last().rights; }
  bool is_global(const Control& control) const noexcept {
    return control.pge && (last().entry >> 8 & 1) != 0;
  }
  bool is_dirty() const noexcept { return (last().entry >> 6 & 1) != 0; }
};

// Requires that `va` is canonical.
Walk walk(const Start& start, std::uint64_t va, const Control& control) noexcept;

// Sets the flags in memory and in `walk`, each by an atomic read-modify-write. False if an entry is
// no longer what the walk has read: then the walk means nothing, and must be made again; flags that
// were set above that entry stay set. Requires a translation.
[[nodiscard]] bool mark(Walk& walk, bool is_store) noexcept;

}  // namespace check::machine
