// SPDX-License-Identifier: MPL-2.0
// From the memory map to metadata of all RAM, and what each slot must say of its page: by the map
// as the loader has told it, which is read here a second time, page by page.
#include "baremetal/agent/kernel_parts.h"
#include "impl/boot/allocators.h"

namespace bare {

extern "C" const u64 agent_root_at;  // boot/start.S

namespace {

using mm::MetaSlot, mm::RegionType;

constexpr PhysRange kMailbox{kMailboxRegion, kRamEnd};
constexpr mm::BootMap kBootMap{.mapped_end = u64{1} << 30};  // By boot/start.S.
constexpr u64 kLayoutEntry = mm::kLayout.linear.begin / span_of(4) % 512;

// The loader's part: memory is where the layout has it, too, by a table that is as static as the
// others. What it leads to is the same.
void map_as_loader() noexcept {
  alignas(4096) static constinit std::array<u64, 512> third{};
  u64* const root = linear<u64>(agent_root_at);
  third[0] = *linear<u64>(root[kFirstEntry] & kAddressBits);
  // SAFETY: only the address is of interest.
  const u64 at = reinterpret_cast<u64>(third.data()) - kLinearBase;
  root[kLayoutEntry] = at | (root[kFirstEntry] & ~kAddressBits);
}

// What the loader says, and what it does not know of: the image; and the mailbox, which is memory,
// but the host's to change.
bool normalise(const MemoryMap& map, mm::MemoryRegions& made) noexcept {
  static constinit mm::MemoryRegions reported;
  for (const MemoryRange& one : map.all()) {
    if (!reported.add({{one.begin, one.end}, one.type}).ok()) return false;
  }
  const bool has_room = reported.add({Image::here().range(), RegionType::kernel}).ok() &&
                        reported.add({kMailbox, RegionType::module}).ok();
  return has_room && map.is_complete() && reported.into_non_overlapping(made).ok();
}

bool has(const PhysRange& range, u64 page) noexcept {
  return range.begin <= page && page < range.end;
}

// What a page is: the least fit of all that have a part of it; usable only if all of it is.
RegionType type_of(const MemoryMap& map, u64 page) noexcept {
  if (has(Image::here().range(), page)) return RegionType::kernel;
  if (has(kMailbox, page)) return RegionType::module;
  RegionType type = RegionType::usable;
  bool is_known = false;
  for (const MemoryRange& one : map.all()) {
    if (one.end <= page || page + 4096 <= one.begin) continue;
    if (one.type == RegionType::usable && (page < one.begin || one.end < page + 4096)) continue;
    is_known = true;
    type = std::min(type, one.type);
  }
  return is_known ? type : RegionType::unknown;
}

u64 end_of_memory(const MemoryMap& map) noexcept {
  u64 end = 0;
  for (const MemoryRange& one : map.all()) {
    const bool is_memory = one.type != RegionType::reserved && one.type != RegionType::bad;
    if (is_memory) end = std::max(end, one.end);
  }
  return page_of(end);
}

u64 count_of(u64 page) noexcept { return MetaSlot<Kernel>::of({page})->ref_count(); }

// A frame of a kind that nobody but its maker has a handle of.
template <class M>
bool is_one(u64 page) noexcept {
  auto found = mm::Frame<Kernel>::from_in_use({page});
  if (!found.ok()) return false;
  const mm::Frame<Kernel> frame = found.take();
  return frame.reference_count() == 2 && frame.dyn_meta().template is<M>();
}

struct Early {
  std::array<PhysRange, 2> all = Kernel::globals().early_allocator.allocated();
  PhysRange slots;

  bool have(u64 page) const noexcept { return has(all[0], page) || has(all[1], page); }
};

bool is_as_mapped(RegionType type, const Early& early, u64 page) noexcept {
  switch (type) {
    case RegionType::usable:
      if (has(early.slots, page)) return is_one<mm::MetaPageMeta>(page);
      if (early.have(page)) return is_one<mm::EarlyAllocatedFrameMeta>(page);
      return count_of(page) == MetaSlot<Kernel>::kUnused;
    case RegionType::kernel: return is_one<mm::KernelMeta>(page);
    case RegionType::unknown:
    case RegionType::reserved:
    case RegionType::framebuffer: return is_one<mm::ReservedMemoryMeta>(page);
    default: return is_one<mm::UnusableMemoryMeta>(page);
  }
}

// Where its slot is, by the linear map: 64 bytes each, the count at offset 40 (A.1).
bool has_slot_in(const PhysRange& slots, u64 page) noexcept {
  const u64 at = page / 4096 * 64 + 40;
  return at_physical<volatile u64>(slots.begin + at) == count_of(page);
}

bool is_kept(RegionType type) noexcept {
  return type == RegionType::reserved || type == RegionType::module;
}

// Of what is not for use, and somebody has put there.
u64 sum_of_kept(const MemoryMap& map) noexcept {
  u64 sum = 0;
  for (u64 page = 0; page < Kernel::globals().max_paddr(); page += 4096) {
    if (!is_kept(type_of(map, page))) continue;
    for (u64 at = page; at < page + 4096; at += 8) {
      sum = (sum ^ at_physical<u64>(at)) * 0x100'0000'01b3;
    }
  }
  return sum;
}

struct Count {
  u64 early = 0, free = 0;
};

// Every slot; the pages that are not free, and those that are.
Count check_slots(Checks& checks, const MemoryMap& map, const PhysRange& slots) noexcept {
  const Early early{.slots = slots};
  Count count;
  u64 wrong = 0, misplaced = 0, first = 0;
  for (u64 page = 0; page < Kernel::globals().max_paddr(); page += 4096) {
    const RegionType type = type_of(map, page);
    if (type == RegionType::usable) ++(early.have(page) ? count.early : count.free);
    if (!is_as_mapped(type, early, page)) first = wrong++ == 0 ? page : first;
    misplaced += has_slot_in(slots, page) ? 0 : 1;
  }
  if (wrong != 0) serial::line("first of ", wrong, " wrong slots: of ", serial::Hex{first});
  checks.expect("every slot says what the loader says of its page", wrong == 0);
  checks.expect("every slot is where the layout has it", misplaced == 0);
  return count;
}

}  // namespace

bool boot_metadata(Checks& checks, const MemoryMap& map, Booted& booted) noexcept {
  map_as_loader();
  for (u64 at = kMailbox.begin; at < kMailbox.end; at += 8) *linear<u64>(at) = at;
  static constinit mm::MemoryRegions regions;
  if (!checks.expect("the memory map can be put in order", normalise(map, regions))) return false;

  auto& globals = Kernel::globals();
  if (!checks.expect("there is memory for the early allocator",
                     mm::init_early_allocator<Kernel>(regions, kBootMap.mapped_end))) {
    return false;
  }
  booted.slots = mm::init_metadata<Kernel>(
      regions, kBootMap, [&](VirtAddr va, PhysAddr pa, mm::PageProperty property) noexcept {
        const mm::BootTableChange change = globals.boot_page_table.map_base_page(va, pa, property);
        if (change.stopped_by) crash("there is no memory for the boot page table");
        booted.boot_tables += change.count;
      });
  if (!checks.expect("there is memory for the slots", booted.slots.has_value())) return false;
  booted.kept_sum = sum_of_kept(map);

  const PhysRange slots{booted.slots->start_paddr().value, booted.slots->end_paddr().value};
  checks.expect("there is a slot for every page of RAM, and no other",
                globals.max_paddr() == end_of_memory(map) && mm::is_initialized<Kernel>());
  const Count count = check_slots(checks, map, slots);
  checks.expect("early pages are the slots' and the boot page table's",
                count.early == slots.bytes() / 4096 + booted.boot_tables &&
                    slots.bytes() / 4096 == (globals.pages + 63) / 64);
  mm::init_allocator<Kernel>(regions);
  checks.expect("what is usable, and was not handed out early, is free",
                free_pages() == count.free);
  return checks.faults() == 0;
}

bool keeps_what_is_reserved(const MemoryMap& map, const Booted& booted) noexcept {
  return sum_of_kept(map) == booted.kept_sum;
}

}  // namespace bare
