// SPDX-License-Identifier: MPL-2.0
// The kernel's own address space: how its page table comes to map all memory, the slots and the
// kernel's image, and how a CPU goes over to it from the table that it has booted with (C.9).
#pragma once

#include "impl/boot/metadata.h"
#include "impl/globals.h"
#include "impl/page_table/page_table.h"
#include "impl/vm/layout.h"

namespace mm {

// Where the kernel maps what is there from the beginning.
struct KernelMap {
  VirtAddr linear;     // All memory from physical address 0 on, as P::kMemoryBase.
  VirtAddr metadata;   // The slots, as P::kSlotsBase.
  VirtAddr image;      // The kernel's code and data,
  PhysRange image_at;  // and where they lie. May be empty.
  Region areas{};      // The addresses that areas get (kernel_area.h). None, if empty.

  static constexpr KernelMap of(const Layout& layout, PhysRange image_at) noexcept {
    return {.linear = {layout.linear.begin},
            .metadata = {layout.metadata.begin},
            .image = {layout.image.begin},
            .image_at = image_at,
            .areas = layout.areas};
  }
};

// The kernel's image is one piece: code and data are not told apart.
inline constexpr PageProperty kKernelImage{
    .flags = {PageFlags::kReadable | PageFlags::kWritable | PageFlags::kExecutable},
    .cache = CachePolicy::write_back,
    .privileged = {PrivilegedPageFlags::kGlobal},
};

// Maps a run of memory that nobody counts, by the largest pages that there are.
template <PageTableConfig C>
Result<void, PageTableError> map_for_kernel(const PageTable<C>& table, VirtAddr va, PhysRange range,
                                            PageProperty property) noexcept {
  if (range.is_empty()) return {};
  auto cursor = MM_TRY(CursorMut<C>::open(table, va, {va.value + range.bytes()}));
  const Progress run = cursor.map_range({range.begin}, range.bytes(), property);
  if (run.stopped_by) return Failure{*run.stopped_by};
  return {};
}

// A new table for the kernel, with all that it maps from the beginning: memory below max_paddr
// (INV-46), the slots, both for data only, and the image; areas can be made in it from then on. The
// segment of the slots' pages is kept for ever. Errors, and the segment stays with the caller:
// no_memory; and what a map that makes no sense is refused with: invalid_range, unaligned,
// already_mapped.
template <PageTableConfig C>
Result<PageTable<C>, PageTableError> init_kernel_page_table(
    const KernelMap& map, Segment<typename C::Platform, MetaPageMeta>&& slots) noexcept
    requires(!C::kTopCanUnmap) {
  PageTable<C> table = MM_TRY(PageTable<C>::new_kernel_page_table());
  const PhysRange memory{0, C::Platform::globals().max_paddr()};
  const PhysRange of_slots{slots.start_paddr().value, slots.end_paddr().value};
  MM_TRY(map_for_kernel(table, map.linear, memory, kKernelData));
  MM_TRY(map_for_kernel(table, map.metadata, of_slots, kKernelData));
  MM_TRY(map_for_kernel(table, map.image, map.image_at, kKernelImage));
  (void)std::move(slots).into_raw();
  C::Platform::globals().kernel_ranges.init({map.areas.begin}, {map.areas.end});
  return table;
}

// This CPU goes over to the kernel's table, forgets all that it knows of the one that it has booted
// with, also what is global, and is done with that one: what dismiss() says. To be done once on
// each CPU. Requires that it translates by the table that all have booted with, and is the caller's
// meanwhile; and that memory, the slots and the code that runs are where they were.
template <PageTableConfig C>
Result<BootDismissal, BootTableError> activate_kernel_page_table(const PageTable<C>& table) noexcept
    requires(!C::kTopCanUnmap) {
  using P = typename C::Platform;
  BootPageTable<P>& boot = P::globals().boot_page_table;
  boot.make_of_current();
  table.first_activate();
  P::flush_all_and_global();
  return boot.dismiss();
}

}  // namespace mm
