// SPDX-License-Identifier: MPL-2.0
// What is required and promised of a machine that boots.
#include <iterator>

#include "reference/boot_conditions.h"

namespace reference {

using trace::KindName;
using trace::RegionName;
using trace::Status;

namespace {

constexpr std::uint64_t kMemoryEnd = trace::kColdMachine.pages.raw * kPageBytes;
constexpr std::uint64_t kMostSlots = 4096;
constexpr std::uint64_t kLastBoundary = std::uint64_t{0} - kPageBytes;

bool changes_cold_only(const Step& step, auto&& change) {
  return changes_only(step, [&](State& state, Held&) { change(state.cold); });
}

// ---- Regions ----

// The page that begins here is usable if it lies wholly in usable memory, and anything else if it
// so much as touches that. The page at the last boundary below 2^64 is in no region.
bool speaks_of(const Region& reported, std::uint64_t page) {
  if (page >= kLastBoundary) return false;
  return reported.type == RegionName::usable
             ? reported.begin <= page && page + kPageBytes <= reported.end
             : reported.begin < page + kPageBytes && page < reported.end;
}

// Of what was reported of a page, the lowest type; nothing if nothing was.
std::optional<RegionName> type_of(const std::vector<Region>& reported, std::uint64_t page) {
  std::optional<RegionName> lowest;
  for (const Region& region : reported) {
    if (speaks_of(region, page) && (!lowest || region.type < *lowest)) lowest = region.type;
  }
  return lowest;
}

// Pages among which are, of every run of pages alike in type, the first and the last, and those
// beside it.
std::vector<std::uint64_t> pages_to_look_at(const Cold& before, const Cold& after) {
  std::vector<std::uint64_t> pages;
  for (const auto* regions : {&before.regions, &after.regions}) {
    for (const Region& region : *regions) {
      for (const std::uint64_t edge : {region.begin, region.end}) {
        const std::uint64_t page = edge / kPageBytes * kPageBytes;
        pages.push_back(page);
        if (page > 0) pages.push_back(page - kPageBytes);
        if (page < kLastBoundary) pages.push_back(page + kPageBytes);
      }
    }
  }
  return pages;
}

const Region* region_of(const Cold& cold, std::uint64_t address) {
  const auto found = std::ranges::find_if(cold.regions, [&](const Region& region) {
    return region.begin <= address && address < region.end;
  });
  return found == cold.regions.end() ? nullptr : &*found;
}

// What is listed of each page is the lowest type that was reported; a hole is unknown, but before
// the first region and after the last there is nothing.
bool normalises(const Step& step) {
  const Cold& before = step.before.cold;
  const Cold& after = step.after.cold;
  if (!answers(step, {after.regions.size()})) return false;
  if (before.is_normalised) return changes_nothing(step);
  if (!changes_cold_only(step, [&](Cold& cold) {
        cold.regions = after.regions;
        cold.is_normalised = true;
      })) {
    return false;
  }
  const auto pages = pages_to_look_at(before, after);
  std::uint64_t first = kLastBoundary, last = 0;
  for (const std::uint64_t page : pages) {
    if (!type_of(before.regions, page)) continue;
    first = std::min(first, page);
    last = std::max(last, page);
  }
  return std::ranges::all_of(pages, [&](std::uint64_t page) {
    const Region* const region = region_of(after, page);
    if (page < first || page > last) return region == nullptr;
    return region != nullptr &&
           region->type == type_of(before.regions, page).value_or(RegionName::unknown);
  });
}

bool is_in_order(const std::vector<Region>& regions) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const Region& region = regions[i];
    if (!is_aligned(region.begin) || !is_aligned(region.end)) return false;
    if (region.begin >= region.end) return false;
    if (i == 0) continue;
    if (regions[i - 1].end != region.begin || regions[i - 1].type == region.type) return false;
  }
  return true;
}

bool tells_the_region(const Step& step, std::uint64_t index) {
  const std::vector<Region>& regions = step.before.cold.regions;
  if (index >= regions.size()) return refuses(step, Status::none);
  const Region& region = regions[index];
  return answers(step, {region.begin, region.end, static_cast<std::uint64_t>(region.type)}) &&
         changes_nothing(step);
}

// ---- The early allocator ----

bool is_usable(const Cold& cold, std::uint64_t page) {
  const Region* const region = region_of(cold, page);
  return page < kMemoryEnd && region != nullptr && region->type == RegionName::usable;
}

// The longest run of usable pages in [begin, end), the lowest of equal ones; empty if there is
// none.
Supply longest_usable(const Cold& cold, std::uint64_t begin, std::uint64_t end) {
  Supply longest, current;
  for (std::uint64_t page = begin; page < end; page += kPageBytes) {
    if (!is_usable(cold, page)) continue;
    if (current.end != page || page == begin) current = {page, page, page};
    current.end = page + kPageBytes;
    if (current.end - current.begin > longest.end - longest.begin) longest = current;
  }
  return longest;
}

bool starts_early(const Step& step) {
  std::vector<Supply> supplies;
  for (const auto& [begin, end] : {std::pair{std::uint64_t{0}, trace::kColdMiddle},
                                   std::pair{trace::kColdMiddle, kMemoryEnd}}) {
    const Supply longest = longest_usable(step.before.cold, begin, end);
    if (longest.end > longest.begin) supplies.push_back(longest);
  }
  if (supplies.empty()) return refuses(step, Status::none);
  return answers(step) && changes_cold_only(step, [&](Cold& cold) { cold.supplies = supplies; });
}

// ---- Metadata ----

// The highest page that decides max_paddr, by either rule; nothing if there is none.
std::optional<std::uint64_t> max_paddr_of(const Cold& cold, bool usable_only) {
  std::optional<std::uint64_t> max_paddr;
  for (const Region& region : cold.regions) {
    switch (region.type) {
      case RegionName::bad:
      case RegionName::unknown:
      case RegionName::reserved:
      case RegionName::framebuffer: continue;
      case RegionName::non_volatile_sleep:
      case RegionName::kernel:
      case RegionName::module:
      case RegionName::reclaimable:
        if (usable_only) continue;
        break;
      case RegionName::usable: break;
    }
    max_paddr = std::max(max_paddr.value_or(0), region.end);
  }
  return max_paddr;
}

// What a page with a slot is in use as; nothing if it is unused.
std::optional<KindName> use_of(const Cold& cold, std::uint64_t page, const Region& meta) {
  if (meta.begin <= page && page < meta.end) return KindName::meta;
  if (is_spent(cold, page)) return KindName::early;
  const Region* const region = region_of(cold, page);
  if (region == nullptr) return std::nullopt;
  constexpr std::array kUses = {KindName::unusable, KindName::reserved, KindName::unusable,
                                KindName::reserved, KindName::kernel,   KindName::unusable,
                                KindName::reserved, KindName::unusable};  // By type.
  if (region->type == RegionName::usable) return std::nullopt;
  return kUses[static_cast<std::size_t>(region->type)];
}

bool initialises_metadata(const Step& step, bool usable_only) {
  Cold wanted = step.before.cold;
  const auto max_paddr = max_paddr_of(wanted, usable_only);
  if (!max_paddr || *max_paddr / kPageBytes > kMostSlots) return refuses(step, Status::no_memory);
  const std::uint64_t slots = *max_paddr / kPageBytes;
  const std::uint64_t meta_pages = slots / 64 + (slots % 64 != 0 ? 1 : 0);
  const auto meta_at = take_first_place(wanted, meta_pages, kPageBytes);
  if (!meta_at) return refuses(step, Status::no_memory);

  wanted.max_paddr = *max_paddr;
  const Region meta{*meta_at, *meta_at + meta_pages * kPageBytes, {}};
  for (Page page = 0; page < slots; ++page) {
    if (const auto use = use_of(wanted, page * kPageBytes, meta)) wanted.marked[page] = *use;
  }
  // All memory that was not mapped from the beginning, then the metadata.
  constexpr std::uint64_t kReadableWritableGlobalWriteBack = 0b11011;
  const std::uint64_t mapped_first = trace::kColdMiddle / kPageBytes;
  const std::uint64_t linear_maps = slots > mapped_first ? slots - mapped_first : 0;
  for (std::uint64_t i = 0; i < linear_maps + meta_pages; ++i) {
    const bool is_linear = i < linear_maps;
    const std::uint64_t pa =
        is_linear ? (mapped_first + i) * kPageBytes : meta.begin + (i - linear_maps) * kPageBytes;
    const std::uint64_t va = is_linear ? 0xffff'8000'0000'0000 + pa
                                       : 0xffff'e000'0000'0000 + (i - linear_maps) * kPageBytes;
    wanted.mapped.push_back({va, pa, kReadableWritableGlobalWriteBack});
  }
  return answers(step, {slots, meta.begin, linear_maps, meta_pages}) &&
         changes_cold_only(step, [&](Cold& cold) { cold = wanted; });
}

bool tells_the_mapping(const Step& step, std::uint64_t index) {
  const std::vector<ColdMapping>& mapped = step.before.cold.mapped;
  if (index >= mapped.size()) return refuses(step, Status::none);
  return answers(step, {mapped[index].va, mapped[index].pa, mapped[index].property}) &&
         changes_nothing(step);
}

bool tells_the_page(const Step& step, std::uint64_t address) {
  const Cold& cold = step.before.cold;
  if (!is_aligned(address)) return refuses(step, Status::not_aligned);
  if (address >= cold.max_paddr) return refuses(step, Status::out_of_bound);
  if (!changes_nothing(step)) return false;

  const Page page = address / kPageBytes;
  if (const auto found = cold.marked.find(page); found != cold.marked.end()) {
    const trace::Kind kind{found->second};
    return answers(step, {static_cast<std::uint64_t>(kind.name), 1,
                          static_cast<std::uint64_t>(usage_of(kind)), 0});
  }
  trace::Answer wanted{{.status = Status::unused}, {}};
  if (!cold.free.contains(page)) return step.answer == wanted;
  wanted.reply.results[3] = 1;
  const bool is_unused = step.answer == wanted;
  wanted.reply.status = Status::unique;
  return is_unused || step.answer == wanted;
}

bool starts_the_allocator(const Step& step) {
  const Cold& before = step.before.cold;
  std::set<Page> free = before.free;  // Tables that came back.
  for (Page page = 0; page * kPageBytes < kMemoryEnd; ++page) {
    const std::uint64_t at = page * kPageBytes;
    if (is_usable(before, at) && !is_spent(before, at)) free.insert(page);
  }
  return answers(step, {free.size() * kPageBytes}) && changes_cold_only(step, [&](Cold& cold) {
           cold.free = free;
           cold.has_allocator = true;
         });
}

}  // namespace

bool takes_early_memory(const Step& step) {
  const auto* const op = as<trace::BootEarlyAlloc>(step);
  if (op == nullptr) return true;
  const Cold& before = step.before.cold;
  if (before.supplies.empty() || before.max_paddr != 0) {
    return refuses(step, Status::panicked, trace::Code::no_early);
  }
  Cold wanted = before;
  const auto at = take_first_place(wanted, op->pages.value(), kPageBytes << op->align.value);
  if (!at) return refuses(step, Status::no_memory);
  return answers(step, {*at}) && changes_cold_only(step, [&](Cold& cold) { cold = wanted; });
}

bool boots_in_order(const Step& step) {
  const Cold& before = step.before.cold;
  if (const auto* op = as<trace::BootAddRegion>(step)) {
    const std::uint64_t begin = trace::cold_address(op->at);
    return answers(step) && changes_cold_only(step, [&](Cold& cold) {
             cold.regions.push_back({begin, begin + op->length.value(), op->type.name});
           });
  }
  if (as<trace::BootNormalise>(step) != nullptr) return normalises(step);
  if (const auto* op = as<trace::BootRegionAt>(step)) {
    return tells_the_region(step, op->index.value());
  }
  if (as<trace::BootEarlyInit>(step) != nullptr) return starts_early(step);
  if (const auto* op = as<trace::BootInitMeta>(step)) {
    return initialises_metadata(step, op->usable_only.value());
  }
  if (const auto* op = as<trace::BootMappedAt>(step)) {
    return tells_the_mapping(step, op->index.value());
  }
  if (as<trace::BootIsInitialized>(step) != nullptr) {
    return answers(step, {before.max_paddr != 0 ? 1u : 0u, before.max_paddr}) &&
           changes_nothing(step);
  }
  if (const auto* op = as<trace::BootPage>(step)) {
    return tells_the_page(step, trace::cold_address(op->at));
  }
  if (as<trace::BootInitAllocator>(step) != nullptr) return starts_the_allocator(step);
  return true;
}

bool is_booted_so_far(const State& state) {
  const Cold& cold = state.cold;
  if (cold.is_normalised && !is_in_order(cold.regions)) return false;
  if (!cold.supplies.empty() && !cold.is_normalised) return false;
  if (cold.max_paddr != 0 && cold.supplies.empty()) return false;
  if (cold.has_allocator && cold.max_paddr == 0) return false;
  if (cold.max_paddr == 0 && (!cold.mapped.empty() || !cold.marked.empty())) return false;
  const bool may_have_come_back = cold.has_dismissed[0] && cold.has_dismissed[1];
  if (!cold.has_allocator && !may_have_come_back && !cold.free.empty()) return false;

  for (const Supply& supply : cold.supplies) {
    const bool is_whole = is_aligned(supply.tail) && supply.begin <= supply.tail &&
                          supply.tail <= supply.end && supply.begin < supply.end;
    const bool is_on_one_side =
        supply.end <= trace::kColdMiddle || supply.begin >= trace::kColdMiddle;
    if (!is_whole || !is_on_one_side || !is_usable(cold, supply.begin)) return false;
    if (supply.end > kMemoryEnd || supply.end > region_of(cold, supply.begin)->end) return false;
  }
  return std::ranges::all_of(cold.marked,
                             [&](const auto& marked) {
                               return marked.first < cold.max_paddr / kPageBytes &&
                                      !cold.free.contains(marked.first);
                             }) &&
         std::ranges::all_of(cold.free, [&](Page page) {
           return is_usable(cold, page * kPageBytes) &&
                  (may_have_come_back || !is_spent(cold, page * kPageBytes));
         });
}

}  // namespace reference
