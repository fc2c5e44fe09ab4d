// SPDX-License-Identifier: MPL-2.0
// The machine that boots: from what the loader says of its memory to its frame allocator.
#include <algorithm>

#include "reference/model.h"

namespace reference {

using trace::KindName;
using trace::RegionName;
using trace::Status;

namespace {

constexpr std::size_t kMostReported = 16;
constexpr std::uint64_t kMemoryEnd = trace::kColdMachine.pages.raw * kPageBytes;
constexpr std::uint64_t kMostSlots = 4096;                  // That there is room for.
constexpr std::uint64_t kLastBoundary = ~(kPageBytes - 1);  // Of pages, below 2^64.

// What the boot mapping is asked for, as BootMappedAt reads it: readable, writable, global,
// write-back.
constexpr std::uint64_t kMappedAs = 1 | 2 | 8 | 16;
constexpr std::uint64_t kLinearBase = 0xffff'8000'0000'0000;

constexpr std::uint64_t aligned_down(std::uint64_t address) { return address & kLastBoundary; }

// The next boundary; what would be 2^64 is the last one below, for nothing lies there.
constexpr std::uint64_t aligned_up(std::uint64_t address) {
  return address > kLastBoundary ? kLastBoundary : aligned_down(address + kPageBytes - 1);
}

// CPU 0 boots alone.
bool is_booting(Lane lane) { return lane == 0; }

Region to_pages(const Region& region) {
  if (region.type == RegionName::usable) {
    return {aligned_up(region.begin), aligned_down(region.end), region.type};
  }
  return {aligned_down(region.begin), aligned_up(region.end), region.type};
}

// Between any two neighbours of all the beginnings and ends there is one type.
std::vector<Region> normalised(std::vector<Region> regions) {
  std::ranges::transform(regions, regions.begin(), to_pages);
  std::erase_if(regions, [](const Region& region) { return region.begin >= region.end; });
  std::set<std::uint64_t> boundaries;
  for (const Region& region : regions) boundaries.insert({region.begin, region.end});

  std::vector<Region> found;
  for (auto at = boundaries.begin(); at != boundaries.end() && std::next(at) != boundaries.end();
       ++at) {
    Region next{*at, *std::next(at), RegionName::unknown};
    bool is_hole = true;
    for (const Region& region : regions) {
      if (region.begin > next.begin || region.end < next.end) continue;
      next.type = is_hole ? region.type : std::min(next.type, region.type);
      is_hole = false;
    }
    if (!found.empty() && found.back().type == next.type) {
      found.back().end = next.end;
    } else {
      found.push_back(next);
    }
  }
  return found;
}

// The usable memory between two addresses.
std::vector<Region> usable_within(const Cold& cold, std::uint64_t begin, std::uint64_t end) {
  std::vector<Region> parts;
  for (Region region : cold.regions) {
    region.begin = std::max(region.begin, begin);
    region.end = std::min(region.end, end);
    if (region.type == RegionName::usable && region.begin < region.end) parts.push_back(region);
  }
  return parts;
}

// Adds the largest part, the lowest of equal ones.
void add_largest(std::vector<Supply>& supplies, const std::vector<Region>& parts) {
  const auto largest =
      std::ranges::max_element(parts, {}, [](const Region& part) { return part.end - part.begin; });
  if (largest != parts.end()) supplies.push_back({largest->begin, largest->end, largest->begin});
}

bool is_early(const Cold& cold, std::uint64_t address) {
  return std::ranges::any_of(cold.supplies, [&](const Supply& supply) {
    return address >= supply.begin && address < supply.tail;
  });
}

bool is_physical(RegionName type) {
  return type != RegionName::bad && type != RegionName::unknown && type != RegionName::reserved &&
         type != RegionName::framebuffer;
}

// What the pages of a region are marked as; none if they stay unused.
std::optional<KindName> mark_of(RegionName type) {
  switch (type) {
    case RegionName::bad:
    case RegionName::non_volatile_sleep:
    case RegionName::module:
    case RegionName::reclaimable: return KindName::unusable;
    case RegionName::unknown:
    case RegionName::reserved:
    case RegionName::framebuffer: return KindName::reserved;
    case RegionName::kernel: return KindName::kernel;
    case RegionName::usable: break;
  }
  return std::nullopt;
}

// Marks the pages of [begin, end) that have slots.
void mark(Cold& cold, std::uint64_t begin, std::uint64_t end, KindName kind) {
  for (std::uint64_t at = begin; at < std::min(end, cold.max_paddr); at += kPageBytes) {
    cold.marked[at / kPageBytes] = kind;
  }
}

}  // namespace

std::optional<std::uint64_t> take_early(std::vector<Supply>& supplies, std::uint64_t pages,
                                        std::uint64_t align) {
  for (Supply& supply : supplies) {
    const std::uint64_t begin = (supply.tail + align - 1) / align * align;
    if (begin > supply.end || pages > (supply.end - begin) / kPageBytes) continue;
    supply.tail = begin + pages * kPageBytes;
    return begin;
  }
  return std::nullopt;
}

bool allows(const State& state, Lane lane, const trace::BootAddRegion& op) {
  const std::uint64_t length = op.length.value();
  return is_booting(lane) && !state.cold.is_normalised &&
         state.cold.regions.size() < kMostReported && length > 0 &&
         trace::cold_address(op.at) <= ~std::uint64_t{0} - length;
}

Answer step(State& state, Lane, const trace::BootAddRegion& op, const Answer&) {
  const std::uint64_t begin = trace::cold_address(op.at);
  state.cold.regions.push_back({begin, begin + op.length.value(), op.type.name});
  return {};
}

bool allows(const State&, Lane lane, const trace::BootNormalise&) { return is_booting(lane); }

Answer step(State& state, Lane, const trace::BootNormalise&, const Answer&) {
  Cold& cold = state.cold;
  cold.regions = normalised(cold.regions);
  cold.is_normalised = true;
  return {{.results = {cold.regions.size()}}, {}};
}

bool allows(const State&, Lane lane, const trace::BootRegionAt&) { return is_booting(lane); }

Answer step(State& state, Lane, const trace::BootRegionAt& op, const Answer&) {
  const std::uint64_t index = op.index.value();
  if (index >= state.cold.regions.size()) return {{Status::none}, {}};
  const Region& region = state.cold.regions[index];
  return {{.results = {region.begin, region.end, static_cast<std::uint64_t>(region.type)}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BootEarlyInit&) {
  return is_booting(lane) && state.cold.is_normalised && state.cold.supplies.empty();
}

Answer step(State& state, Lane, const trace::BootEarlyInit&, const Answer&) {
  Cold& cold = state.cold;
  add_largest(cold.supplies, usable_within(cold, 0, trace::kColdMiddle));
  add_largest(cold.supplies, usable_within(cold, trace::kColdMiddle, kMemoryEnd));
  return {{cold.supplies.empty() ? Status::none : Status::ok}, {}};
}

bool allows(const State&, Lane lane, const trace::BootEarlyAlloc& op) {
  return is_booting(lane) && op.pages.value() > 0;
}

Answer step(State& state, Lane, const trace::BootEarlyAlloc& op, const Answer&) {
  Cold& cold = state.cold;
  if (cold.supplies.empty() || cold.is_initialised()) {
    return panic(trace::Code::no_early);
  }
  const auto begin = take_early(cold.supplies, op.pages.value(), kPageBytes << op.align.value);
  if (!begin) return {{Status::no_memory}, {}};
  return {{.results = {*begin}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BootInitMeta&) {
  return is_booting(lane) && !state.cold.supplies.empty() && !state.cold.is_initialised();
}

Answer step(State& state, Lane, const trace::BootInitMeta& op, const Answer&) {
  Cold& cold = state.cold;
  std::uint64_t max_paddr = 0;
  for (const Region& region : cold.regions) {
    const bool counts =
        op.usable_only.value() ? region.type == RegionName::usable : is_physical(region.type);
    if (counts) max_paddr = std::max(max_paddr, region.end);
  }
  const std::uint64_t slots = max_paddr / kPageBytes;
  const std::uint64_t meta_pages = (slots * kSlotBytes + kPageBytes - 1) / kPageBytes;
  if (slots > kMostSlots) return {{Status::no_memory}, {}};
  const auto meta_at = take_early(cold.supplies, meta_pages, kPageBytes);
  if (!meta_at) return {{Status::no_memory}, {}};

  for (std::uint64_t pa = trace::kColdMiddle; pa < max_paddr; pa += kPageBytes) {
    cold.mapped.push_back({kLinearBase + pa, pa, kMappedAs});
  }
  const std::uint64_t linear_maps = cold.mapped.size();
  for (std::uint64_t at = 0; at < meta_pages * kPageBytes; at += kPageBytes) {
    cold.mapped.push_back({kSlotsBase + at, *meta_at + at, kMappedAs});
  }

  cold.max_paddr = max_paddr;
  for (const Region& region : cold.regions) {
    if (const auto kind = mark_of(region.type)) mark(cold, region.begin, region.end, *kind);
  }
  for (const Supply& supply : cold.supplies) mark(cold, supply.begin, supply.tail, KindName::early);
  mark(cold, *meta_at, *meta_at + meta_pages * kPageBytes, KindName::meta);
  return {{.results = {slots, *meta_at, linear_maps, meta_pages}}, {}};
}

bool allows(const State&, Lane lane, const trace::BootMappedAt&) { return is_booting(lane); }

Answer step(State& state, Lane, const trace::BootMappedAt& op, const Answer&) {
  const std::uint64_t index = op.index.value();
  if (index >= state.cold.mapped.size()) return {{Status::none}, {}};
  const ColdMapping& mapping = state.cold.mapped[index];
  return {{.results = {mapping.va, mapping.pa, mapping.property}}, {}};
}

bool allows(const State&, Lane lane, const trace::BootIsInitialized&) { return is_booting(lane); }

Answer step(State& state, Lane, const trace::BootIsInitialized&, const Answer&) {
  const Cold& cold = state.cold;
  return {{.results = {cold.is_initialised() ? 1u : 0u, cold.max_paddr}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BootPage&) {
  return is_booting(lane) && state.cold.is_initialised();
}

// What is in use has one count that nobody gives back; that of the handle that looks is not told.
// What the allocator does with its own pages is its own affair: a unique one is where it keeps
// something.
Answer step(State& state, Lane, const trace::BootPage& op, const Answer& seen) {
  const Cold& cold = state.cold;
  const std::uint64_t address = trace::cold_address(op.at);
  if (address % kPageBytes != 0) return {{Status::not_aligned}, {}};
  if (address >= cold.max_paddr) return {{Status::out_of_bound}, {}};

  const Page page = address / kPageBytes;
  if (const auto found = cold.marked.find(page); found != cold.marked.end()) {
    const trace::Kind kind{found->second};
    return {{.results = {static_cast<std::uint64_t>(kind.name), 1,
                         static_cast<std::uint64_t>(usage_of(kind)), 0}},
            {}};
  }
  const bool is_free = cold.free.contains(page);
  const bool is_kept_by_allocator = is_free && seen.reply.status == Status::unique;
  return {{.status = is_kept_by_allocator ? Status::unique : Status::unused,
           .results = {0, 0, 0, is_free ? 1u : 0u}},
          {}};
}

bool allows(const State& state, Lane lane, const trace::BootInitAllocator&) {
  return is_booting(lane) && state.cold.is_initialised() && !state.cold.has_allocator;
}

Answer step(State& state, Lane, const trace::BootInitAllocator&, const Answer&) {
  Cold& cold = state.cold;
  for (const Region& part : usable_within(cold, 0, kMemoryEnd)) {
    for (std::uint64_t at = part.begin; at < part.end; at += kPageBytes) {
      if (!is_early(cold, at)) cold.free.insert(at / kPageBytes);  // Else it may have come back.
    }
  }
  cold.has_allocator = true;
  return {{.results = {cold.free.size() * kPageBytes}}, {}};
}

}  // namespace reference
