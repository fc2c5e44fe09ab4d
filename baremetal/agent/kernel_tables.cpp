// SPDX-License-Identifier: MPL-2.0
// The boot page table in use; the kernel's own, which is read entry by entry before any CPU
// translates by it; and how each CPU goes over to it, while the others do not.
#include "baremetal/agent/kernel_parts.h"
#include "baremetal/x86_64/apic.h"

namespace bare {

extern "C" const u64 agent_root_at;  // boot/start.S

namespace {

using mm::CachePolicy, mm::MetaSlot, mm::PageFlags, mm::PageProperty;

constexpr u64 kLarge = span_of(2);

mm::BootPageTable<Kernel>& boot_table() noexcept { return Kernel::globals().boot_page_table; }

// --- The boot page table

bool add(Booted& booted, const mm::BootTableChange& change) noexcept {
  booted.boot_tables += change.count;
  return !change.stopped_by;
}
bool protect_by_boot_table(Booted& booted, u64 va, u8 flags) noexcept {
  const bool is_done =
      add(booted, boot_table().protect_base_page(
                      {va}, [=](PageFlags& have, CachePolicy&) noexcept { have.bits = flags; }));
  Kernel::flush_page({va});
  return is_done;
}

void map_small(Checks& checks, Booted& booted, u64 va, u64 page) noexcept {
  checks.expect("the boot page table maps a page",
                add(booted, boot_table().map_base_page({va}, {page}, mm::kKernelData)));
  checks.expect("a CPU stores to the page",
                store(va + 9, 0x5a).is_ok && at_physical<u8>(page + 9) == 0x5a);
  checks.expect("a CPU fetches nothing from a page of data", fetch(va + 9).faults(0x11));
  checks.expect("the next page is not mapped", load(va + 4096).faults(0));
  checks.expect("the boot page table protects it",
                protect_by_boot_table(booted, va, PageFlags::kReadable));
  checks.expect("a CPU loads from the page that may only be read, and does not store",
                load(va + 9).gives(0x5a) && store(va + 9, 0).faults(3));
}

// A page of RAM, and the one behind it, of which the loader has mapped 2 MiB at once.
void split_large(Checks& checks, Booted& booted, u64 page) noexcept {
  const u64 va = mm::kLayout.linear_of({page}).value, next = va + 4096;
  const u64 tables = booted.boot_tables;
  checks.expect("the loader maps memory by 2 MiB", leaf_at(agent_root_at, va).level == 2);
  at_physical<u8>(page) = 0x11, at_physical<u8>(page + 4096) = 0x22;
  checks.expect(
      "of 2 MiB the boot page table protects a page, by one table",
      protect_by_boot_table(booted, va, PageFlags::kReadable) && booted.boot_tables == tables + 1);
  checks.expect("a CPU loads from that part of the 2 MiB, and does not store",
                load(va).gives(0x11) && store(va, 0).faults(3));
  checks.expect("the page beside it is as it was",
                load(next).gives(0x22) && store(next, 0x23).is_ok);
  checks.expect("the loader's other way to it leads by the same tables",
                store(kLinearBase + page, 0).faults(3));
  checks.expect("the boot page table gives the right back",
                protect_by_boot_table(booted, va, PageFlags::kReadable | PageFlags::kWritable) &&
                    booted.boot_tables == tables + 1 && store(va, 0x12).is_ok);
}

// --- The kernel's

// A run of memory, and the rights that its leaves give, with what they have besides.
struct Section {
  u64 begin, end;  // Physically.
  u64 bits;
};
struct Mapping {
  u64 va;  // Of the first section's first byte.
  std::span<const Section> sections;
};

constexpr u64 kData = kPresent | kWritable | kLeaf | kGlobal | kNoExecute,
              kConstants = kData & ~kWritable, kCode = kConstants & ~kNoExecute;

struct Leaves {
  u64 small = 0, large = 0;
  bool operator==(const Leaves&) const = default;
};

// Large exactly where 2 MiB lie within one section, and both addresses allow it: what is split is
// split by its rights.
bool is_large(const Section& section, u64 pa, u64 va) noexcept {
  const u64 first = pa & ~(kLarge - 1);
  return va % kLarge == pa % kLarge && section.begin <= first && first + kLarge <= section.end;
}

// Every leaf of a mapping is what it must be. How many there are.
Leaves check_mapping(Checks& checks, const char* what, u64 root, const Mapping& mapping) noexcept {
  Leaves leaves;
  bool is_right = true;
  u64 va = mapping.va;
  for (const Section& section : mapping.sections) {
    for (u64 pa = section.begin; pa < section.end;) {
      const u32 level = is_large(section, pa, va) ? 2 : 1;
      const RawLeaf seen = leaf_at(root, va);
      if (is_right && seen != RawLeaf{level, pa | section.bits}) {
        is_right = false;
        serial::line("at ", serial::Hex{va}, ": level ", u64{seen.level}, ", ",
                     serial::Hex{seen.bits}, ", and not level ", u64{level}, ", ",
                     serial::Hex{pa | section.bits});
      }
      ++(level == 2 ? leaves.large : leaves.small);
      pa += span_of(level), va += span_of(level);
    }
  }
  checks.expect(what, is_right);
  return leaves;
}

void count_leaves(u64 table, u32 level, u64 first, Leaves& leaves) noexcept {
  for (u64 i = first; i < 512; ++i) {
    const u64 bits = at_physical<u64>(table + i * 8);
    if ((bits & (kPresent | kLeaf)) == 0) continue;
    if (level == 1 || (bits & kLeaf) != 0) {
      ++(level == 1 ? leaves.small : leaves.large);
    } else {
      count_leaves(bits & kAddressBits, level - 1, 0, leaves);
    }
  }
}

void check_table(Checks& checks, u64 root, const PhysRange& slots) noexcept {
  const Image image = Image::here();
  const std::array<Section, 3> memory = {{{0, image.text, kData},
                                          {image.text, image.data, kConstants},
                                          {image.data, Kernel::globals().max_paddr(), kData}}};
  const std::array<Section, 3> code = {{{image.begin, image.rodata, kCode},
                                        {image.rodata, image.data, kConstants},
                                        {image.data, image.end, kData}}};
  const std::array<Section, 1> of_slots = {{{slots.begin, slots.end, kData}}};
  const std::array<Section, 1> apic = {{{kApicAt, kApicAt + 4096, kData | kUncacheable}}};

  Leaves expected, seen;
  const auto check = [&](const char* what, u64 va, std::span<const Section> sections) {
    const Leaves one = check_mapping(checks, what, root, {va, sections});
    expected.small += one.small, expected.large += one.large;
  };
  check("all memory is mapped where the layout has it, by the largest pages, for data",
        mm::kLayout.linear.begin, memory);
  check("the slots are mapped where the layout has them, for data", mm::kLayout.metadata.begin,
        of_slots);
  check("the image is mapped where it is linked, each part by its rights",
        kLinearBase + image.begin, code);
  check("the APIC is mapped where it is found, uncacheable", kLinearBase + kApicAt, apic);
  count_leaves(root, 4, 0, seen);
  checks.expect("nothing else is mapped", seen == expected);

  bool is_upper = true;
  for (u64 i = 0; i < 512; ++i) {
    const u64 bits = at_physical<u64>(root + i * 8);
    is_upper = is_upper && (i < 256 ? bits == 0 : (bits & (kPresent | kLeaf)) == kPresent);
  }
  checks.expect("every entry of the upper half leads to a table, and none of the lower", is_upper);
}

bool protect(const KernelTable& table, u64 va, u64 bytes, u8 flags) noexcept {
  auto opened = mm::CursorMut<KernelConfig>::open(table, {va}, {va + bytes});
  if (!opened.ok()) return false;
  auto cursor = opened.take();
  const auto set = [=](PageFlags& have, CachePolicy&) noexcept { have.bits = flags; };
  return !cursor.protect(bytes, set).stopped_by;
}

// mm maps the image in one piece, for everything; here code and constants cannot be written, where
// they are linked or by the linear map, and data cannot be executed. Nobody translates by the table
// yet, so nothing is flushed.
bool give_rights(const KernelTable& table) noexcept {
  constexpr u8 kR = PageFlags::kReadable, kW = PageFlags::kWritable, kX = PageFlags::kExecutable;
  const Image image = Image::here();
  const auto linked = [](u64 at) { return kLinearBase + at; };
  return protect(table, linked(image.begin), image.rodata - image.begin, kR | kX) &&
         protect(table, linked(image.rodata), image.data - image.rodata, kR) &&
         protect(table, linked(image.data), image.end - image.data, kR | kW) &&
         protect(table, mm::kLayout.linear_of({image.text}).value, image.data - image.text, kR);
}

// --- The change from one to the other

// What is free has a word of its own, written by the table that the machine boots with.
constexpr u64 kStampAt = 16;
u64 stamp_of(u64 page) noexcept { return page * 0x9e37'79b9'7f4a'7c15 + 1; }
bool is_free(u64 page) noexcept {
  const u64 count = MetaSlot<Kernel>::of({page})->ref_count();
  return count == MetaSlot<Kernel>::kUnused || count == MetaSlot<Kernel>::kUnique;
}
u64 stamp_free_pages() noexcept {
  constexpr u64 kOldEnd = u64{1} << 30;
  u64 stamped = 0;
  for (u64 page = 0; page < Kernel::globals().max_paddr(); page += 4096) {
    if (!is_free(page)) continue;
    (page < kOldEnd ? *linear<u64>(page + kStampAt) : at_physical<u64>(page + kStampAt)) =
        stamp_of(page);
    ++stamped;
  }
  return stamped;
}
u64 stamps_seen() noexcept {
  u64 seen = 0;
  for (u64 page = 0; page < Kernel::globals().max_paddr(); page += 4096) {
    u64 word = 0;
    const u64* const at = &at_physical<u64>(page + kStampAt);
    if (!is_free(page) || cpu::copy_bytes(&word, at, sizeof word) != 0) continue;
    seen += word == stamp_of(page) ? 1 : 0;
  }
  return seen;
}

// The tables that the loader has left: they lie in the image.
struct Firmware {
  u64 root = agent_root_at;
  u64 pdpt = entry(root, kFirstEntry) & kAddressBits;
  u64 pd = entry(pdpt, 0) & kAddressBits;
  std::array<u64, 512> pages = read(pd);

  static u64 entry(u64 table, u64 i) noexcept { return at_physical<volatile u64>(table + i * 8); }
  // Without the machine's marks.
  static std::array<u64, 512> read(u64 table) noexcept {
    std::array<u64, 512> all;
    for (u64 i = 0; i < 512; ++i) all[i] = entry(table, i) & ~(kAccessed | kDirty);
    return all;
  }
  // Its own, marked as such, and not cleared.
  bool is_in_use() const noexcept {
    const auto leads_to = [](u64 bits, u64 table) {
      return (bits & (kAddressBits | kAvail1 | kPresent)) == (table | kAvail1 | kPresent);
    };
    return leads_to(entry(root, kFirstEntry), pdpt) && leads_to(entry(pdpt, 0), pd) &&
           read(pd) == pages;
  }
  // No entry leads to a table any more, and what maps a page does so still.
  bool is_dismissed() const noexcept {
    const std::array<u64, 512> left = read(pd);
    for (u64 i = 0; i < 512; ++i) {
      if (entry(root, i) != 0 || entry(pdpt, i) != 0) return false;
      if (left[i] != ((pages[i] & kLeaf) != 0 ? pages[i] : 0)) return false;
    }
    return true;
  }
  bool is_kernels() const noexcept {
    const auto is_one = [](u64 page) { return MetaSlot<Kernel>::of({page})->ref_count() == 1; };
    return is_one(root) && is_one(pdpt) && is_one(pd);
  }
};

void check_change(Checks& checks, const KernelTable& table, u64 stamped) noexcept {
  checks.expect(
      "the CPU translates by the kernel's table",
      Kernel::root() == table.root_paddr() && cpu::read_cr3() == table.root_paddr().value);
  checks.expect("the linear map reads what was written through the old one",
                stamps_seen() == stamped);
  checks.expect("the old linear map is gone",
                load(kLinearBase + Image::here().end).faults(0) && load(kLinearBase).faults(0));
  checks.expect(
      "nothing of the lower half is reached",
      load(0).faults(0) && load(kImageAt).faults(0) && load(mm::kUsersRegion.end - 1).faults(0));
  checks.expect("beyond memory there is nothing",
                load(mm::kLayout.linear.begin + Kernel::globals().max_paddr()).faults(0));
}

}  // namespace

bool use_boot_table(Checks& checks, Booted& booted) noexcept {
  constexpr u64 kAt = 0xffff'd000'0000'0000;  // Where the loader has nothing.
  auto made = mm::FrameAllocOptions<Kernel>().alloc_segment(2);
  if (!checks.expect("there are two pages", made.ok())) return false;
  const auto pages = made.take();
  const u64 at = pages.start_paddr().value, free = free_pages(), tables = booted.boot_tables;
  map_small(checks, booted, kAt, at);
  split_large(checks, booted, at);
  checks.expect("its tables are the frame allocator's by now",
                booted.boot_tables == tables + 4 && free_pages() == free - 4);
  return checks.faults() == 0;
}

std::optional<KernelTable> make_kernel_table(Checks& checks, Booted& booted) noexcept {
  const Image image = Image::here();
  const PhysRange slots{booted.slots->start_paddr().value, booted.slots->end_paddr().value};
  mm::KernelMap map = mm::KernelMap::of(mm::kLayout, image.range());
  map.image = {kLinearBase + image.begin};
  map.areas.begin = kLinearBase + (kEndEntry - kFirstEntry) * span_of(4);  // What is ours is not.

  auto made = mm::init_kernel_page_table<KernelConfig>(map, std::move(*booted.slots));
  if (!checks.expect("there is memory for the kernel's page table", made.ok())) return {};
  KernelTable table = made.take();
  PageProperty device = mm::kKernelData;
  device.cache = CachePolicy::uncacheable;
  const PhysRange apic{kApicAt, kApicAt + 4096};
  checks.expect("the APIC's registers can be mapped",
                mm::map_for_kernel(table, {kLinearBase + kApicAt}, apic, device).ok());
  checks.expect("each part of the image can have rights of its own", give_rights(table));
  check_table(checks, table.root_paddr().value, slots);
  if (checks.faults() != 0) return {};
  return table;
}

bool activate_everywhere(Checks& checks, const KernelTable& table, const Booted& booted) noexcept {
  const u64 stamped = stamp_free_pages(), free = free_pages();
  const Firmware firmware;
  checks.expect("everything free has a stamp", stamped == free);
  checks.expect("the loader's tables are marked as its own", firmware.is_in_use());
  for (u32 i = 0; i < processor_count; ++i) {
    const bool is_last = i + 1 == processor_count;
    // Who has not gone over yet finds all as it was.
    for (u32 other = i; other < processor_count; ++other) {
      on_cpu(other, [&] {
        checks.expect("the old linear map is there until the CPU leaves it",
                      load(kLinearBase + Image::here().end).is_ok);
      });
    }
    on_cpu(i, [&] {
      auto done = mm::activate_kernel_page_table(table);
      checks.expect("each CPU dismisses the boot page table once",
                    done.ok() && !boot_table().dismiss().ok());
      checks.expect("it is given back by the last, and no table of the loader's",
                    done.ok() && done.value().was_last == is_last &&
                        done.value().given == (is_last ? booted.boot_tables : 0));
      check_change(checks, table, stamped);
    });
    checks.expect("the loader's tables are in use until the last has gone",
                  is_last ? firmware.is_dismissed() : firmware.is_in_use());
  }
  checks.expect("all of the boot page table's own are free",
                free_pages() == free + booted.boot_tables);
  checks.expect("the loader's tables are still the image's", firmware.is_kernels());
  return checks.faults() == 0;
}

// By what comes of accesses; see check_table() for what the entries say.
void check_rights_everywhere(Checks& checks) noexcept {
  const Image image = Image::here();
  constexpr u64 kCodeAt = kLinearBase, kBase = mm::kLayout.linear.begin;
  on_each_cpu([&] {
    checks.expect("code is not written", store(kCodeAt + image.text, 0).faults(3));
    checks.expect(
        "constants are not written, and not executed",
        store(kCodeAt + image.rodata, 0).faults(3) && fetch(kCodeAt + image.rodata).faults(0x11));
    checks.expect("data is not executed", fetch(kCodeAt + image.data).faults(0x11));
    // The breakpoint behind the first instruction of probe.S.
    checks.expect("code is executed", fetch(probe_code_of_kernel() + 2).is_ok);
    checks.expect(
        "code is not written by the linear map either, nor are constants",
        store(kBase + image.text, 0).faults(3) && store(kBase + image.data - 1, 0).faults(3));
    checks.expect("code is not executed by the linear map", fetch(kBase + image.text).faults(0x11));
    const u8 before = load(kBase + image.data).value;
    checks.expect("memory beside code and constants is written",
                  store(kBase + image.data, before).is_ok &&
                      store(kBase + image.text - 1, load(kBase + image.text - 1).value).is_ok);
    checks.expect("slots are data", fetch(mm::kLayout.metadata.begin).faults(0x11));
    checks.expect("the APIC answers", apic::id() == this_processor().number);
  });
}

}  // namespace bare
