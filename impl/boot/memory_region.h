// SPDX-License-Identifier: MPL-2.0
// What the loader says of memory: regions, each of a type. As reported they may overlap, leave
// holes, and begin and end in the middle of pages; into_non_overlapping() makes order.
#pragma once

#include <optional>

#include "impl/addr/address.h"
#include "impl/addr/range.h"
#include "impl/base/result.h"

namespace mm {

// Where regions overlap, the lowest type wins: what is least fit for use.
enum class RegionType : u8 {
  bad,
  unknown,
  non_volatile_sleep,
  reserved,
  kernel,
  module,
  framebuffer,
  reclaimable,
  usable,
};

// Whether there is memory behind a region, rather than a device or nothing.
constexpr bool is_physical(RegionType type) noexcept {
  return type != RegionType::bad && type != RegionType::unknown && type != RegionType::reserved &&
         type != RegionType::framebuffer;
}

struct MemoryRegion {
  PhysRange range{};
  RegionType type = RegionType::unknown;

  // Of usable memory, the pages that lie in it; of all other, those that it has a part of. One that
  // goes into the last page below 2^64 ends before it: that page's end has no number.
  constexpr PhysRange whole_pages() const noexcept {
    if (range.is_empty()) return {};
    if (type == RegionType::usable) return {page_from(range.begin), page_of(range.end)};
    return {page_of(range.begin), page_from(range.end)};
  }

  bool operator==(const MemoryRegion&) const = default;

 private:
  static constexpr u64 kLastPage = -kPageSize;
  // The page that an address is in; the first at or above it.
  static constexpr u64 page_of(u64 at) { return at & kLastPage; }
  static constexpr u64 page_from(u64 at) {
    return page_of(std::min(at, kLastPage) + kPageSize - 1);
  }
};

struct TooManyRegions {};

class MemoryRegions {
 public:
  static constexpr usize kMost = 512;

  constexpr Result<void, TooManyRegions> add(const MemoryRegion& region) noexcept {
    if (count_ == kMost) return Failure{TooManyRegions{}};
    regions_[count_++] = region;
    return {};
  }

  // Makes `made` the same memory as regions of whole pages, sorted, without overlaps or holes, no
  // two of one type adjacent: at any address the lowest type of those that have it, or unknown.
  // Fails if that needs more than kMost.
  constexpr Result<void, TooManyRegions> into_non_overlapping(MemoryRegions& made) const noexcept;

  constexpr std::span<const MemoryRegion> all() const noexcept {
    return std::span(regions_).first(count_);
  }

 private:
  constexpr Result<void, TooManyRegions> append(PhysRange range, RegionType type) noexcept;

  std::array<MemoryRegion, kMost> regions_{};
  usize count_ = 0;
};

// Adds memory that begins where the last region ends.
constexpr Result<void, TooManyRegions> MemoryRegions::append(PhysRange range,
                                                             RegionType type) noexcept {
  if (count_ == 0 || regions_[count_ - 1].type != type) return add({range, type});
  regions_[count_ - 1].range.end = range.end;
  return {};
}

constexpr Result<void, TooManyRegions> MemoryRegions::into_non_overlapping(
    MemoryRegions& made) const noexcept {
  made.count_ = 0;
  PhysRange whole{~u64{0}, 0};
  for (const MemoryRegion& region : all()) {
    const PhysRange range = region.whole_pages();
    if (range.is_empty()) continue;
    whole = {std::min(whole.begin, range.begin), std::max(whole.end, range.end)};
  }
  // From one boundary to the next: between them the same regions apply.
  for (u64 at = whole.begin; at < whole.end;) {
    u64 until = whole.end;
    std::optional<RegionType> lowest;
    for (const MemoryRegion& region : all()) {
      const PhysRange range = region.whole_pages();
      if (range.is_empty() || range.end <= at) continue;
      until = std::min(until, range.begin > at ? range.begin : range.end);
      if (range.begin <= at) lowest = std::min(lowest.value_or(region.type), region.type);
    }
    MM_TRY(made.append({at, until}, lowest.value_or(RegionType::unknown)));
    at = until;
  }
  return {};
}

}  // namespace mm
