// SPDX-License-Identifier: MPL-2.0
// How mm is asked to boot the cold machine. All that `can_ask` looks at is how far that has come:
// the machine is lane 0's own.
#pragma once

#include "check/bind/cold.h"
#include "check/bind/free_pages.h"
#include "check/bind/kinds.h"
#include "trace/ops/boot.h"

namespace check {

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootAddRegion& op) {
  constexpr std::size_t kMostRegions = 16;
  const std::uint64_t length = op.length.value();
  return cold.stage == ColdMachine<Base>::Stage::reported &&
         cold.regions.all().size() < kMostRegions && length > 0 &&
         length <= ~trace::cold_address(op.at);
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootAddRegion& op) {
  const std::uint64_t begin = trace::cold_address(op.at);
  (void)cold.regions.add({.range = {begin, begin + op.length.value()},
                          .type = static_cast<mm::RegionType>(op.type.name)});
  return {};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootNormalise&) {
  return true;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootNormalise&) {
  mm::MemoryRegions made;
  if (!cold.regions.into_non_overlapping(made).ok())
    return {.status = trace::Status::impermissible};
  cold.regions = made;
  cold.stage = std::max(cold.stage, ColdMachine<Base>::Stage::normalised);
  return {.results = {made.all().size()}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootRegionAt&) {
  return true;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootRegionAt& op) {
  const auto regions = cold.regions.all();
  if (op.index.value() >= regions.size()) return {.status = trace::Status::none};
  const mm::MemoryRegion& region = regions[op.index.value()];
  return {.results = {region.range.begin, region.range.end, static_cast<mm::u64>(region.type)}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootEarlyInit&) {
  return cold.stage == ColdMachine<Base>::Stage::normalised;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootEarlyInit&) {
  if (!mm::init_early_allocator<Cold<Base>>(cold.memory(), cold.kMap.mapped_end)) {
    return {.status = trace::Status::none};
  }
  cold.stage = ColdMachine<Base>::Stage::early;
  return {};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootEarlyAlloc& op) {
  return op.pages.value() >= 1;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootEarlyAlloc& op) {
  const auto at = Cold<Base>::globals().early_allocator.alloc(op.pages.value(),
                                                              mm::kPageSize << op.align.value);
  if (!at) return {.status = trace::Status::no_memory};
  return {.results = {at->value}};
}

// The segment of the slots' pages is forgotten: a kernel would go on to map it.
template <class Base, class Rule>
trace::Reply init_metadata(ColdMachine<Base>& cold) {
  const auto map_early = [&](mm::VirtAddr va, mm::PhysAddr pa, mm::PageProperty property) noexcept {
    cold.mappings.add({va, pa, property});
  };
  auto slots = mm::init_metadata<Cold<Base>, Rule>(cold.regions, cold.kMap, map_early);
  if (!slots) return {.status = trace::Status::no_memory};
  cold.stage = ColdMachine<Base>::Stage::initialised;

  mm::u64 of_memory = 0, of_slots = 0;
  for (const Mappings::Page& page : cold.mappings.all()) {
    ++(page.va.value < cold.kMap.metadata_base ? of_memory : of_slots);
  }
  return {.results = {Cold<Base>::globals().pages, std::move(*slots).into_raw().first.value,
                      of_memory, of_slots}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootInitMeta&) {
  return cold.stage == ColdMachine<Base>::Stage::early;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootInitMeta& op) {
  return op.usable_only.value() ? init_metadata<Base, mm::UsableMemoryOnly>(cold)
                                : init_metadata<Base, mm::AllPhysicalMemory>(cold);
}

// As boot_mapped_at says it; what it has no words for is bit 5.
constexpr mm::u64 rights_of(const mm::PageProperty& property) {
  using Flags = mm::PageFlags;
  using Privileged = mm::PrivilegedPageFlags;
  const mm::u8 flags = property.flags.bits, privileged = property.privileged.bits;
  auto bit = [](bool is_set, unsigned at) { return mm::u64{is_set} << at; };
  return bit((flags & Flags::kReadable) != 0, 0) | bit((flags & Flags::kWritable) != 0, 1) |
         bit((flags & Flags::kExecutable) != 0, 2) |
         bit((privileged & Privileged::kGlobal) != 0, 3) |
         bit(property.cache == mm::CachePolicy::write_back, 4) |
         bit((privileged & Privileged::kUser) != 0, 5);
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootMappedAt&) {
  return true;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootMappedAt& op) {
  const auto pages = cold.mappings.all();
  if (op.index.value() >= pages.size()) return {.status = trace::Status::none};
  const Mappings::Page& page = pages[op.index.value()];
  return {.results = {page.va.value, page.pa.value, rights_of(page.property)}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootIsInitialized&) {
  return true;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootIsInitialized&) {
  const bool is_initialized = mm::is_initialized<Cold<Base>>();
  return {.results = {is_initialized ? 1u : 0u, Cold<Base>::globals().max_paddr()}};
}

// Which of these kinds it is, by the types of mm that they stand for; one beyond all if it is none.
template <trace::KindName... Names>
std::uint64_t kind_among(mm::DynMeta held) {
  std::uint64_t found = trace::Kind::kCount;
  auto test = [&]<trace::KindName Name>() {
    if (held.is<std::remove_const_t<decltype(kStandsFor<Name>)>>()) {
      found = static_cast<std::uint64_t>(Name);
    }
  };
  (test.template operator()<Names>(), ...);
  return found;
}

// Whether the allocator has a page, alone or in a block.
template <class P>
bool is_free(mm::PhysAddr at) {
  bool found = false;
  FreePages<P>::blocks([&](const trace::FreeBlock& block) {
    found = found || at.value / mm::kPageSize - block.page < block.pages;
  });
  return found;
}

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootPage&) {
  return cold.stage >= ColdMachine<Base>::Stage::initialised;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootPage& op) {
  using P = Cold<Base>;
  const mm::PhysAddr at{trace::cold_address(op.at)};
  auto found = mm::Frame<P>::from_in_use(at);
  if (!found.ok()) {
    const trace::Status status = status_of(found.error());
    const bool has_slot =
        status != trace::Status::not_aligned && status != trace::Status::out_of_bound;
    return {.status = status, .results = {0, 0, 0, has_slot && is_free<P>(at) ? 1u : 0u}};
  }
  const mm::Frame<P> frame = found.take();
  const mm::u64 others = frame.reference_count() - 1;
  using enum trace::KindName;
  return {.results = {kind_among<kernel, reserved, unusable, meta, early>(frame.dyn_meta()), others,
                      static_cast<std::uint64_t>(usage_of(frame.usage())), 0}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootInitAllocator&) {
  return cold.stage == ColdMachine<Base>::Stage::initialised;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootInitAllocator&) {
  mm::init_allocator<Cold<Base>>(cold.memory());
  cold.stage = ColdMachine<Base>::Stage::booted;
  return {.results = {Cold<Base>::globals().allocator.free_bytes()}};
}

}  // namespace check
