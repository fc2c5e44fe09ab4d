// SPDX-License-Identifier: MPL-2.0
// Examples of operations on areas of the kernel's addresses.
#pragma once

#include "props/laws/space_examples.h"

namespace laws {

// Forty pages. 0 to 8 are loose; 9 to 16 are the machine's tables, the kernel's root the first. The
// others, from 17 on, are free. Areas lie about 1984 pages below the end of a table of level 2, and
// 64 above it.
inline constexpr trace::Machine kAreas{.pages = {40}, .loose = {9}, .cpus = {3}, .tables = {4}};
inline constexpr trace::Area a0{0}, a1{1}, a2{2};
inline constexpr std::uint8_t kAreasEndPlace = 22;

// So many pages before the end of all areas, as an address.
constexpr std::uint64_t before_areas_end(std::uint64_t pages) {
  return trace::kAreasEnd - pages * 4096;
}

inline std::vector<Example> area_examples() {
  using enum KindName;
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr std::uint64_t k1 = 4096;
  constexpr std::uint64_t kOneGibAt = std::uint64_t{1} << 30;
  constexpr trace::Block b0{0};
  constexpr std::uint64_t kOthers = 6;  // CPUs 1 and 2.
  const auto tracked = static_cast<std::uint64_t>(ItemName::tracked);
  const auto untracked = static_cast<std::uint64_t>(ItemName::untracked);

  const Asked segment{0, SegmentFromUnused{at(1), at(3), {empty}, {}, s0}};
  const Asked segment_of_5{0, SegmentFromUnused{at(1), at(6), {empty}, {}, s0}};
  const Asked one_frame{0, SegmentFromUnused{at(1), at(2), {empty}, {}, s0}};
  const Asked no_more{0, SegmentNext{s0, f0}};
  const Asked frames{0, AreaMapFrames{{3}, {1}, s0, kReadWrite, a0}};
  // Two pages before the end of a table, three behind it.
  const Asked frames_across{0, AreaMapFrames{{66}, {}, s0, kReadWrite, a0}};
  const Asked empty_area{0, AreaMapRange{{5}, {2}, {}, {}, kReadWrite, a0}};
  const Asked rest_area{0, AreaMapRange{{2043}, {}, {}, {}, kReadWrite, a1}};
  const Asked one_page{0, AreaMapRange{{1}, {}, {1, 7}, {1}, kReadWrite, a2}};
  // By a page of 2 MiB, and 64 pages behind it that are not mapped.
  const Asked large{0, AreaMapRange{{576}, {}, {1, 0}, {512}, kReadWrite, a0}};
  const Asked many{0, AreaMapRange{{576}, {}, {1, 1}, {512}, kReadWrite, a0}};
  const Asked across{0, AreaMapRange{{70}, {}, {1, 1}, {70}, kReadWrite, a0}};
  const Asked table_and_more{0, AreaMapRange{{576}, {}, {1, 1}, {576}, kReadWrite, a0}};
  const Asked take_all{0, AllocBlock{{23}, {}, b0}};
  const Asked take_but_1{0, AllocBlock{{22}, {}, b0}};
  const Asked take_but_3{0, AllocBlock{{20}, {}, b0}};
  const Asked split{0, AreaSplit{a0, {5}, a1}};
  const Asked drop{0, AreaDrop{a0}};
  const Asked drop_second{0, AreaDrop{a1}};
  const VirtPlace last = virt(kAreasEndPlace, 0xff);
  const Asked load{1, CpuTouch{last, {AccessName::load}, {}, {}}};
  const Asked on_kernel{1, TableActivate{kKernel}};

  // What is left of the allocator's pages was taken, and the last of them given back.
  auto runs_out = [](trace::Answer answer, std::initializer_list<std::uint16_t> had) {
    answer = takes(std::move(answer), had);
    answer.choices.given.push(*std::prev(had.end()));
    answer.choices.refused = 1;
    return answer;
  };

  std::vector<Example> all = {
      // Frames (INV-45).
      {"frames are mapped in an area",
       {segment},
       frames,
       takes(gives({before_areas_end(3), 2, 0}), {17, 18}),
       shared(1, 1, empty, Usage::frame, {})},
      {"an area without frames takes no memory",
       {one_frame, no_more, take_all},
       frames,
       gives({before_areas_end(3), 0, 0})},
      {"an area without pages",
       {segment},
       {0, AreaMapFrames{{}, {}, s0, kReadWrite, a0}},
       refuses(Status::panicked, Code::empty_range)},
      {"frames beyond the end of an area",
       {segment},
       {0, AreaMapFrames{{3}, {2}, s0, kReadWrite, a0}},
       refuses(Status::panicked, Code::beyond_range)},
      {"frames that cannot be said",
       {segment},
       {0, AreaMapFrames{{3}, {}, s0, kUnsayable, a0}},
       refuses(Status::panicked, Code::bad_cache)},
      {"no frames that cannot be said",
       {one_frame, no_more},
       {0, AreaMapFrames{{3}, {}, s0, kUnsayable, a0}},
       refuses(Status::panicked, Code::bad_cache)},
      {"frames for which there is no room",
       {segment},
       {0, AreaMapFrames{{2049}, {}, s0, kReadWrite, a0}},
       refuses(Status::no_space)},
      {"frames for which the second table lacks",
       {segment, take_but_1},
       frames,
       runs_out(tells(Status::no_memory, {0, 0, 0}), {39})},
      {"frames of which some are mapped, and taken out again",
       {segment_of_5, take_but_3},
       frames_across,
       runs_out(tells(Status::no_memory, {0, 2, kOthers}), {37, 38, 39}),
       shared(2, 1, empty, Usage::frame, {})},

      // Physical ranges.
      {"a page is mapped in an area",
       {},
       one_page,
       takes(gives({before_areas_end(1), 1, 0}), {17, 18})},
      {"a range is mapped by the largest pages",
       {},
       large,
       takes(gives({before_areas_end(576), 512, 0}), {17})},
      {"a range is mapped by small pages if it must",
       {},
       many,
       takes(gives({before_areas_end(576), 512, 0}), {17, 18})},
      {"a range over the end of a table",
       {},
       across,
       takes(gives({before_areas_end(70), 70, 0}), {17, 18, 19, 20})},
      {"an area without anything in it takes no memory",
       {take_all},
       empty_area,
       gives({before_areas_end(5), 0, 0})},
      {"an area lies below another",
       {empty_area},
       one_page,
       takes(gives({before_areas_end(6), 1, 0}), {17, 18})},
      {"the lowest free run is taken",
       {empty_area, one_page, drop},
       {0, AreaMapRange{{5}, {}, {}, {}, kReadWrite, a0}},
       gives({before_areas_end(11), 0, 0})},
      {"of that, the last pages",
       {empty_area, rest_area, drop},
       {0, AreaMapRange{{2}, {}, {}, {}, kReadWrite, a0}},
       gives({before_areas_end(2), 0, 0})},
      {"runs that touch are one",
       {empty_area, rest_area, drop, drop_second},
       {0, AreaMapRange{{2048}, {}, {}, {}, kReadWrite, a0}},
       gives({before_areas_end(2048), 0, 0})},
      {"a table that maps nothing makes room",
       {{0, AreaMapRange{{576}, {}, {1, 1}, {1}, kReadWrite, a0}}, drop},
       large,
       gives({before_areas_end(576), 512, kOthers})},
      {"there is no room", {empty_area, rest_area}, one_page, refuses(Status::no_space)},
      {"there never is such room",
       {},
       {0, AreaMapRange{kTo52, {}, {}, {}, kReadWrite, a0}},
       refuses(Status::no_space)},
      {"a range in an area without pages",
       {},
       {0, AreaMapRange{{}, {}, {}, {}, kReadWrite, a0}},
       refuses(Status::panicked, Code::empty_range)},
      {"a range that begins beyond the end of an area",
       {},
       {0, AreaMapRange{{3}, {4}, {}, {}, kReadWrite, a0}},
       refuses(Status::panicked, Code::beyond_range)},
      {"a range that ends beyond the end of an area",
       {},
       {0, AreaMapRange{{3}, {2}, {}, kToTop, kReadWrite, a0}},
       refuses(Status::panicked, Code::beyond_range)},
      {"a range that leads where none can",
       {},
       {0, AreaMapRange{{3}, {}, {5, 0}, {1}, kUnsayable, a0}},
       refuses(Status::panicked, Code::bad_target)},
      {"of no pages no address is wrong",
       {},
       {0, AreaMapRange{{3}, {}, {5, 0}, {}, kReadWrite, a0}},
       gives({before_areas_end(3), 0, 0})},
      {"a range that cannot be said",
       {},
       {0, AreaMapRange{{3}, {}, {}, {}, kUnsayable, a0}},
       refuses(Status::panicked, Code::bad_cache)},
      {"a range for which a table lacks",
       {take_all},
       large,
       lacks(tells(Status::no_memory, {0, 0, 0}))},
      {"a range of which some is mapped, and taken out again",
       {take_but_3},
       across,
       runs_out(tells(Status::no_memory, {0, 6, kOthers}), {37, 38, 39})},
      {"a table is taken out again that was made just then",
       {{0, AllocBlock{{21}, {}, b0}}},
       table_and_more,
       takes(lacks(tells(Status::no_memory, {0, 512, kOthers})), {38, 39})},

      // Looking (POST-39).
      {"a query tells the frame",
       {segment, frames},
       {0, AreaQuery{a0, {2}}},
       gives({before_areas_end(1), tracked, 2 * k1, 3, 1, 0})},
      {"a query tells the 4 KiB of a large page",
       {large},
       {0, AreaQuery{a0, {7}}},
       gives({before_areas_end(569), untracked, kOneGibAt + 7 * k1, 3, 1, 0})},
      {"a query finds nothing",
       {segment, frames},
       {0, AreaQuery{a0, {}}},
       tells(Status::none, {before_areas_end(3)})},
      {"a query finds nothing where no table is",
       {empty_area},
       {0, AreaQuery{a0, {4}}},
       tells(Status::none, {before_areas_end(1)})},
      {"a query beyond the end",
       {empty_area},
       {0, AreaQuery{a0, {5}}},
       refuses(Status::out_of_bound)},

      // Splitting.
      {"an area is split",
       {{0, AreaMapRange{{9}, {}, {1, 1}, {9}, kReadWrite, a0}}},
       split,
       gives({before_areas_end(4)})},
      {"a large page is split", {large}, split, takes(gives({before_areas_end(571)}), {18})},
      {"a large page is not split at its end",
       {large},
       {0, AreaSplit{a0, {512}, a1}},
       gives({before_areas_end(64)})},
      {"a large page for which a table lacks",
       {large, {0, AllocBlock{{22}, {}, b0}}},
       split,
       lacks(gives())},
      {"nothing is left before the cut",
       {large},
       {0, AreaSplit{a0, {}, a1}},
       refuses(Status::panicked, Code::bad_split)},
      {"nothing is left behind the cut",
       {large},
       {0, AreaSplit{a0, {576}, a1}},
       refuses(Status::panicked, Code::bad_split)},

      // Dropping.
      {"an area is dropped", {segment, frames}, drop, gives({2, 0, 0, kOthers})},
      {"an area without anything in it is dropped", {empty_area}, drop, gives({0, 0, 0, 0})},
      {"a large page is dropped", {large}, drop, gives({1, 0, 0, kOthers})},
      {"a table is dropped", {many}, drop, gives({0, 1, 512, kOthers})},
      {"pages of a table are dropped", {large, split}, drop, gives({5, 0, 0, kOthers})},
      {"the other pages of it are", {large, split}, drop_second, gives({507, 0, 0, kOthers})},

      // What CPUs know of it (INV-48).
      {"a CPU reaches an area", {on_kernel, one_page}, load, gives({kOneGibAt + 7 * k1, 0, 1})},
      {"a CPU has forgotten an area",
       {on_kernel, one_page, load, {0, AreaDrop{a2}}},
       load,
       tells(Status::page_fault, {0, 0, 1})},
      {"it has forgotten what was queued for it, too",
       {{1, TableActivate{kSpace}},
        {0, CursorOpen{kSpace, kZero, virt(0, 4), {1}}},
        {0, TlbIssue{kZero, {1}, {}}},
        {0, CursorClose{}},
        one_page,
        {0, AreaDrop{a2}}},
       {1, CpuInterrupt{}},
       gives({0})},
      {"it keeps what is queued if nothing was there",
       {{1, TableActivate{kSpace}},
        {0, CursorOpen{kSpace, kZero, virt(0, 4), {1}}},
        {0, TlbIssue{kZero, {1}, {}}},
        {0, CursorClose{}},
        empty_area,
        drop},
       {1, CpuInterrupt{}},
       gives({1})},
  };
  for (Example& example : all) example.machine = kAreas;
  return all;
}

}  // namespace laws
