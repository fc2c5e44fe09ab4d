// SPDX-License-Identifier: MPL-2.0
// Examples of a machine that boots. Its middle is at page 64, its end at page 128.
#pragma once

#include "props/laws/example.h"

namespace laws {

inline std::vector<Example> boot_examples() {
  using trace::RegionName;
  using trace::Usage;
  using namespace trace;  // The operations.
  constexpr std::uint64_t kPage = 4096;

  auto report = [](std::uint16_t page, std::uint16_t pages, RegionName type) {
    return Asked{0, BootAddRegion{{at(page)}, {pages, 0}, {type}}};
  };
  auto take = [](std::uint16_t pages, std::uint8_t align) {
    return Asked{0, BootEarlyAlloc{{pages}, {align}}};
  };
  auto look = [](std::uint16_t page) { return Asked{0, BootPage{{at(page)}}}; };
  const Asked normalise{0, BootNormalise{}}, start{0, BootEarlyInit{}};
  const Asked meta{0, BootInitMeta{}}, meta_by_usable{0, BootInitMeta{{1}}};
  const Asked allocator{0, BootInitAllocator{}};
  const Asked usable = report(0, 40, RegionName::usable);
  const Asked high = report(70, 10, RegionName::usable);
  const Asked module = report(80, 4, RegionName::module);

  using All = std::vector<Asked>;
  const All started = {usable, high, normalise, start};
  // The early allocator gave page 0 out; the metadata of 84 pages is in pages 1 and 2.
  const All initialised = {usable, high, module, normalise, start, take(1, 0), meta};
  auto then = [](All asked, std::initializer_list<Asked> more) {
    asked.insert(asked.end(), more);
    return asked;
  };
  const All booted = then(initialised, {allocator});
  auto used = [&](KindName name, Usage usage) {
    return gives({number(name), 1, number(usage), 0});
  };
  auto unused = [&](std::uint64_t is_free) {
    Answer answer = gives({0, 0, 0, is_free});
    answer.reply.status = Status::unused;
    return answer;
  };
  auto unique = unused(1);
  unique.reply.status = Status::unique;
  const auto type = static_cast<std::uint64_t>(RegionName::usable);
  const auto hole = static_cast<std::uint64_t>(RegionName::unknown);

  return {
      // Regions.
      {"a region is reported", {}, usable, gives()},
      {"there is no region yet", {}, {0, BootRegionAt{{0}}}, refuses(Status::none)},
      {"a region is listed as it was reported",
       {high, usable},
       {0, BootRegionAt{{0}}},
       gives({70 * kPage, 80 * kPage, type})},
      {"regions are sorted, and holes are unknown", {high, usable}, normalise, gives({3})},
      {"a hole is listed",
       {high, usable, normalise},
       {0, BootRegionAt{{1}}},
       gives({40 * kPage, 70 * kPage, hole})},
      {"no regions are no regions", {}, normalise, gives({0})},

      // The early allocator.
      {"it starts", {usable, normalise}, start, gives()},
      {"it needs usable memory", {module, normalise}, start, refuses(Status::none)},
      {"it needs memory that the machine has",
       {report(PhysPlace::kFirstOutside, 9, RegionName::usable), normalise},
       start,
       refuses(Status::none)},
      {"it takes from below the middle", started, take(1, 0), gives({0})},
      {"it takes what follows", then(started, {take(3, 0)}), take(1, 0), gives({3 * kPage})},
      {"it aligns", then(started, {take(1, 0)}), take(1, 2), gives({4 * kPage})},
      {"it does not go back", then(started, {take(1, 0), take(1, 2)}), take(1, 0),
       gives({5 * kPage})},
      {"it takes from above the middle if it must", then(started, {take(35, 0)}), take(6, 0),
       gives({70 * kPage})},
      {"a smaller piece is below the middle still", then(started, {take(35, 0), take(6, 0)}),
       take(5, 0), gives({35 * kPage})},
      {"an aligned place beyond the end is none",
       {report(0, 3, RegionName::usable), high, normalise, start, take(1, 0)},
       take(1, 3),
       gives({72 * kPage})},
      {"there is no more", started, take(41, 0), refuses(Status::no_memory)},
      {"nor more than there can be",
       started,
       {0, BootEarlyAlloc{kTo52, {}}},
       refuses(Status::no_memory)},
      {"it has not started",
       {usable, normalise},
       take(1, 0),
       refuses(Status::panicked, Code::no_early)},
      {"it has retired", initialised, take(1, 0), refuses(Status::panicked, Code::no_early)},
      {"the largest is taken",
       {report(0, 3, RegionName::usable), report(10, 4, RegionName::usable), normalise, start},
       take(1, 0),
       gives({10 * kPage})},
      {"the lowest of the largest is taken",
       {report(10, 4, RegionName::usable), report(3, 4, RegionName::usable), normalise, start},
       take(1, 0),
       gives({3 * kPage})},
      {"a region is cut at the middle",
       {report(60, 20, RegionName::usable), normalise, start},
       take(5, 0),
       gives({64 * kPage})},
      {"a region is cut at the end of memory",
       {report(120, 99, RegionName::usable), normalise, start},
       take(9, 0),
       refuses(Status::no_memory)},

      // Metadata.
      {"metadata is made for all pages below the end of what is physical",
       {usable, high, module, normalise, start, take(1, 0)},
       meta,
       gives({84, kPage, 20, 2})},
      {"or of what is usable",
       {usable, high, module, normalise, start, take(1, 0)},
       meta_by_usable,
       gives({80, kPage, 16, 2})},
      {"what is not physical does not count",
       {usable,
        {0, BootAddRegion{{{PhysPlace::kFirstOutside + 6, 0}}, {1, 0}, {RegionName::bad}}},
        normalise,
        start},
       meta,
       gives({40, 0, 0, 1})},
      {"metadata for so much memory does not fit",
       {usable,
        {0, BootAddRegion{{{PhysPlace::kFirstOutside + 6, 0}}, {1, 0}, {RegionName::module}}},
        normalise,
        start},
       meta,
       refuses(Status::no_memory)},
      {"metadata does not fit any more", then(started, {take(40, 0), take(9, 0)}), meta,
       refuses(Status::no_memory)},
      {"no metadata yet", started, {0, BootIsInitialized{}}, gives({0, 0})},
      {"metadata is there", initialised, {0, BootIsInitialized{}}, gives({1, 84 * kPage})},
      {"memory above the middle is mapped first",
       initialised,
       {0, BootMappedAt{{0}}},
       gives({0xffff'8000'0004'0000, 64 * kPage, 27})},
      {"then the metadata",
       initialised,
       {0, BootMappedAt{{21}}},
       gives({0xffff'e000'0000'1000, 2 * kPage, 27})},
      {"and nothing else", initialised, {0, BootMappedAt{{22}}}, refuses(Status::none)},
      {"nothing is mapped before", started, {0, BootMappedAt{{0}}}, refuses(Status::none)},

      // Pages.
      {"an early page", booted, look(0), used(KindName::early, Usage::frame)},
      {"a page of metadata", booted, look(2), used(KindName::meta, Usage::meta)},
      {"a page passed by for the sake of alignment", then(started, {take(1, 0), take(1, 3), meta}),
       look(7), used(KindName::early, Usage::frame)},
      {"a usable page is free", booted, look(4), unused(1)},
      {"a free page where the allocator keeps something", booted, look(3), unique},
      {"a usable page is not yet free", initialised, look(3), unused(0)},
      {"a page in a hole", booted, look(41), used(KindName::reserved, Usage::reserved)},
      {"a page of a module", booted, look(83), used(KindName::unusable, Usage::reserved)},
      {"a page of the kernel",
       {usable, report(40, 1, RegionName::kernel), normalise, start, meta},
       look(40),
       used(KindName::kernel, Usage::kernel)},
      {"a page without metadata", booted, look(84), refuses(Status::out_of_bound)},
      {"a place in a page",
       booted,
       {0, BootPage{{one_byte_into(84)}}},
       refuses(Status::not_aligned)},
      {"a page beyond the memory has metadata, and is not free",
       {report(0, 200, RegionName::usable), normalise, start, meta, allocator},
       {0, BootPage{{kBeyondEnd}}},
       unused(0)},

      // The frame allocator.
      {"all that is usable and was not handed out early is free", initialised, allocator,
       gives({47 * kPage})},
      {"but not what is beyond the memory",
       {report(0, 200, RegionName::usable), normalise, start, meta},
       allocator,
       gives({124 * kPage})},
  };
}

}  // namespace laws
