// SPDX-License-Identifier: MPL-2.0
// Operations on cursors (C.6). A lane has at most one, over a range of one table; while it is open
// its nodes are locked.
//
// Every one but cursor_open wants it open; those that change something want it opened to. `now` is
// where it stands after the operation: an address of its range, or the range's end. A panic, an
// invalid address and no memory leave the cursor and everything else as it was; the forms that go
// over many pages at once (map_run, map_segment, unmap, protect) are loops over the single ones,
// stop at the first that fails, and say how far they came.
//
// Checks come in the order in which they are said. A length is checked first for being a multiple
// of a page (bad_length), then for lying within what is left of the range (beyond_range).
//
// A panic tells nothing but its code; every other outcome tells `now`, and the loops how far they
// came. What a result does not say of an outcome is 0.
//
// Of pages for new tables an operation takes as many as it needs, one by one, before it changes
// anything; they are used from the root downwards. If one is refused it gives back what it took, in
// any order. A loop does so anew for each of its single steps.
//
// While lanes go one at a time, none opens a cursor as long as another has one open: it might wait
// for ever.
#pragma once

#include "trace/property.h"
#include "trace/reply.h"
#include "trace/virtual.h"

namespace trace {

// Opens the lane's cursor at the beginning of a range. It goes down from the root as long as the
// range lies in one entry of a table above level 1, and is not just what a page of that size could
// map there (an entry of a level up to the table's highest, and all of it): a table is made where
// the entry is empty, and at a page it stops. Where it ends it locks that table, whose level is
// told, and all below it that the range overlaps.
struct CursorOpen {
  static constexpr const char* kName = "cursor_open";
  static constexpr const char* kLaw = "POST-25";
  static constexpr std::array<Result, 1> kResults = {{{"level", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_range, Status::not_aligned,
                                           Status::no_memory};

  Table table;  // Must be there.
  VirtPlace begin;
  VirtPlace end;    // Not in the range. 0 is 0, not 2^64.
  Flag may_change;  // Whether it may change the table.

  static constexpr void fields(auto&& each) {
    each("table", &CursorOpen::table);
    each("begin", &CursorOpen::begin);
    each("end", &CursorOpen::end);
    each("may_change", &CursorOpen::may_change);
  }
  bool operator==(const CursorOpen&) const = default;
};

// Closes it: nothing is locked any more.
struct CursorClose {
  static constexpr const char* kName = "cursor_close";
  static constexpr const char* kLaw = "POST-25";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const CursorClose&) const = default;
};

// Where it stands: the page that is mapped there, or (none) the entry's range that is empty: `at`
// and `bytes`, which may go beyond the cursor's range. Descends to the lowest table there.
struct CursorQuery {
  static constexpr const char* kName = "cursor_query";
  static constexpr const char* kLaw = "POST-26";
  static constexpr std::array<Result, 8> kResults = {{kNow,
                                                      {"at", As::address},
                                                      {"bytes", As::number},
                                                      {"item", As::item},
                                                      {"address", As::address},
                                                      {"rights", As::rights},
                                                      {"privileged", As::privileged},
                                                      {"cache", As::cache}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::invalid_address};

  static constexpr void fields(auto&&) {}
  bool operator==(const CursorQuery&) const = default;
};

// Goes forward to the next page that is mapped, at most so far.
struct CursorFindNext {
  static constexpr const char* kName = "cursor_find_next";
  static constexpr const char* kLaw = "POST-27";
  static constexpr std::array<Result, 1> kResults = {{kNow}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::panicked};

  Length length;

  static constexpr void fields(auto&& each) { each("length", &CursorFindNext::length); }
  bool operator==(const CursorFindNext&) const = default;
};

// Goes to an address. Panics (misaligned) if it is inside a page.
struct CursorJump {
  static constexpr const char* kName = "cursor_jump";
  static constexpr const char* kLaw = "POST-28";
  static constexpr std::array<Result, 1> kResults = {{kNow}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_address, Status::panicked};

  VirtPlace to;

  static constexpr void fields(auto&& each) { each("to", &CursorJump::to); }
  bool operator==(const CursorJump&) const = default;
};

// Maps a frame where it stands, and goes behind it. The frame is the table's then. It is
// already_mapped if there is a page, or the place is part of one; that is found before anything is
// split or taken.
struct CursorMapFrame {
  static constexpr const char* kName = "cursor_map_frame";
  static constexpr const char* kLaw = "POST-29";
  static constexpr std::array<Result, 1> kResults = {{kNow}};
  static constexpr std::array kOutcomes = {Status::ok, Status::already_mapped, Status::no_memory,
                                           Status::panicked};

  Frame from;  // Must hold a frame: for a user table, one that is untyped or typed of an untyped
               // kind; for the kernel's, one typed of a kind that is usage frame or kernel_stack.
               // Else no table takes frames.
  Property property;

  static constexpr void fields(auto&& each) {
    each("from", &CursorMapFrame::from);
    each("property", &CursorMapFrame::property);
  }
  bool operator==(const CursorMapFrame&) const = default;
};

// Maps a physical range where it stands, and goes behind it. A table in its place that maps
// nothing, with those below it, is taken out, and waits for the end of a grace period. Panics if it
// stands at the end of its range (beyond_range), if the level is above the table's highest
// (bad_level), if it does not stand at a multiple of the page's size (misaligned), if the page
// would go beyond the range (beyond_range), if an entry of that level cannot hold the physical
// address (bad_target), or cannot say the cache policy (bad_cache). Panics so for frames, too.
struct CursorMapRaw {
  static constexpr const char* kName = "cursor_map_raw";
  static constexpr const char* kLaw = "POST-29";
  static constexpr std::array<Result, 1> kResults = {{kNow}};
  static constexpr std::array kOutcomes = {Status::ok, Status::already_mapped, Status::no_memory,
                                           Status::panicked};

  Target at;
  Level level;  // Of the page.
  Property property;

  static constexpr void fields(auto&& each) {
    each("at", &CursorMapRaw::at);
    each("level", &CursorMapRaw::level);
    each("property", &CursorMapRaw::property);
  }
  bool operator==(const CursorMapRaw&) const = default;
};

// Maps a physical range by the largest pages that fit (largest_pages of C.3), up to the table's
// highest level and not above the level of the cursor's own table, one after another. Checks the
// length, then that the physical range does not end beyond 2^52 (bad_target), and the cache policy,
// before anything. Says how many bytes were mapped.
struct CursorMapRun {
  static constexpr const char* kName = "cursor_map_run";
  static constexpr const char* kLaw = "POST-29";
  static constexpr std::array<Result, 2> kResults = {{kNow, {"bytes", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::already_mapped, Status::no_memory,
                                           Status::panicked};

  Target at;
  Length length;
  Property property;

  static constexpr void fields(auto&& each) {
    each("at", &CursorMapRun::at);
    each("length", &CursorMapRun::length);
    each("property", &CursorMapRun::property);
  }
  bool operator==(const CursorMapRun&) const = default;
};

// Maps the frames of a segment, one after another. Checks first that they fit (beyond_range), then
// the cache policy. If one cannot be mapped, it and those behind it stay a segment in the register;
// else that is empty, also if the segment was.
struct CursorMapSegment {
  static constexpr const char* kName = "cursor_map_segment";
  static constexpr const char* kLaw = "POST-29";
  static constexpr std::array<Result, 2> kResults = {{kNow, {"pages", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::already_mapped, Status::no_memory,
                                           Status::panicked};

  Segment from;  // Must hold a segment, of what could be mapped as frames.
  Property property;

  static constexpr void fields(auto&& each) {
    each("from", &CursorMapSegment::from);
    each("property", &CursorMapSegment::property);
  }
  bool operator==(const CursorMapSegment&) const = default;
};

// Takes the next page, or whole table, out, at most so far; of a page that does not fit, a piece,
// and the rest stays mapped by smaller pages. A table waits for the end of a grace period;
// `address` is its page, and `frames` how many 4 KiB pages it mapped, a larger one counted as so
// many. Of a single page `frames` is 0, and of a table what is said of properties. The kernel's
// root gives no table up.
struct CursorTakeNext {
  static constexpr const char* kName = "cursor_take_next";
  static constexpr const char* kLaw = "POST-30";
  static constexpr std::array<Result, 9> kResults = {{kNow,
                                                      {"at", As::address},
                                                      {"bytes", As::number},
                                                      {"item", As::item},
                                                      {"address", As::address},
                                                      {"rights", As::rights},
                                                      {"privileged", As::privileged},
                                                      {"cache", As::cache},
                                                      {"frames", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::no_memory,
                                           Status::panicked};

  Length length;
  Frame to;  // Must be empty. Gets the frame, if it is one: untyped from a user table, dynamic from
             // the kernel's.

  static constexpr void fields(auto&& each) {
    each("length", &CursorTakeNext::length);
    each("to", &CursorTakeNext::to);
  }
  bool operator==(const CursorTakeNext&) const = default;
};

// Takes everything out, so far. Tables, and the frames of single pages, wait for the end of a grace
// period in the order in which they are taken. Says how many pages were taken singly, of whatever
// size and kind, how many tables, and how many 4 KiB pages those mapped.
struct CursorUnmap {
  static constexpr const char* kName = "cursor_unmap";
  static constexpr const char* kLaw = "POST-31";
  static constexpr std::array<Result, 4> kResults = {
      {kNow, {"pages", As::number}, {"tables", As::number}, {"frames", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory, Status::panicked};

  Length length;

  static constexpr void fields(auto&& each) { each("length", &CursorUnmap::length); }
  bool operator==(const CursorUnmap&) const = default;
};

// Changes the property of the next page, at most so far. Panics (bad_cache) if the change says what
// no entry can, after the length is checked.
struct CursorProtectNext {
  static constexpr const char* kName = "cursor_protect_next";
  static constexpr const char* kLaw = "POST-32";
  static constexpr std::array<Result, 3> kResults = {
      {kNow, {"at", As::address}, {"bytes", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::no_memory,
                                           Status::panicked};

  Length length;
  Change change;

  static constexpr void fields(auto&& each) {
    each("length", &CursorProtectNext::length);
    each("change", &CursorProtectNext::change);
  }
  bool operator==(const CursorProtectNext&) const = default;
};

// Changes the property of every page, so far. Says how many pages, of whatever size, and bytes.
struct CursorProtect {
  static constexpr const char* kName = "cursor_protect";
  static constexpr const char* kLaw = "POST-32";
  static constexpr std::array<Result, 3> kResults = {
      {kNow, {"pages", As::number}, {"bytes", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory, Status::panicked};

  Length length;
  Change change;

  static constexpr void fields(auto&& each) {
    each("length", &CursorProtect::length);
    each("change", &CursorProtect::change);
  }
  bool operator==(const CursorProtect&) const = default;
};

}  // namespace trace
