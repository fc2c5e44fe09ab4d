// SPDX-License-Identifier: MPL-2.0
// The TLB of one processor, an adversary of whoever forgets to flush: what it has learned it keeps
// and uses, without another look at memory, until it is told to forget it. Intel SDM vol. 3A, 4.10.
//
//   learns   the translation that an allowed access was made by, with the rights of all entries
//            together, whether it is global, and whether the leaf was dirty (4.10.2.2); by the size
//            of its page. Never anything of an absent entry, of one with a reserved bit set, or of
//            an access that faulted (4.10.2.3).
//   uses     the translation of the smallest page that contains an address, if it knows several:
//            software has changed the size of a page and not flushed, and the smaller is the older.
//   forgets  by forget(va): what contains this address, of every size, global or not (INVLPG, and a
//            page fault: 4.10.4.1); by forget_all_but_global() (MOV to CR3); by forget_all() (a
//            change of CR4.PGE). And, without being told, one of a few translations that share a
//            spot in its table when more than 8 do (cache.h).
#pragma once

#include <cstdint>

#include "check/machine/access.h"
#include "check/machine/cache.h"
#include "check/machine/walk.h"

namespace check::machine {

// What a TLB knows of a page.
struct Translation {
  std::uint64_t page = 0;  // The physical address of its first byte.
  Rights rights;
  bool is_dirty = false;
  bool is_watched = false;  // See Cpu::watched_end.
};

class Tlb {
 public:
  struct Hit {
    const Translation* translation = nullptr;
    int level = 0;
  };

  // Nothing if it does not know.
  PAGETWIN_UNSEEN Hit find(std::uint64_t va) noexcept {
    for (int level = 1; level <= 3; ++level) {
      if ((levels_ >> level & 1) == 0) continue;
      if (const Translation* const found = cache_.find(key(va, level))) return {found, level};
    }
    return {};
  }

  // Requires that find(va) finds nothing.
  PAGETWIN_UNSEEN void learn(std::uint64_t va, int level, bool is_global,
                             const Translation& translation) noexcept {
    levels_ |= 1u << level;
    cache_.remember(key(va, level), is_global, translation);
  }

  PAGETWIN_UNSEEN void forget(std::uint64_t va) noexcept {
    if (levels_ == 0) return;
    for (int level = 1; level <= 3; ++level) {
      if ((levels_ >> level & 1) != 0) cache_.forget(key(va, level));
    }
  }
  PAGETWIN_UNSEEN void forget_all_but_global() noexcept { cache_.forget_all_but_global(); }
  PAGETWIN_UNSEEN void forget_all() noexcept {
    cache_.forget_all();
    levels_ = 0;
  }
  PAGETWIN_UNSEEN void reset() noexcept {
    cache_.reset();
    levels_ = 0;
  }

  // Calls see(va, level, is_global, translation) for all that it knows, in no particular order;
  // `va` is the first address of the page.
  PAGETWIN_UNSEEN void each(auto&& see) const {
    if (levels_ != 0) cache_.each(see);
  }

 private:
  static constexpr std::uint64_t key(std::uint64_t va, int level) noexcept {
    return Cache<Translation, 512>::key(va & ~(span_of(level) - 1), level);
  }

  std::uint32_t levels_ = 0;  // Bit n: it may know a translation of level n.
  Cache<Translation, 512> cache_;
};

}  // namespace check::machine
