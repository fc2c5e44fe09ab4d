// SPDX-License-Identifier: MPL-2.0
// What the loader says of memory, by whichever protocol: runs of physical addresses, each of a
// type. As it says it: they may overlap, leave holes, and end in the middle of pages.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "impl/boot/memory_region.h"

namespace bare {

using mm::u32, mm::u64, mm::usize;

// ACPI 6.5, table 15.3; PVH and multiboot have the same numbers. All others are reserved.
enum class MemoryType : u32 {
  usable = 1,
  reserved = 2,
  reclaimable = 3,
  non_volatile_sleep = 4,
  bad = 5,
};

struct MemoryRun {
  u64 begin = 0, end = 0;
  MemoryType type = MemoryType::reserved;
};

class MemoryMap {
 public:
  // False: there is no room for it, and nobody knows what is there. An empty run says nothing.
  [[nodiscard]] bool add(u64 begin, u64 bytes, u32 type) noexcept {
    if (bytes == 0) return true;
    if (count_ == runs_.size()) return false;
    runs_[count_++] = {begin, begin + std::min(bytes, ~begin), MemoryType{type}};
    return true;
  }
  std::span<const MemoryRun> all() const noexcept { return std::span(runs_).first(count_); }

  // The end of the RAM that begins at 1 MiB.
  u64 ram_end() const noexcept {
    u64 end = 0;
    for (const MemoryRun& one : all()) {
      if (one.type == MemoryType::usable && one.begin <= 0x10'0000) end = std::max(end, one.end);
    }
    return end;
  }

 private:
  std::array<MemoryRun, 64> runs_{};
  usize count_ = 0;
};

constexpr mm::RegionType region_type(MemoryType type) noexcept {
  switch (type) {
    case MemoryType::usable: return mm::RegionType::usable;
    case MemoryType::reclaimable: return mm::RegionType::reclaimable;
    case MemoryType::non_volatile_sleep: return mm::RegionType::non_volatile_sleep;
    case MemoryType::bad: return mm::RegionType::bad;
    case MemoryType::reserved: break;
  }
  return mm::RegionType::reserved;
}

}  // namespace bare
