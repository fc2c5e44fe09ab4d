// SPDX-License-Identifier: MPL-2.0
// Where the allocators get their memory: the early one at first, and the frame allocator what is
// left when there is metadata (B.10).
#pragma once

#include "impl/boot/memory_region.h"
#include "impl/frame/meta_slot.h"

namespace mm {

// The largest usable range below `middle` and the largest at or above it; of equals the lower.
// Requires, as all that follows, that the regions are sorted and do not overlap.
constexpr std::array<PhysRange, 2> largest_usable(const MemoryRegions& regions,
                                                  u64 middle) noexcept {
  std::array<PhysRange, 2> largest{};
  for (const auto& [range, type] : regions.all()) {
    if (type != RegionType::usable) continue;
    const std::array<PhysRange, 2> parts = {
        {{range.begin, std::min(range.end, middle)}, {std::max(range.begin, middle), range.end}}};
    for (usize i = 0; i < parts.size(); ++i) {
      if (parts[i].bytes() > largest[i].bytes()) largest[i] = parts[i];
    }
  }
  return largest;
}

// Starts the early allocator: on memory below `middle`, which can be reached from the beginning,
// and above it when that has run out. False, and it is not started, if there is no memory.
template <Platform P>
bool init_early_allocator(const MemoryRegions& regions, u64 middle) noexcept {
  const auto [low, high] = largest_usable(regions, middle);
  if (low.is_empty() && high.is_empty()) return false;
  P::globals().early_allocator.init(low, high);
  return true;
}

// Gives the frame allocator all usable memory that was not handed out early. Requires that there is
// metadata, and that this has not been done.
template <Platform P>
void init_allocator(const MemoryRegions& regions) noexcept {
  Globals<P>& globals = P::globals();
  const std::array<PhysRange, 2> early = globals.early_allocator.allocated();
  for (const auto& [range, type] : regions.all()) {
    if (type != RegionType::usable) continue;
    for_each_outside(range, early, [&](PhysRange free) {
      globals.allocator.add_free_memory({free.begin}, free.bytes());
    });
  }
}

}  // namespace mm
