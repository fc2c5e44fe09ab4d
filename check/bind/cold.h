// SPDX-License-Identifier: MPL-2.0
// The machine that boot operations boot, beside the one that all others are asked of: memory and
// slots of its own, two CPUs, and at first nothing but a list of memory regions, and the firmware's
// page table (firmware.h). The bytes of its pages are, as those of the other machine, the page's
// number at first.
//
// Of the platform Base it wants where these are: `kColdMemoryBase` and `kColdSlotsBase`. There must
// be a slot for any page that its boot code can be made to believe in; memory is touched only below
// the end of the firmware's pages, which lie behind those of trace::kColdMachine.
#pragma once

#include <array>

#include "check/bind/firmware.h"
#include "check/bind/page_mask.h"
#include "impl/boot/allocators.h"
#include "impl/boot/metadata.h"
#include "impl/globals.h"
#include "impl/platform/plain_words.h"
#include "trace/machine.h"

namespace check {

template <class Base>
struct Cold : Base, mm::MappedEntries<Base::kColdMemoryBase> {
  static constexpr mm::u64 kMemoryBase = Base::kColdMemoryBase;
  static constexpr mm::u64 kSlotsBase = Base::kColdSlotsBase;

  using Words = mm::MappedEntries<Base::kColdMemoryBase>;
  using Words::compare_exchange_pte;
  using Words::exchange_pte;
  using Words::load_pte;
  using Words::peek_pte;
  using Words::store_pte;

  static mm::Globals<Cold>& globals() noexcept {
    static constinit mm::Globals<Cold> the_globals;
    return the_globals;
  }

  // What the loader says of memory where the firmware's tables are does not make it nobody's.
  static void hide(const void* from, mm::usize bytes) noexcept {
    const auto at = reinterpret_cast<mm::u64>(from) - kMemoryBase;
    if (at - Firmware::kRoot >= Firmware::kBytes) Base::hide(from, bytes);
  }

  // The allocator is asked as by CPU 0, so that there is no memory only if none is free.
  static std::optional<mm::PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    const mm::u32 caller = std::exchange(cpu_, 0);
    const std::optional<mm::PhysAddr> at = globals().allocator.alloc(bytes, align);
    cpu_ = caller;
    return at;
  }
  static void dealloc(mm::PhysAddr at, mm::usize bytes) noexcept {
    const mm::u32 caller = std::exchange(cpu_, 0);
    globals().allocator.dealloc(at, bytes);
    cpu_ = caller;
  }

  static constexpr mm::u32 kMostCpus = 2;
  static mm::u32 cpu_count() noexcept { return kMostCpus; }
  static mm::u32 this_cpu() noexcept { return cpu_; }
  static void become(mm::u32 cpu) noexcept { cpu_ = cpu; }
  static mm::PhysAddr root() noexcept { return {Firmware::kRoot}; }

 private:
  static inline constinit mm::u32 cpu_ = 0;  // Of the cold machine's: all are played by lane 0's.
};

// What the boot mapping was asked, in order. It maps nothing: memory and slots are there already.
class Mappings {
 public:
  struct Page {
    mm::VirtAddr va;
    mm::PhysAddr pa;
    mm::PageProperty property;
  };

  void add(const Page& page) {
    if (count_ < kMost) pages_[count_] = page;
    ++count_;
  }
  void clear() { count_ = 0; }
  std::span<const Page> all() const { return std::span(pages_).first(std::min(count_, kMost)); }

 private:
  // Slots for more pages than this cannot be had of the cold machine's memory.
  static constexpr mm::usize kMost = 4096;
  std::array<Page, kMost> pages_;
  mm::usize count_ = 0;
};

template <class Base>
struct ColdMachine {
  using P = Cold<Base>;

  static constexpr mm::BootMap kMap{.mapped_end = trace::kColdMiddle};

  enum class Stage { reported, normalised, early, initialised, booted };
  Stage stage = Stage::reported;
  mm::MemoryRegions regions;
  Mappings mappings;
  bool has_used_table = false;  // The boot page table, so that the firmware's is not as it was.
  PageMask written;             // Pages that became tables.

  // From nothing.
  void rebuild() {
    has_used_table = true;
    written = PageMask::all();
    stage = Stage::booted;
    reset();
  }

  void reset() {
    if (stage >= Stage::early || has_used_table) {
      ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    }
    if (!regions.all().empty()) regions = {};  // Large, and nearly always empty already.
    if (stage >= Stage::initialised) P::show(mm::page_bytes<P>({0}), Firmware::kRoot);
    std::exchange(written, {}).each([](mm::u64 page) {
      __builtin_memset(mm::page_bytes<P>({page * mm::kPageSize}), static_cast<int>(page % 256),
                       mm::kPageSize);
    });
    if (std::exchange(has_used_table, false)) Firmware::write(mm::page_bytes<P>({Firmware::kRoot}));
    stage = Stage::reported;
    mappings.clear();
  }

  // The regions, with what is usable of them: the machine has no memory beyond its last page.
  mm::MemoryRegions memory() const {
    mm::MemoryRegions within;
    for (mm::MemoryRegion region : regions.all()) {
      if (region.type == mm::RegionType::usable) {
        region.range.end =
            std::min(region.range.end, trace::kColdMachine.pages.value() * mm::kPageSize);
      }
      (void)within.add(region);
    }
    return within;
  }
};

}  // namespace check
