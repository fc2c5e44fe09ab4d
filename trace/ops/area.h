// SPDX-License-Identifier: MPL-2.0
// Operations on areas: ranges of the kernel's addresses that hold what the kernel maps for itself
// (KVirtArea, C.9). They lie in the 2048 pages before the place areas_end, in the kernel's table:
// the machine must have tables. No other cursor may be opened to change anything there: that is
// passed over, if it begins before their end and ends behind their beginning, valid or not. All are
// of pages: `pages`, `offset` and `page` count those of 4 KiB.
//
// Addresses are given out first fit, upwards: of the lowest free run that is long enough, the last
// pages. A run that comes back is free at once, and one with what it touches. To keep account of
// them takes no memory of the allocator's.
//
// Each works by a cursor over just the pages that it maps, takes out, or splits, as the operations
// on cursors have it (trace/ops/cursor.h), and leaves none open; where there are no such pages it
// opens none. A lane that has a cursor open does not ask; nor, while lanes go one at a time, does
// any as long as another has one open; nor does any while lanes go at once.
//
// What is mapped in an area is one run of pages, maybe an empty one. To take it out the cursor goes
// from the first of them to the last: all tables on its way are there, no page is cut, and so that
// takes no memory.
//
// What is taken out is flushed on all CPUs of the machine, whatever they translate by: pages up to
// 31, and if they are more, everything, global translations too. A larger page, or a table, counts
// as all the pages that it spans. This CPU flushes at once; the others have something queued, as
// tlb_dispatch has it, and are waited for, as tlb_sync has it: `cpus` says which. If nothing was
// taken out nothing is flushed, and `cpus` is 0. If a table makes room for a larger page, CPUs may
// know where it was: then all pages that are mapped are flushed likewise. Tables and frames are
// given up as those that cursor_unmap takes out.
#pragma once

#include "trace/metadata.h"
#include "trace/property.h"
#include "trace/reply.h"
#include "trace/scalar.h"
#include "trace/virtual.h"

namespace trace {

// Makes an area of so many pages, and maps the frames of a segment in it, from the page `offset`
// on. Panics if the area has no page (empty_range), if the frames go beyond its end (beyond_range),
// or if no entry can say the cache policy (bad_cache, also if there are no frames), in this order;
// then it is no_space if no free run is long enough. The frames are the table's then, and the
// register is empty, also if the segment was. Says where the area begins, and how many pages were
// mapped.
//
// If there is no memory for a table, to open the cursor or to map a page, what was mapped by then
// (`mapped` pages) is taken out again as by area_drop, the area is no more (`at` is 0), and the
// other frames stay a segment in the register. Tables that were made, and not taken out, stay.
struct AreaMapFrames {
  static constexpr const char* kName = "area_map_frames";
  static constexpr const char* kLaw = "INV-45";
  static constexpr std::array<Result, 3> kResults = {
      {{"at", As::address}, {"mapped", As::number}, {"cpus", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_space, Status::no_memory,
                                           Status::panicked};

  Count pages;
  Count offset;
  Segment from;  // Must hold a segment, of what can be mapped in the kernel's table.
  Property property;
  Area to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("pages", &AreaMapFrames::pages);
    each("offset", &AreaMapFrames::offset);
    each("from", &AreaMapFrames::from);
    each("property", &AreaMapFrames::property);
    each("to", &AreaMapFrames::to);
  }
  bool operator==(const AreaMapFrames&) const = default;
};

// The same of `length` pages of physical memory, by the largest pages that fit, as cursor_map_run
// has it. Panics (bad_target) after beyond_range if an entry cannot hold the addresses: they end
// beyond 2^52. Of no pages no address is wrong. `mapped` counts pages of 4 KiB.
struct AreaMapRange {
  static constexpr const char* kName = "area_map_range";
  static constexpr const char* kLaw = "INV-45";
  static constexpr std::array<Result, 3> kResults = {
      {{"at", As::address}, {"mapped", As::number}, {"cpus", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_space, Status::no_memory,
                                           Status::panicked};

  Count pages;
  Count offset;
  Target target;
  Count length;
  Property property;
  Area to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("pages", &AreaMapRange::pages);
    each("offset", &AreaMapRange::offset);
    each("target", &AreaMapRange::target);
    each("length", &AreaMapRange::length);
    each("property", &AreaMapRange::property);
    each("to", &AreaMapRange::to);
  }
  bool operator==(const AreaMapRange&) const = default;
};

// What is mapped at a page of an area: of a larger page, the 4 KiB there. Says none if nothing is,
// and nothing but where that would be (`at`); out_of_bound, and nothing else, if the area has no
// such page. Makes no table, and changes nothing.
struct AreaQuery {
  static constexpr const char* kName = "area_query";
  static constexpr const char* kLaw = "POST-39";
  static constexpr std::array<Result, 6> kResults = {{{"at", As::address},
                                                      {"item", As::item},
                                                      {"address", As::address},
                                                      {"rights", As::rights},
                                                      {"privileged", As::privileged},
                                                      {"cache", As::cache}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::out_of_bound};

  Area area;  // Must hold one.
  Count page;

  static constexpr void fields(auto&& each) {
    each("area", &AreaQuery::area);
    each("page", &AreaQuery::page);
  }
  bool operator==(const AreaQuery&) const = default;
};

// Cuts an area in two: it keeps the pages before `page`, and `to` gets the others. Panics
// (bad_split) if either would have none. A larger page over the cut is mapped by smaller ones from
// then on, with the same property; if there is no memory for their table, nothing has changed. If
// there is no such page, no cursor is opened. No translation becomes wrong, and nothing is flushed.
// Says where the new one begins.
struct AreaSplit {
  static constexpr const char* kName = "area_split";
  static constexpr const char* kLaw = "INV-45";
  static constexpr std::array<Result, 1> kResults = {{{"at", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory, Status::panicked};

  Area from;  // Must hold one.
  Count page;
  Area to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &AreaSplit::from);
    each("page", &AreaSplit::page);
    each("to", &AreaSplit::to);
  }
  bool operator==(const AreaSplit&) const = default;
};

// Drops an area: everything is taken out of it, as by one cursor_unmap over the pages from the
// first that is mapped to the last, and its addresses are free. Says how many pages were taken
// singly, of whatever size and kind, how many tables, and how many 4 KiB pages those mapped.
struct AreaDrop {
  static constexpr const char* kName = "area_drop";
  static constexpr const char* kLaw = "INV-45";
  static constexpr std::array<Result, 4> kResults = {{{"pages", As::number},
                                                      {"tables", As::number},
                                                      {"frames", As::number},
                                                      {"cpus", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Area from;  // Must hold one.

  static constexpr void fields(auto&& each) { each("from", &AreaDrop::from); }
  bool operator==(const AreaDrop&) const = default;
};

}  // namespace trace
