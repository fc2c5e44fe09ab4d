// SPDX-License-Identifier: MPL-2.0
// The machine that boot operations boot, beside the one that all others are asked of: memory and
// slots of its own, one CPU, and at first nothing but a list of memory regions.
//
// Of the platform Base it wants where these are: `kColdMemoryBase` and `kColdSlotsBase`. There must
// be a slot for any page that its boot code can be made to believe in; memory is touched only below
// the end of trace::kColdMachine.
#pragma once

#include <array>

#include "impl/boot/allocators.h"
#include "impl/boot/metadata.h"
#include "impl/globals.h"
#include "trace/machine.h"

namespace check {

template <class Base>
struct Cold : Base {
  static constexpr mm::u64 kMemoryBase = Base::kColdMemoryBase;
  static constexpr mm::u64 kSlotsBase = Base::kColdSlotsBase;

  static mm::Globals<Cold>& globals() noexcept {
    static constinit mm::Globals<Cold> the_globals;
    return the_globals;
  }

  static std::optional<mm::PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(mm::PhysAddr at, mm::usize bytes) noexcept {
    globals().allocator.dealloc(at, bytes);
  }
  static mm::u32 cpu_count() noexcept { return trace::kColdMachine.cpus.count; }
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

  void reset() {
    if (stage >= Stage::early) ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    if (!regions.all().empty()) regions = {};  // Large, and nearly always empty already.
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
