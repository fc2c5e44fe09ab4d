// SPDX-License-Identifier: MPL-2.0
// Makes the metadata of all pages, once, at boot: how far memory reaches, the slots, their mapping,
// and the marks on pages that are not for use (B.11).
//
// The steps, and what each needs of those before:
//
//   max_paddr     from the regions
//   slots' pages  from the early allocator: the one thing that there may be too little of
//   mappings      of memory beyond what the loader mapped, then of the slots; page tables for them
//                 may come from the early allocator too, which retires only then
//   the slots     all unused, through the mapping just made
//   marks         frames of what is not free, forgotten; max_paddr must be set for these
//   published     is_initialized() from here on
#pragma once

#include "impl/addr/property.h"
#include "impl/boot/memory_region.h"
#include "impl/frame/kinds.h"
#include "impl/frame/segment.h"
#include "impl/vm/layout.h"

namespace mm {

// Where boot code finds memory, and is to put the slots. P must reach them there: all memory from
// linear_base on, as P::kMemoryBase, and the slots from metadata_base on, as P::kSlotsBase.
struct BootMap {
  u64 linear_base = kLayout.linear.begin;
  u64 mapped_end = u64{4} << 30;  // What the loader has mapped of memory ends here.
  u64 metadata_base = kLayout.metadata.begin;
  u64 metadata_bytes = kLayout.metadata.bytes();
};

// Which regions max_paddr is the highest end of. Never all: a device's registers may lie far above
// the last memory, and the slots up to there would be as many as for memory.
template <class R>
concept MaxPaddrRule = requires(RegionType type) {
  { R::counts(type) }
  noexcept->std::same_as<bool>;
};
struct AllPhysicalMemory {
  static constexpr bool counts(RegionType type) noexcept { return is_physical(type); }
};
struct UsableMemoryOnly {
  static constexpr bool counts(RegionType type) noexcept { return type == RegionType::usable; }
};

// 0 if no region counts. Requires, as all that follows, that the regions do not overlap.
template <MaxPaddrRule Rule>
constexpr u64 max_paddr_of(const MemoryRegions& regions) noexcept {
  u64 highest = 0;
  for (const MemoryRegion& region : regions.all()) {
    if (Rule::counts(region.type)) highest = std::max(highest, region.range.end);
  }
  return highest;
}

// The pages that the slots of all pages below max_paddr take.
constexpr u64 metadata_pages_of(u64 max_paddr) noexcept {
  constexpr u64 kSlotsInPage = 64;
  return (max_paddr / kPageSize + kSlotsInPage - 1) / kSlotsInPage;
}

// Has all memory mapped, and the slots. `map_early(va, pa, property)` maps a page in the boot page
// table.
constexpr void map_for_metadata(const BootMap& map, u64 max_paddr, PhysRange slots,
                                auto&& map_early) noexcept {
  auto map_pages = [&](u64 va, PhysRange range) {
    for (u64 pa = range.begin; pa < range.end; pa += kPageSize, va += kPageSize) {
      map_early(VirtAddr{va}, PhysAddr{pa}, kKernelData);
    }
  };
  map_pages(map.linear_base + map.mapped_end, {map.mapped_end, max_paddr});
  map_pages(map.metadata_base, slots);
}

// Makes all pages of a range frames of one kind. Requires that they are unused.
template <FrameMeta M, Platform P>
Segment<P, M> mark(PhysRange range) noexcept {
  auto made =
      Segment<P, M>::from_unused({range.begin}, {range.end}, [](PhysAddr) noexcept { return M{}; });
  MM_ASSERT(P, "INV-2", made.ok());
  return made.take();
}

// The same, for ever.
template <FrameMeta M, Platform P>
void mark_and_forget(PhysRange range) noexcept {
  if (!range.is_empty()) (void)mark<M, P>(range).into_raw();
}

// Pages that are not for use, of those that have a slot.
template <Platform P>
void mark_regions(const MemoryRegions& regions) noexcept {
  for (const MemoryRegion& region : regions.all()) {
    const PhysRange range{region.range.begin, std::min(region.range.end, P::globals().max_paddr())};
    switch (region.type) {
      case RegionType::bad:
      case RegionType::non_volatile_sleep:
      case RegionType::module:
      case RegionType::reclaimable: mark_and_forget<UnusableMemoryMeta, P>(range); break;
      case RegionType::unknown:
      case RegionType::reserved:
      case RegionType::framebuffer: mark_and_forget<ReservedMemoryMeta, P>(range); break;
      case RegionType::kernel: mark_and_forget<KernelMeta, P>(range); break;
      case RegionType::usable: break;
    }
  }
}

// What is usable and was not handed out early is nobody's.
template <Platform P>
void hide_free(const MemoryRegions& regions) noexcept {
  const std::array<PhysRange, 2> early = P::globals().early_allocator.allocated();
  for (const auto& [range, type] : regions.all()) {
    if (type != RegionType::usable) continue;
    for_each_outside(range, early, [](PhysRange free) {
      for (u64 pa = free.begin; pa < free.end; pa += kPageSize) {
        P::hide(page_bytes<P>({pa}), kPageSize);
      }
    });
  }
}

// Whether there is metadata: then max_paddr is known, and every page below it has its mark.
template <Platform P>
bool is_initialized() noexcept {
  // ORDER: acquire pairs with the release in init_metadata(): so are all slots and max_paddr.
  return P::globals().is_metadata_ready.load(std::memory_order_acquire) != 0;
}

// All of the above. The segment is of the slots' own pages. None, and nothing has changed, if there
// is no memory, or not enough for the slots. Panics if the early allocator is not there to be
// asked.
template <Platform P, MaxPaddrRule Rule = AllPhysicalMemory>
std::optional<Segment<P, MetaPageMeta>> init_metadata(const MemoryRegions& regions,
                                                      const BootMap& map,
                                                      auto&& map_early) noexcept {
  Globals<P>& globals = P::globals();
  const u64 max_paddr = max_paddr_of<Rule>(regions);
  const u64 pages = metadata_pages_of(max_paddr);
  if (pages == 0 || pages > map.metadata_bytes / kPageSize) return std::nullopt;
  const std::optional<PhysAddr> at = globals.early_allocator.alloc(pages, kPageSize);
  if (!at) return std::nullopt;
  const std::array<PhysRange, 1> slots = {{{at->value, at->value + pages * kPageSize}}};

  map_for_metadata(map, max_paddr, slots[0], map_early);
  globals.early_allocator.retire();
  globals.pages = max_paddr / kPageSize;
  MetaSlot<P>::init_slots(0, globals.pages);
  for (const PhysRange& range : globals.early_allocator.allocated()) {
    for_each_outside(range, slots, mark_and_forget<EarlyAllocatedFrameMeta, P>);
  }
  mark_regions<P>(regions);
  hide_free<P>(regions);
  auto of_slots = mark<MetaPageMeta, P>(slots[0]);
  // ORDER: release pairs with the acquire in is_initialized(): whoever sees it sees all the above.
  globals.is_metadata_ready.store(1, std::memory_order_release);
  return of_slots;
}

}  // namespace mm
