// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/kernel_check.h"

#include "baremetal/agent/checks.h"
#include "baremetal/agent/kernel_use.h"
#include "baremetal/agent/mailbox.h"
#include "impl/boot/allocators.h"
#include "impl/vm/kernel_space.h"

namespace bare {

extern "C" const u64 agent_root_at;  // boot/start.S

namespace {

using mm::PageFlags, mm::PageProperty, mm::PageUsage, mm::PhysRange;
using Slot = mm::MetaSlot<Kernel>;

constexpr u64 kMappedByLoader = u64{1} << 30;  // boot/start.S
constexpr u64 kLinearEntry = mm::index_of(Kernel::kMemoryBase, 4);
constexpr u8 kBreak = 0xcc;  // INT3.

constexpr PageProperty kData{.flags = {kRw}, .privileged = {}};
constexpr PageProperty kDevice{.flags = {kRw},
                               .cache = mm::CachePolicy::uncacheable,
                               .privileged = {mm::PrivilegedPageFlags::kGlobal}};

// Where the image, with all that is linked into it, lies; and what the host knows of.
PhysRange image_range() noexcept { return {kImageAt, page_end(address(image_end) - kLinearBase)}; }
constexpr PhysRange kMailboxRange{kMailboxAt, kMailboxAt + kMailboxRoom};
constexpr PhysRange kTrampolineRange{kTrampolineAt, kTrampolineAt + kPage};

u64 sum_of(const PhysRange& range) noexcept {
  u64 sum = 0;
  for (u64 at = range.begin; at < range.end; at += sizeof(u64)) sum = sum * 31 + word_of(at);
  return sum;
}

std::string_view name_of(mm::RegionType type) noexcept {
  switch (type) {
    case mm::RegionType::bad: return "bad";
    case mm::RegionType::unknown: return "unknown";
    case mm::RegionType::non_volatile_sleep: return "of the firmware, over sleep";
    case mm::RegionType::reserved: return "reserved";
    case mm::RegionType::kernel: return "the image";
    case mm::RegionType::module: return "a module";
    case mm::RegionType::framebuffer: return "the framebuffer";
    case mm::RegionType::reclaimable: return "of the firmware, until it is read";
    case mm::RegionType::usable: return "usable";
  }
  return "";
}

// What each CPU has done to go over to the kernel's table.
struct Crossing {
  bool has_loaded = false, has_flushed_after = false;
};
constinit std::array<Crossing, kMostCpus> crossings{};
constinit mm::MemoryRegions reported{}, regions{};
alignas(kPage) constinit std::array<u64, mm::kEntries> way_to_memory{};  // A table of the loader's.

class KernelCheck {
 public:
  KernelCheck(Checks& checks, const MemoryMap& map) noexcept : checks_(checks), map_(map) {}

  void run() noexcept {
    extend_loaders_table();
    mark_reserved();
    if (!learn_memory()) return;
    use_boot_table_early();
    if (!make_metadata()) return;
    check_slots();
    use_boot_table();
    if (!make_table()) return;
    check_sizes();
    protect_image();
    tag_memory();
    activate();
    on_each([&] { check_memory(); });
    on_each([&] { check_rights(); });
    check_kernel_use(checks_, *table_);
    check_reserved();
  }

 private:
  static u64& word_by_loader(u64 at) noexcept { return *linear<u64>(at); }
  static mm::BootPageTable<Kernel>& boot_table() noexcept {
    return Kernel::globals().boot_page_table;
  }
  void expect(const char* what, bool holds) noexcept { (void)checks_.expect(what, holds); }

  // Of memory, whoever uses it, and whatever lies between.
  u64 end_of_ram() const noexcept {
    u64 end = 0;
    for (const MemoryRun& one : map_.all()) {
      switch (one.type) {
        case MemoryType::usable: end = std::max(end, one.end / kPage * kPage); break;
        case MemoryType::reclaimable:
        case MemoryType::non_volatile_sleep: end = std::max(end, page_end(one.end)); break;
        default: break;
      }
    }
    return end;
  }

  // What the loader says of a page, and what is ours of it.
  mm::RegionType type_of(u64 at) const noexcept {
    std::optional<mm::RegionType> lowest;
    const PhysRange page{at, at + kPage};
    auto take = [&](const PhysRange& range, mm::RegionType type) {
      const bool is_whole = range.begin <= page.begin && page.end <= range.end;
      const bool overlaps = range.begin < page.end && page.begin < range.end;
      if (type == mm::RegionType::usable ? is_whole : overlaps) {
        lowest = std::min(lowest.value_or(type), type);
      }
    };
    for (const MemoryRun& one : map_.all()) take({one.begin, one.end}, region_type(one.type));
    take(image_range(), mm::RegionType::kernel);
    take(kMailboxRange, mm::RegionType::reserved);
    take(kTrampolineRange, mm::RegionType::reserved);
    return lowest.value_or(mm::RegionType::unknown);
  }

  // Memory is where the kernel will have it, too; and there nothing else, as the APIC.
  void extend_loaders_table() noexcept {
    const u64 in_root = word_by_loader(agent_root_at + kFirstEntry * 8);
    table_of_loader_ = in_root & kAddressBits;
    way_to_memory[0] = word_by_loader(table_of_loader_);
    // SAFETY: only the address is of interest.
    const u64 at = reinterpret_cast<u64>(way_to_memory.data()) - kLinearBase;
    word_by_loader(agent_root_at + kLinearEntry * 8) = at | (in_root & ~kAddressBits);
  }

  void mark_reserved() noexcept {
    for (u64 at = kMailboxAt + page_end(sizeof(Mailbox)); at < kMailboxRange.end; at += 8) {
      word_by_loader(at) = tag_of(at) + at;
    }
  }

  bool learn_memory() noexcept {
    bool has_room = true;
    auto add = [&](const PhysRange& range, mm::RegionType type) {
      has_room = has_room && reported.add({range, type}).ok();
    };
    for (const MemoryRun& one : map_.all()) add({one.begin, one.end}, region_type(one.type));
    add(image_range(), mm::RegionType::kernel);
    add(kMailboxRange, mm::RegionType::reserved);
    add(kTrampolineRange, mm::RegionType::reserved);
    has_room = has_room && reported.into_non_overlapping(regions).ok();
    if (!checks_.expect("there is room for the memory map", has_room)) return false;

    bool is_same = true;
    for (const mm::MemoryRegion& region : regions.all()) {
      serial::line("memory from ", serial::Hex{region.range.begin}, " to ",
                   serial::Hex{region.range.end}, ": ", name_of(region.type));
      for (u64 at = region.range.begin; at < std::min(region.range.end, end_of_ram());
           at += kPage) {
        is_same = is_same && type_of(at) == region.type;
      }
    }
    expect("every page's region is of the type that the loader, and we, say", is_same);
    return checks_.expect("there is memory for the early allocator",
                          mm::init_early_allocator<Kernel>(regions, kMappedByLoader));
  }

  void count(const mm::BootTableChange& change) noexcept {
    if (change.stopped_by) crash("there is no memory for a boot table");
    boot_tables_ += change.count;
  }
  void map_at_boot(u64 va, u64 pa, PageProperty property) noexcept {
    count(boot_table().map_base_page({va}, {pa}, property));
  }
  void protect_at_boot(u64 va, u8 rights) noexcept {
    count(boot_table().protect_base_page(
        {va}, [&](PageFlags& flags, mm::CachePolicy&) noexcept { flags.bits = rights; }));
    on_each([&] { Kernel::flush_page({va}); });
  }

  // Before there are slots: all CPUs translate by this table.
  void use_boot_table_early() noexcept {
    early_page_ = Kernel::globals().early_allocator.alloc(1, kPage)->value;
    map_at_boot(kAtBoot, early_page_, kData);
    expect("a page in a new place takes three tables", boot_tables_ == 3);
    on_each([&] { check_boot_page(); });
    protect_at_boot(kAtBoot, kRx);
    on_each([&] {
      expect("a page that was protected is not written",
             faults(kAtBoot, Access::store, kRights | kByStore));
      expect("and is executed", is_reached(kAtBoot + 16, Access::fetch));
    });
    protect_at_boot(kAtBoot, kRw);
  }
  void check_boot_page() noexcept {
    const u8 value = static_cast<u8>(0x10 + Kernel::this_cpu());
    expect("what is mapped at boot is written",
           is_reached(kAtBoot, Access::store, value) && *linear<u8>(early_page_) == value);
    *linear<u8>(early_page_ + 16) = kBreak;
    expect("and is not executed", faults(kAtBoot + 16, Access::fetch, kRights | kByFetch));
  }

  bool make_metadata() noexcept {
    const mm::BootMap map{.linear_base = Kernel::kMemoryBase,
                          .mapped_end = kMappedByLoader,
                          .metadata_base = Kernel::kSlotsBase};
    slots_ = mm::init_metadata<Kernel>(
        regions, map, [&](VirtAddr va, PhysAddr pa, PageProperty property) noexcept {
          map_at_boot(va.value, pa.value, property);
        });
    if (!checks_.expect("there is memory for the slots", slots_.has_value())) return false;
    slots_at_ = {slots_->start_paddr().value, slots_->end_paddr().value};
    expect("it is known that there are slots", mm::is_initialized<Kernel>());
    end_ = Kernel::globals().max_paddr();
    expect("slots reach as far as memory", end_ == end_of_ram());
    mm::init_allocator<Kernel>(regions);
    return true;
  }

  static bool lies_in(u64 at, const PhysRange& range) noexcept {
    return range.begin <= at && at < range.end;
  }

  // Of every page below max_paddr.
  void check_slots() noexcept {
    const auto early = Kernel::globals().early_allocator.allocated();
    u64 unused = 0, early_pages = 0;
    bool is_placed = true, is_right = true;
    for (u64 at = 0; at < end_; at += kPage) {
      const Slot* const slot = Slot::of({at});
      // SAFETY: only the address is of interest.
      const auto lies_at = reinterpret_cast<u64>(slot);
      is_placed = is_placed && lies_at == kKernelLayout.slot_of({at}).value &&
                  lies_at - Kernel::kSlotsBase < slots_at_.bytes();
      const bool is_early = lies_in(at, early[0]) || lies_in(at, early[1]);
      early_pages += is_early ? 1 : 0;
      PageUsage usage = PageUsage::reserved;
      switch (type_of(at)) {
        case mm::RegionType::kernel: usage = PageUsage::kernel; break;
        case mm::RegionType::usable:
          usage = lies_in(at, slots_at_) ? PageUsage::meta
                  : is_early             ? PageUsage::frame
                                         : PageUsage::unused;
          break;
        default: break;
      }
      if (usage == PageUsage::unused) {
        ++unused;
        // Of a free block the first page is the allocator's own.
        is_right =
            is_right && (slot->ref_count() == Slot::kUnused || slot->ref_count() == Slot::kUnique);
      } else {
        is_right = is_right && slot->ref_count() == 1 &&
                   mm::Frame<Kernel>::from_in_use({at}).value().usage() == usage;
      }
    }
    expect("every page's slot is in its place", is_placed);
    expect("every page is used for what it is used for", is_right);
    expect("what is usable, and was not handed out early, is free",
           free_pages() == unused && is_free_memory_usable(unused, early));
    expect("what was handed out early is the slots, the boot tables and a page",
           early_pages == slots_at_.bytes() / kPage + boot_tables_ + 1);
    bool leads_there = true;
    for (u64 at = 0; at < slots_at_.bytes(); at += kPage) {
      const auto seen =
          mm::BootPageTable<Kernel>::page_walk(Kernel::root(), {Kernel::kSlotsBase + at});
      leads_there = leads_there && seen && seen->at.value == slots_at_.begin + at;
    }
    expect("the slots' pages are mapped one after another", leads_there);
  }

  // Whether what the allocator has is so many pages, none of which is anybody's.
  bool is_free_memory_usable(u64 pages, const std::array<PhysRange, 2>& early) const noexcept {
    bool is_so = true;
    auto take = [&](PhysAddr block, u64 count) {
      for (u64 at = block.value; at < block.value + count * kPage; at += kPage) {
        is_so = is_so && type_of(at) == mm::RegionType::usable && !lies_in(at, early[0]) &&
                !lies_in(at, early[1]);
      }
      pages -= count;
    };
    auto take_chunk = [&](mm::Chunk chunk) { take(chunk.at, chunk.bytes() / kPage); };
    Kernel::globals().allocator.each_free(
        [&](u32, mm::PageCache::Block block) { take(block.at, block.pages); },
        [&](u32, mm::Chunk chunk) { take_chunk(chunk); }, take_chunk);
    return is_so && pages == 0;
  }

  // Tables are frames from here on.
  void use_boot_table() noexcept {
    const u64 free = free_pages(), tables = boot_tables_;
    map_at_boot(kAtBootLater, early_page_, kData);
    expect("tables are the allocator's by now",
           boot_tables_ == tables + 3 && free_pages() == free - 3);
    on_each([&] {
      expect("two addresses lead to one page", is_reached(kAtBootLater, Access::store, 0x55) &&
                                                   *linear<u8>(early_page_) == 0x55 &&
                                                   load(kAtBoot) == load(kAtBootLater));
    });

    // A page of the loader's is of 2 MiB, and the table that maps it, reached by two ways.
    const u64 here = Kernel::kMemoryBase + early_page_, there = kLinearBase + early_page_;
    const u64 near = here ^ kPage;
    protect_at_boot(here, PageFlags::kReadable);
    on_each([&] { Kernel::flush_page({there}); });
    expect("a large page is split by one table", boot_tables_ == tables + 4);
    on_each([&] {
      expect("one page of a large one is protected",
             faults(here, Access::store, kRights | kByStore) &&
                 faults(there, Access::store, kRights | kByStore));
      expect("and the others are not", is_writable(near));
    });
    protect_at_boot(here, kRw | PageFlags::kExecutable);
    on_each([&] {
      Kernel::flush_page({there});
      expect("what was protected is as it was", is_writable(here) && is_writable(there));
    });
  }

  bool make_table() noexcept {
    mm::KernelMap map = mm::KernelMap::of(kKernelLayout, image_range());
    map.image = {kLinearBase + kImageAt};
    const u64 free = free_pages();
    auto made = mm::init_kernel_page_table<KernelConfig>(map, std::move(*slots_));
    if (!checks_.expect("the kernel's table is made", made.ok())) return false;
    table_.emplace(made.take());
    // The local APIC, where the image knows it to be.
    const auto mapped =
        mm::map_for_kernel(*table_, {kLinearBase + kApicAt}, {kApicAt, kApicAt + kPage}, kDevice);
    if (!checks_.expect("the APIC is mapped", mapped.ok())) return false;
    expect("it has cost as many frames as it has tables",
           free_pages() == free - tables_below(root(), 4));
    return true;
  }
  u64 root() const noexcept { return table_->root_paddr().value; }

  // Every entry of it: where it leads, by how large a page, for all spaces.
  void check_sizes() noexcept {
    auto check = [&](const char* what, u64 va, PhysRange range) {
      bool holds = true;
      for (u64 at = range.begin; at < range.end;) {
        const bool is_large =
            va % kLargePage == 0 && at % kLargePage == 0 && range.end - at >= kLargePage;
        const Leaf leaf = leaf_of(root(), va);
        holds = holds && leaf.entry != 0 && leaf.level == (is_large ? 2 : 1) &&
                (leaf.entry & kAddressBits & ~(mm::page_size(leaf.level) - 1)) == at &&
                (leaf.entry & kGlobal) != 0;
        const u64 step = is_large ? kLargePage : kPage;
        va += step;
        at += step;
      }
      expect(what, holds);
    };
    check("memory is mapped by the largest pages, global", Kernel::kMemoryBase, {0, end_});
    check("the slots are", Kernel::kSlotsBase, slots_at_);
    check("the image is", kLinearBase + kImageAt, image_range());
  }

  // The image is mapped as one piece; this kernel's parts have rights of their own.
  void protect_image() noexcept {
    struct Part {
      u64 begin, end;
      u8 rights;
    };
    const u64 image = kLinearBase + kImageAt, end = kLinearBase + image_range().end;
    for (const Part& part : {Part{image, address(rodata_begin), kRx},
                             Part{address(rodata_begin), address(data_begin), PageFlags::kReadable},
                             Part{address(data_begin), end, kRw}}) {
      auto cursor = mm::CursorMut<KernelConfig>::open(*table_, {part.begin}, {part.end});
      const bool is_done =
          cursor.ok() && !cursor.value()
                              .protect(part.end - part.begin,
                                       [&](PageFlags& flags, mm::CachePolicy&) noexcept {
                                         flags.bits = part.rights;
                                       })
                              .stopped_by;
      expect("a part of the image gets its rights", is_done);
    }
  }

  // Every free page, by the table that there is.
  void tag_memory() noexcept {
    for (u64 at = 0; at < end_; at += kPage) {
      if (Slot::of({at})->ref_count() == 1 || type_of(at) != mm::RegionType::usable) continue;
      u64& word = at < kMappedByLoader ? word_by_loader(at) : word_of(at);
      word = tag_of(at);
      ++tagged_;
    }
    sum_of_code_ = sum_of(code());
    sum_of_reserved_ = sum_of(kMailboxRange);
  }
  static PhysRange code() noexcept {
    return {address(text_begin) - kLinearBase, address(data_begin) - kLinearBase};
  }

  // One CPU after another, while the others still translate by the boot table.
  void activate() noexcept {
    Kernel::before_root = []() noexcept {
      Crossing& own = crossings[Kernel::this_cpu()];
      own.has_loaded = true;
      own.has_flushed_after = false;
    };
    Kernel::after_flush_of_all = []() noexcept {
      Crossing& own = crossings[Kernel::this_cpu()];
      own.has_flushed_after = own.has_loaded;
    };
    // Once that has happened, there may be no CPU that could say so.
    Kernel::before_exchange = []() noexcept {
      for (u32 i = 0; i < processor_count; ++i) {
        if (!crossings[i].has_loaded) crash("the boot table goes while a CPU translates by it");
      }
    };
    const u64 free = free_pages();
    for (u32 i = 0; i < processor_count; ++i) {
      const bool is_last = i + 1 == processor_count;
      for (u32 other = i; other < processor_count; ++other) {
        on(other, [&] {
          expect("who has not gone over translates by the boot table",
                 Kernel::root().value == agent_root_at && load(kAtBoot) && load(kAtBootLater));
        });
      }
      on(i, [&] {
        auto done = mm::activate_kernel_page_table(*table_);
        expect("a CPU dismisses the boot table once", done.ok());
        if (!done.ok()) return;
        expect("the last CPU is the last", done.value().was_last == is_last &&
                                               done.value().given == (is_last ? boot_tables_ : 0));
        expect("a CPU that has dismissed it has no boot table",
               boot_table().map_base_page({kAtBoot + kPage}, {0}, {}).stopped_by ==
                   mm::BootTableError::dismissed);
        const Crossing& own = crossings[i];
        expect("a CPU loads the kernel's root", own.has_loaded && Kernel::root().value == root());
        expect("a CPU then forgets all, what is global, too", own.has_flushed_after);
      });
      expect(
          "nothing is given back before the last CPU has gone over",
          free_pages() == free + (is_last ? boot_tables_ : 0) && is_boot_root_whole() != is_last);
    }
    Kernel::before_exchange = Kernel::before_root = Kernel::after_flush_of_all = nullptr;
    expect("the loader's tables are the image's still",
           Slot::of({agent_root_at})->ref_count() == 1 &&
               Slot::of({table_of_loader_})->ref_count() == 1);
  }
  bool is_boot_root_whole() const noexcept {
    for (const u64 i : {kLinearEntry, kFirstEntry, kFirstEntry + 1, mm::index_of(kAtBoot, 4),
                        mm::index_of(kAtBootLater, 4), mm::index_of(Kernel::kSlotsBase, 4)}) {
      if ((word_of(agent_root_at + i * 8) & kPresent) == 0) return false;
    }
    return true;
  }

  // As this CPU finds it.
  void check_memory() noexcept {
    u64 tagged = 0;
    bool is_there = true, is_image = true;
    for (u64 at = 0; at < end_; at += kPage) {
      const std::optional<u64> seen = load(Kernel::kMemoryBase + at);
      is_there = is_there && seen.has_value();
      if (seen == tag_of(at)) ++tagged;
      if (seen && lies_in(at, image_range())) {
        is_image = is_image && load(kLinearBase + at) == load(Kernel::kMemoryBase + at);
      }
    }
    expect("all memory is where the linear map has it", is_there);
    expect("and every free page reads as it was written by the boot table", tagged == tagged_);
    expect("the image is one, wherever it is looked at", is_image);
    bool is_left = true;
    for (const u64 at : {kAtBoot, kAtBootLater, Kernel::kMemoryBase + end_}) {
      is_left = is_left && faults(at, Access::load, kAbsent);
    }
    expect("nothing is left of what was mapped at boot", is_left);
  }

  void check_rights() noexcept {
    bool holds = true;
    for (u64 at = kLinearBase + kImageAt; at < address(rodata_begin); at += kPage) {
      holds = holds && faults(at, Access::store, kRights | kByStore);
    }
    expect("text is not written", holds);
    expect("read-only data is not written",
           faults(address(rodata_begin), Access::store, kRights | kByStore) &&
               faults(address(data_begin) - 1, Access::store, kRights | kByStore));
    holds = true;
    for (u64 at = address(rodata_begin); at < address(image_end); at += kPage) {
      holds = holds && faults(at, Access::fetch, kRights | kByFetch);
    }
    expect("data is not executed", holds);
    expect("data is written",
           is_writable(address(data_begin)) && is_writable(address(image_end) - 1));
    holds = true;
    for (u64 at = 0; at < end_; at += kPage) {
      holds = holds && faults(Kernel::kMemoryBase + at, Access::fetch, kRights | kByFetch);
    }
    expect("memory is not executed by the linear map", holds);
    expect("nor are the slots", faults(Kernel::kSlotsBase, Access::fetch, kRights | kByFetch));
    holds = true;
    for (u64 at = 0; at < end_; at += kPage) {
      if (type_of(at) == mm::RegionType::usable) {
        holds = holds && is_writable(Kernel::kMemoryBase + at + kPage - 1);
      }
    }
    expect("memory is written by the linear map", holds);
    holds = true;
    for (u64 i = 0; i < mm::kEntries / 2; ++i) {
      holds = holds && word_of(root() + i * 8) == 0 &&
              faults(i << 39 | kImageAt, Access::load, kAbsent);
    }
    expect("nothing of the lower half is reached", holds);
  }

  void check_reserved() noexcept {
    expect("the code is as it was", sum_of(code()) == sum_of_code_);
    expect("what is reserved is as it was", sum_of(kMailboxRange) == sum_of_reserved_);
  }

  // Of the areas' addresses, and nothing of ours; each with an entry of the root of its own.
  static constexpr u64 kAtBoot = kKernelLayout.areas.begin + (u64{8} << 39);
  static constexpr u64 kAtBootLater = kKernelLayout.areas.begin + (u64{9} << 39) + 5 * kPage;

  Checks& checks_;
  const MemoryMap& map_;
  std::optional<mm::Segment<Kernel, mm::MetaPageMeta>> slots_{};
  std::optional<KernelTable> table_{};
  PhysRange slots_at_{};
  u64 end_ = 0;              // Of memory.
  u64 early_page_ = 0;       // One that is mapped at boot.
  u64 boot_tables_ = 0;      // That are not the loader's.
  u64 table_of_loader_ = 0;  // One that the root leads to.
  u64 tagged_ = 0;
  u64 sum_of_code_ = 0, sum_of_reserved_ = 0;
};

}  // namespace

u32 check_kernel(const MemoryMap& map) noexcept {
  Checks checks;
  KernelCheck(checks, map).run();
  checks.tell();
  return checks.faults();
}

}  // namespace bare
