// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/kernel_check.h"

#include "baremetal/agent/checks.h"
#include "baremetal/agent/mailbox.h"
#include "baremetal/x86_64/kernel.h"
#include "baremetal/x86_64/probe.h"
#include "impl/boot/allocators.h"
#include "impl/frame/alloc_options.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/kernel_space.h"
#include "impl/vm/space.h"

namespace bare {

extern "C" const u64 agent_root_at;                                             // boot/start.S
extern "C" const char text_begin[], rodata_begin[], data_begin[], image_end[];  // link.ld

namespace {

using mm::PageFlags, mm::PageProperty, mm::PageUsage, mm::PhysRange;
using Config = mm::KernelConfig<Kernel>;
using Table = mm::PageTable<Config>;
using Slot = mm::MetaSlot<Kernel>;
using Area = mm::KernelArea<Config>;
using Space = mm::VmSpace<Kernel>;

constexpr u64 kPage = mm::kPageSize, kLargePage = mm::page_size(2);
constexpr u64 kMappedByLoader = u64{1} << 30;  // boot/start.S
constexpr u64 kLinearEntry = mm::index_of(Kernel::kMemoryBase, 4);
constexpr u8 kBreak = 0xcc;  // INT3.

constexpr u8 kRw = PageFlags::kReadable | PageFlags::kWritable;
constexpr u8 kRx = PageFlags::kReadable | PageFlags::kExecutable;
constexpr PageProperty kData{.flags = {kRw}, .privileged = {}};
constexpr PageProperty kDevice{.flags = {kRw},
                               .cache = mm::CachePolicy::uncacheable,
                               .privileged = {mm::PrivilegedPageFlags::kGlobal}};

// Error codes of page faults. Intel SDM vol. 3A, figure 4-12.
enum Fault : u64 { kAbsent = 0, kRights = 1, kByStore = 2, kByUser = 4, kByFetch = 16 };

u64 address(const char* symbol) noexcept {
  // SAFETY: only the address is of interest.
  return reinterpret_cast<u64>(symbol);
}
u64 page_end(u64 at) noexcept { return (at + kPage - 1) & ~(kPage - 1); }

// Where the image, with all that is linked into it, lies; and what the host knows of.
PhysRange image_range() noexcept { return {kImageAt, page_end(address(image_end) - kLinearBase)}; }
constexpr PhysRange kMailboxRange{kMailboxAt, kMailboxAt + kMailboxRoom};
constexpr PhysRange kTrampolineRange{kTrampolineAt, kTrampolineAt + kPage};

// One job after another, on its CPU.
void on(u32 cpu, auto&& job) noexcept {
  using Job = std::remove_reference_t<decltype(job)>;
  // SAFETY: it is the job.
  run_there(
      cpu, [](void* with) noexcept { (*static_cast<Job*>(with))(); }, &job);
}
void on_each(auto&& job) noexcept {
  for (u32 i = 0; i < processor_count; ++i) on(i, job);
}

// The word there, if nothing faults.
std::optional<u64> load(u64 at) noexcept {
  u64 word = 0;
  if (Kernel::copy_from_user(&word, {at}, sizeof word) != sizeof word) return std::nullopt;
  return word;
}
bool is_reached(u64 at, Access how, u8 value = 0) noexcept {
  return probe(at, how, /*is_user=*/false, /*ac=*/false, value).vector == kBreakpoint;
}
bool faults(u64 at, Access how, u64 error) noexcept {
  const Awaited& trap = probe(at, how, /*is_user=*/false, /*ac=*/false, 0);
  return trap.vector == kPageFault && trap.error == error && trap.cr2 == at;
}
// A store changes nothing: it is of what is there.
bool is_writable(u64 at) noexcept {
  const Awaited& trap = probe(at, Access::load, /*is_user=*/false, /*ac=*/false, 0);
  return trap.vector == kBreakpoint && is_reached(at, Access::store, static_cast<u8>(trap.rax));
}

u64& word_of(u64 at) noexcept {
  // SAFETY: all memory is mapped there, once there are slots.
  return *reinterpret_cast<u64*>(Kernel::kMemoryBase + at);
}
u64 sum_of(const PhysRange& range) noexcept {
  u64 sum = 0;
  for (u64 at = range.begin; at < range.end; at += sizeof(u64)) sum = sum * 31 + word_of(at);
  return sum;
}

// The entry that a table leads to, read word by word.
struct Leaf {
  u64 entry = 0;  // 0: none.
  u32 level = 0;
};
Leaf leaf_of(u64 root, u64 va) noexcept {
  u64 table = root;
  for (u32 level = 4;; --level) {
    const u64 entry = word_of(table + mm::index_of(va, level) * 8);
    if ((entry & kPresent) == 0) return {0, level};
    if (level == 1 || (entry & kLeaf) != 0) return {entry, level};
    table = entry & kAddressBits;
  }
}
// With the table itself.
u64 tables_below(u64 table, u32 level, u64 first = 0) noexcept {
  u64 count = 1;
  for (u64 i = first; i < 512 && level > 1; ++i) {
    const u64 entry = word_of(table + i * 8);
    if ((entry & kPresent) == 0 || (entry & kLeaf) != 0) continue;
    count += tables_below(entry & kAddressBits, level - 1);
  }
  return count;
}

// What is to be known of a page's number everywhere.
u64 tag_of(u64 at) noexcept { return (at / kPage + 1) * 0x9e37'79b9'7f4a'7c15; }

// What each CPU has done to go over to the kernel's table.
struct Crossing {
  bool has_loaded = false, has_flushed_after = false;
};
constinit std::array<Crossing, kMostCpus> crossings{};
constinit mm::MemoryRegions reported{}, regions{};

class KernelCheck {
 public:
  KernelCheck(Checks& checks, const MemoryMap& map) noexcept : checks_(checks), map_(map) {}

  void run() noexcept {
    let_interrupts_in();
    // The loader's table has memory where the kernel will have it, too.
    word_by_loader(agent_root_at + kLinearEntry * 8) =
        word_by_loader(agent_root_at + kFirstEntry * 8);
    table_of_loader_ = word_by_loader(agent_root_at + kFirstEntry * 8) & kAddressBits;
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
    for (int round = 0; round < 2; ++round) {
      check_balance([&] {
        check_area();
        check_large_area();
      });
      check_balance([&] { check_space(); });
    }
    check_balance([&] { check_at_once(); });
    check_reserved();
  }

 private:
  static u64& word_by_loader(u64 at) noexcept { return *linear<u64>(at); }
  static mm::BootPageTable<Kernel>& boot_table() noexcept {
    return Kernel::globals().boot_page_table;
  }
  static u64 free_pages() noexcept { return Kernel::globals().allocator.free_bytes() / kPage; }
  void expect(const char* what, bool holds) noexcept { (void)checks_.expect(what, holds); }

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
      for (u64 at = region.range.begin; at < std::min(region.range.end, map_.ram_end());
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
    u64 end = 0;
    for (const MemoryRun& one : map_.all()) {
      if (one.type == MemoryType::usable) end = std::max(end, one.end / kPage * kPage);
    }
    end_ = Kernel::globals().max_paddr();
    expect("slots reach as far as memory", end_ == end);
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
      const u64 counted = usage == PageUsage::unused ? Slot::kUnused : 1;
      // A page of the free lists is unique; who has it says its usage.
      if (usage == PageUsage::unused) {
        ++unused;
        is_right = is_right && slot->ref_count() != 1;
      } else {
        is_right = is_right && slot->ref_count() == counted &&
                   mm::Frame<Kernel>::from_in_use({at}).value().usage() == usage;
      }
    }
    expect("every page's slot is in its place", is_placed);
    expect("every page is used for what it is used for", is_right);
    expect("what is usable, and was not handed out early, is free", free_pages() == unused);
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
    auto made = mm::init_kernel_page_table<Config>(map, std::move(*slots_));
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
      auto cursor = mm::CursorMut<Config>::open(*table_, {part.begin}, {part.end});
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
    // Whatever is said after that, some CPU could not say it any more.
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

  // Whatever was taken is given back, but for the kernel's own tables, which stay.
  void check_balance(auto&& work) noexcept {
    const u64 free = free_pages(), tables = tables_below(root(), 4, mm::kEntries / 2);
    work();
    // A period may run, and another wait behind it.
    for (int i = 0; i < 3; ++i) on_each([] { (void)mm::quiesce<Kernel>(Kernel::this_cpu()); });
    const u64 grown = tables_below(root(), 4, mm::kEntries / 2) - tables;
    expect("all frames are given back", free_pages() == free - grown);
  }

  static u64 cpus() noexcept { return ~u64{0} >> (64 - processor_count); }
  static u64 other_cpus() noexcept { return cpus() & ~(u64{1} << Kernel::this_cpu()); }
  static void let_interrupts_in() noexcept { X86_64::let_interrupt(cpus()); }
  // Who was about to take one has done so when this returns.
  static void hold_interrupts_back() noexcept {
    X86_64::let_interrupt(0);
    on_each([] {});
  }
  // How often each was interrupted.
  static std::array<u64, kMostCpus> interrupts() noexcept {
    std::array<u64, kMostCpus> all{};
    for (u32 i = 0; i < processor_count; ++i) all[i] = processors[i].interrupts;
    return all;
  }
  void expect_interrupts_since(const std::array<u64, kMostCpus>& before) noexcept {
    bool holds = true;
    for (u32 i = 1; i < processor_count; ++i) holds = holds && processors[i].interrupts > before[i];
    expect("every other CPU was interrupted", holds);
  }

  // Five pages, and frames in the middle.
  void check_area() noexcept {
    auto frames = mm::FrameAllocOptions<Kernel>().alloc_segment(3);
    if (!checks_.expect("there are frames", frames.ok())) return;
    auto segment = frames.take();
    const u64 at = segment.start_paddr().value;
    Area area;
    const auto mapped = Area::map_frames(area, *table_, 5, 1, segment, mm::kKernelData);
    if (!checks_.expect("an area is made", !mapped.stopped_by && mapped.pages == 3)) return;
    const u64 begin = area.begin().value;
    expect("an area lies where areas do",
           kKernelLayout.areas.contains(begin) && area.end().value <= kKernelLayout.areas.end);
    on_each([&] {
      for (u64 page = 0; page < 5; ++page) {
        const u64 there = begin + page * kPage + 8 * page;
        if (page == 0 || page == 4) {
          expect("nothing is mapped around them", faults(there, Access::load, kAbsent));
          continue;
        }
        u64& word = word_of(at + (page - 1) * kPage + 8 * page);
        word = tag_of(there) + Kernel::this_cpu();
        expect("frames are read in their area", load(there) == word);
        expect("and written", is_reached(there, Access::store, 0x77) && (word & 0xff) == 0x77);
        expect("and not executed", faults(there, Access::fetch, kRights | kByFetch));
      }
      expect("the kernel's pages are global",
             (leaf_of(root(), begin + kPage).entry & kGlobal) != 0);
    });
    const auto before = interrupts();
    const auto dropped = drop(std::move(area));
    expect("the frames are taken out, and only other CPUs waited for",
           dropped.pages == 3 && (dropped.cpus & ~other_cpus()) == 0);
    expect_interrupts_since(before);
    on_each([&] {
      bool holds = true;
      for (u64 page = 0; page < 5; ++page) {
        holds = holds && faults(begin + page * kPage + 8 * page, Access::load, kAbsent);
      }
      expect("no CPU knows an area that was dropped", holds);
    });
  }

  // Of one large page: then a small one in it gets rights of its own.
  void check_large_area() noexcept {
    const std::optional<PhysAddr> memory = Kernel::alloc(kLargePage, kLargePage);
    if (!checks_.expect("there is a large page", memory.has_value())) return;
    Area area;
    const auto mapped = Area::map_range(area, *table_, 2 * kPagesOfLarge, kPagesOfLarge, *memory,
                                        kPagesOfLarge, mm::kKernelData);
    if (!checks_.expect("an area is made", !mapped.stopped_by)) return;
    const u64 begin = area.begin().value + kLargePage;
    expect("a large page is mapped where it fits",
           leaf_of(root(), begin).level == (begin % kLargePage == 0 ? 2 : 1));
    const u64 odd = begin + 100 * kPage;
    on_each([&] { expect("it is written", is_writable(odd) && is_writable(odd + kPage)); });

    const auto before = interrupts();
    auto flusher = mm::Flusher<Kernel>::of_kernel();
    {
      auto cursor = mm::CursorMut<Config>::open(*table_, {odd}, {odd + kPage});
      const bool is_done =
          cursor.ok() && cursor.value()
                             .protect_next(kPage,
                                           [](PageFlags& flags, mm::CachePolicy&) noexcept {
                                             flags.bits = PageFlags::kReadable;
                                           })
                             .ok();
      expect("one page of a large one is protected", is_done);
      hold_interrupts_back();
      flusher.issue_pages({odd}, 1);
      (void)flusher.dispatch();
    }
    on_others([&] { checks_.note_stale(is_writable(odd)); });
    expect("the other CPUs are yet to flush", flusher.behind() == other_cpus());
    let_interrupts_in();
    (void)flusher.sync();
    expect_interrupts_since(before);
    on_each([&] {
      expect("the page is not written", faults(odd, Access::store, kRights | kByStore));
      bool holds = true;
      for (u64 at = begin; at < begin + kLargePage; at += kPage) {
        holds = holds && (at == odd || is_writable(at)) &&
                load(at) == load(Kernel::kMemoryBase + memory->value + (at - begin));
      }
      expect("all others of the large page are, and lead where they did", holds);
    });
    (void)drop(std::move(area));
    on_each([&] {
      expect("no CPU knows a large page that was dropped",
             faults(begin, Access::load, kAbsent) && faults(odd, Access::load, kAbsent));
    });
    Kernel::dealloc(*memory, kLargePage);
  }
  void on_others(auto&& job) noexcept {
    for (u32 i = 1; i < processor_count; ++i) on(i, job);
  }

  static bool map_user(const Space& space, u64 at, mm::UFrame<Kernel>&& frame, u8 rights) noexcept {
    auto cursor = mm::SpaceCursorMut<Kernel>::open(space, {at}, {at + kPage});
    return cursor.ok() &&
           cursor.value()
               .map(Space::Config::Items::Item::tracked(std::move(frame), {{rights}, {}, {}}))
               .ok();
  }
  // In ring 3, by the program's own code: probe.S's, copied there.
  static const Awaited& touch(u64 at, Access how, u8 value = 0) noexcept {
    Processor& own = this_processor();
    const u64 code = kProgramAt + (how == Access::store ? 16 : 0);
    const Entry entry{.rdi = at,
                      .ss = kUserData,
                      .rsp = 0,
                      .rflags = kFlagsOfKernel,
                      .cs = kUserCode,
                      .rip = how == Access::fetch ? at : code,
                      .rsi = value};
    enter(&own.awaited, &entry);
    return own.awaited;
  }
  static bool user_faults(u64 at, Access how, u64 error) noexcept {
    const Awaited& trap = touch(at, how);
    return trap.vector == kPageFault && trap.error == (error | kByUser) && trap.cr2 == at;
  }
  static bool user_reaches(u64 at, Access how, u8 value = 0) noexcept {
    const Awaited& trap = touch(at, how, value);
    return trap.vector == kBreakpoint && (how != Access::load || (trap.rax & 0xff) == value);
  }
  static void go_to(const auto& table) noexcept {
    const mm::ReadSection<Kernel> section;
    table.activate();
  }

  // A space with a program of one page, and one of data.
  void check_space() noexcept {
    auto made = Space::create_user_page_table(*table_);
    if (!checks_.expect("a space is made", made.ok())) return;
    std::optional<Space> space(made.take());
    const u64 user_root = space->root_paddr().value;
    bool is_shared = true;
    for (u64 i = 0; i < mm::kEntries; ++i) {
      const u64 kernels = word_of(root() + i * 8) & ~kAccessed;
      is_shared = is_shared && (word_of(user_root + i * 8) & ~kAccessed) == kernels;
    }
    expect("a space has the kernel's half, and else nothing", is_shared);

    auto code = mm::FrameAllocOptions<Kernel>().alloc_frame();
    auto data = mm::FrameAllocOptions<Kernel>().alloc_frame();
    if (!checks_.expect("there are frames", code.ok() && data.ok())) return;
    const mm::UFrame<Kernel> kept(data.take());
    const u64 data_at = kept.start_paddr().value;
    __builtin_memcpy(&word_of(code.value().start_paddr().value), linear<u8>(probe_code_at), 32);
    expect("pages are mapped in it",
           map_user(*space, kProgramAt, mm::UFrame<Kernel>(code.take()), kRx) &&
               map_user(*space, kDataAt, kept.clone(), kRw));

    on_each([&] {
      go_to(*space);
      expect("a CPU goes over to a space", Kernel::root().value == user_root);
      const auto value = static_cast<u8>(0xa0 + Kernel::this_cpu());
      expect("a program stores", user_reaches(kDataAt + 64, Access::store, value) &&
                                     (word_of(data_at + 64) & 0xff) == value);
      expect("and loads", user_reaches(kDataAt + 64, Access::load, value));
      expect("a program's code is not written",
             user_faults(kProgramAt + 8, Access::store, kRights | kByStore));
      expect("and its data is not executed",
             user_faults(kDataAt, Access::fetch, kRights | kByFetch));
      expect("where nothing is, a program faults",
             user_faults(kDataAt + kPage, Access::load, kAbsent));
      expect("a program does not reach what is the kernel's",
             user_faults(Kernel::kMemoryBase + data_at, Access::load, kRights) &&
                 user_faults(Kernel::kSlotsBase, Access::load, kRights) &&
                 user_faults(address(text_begin), Access::load, kRights) &&
                 user_faults(address(data_begin), Access::store, kRights | kByStore) &&
                 user_faults(kLinearBase + kApicAt, Access::load, kRights));
      expect("and the kernel does, in a space, too",
             load(Kernel::kMemoryBase + data_at + 64) == word_of(data_at + 64) &&
                 load(kDataAt + 64) == word_of(data_at + 64));
      check_words(data_at);
    });

    check_unmap(*space, kept);

    // The last handle of a space is the last CPU's.
    const u64 free = free_pages();
    on(0, [&] { go_to(*table_); });
    expect("who has it dropped is not the last", !drop(std::move(*space)) || processor_count == 1);
    space.reset();
    on_others([&] {
      expect("a space lives as long as some CPU translates by it",
             user_faults(kDataAt, Access::load, kAbsent) && Kernel::root().value == user_root);
      go_to(*table_);
    });
    constexpr u64 kTables = 1 + 2 * 3;  // The root, and a way down to each of two pages, far apart.
    expect("with the last CPU it goes: its tables, and the program",
           free_pages() == free + kTables + 1);
    on_each([&] {
      expect("nobody knows a space that is gone",
             faults(kProgramAt, Access::load, kAbsent) && Kernel::root().value == root());
    });
  }

  // As programs agree with the kernel on one.
  void check_words(u64 data_at) noexcept {
    const auto word = static_cast<u32>(word_of(data_at + 128));
    const u32 next = word + 1;
    expect("a program's word is loaded", Kernel::load_user({kDataAt + 128}) == word);
    expect("and exchanged, if it is what is expected",
           Kernel::compare_exchange_user({kDataAt + 128}, next, 0) == word &&
               Kernel::compare_exchange_user({kDataAt + 128}, word, next) == word &&
               static_cast<u32>(word_of(data_at + 128)) == next);
    expect("and is not, where a program may not store, or nothing is",
           !Kernel::compare_exchange_user({kProgramAt}, 0, 0) &&
               !Kernel::load_user({kDataAt + kPage}) && !Kernel::load_user({u64{1} << 62}));
  }

  // By the first CPU; the others know the page until they are interrupted.
  void check_unmap(const Space& space, const mm::UFrame<Kernel>& data) noexcept {
    const auto before = interrupts();
    auto opened = mm::SpaceCursorMut<Kernel>::open(space, {kDataAt}, {kDataAt + kPage});
    if (!checks_.expect("a cursor is opened", opened.ok())) return;
    {
      auto cursor = opened.take();
      hold_interrupts_back();
      expect("a page is unmapped", cursor.unmap(kPage).pages == 1);
      on_others([&] { checks_.note_stale(user_reaches(kDataAt + 64, Access::store, 1)); });
      expect("its frame is kept meanwhile", data.reference_count() == 2);
      expect("the other CPUs are yet to flush", cursor.flusher().behind() == other_cpus());
      let_interrupts_in();
      (void)cursor.flusher().sync();
      expect("who has waited for them finds that they have", cursor.flusher().behind() == 0);
    }
    expect_interrupts_since(before);
    on_each([&] {
      expect("no CPU knows a page that was unmapped",
             user_faults(kDataAt + 64, Access::load, kAbsent));
    });
    for (int i = 0; i < 2; ++i) on_each([] { (void)mm::quiesce<Kernel>(Kernel::this_cpu()); });
    expect("when all have passed the frame is given up", data.reference_count() == 1);
  }

  // All CPUs, each with an area and a space of its own at a time. What one of them has found, it
  // keeps to itself until all are done.
  void check_at_once() noexcept {
    struct Shared {
      const Table& table;
      std::atomic<u32> faults{0};
      std::atomic<u32> rounds{0};
    } shared{*table_};
    run_everywhere(
        [](void* with) noexcept {
          // SAFETY: it is what they share.
          Shared& all = *static_cast<Shared*>(with);
          for (u32 round = 0; round < kRounds; ++round) {
            // ORDER: none needed: they are only numbers; who reads them has waited for all.
            if (!take_a_turn(all.table)) all.faults.fetch_add(1, std::memory_order_relaxed);
            all.rounds.fetch_add(1, std::memory_order_relaxed);
            (void)mm::quiesce<Kernel>(Kernel::this_cpu());
          }
        },
        &shared);
    expect("all CPUs at once have areas and spaces of their own",
           shared.faults.load(std::memory_order_relaxed) == 0 &&
               shared.rounds.load(std::memory_order_relaxed) == kRounds * processor_count);
  }
  static bool take_a_turn(const Table& table) noexcept {
    auto frames = mm::FrameAllocOptions<Kernel>().alloc_segment(2);
    auto made = Space::create_user_page_table(table);
    auto code = mm::FrameAllocOptions<Kernel>().alloc_frame();
    auto data = mm::FrameAllocOptions<Kernel>().alloc_frame();
    if (!frames.ok() || !made.ok() || !code.ok() || !data.ok()) return false;
    auto segment = frames.take();
    Area area;
    if (Area::map_frames(area, table, 2, 0, segment, mm::kKernelData).stopped_by) return false;
    Space space = made.take();
    __builtin_memcpy(&word_of(code.value().start_paddr().value), linear<u8>(probe_code_at), 32);
    const u64 data_at = data.value().start_paddr().value;
    const auto value = static_cast<u8>(1 + Kernel::this_cpu());
    bool holds = map_user(space, kProgramAt, mm::UFrame<Kernel>(code.take()), kRx) &&
                 map_user(space, kDataAt, mm::UFrame<Kernel>(data.take()), kRw);
    go_to(space);
    holds = holds && user_reaches(kDataAt, Access::store, value) &&
            (word_of(data_at) & 0xff) == value && user_reaches(kDataAt, Access::load, value);
    const u64 begin = area.begin().value;
    holds = holds && is_reached(begin, Access::store, value) &&
            load(begin + kPage) == std::optional<u64>(0);
    (void)drop(std::move(area));
    // The addresses may be another's by now, whose pages are not this CPU's value's.
    const Awaited& trap = probe(begin, Access::load, /*is_user=*/false, /*ac=*/false, 0);
    holds = holds && (trap.vector == kPageFault || (trap.rax & 0xff) != value);
    {
      auto opened = mm::SpaceCursorMut<Kernel>::open(space, {kDataAt}, {kDataAt + kPage});
      if (!opened.ok()) return false;
      auto cursor = opened.take();
      holds = holds && cursor.unmap(kPage).pages == 1;
      (void)cursor.flusher().sync();
    }
    holds = holds && user_faults(kDataAt, Access::load, kAbsent);
    go_to(table);
    return drop(std::move(space)) && holds;
  }

  void check_reserved() noexcept {
    expect("the code is as it was", sum_of(code()) == sum_of_code_);
    expect("what is reserved is as it was", sum_of(kMailboxRange) == sum_of_reserved_);
  }

  // Of the areas' addresses, and nothing of ours; each with an entry of the root of its own.
  static constexpr u64 kAtBoot = kKernelLayout.areas.begin + (u64{8} << 39);
  static constexpr u64 kAtBootLater = kKernelLayout.areas.begin + (u64{9} << 39) + 5 * kPage;

  static constexpr u64 kPagesOfLarge = kLargePage / kPage;
  static constexpr u64 kProgramAt = 0x40'0000, kDataAt = 0x7fff'0000'3000;
  static constexpr u32 kRounds = 32;

  Checks& checks_;
  const MemoryMap& map_;
  std::optional<mm::Segment<Kernel, mm::MetaPageMeta>> slots_{};
  std::optional<Table> table_{};
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
