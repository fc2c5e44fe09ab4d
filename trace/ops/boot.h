// SPDX-License-Identifier: MPL-2.0
// Operations that boot a second machine, which is cold: it has memory and no metadata yet, and CPU
// 0 alone. Its physical addresses are a world of their own (ColdPlace); it starts with an empty
// list of memory regions.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// The loader reports a region of memory, after those reported before. At most 16, and not after
// boot_normalise.
struct BootAddRegion {
  static constexpr const char* kName = "boot_add_region";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  ColdPlace at;
  Extent length;  // Above 0; its end must not pass 2^64 - 1.
  RegionType type;

  static constexpr void fields(auto&& each) {
    each("at", &BootAddRegion::at);
    each("length", &BootAddRegion::length);
    each("type", &BootAddRegion::type);
  }
  bool operator==(const BootAddRegion&) const = default;
};

// Makes of the regions reported a list that is sorted and without overlaps or holes: of overlapping
// regions the lowest type wins, holes between regions become unknown, usable regions shrink to page
// boundaries and all others expand, adjacent ones of one type merge. Says how many there are. Can
// be done again, and changes nothing then.
struct BootNormalise {
  static constexpr const char* kName = "boot_normalise";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 1> kResults = {{{"regions", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const BootNormalise&) const = default;
};

// The region of this index, as the list now is.
struct BootRegionAt {
  static constexpr const char* kName = "boot_region_at";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 3> kResults = {
      {{"begin", As::address}, {"end", As::address}, {"type", As::region}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  Count index;

  static constexpr void fields(auto&& each) { each("index", &BootRegionAt::index); }
  bool operator==(const BootRegionAt&) const = default;
};

// Starts the early allocator on the largest usable region below the cold machine's middle, and the
// largest at or above it, of the normalised list, a region across the middle being cut there. None
// if there is no usable memory. Must be normalised, and not have been started.
struct BootEarlyInit {
  static constexpr const char* kName = "boot_early_init";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  static constexpr void fields(auto&&) {}
  bool operator==(const BootEarlyInit&) const = default;
};

// Takes aligned pages from the early allocator: of the low region first, growing up. Panics before
// it was started and after it has retired.
struct BootEarlyAlloc {
  static constexpr const char* kName = "boot_early_alloc";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory, Status::panicked};

  Count pages;  // At least 1.
  Order align;  // The start is a multiple of 4096 << align.

  static constexpr void fields(auto&& each) {
    each("pages", &BootEarlyAlloc::pages);
    each("align", &BootEarlyAlloc::align);
  }
  bool operator==(const BootEarlyAlloc&) const = default;
};

// Initialises the metadata of all pages below max_paddr, marks what is not usable, and publishes
// max_paddr; max_paddr comes of all physical regions, or of usable ones only. The early allocator
// must have been started, and retires. Says how many slots there are, where the pages for them were
// taken, and how often the boot mapping was asked for a page of the linear mapping and of the
// metadata. If there is not enough memory, nothing has changed.
struct BootInitMeta {
  static constexpr const char* kName = "boot_init_meta";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 4> kResults = {{{"slots", As::number},
                                                      {"meta_at", As::address},
                                                      {"linear_maps", As::number},
                                                      {"meta_maps", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  Flag usable_only;  // Whether max_paddr comes of usable regions only.

  static constexpr void fields(auto&& each) { each("usable_only", &BootInitMeta::usable_only); }
  bool operator==(const BootInitMeta&) const = default;
};

// What the boot mapping was asked in its call of this index (from 0): map this page with these
// rights (bit 0 readable, 1 writable, 2 executable, 3 global, 4 write-back).
struct BootMappedAt {
  static constexpr const char* kName = "boot_mapped_at";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 3> kResults = {
      {{"va", As::address}, {"pa", As::address}, {"property", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  Count index;

  static constexpr void fields(auto&& each) { each("index", &BootMappedAt::index); }
  bool operator==(const BootMappedAt&) const = default;
};

// Whether metadata is initialised, and the maximal physical address that is published, 0 before.
struct BootIsInitialized {
  static constexpr const char* kName = "boot_is_initialized";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 2> kResults = {
      {{"is_initialized", As::flag}, {"max_paddr", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const BootIsInitialized&) const = default;
};

// Joins a page of the cold machine, looks, and leaves it as it was; its own handle is not counted:
// metadata must be initialised. Of an unused or a unique page it says only whether the cold
// machine's allocator has it free.
struct BootPage {
  static constexpr const char* kName = "boot_page";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 4> kResults = {
      {{"kind", As::kind}, {"count", As::number}, {"usage", As::usage}, {"is_free", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::not_aligned, Status::out_of_bound,
                                           Status::unused, Status::unique};

  ColdPlace at;

  static constexpr void fields(auto&& each) { each("at", &BootPage::at); }
  bool operator==(const BootPage&) const = default;
};

// Gives all usable memory but what was allocated early to the cold machine's allocator. Metadata
// must be initialised, and this not have been done.
struct BootInitAllocator {
  static constexpr const char* kName = "boot_init_allocator";
  static constexpr const char* kLaw = "B.11";
  static constexpr std::array<Result, 1> kResults = {{{"free_bytes", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const BootInitAllocator&) const = default;
};

}  // namespace trace
