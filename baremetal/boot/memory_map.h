// SPDX-License-Identifier: MPL-2.0
// What memory there is, as a loader says it: a plain list, which whoever has read the loader's
// words fills (start_info.h). What it says may overlap, have holes, and end in the middle of pages;
// mm makes order of it (impl/boot/memory_region.h).
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "impl/boot/memory_region.h"

namespace bare {

using mm::u32, mm::u64, mm::usize;

struct MemoryRange {
  u64 begin = 0, end = 0;  // Bytes, the end exclusive.
  mm::RegionType type = mm::RegionType::unknown;
};

// The types of E820 (ACPI 6.5, table 15.2), which PVH and Multiboot2 have taken over.
constexpr mm::RegionType type_of_e820(u32 type) noexcept {
  switch (type) {
    case 1: return mm::RegionType::usable;
    case 3: return mm::RegionType::reclaimable;
    case 4: return mm::RegionType::non_volatile_sleep;
    case 5: return mm::RegionType::bad;
    default: return mm::RegionType::reserved;
  }
}

class MemoryMap {
 public:
  // What has no byte is left out.
  constexpr void add(MemoryRange one) noexcept {
    if (one.begin >= one.end) return;
    is_complete_ = is_complete_ && count_ < ranges_.size();
    if (is_complete_) ranges_[count_++] = one;
  }
  // As E820 says it.
  constexpr void add(u64 at, u64 bytes, u32 type) noexcept {
    add({at, at + std::min(bytes, ~at), type_of_e820(type)});
  }

  constexpr std::span<const MemoryRange> all() const noexcept {
    return std::span(ranges_).first(count_);
  }

  // False: the loader knows of more ranges than have room here, and it may be any that is missing.
  constexpr bool is_complete() const noexcept { return is_complete_; }

  // The end of the RAM that begins at or below 1 MiB.
  constexpr u64 ram_end() const noexcept {
    u64 end = 0;
    for (const MemoryRange& one : all()) {
      if (one.type == mm::RegionType::usable && one.begin <= 0x10'0000) {
        end = std::max(end, one.end);
      }
    }
    return end;
  }

 private:
  std::array<MemoryRange, 64> ranges_{};
  usize count_ = 0;
  bool is_complete_ = true;
};

}  // namespace bare
