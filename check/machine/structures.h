// SPDX-License-Identifier: MPL-2.0
// The paging-structure caches of one processor: where the table for a span of addresses is, so that
// a walk need not begin at the root. Intel SDM vol. 3A, 4.10.3.
//
//   learns   from an allowed access, every entry that refers to a table, with its own and all upper
//            rights together.
//   uses     the entry of the lowest level that spans an address; upper entries are then neither
//            read nor marked as accessed.
//   forgets  all, by INVLPG of any address, MOV to CR3, and a change of CR4.PGE; what spans an
//            address, by a page fault there (4.10.4.1).
#pragma once

#include <cstdint>

#include "check/machine/access.h"
#include "check/machine/cache.h"
#include "check/machine/walk.h"

namespace check::machine {

class StructureCaches {
 public:
  // Where a walk for this address can begin; `from_root` if nothing is known.
  PAGETWIN_UNSEEN Start start(std::uint64_t va, const Start& from_root) noexcept {
    for (int level = 2; level <= from_root.level; ++level) {
      const Table* const found = cache_.find(key(va, level));
      if (found != nullptr) return {found->address, level - 1, found->rights};
    }
    return from_root;
  }

  // Requires that the walk began at start(va): so nothing is known below that.
  PAGETWIN_UNSEEN void learn(std::uint64_t va, const Walk& walk) noexcept {
    for (std::uint8_t i = 0; i + 1 < walk.count; ++i) {
      const int level = walk.level + walk.count - 1 - i;
      cache_.remember(key(va, level), false,
                      {walk.steps[i].entry & kFrameMask, walk.steps[i].rights});
    }
  }

  PAGETWIN_UNSEEN void forget(std::uint64_t va) noexcept {
    for (int level = 2; level <= 5; ++level) cache_.forget(key(va, level));
  }
  PAGETWIN_UNSEEN void forget_all() noexcept { cache_.forget_all(); }
  PAGETWIN_UNSEEN void reset() noexcept { cache_.reset(); }

 private:
  struct Table {
    std::uint64_t address = 0;
    Rights rights;
  };

  // Of an entry at this level, which refers to a table of the next lower.
  static constexpr std::uint64_t key(std::uint64_t va, int level) noexcept {
    return Cache<Table, 64>::key(va & ~(span_of(level) - 1), level);
  }

  Cache<Table, 64> cache_;
};

}  // namespace check::machine
