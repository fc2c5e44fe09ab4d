// SPDX-License-Identifier: MPL-2.0
// Operations on whole page tables, and on the grace periods after which what was taken out of them
// is given up.
//
// A page table keeps its nodes: a table whose last entry goes stays, empty, until it is taken out
// whole, or a larger page takes its place, or the whole page table is dropped.
//
// What is taken out while others may still be looking at it (tables, and frames that a cursor
// unmaps) waits for a grace period. At most one is running, for one batch; what comes meanwhile
// waits in a second. To put something in while none runs starts one, that waits for every CPU of
// the machine, the own one included. When the last of them has passed, the batch is dropped, in the
// order in which it came; if something waits by then, a period begins for all of that.
//
// So of several things that one operation takes out, the first may start a period, for which the
// others are too late.
//
// A handle of a table's page, as frame_from_in_use gives, is one more count on it: the page
// outlives its table by that, with all that it refers to, and ends as a table does when the handle
// is dropped. The ends that are told are those of frames; a table's own page tells of none. What
// bytes are in a page that was a table's is not said.
//
// A lane that has a cursor open asks nothing here but table_walk. While lanes go one at a time,
// none asks for a new user table as long as another has a cursor open: that would wait for ever.
#pragma once

#include "trace/property.h"
#include "trace/reply.h"
#include "trace/virtual.h"

namespace trace {

// Makes an empty page table. The upper half of a user's is the kernel's: the machine must have
// tables.
struct TableNew {
  static constexpr const char* kName = "table_new";
  static constexpr const char* kLaw = "POST-34";
  static constexpr std::array<Result, 1> kResults = {{{"root", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  TableKind kind;
  OwnTable to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("kind", &TableNew::kind);
    each("to", &TableNew::to);
  }
  bool operator==(const TableNew&) const = default;
};

// Makes a second handle of the same table: one more count on its root. Aborts (count_overflow) if
// that has as many as there may be: so seldom that kOutcomes does not ask for it.
struct TableCopy {
  static constexpr const char* kName = "table_copy";
  static constexpr const char* kLaw = "INV-15";
  static constexpr std::array<Result, 1> kResults = {{{"root", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Table from;   // Must be there.
  OwnTable to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &TableCopy::from);
    each("to", &TableCopy::to);
  }
  bool operator==(const TableCopy&) const = default;
};

// Drops a handle of a table. With the last count on its root goes the whole tree, at once: what
// each node refers to is dropped in ascending order, a table with all that is below it, and then
// the node itself. What belongs to the kernel stays.
struct TableDrop {
  static constexpr const char* kName = "table_drop";
  static constexpr const char* kLaw = "POST-24";
  static constexpr std::array<Result, 7> kResults = {
      {{"root", As::address}, {"was_last", As::flag}, kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  OwnTable from;  // Must hold a table.

  static constexpr void fields(auto&& each) { each("from", &TableDrop::from); }
  bool operator==(const TableDrop&) const = default;
};

// Walks a table in software, without a lock: where an address leads, to the byte, and with which
// property. An address that its levels cannot tell from another leads where the other does; one in
// the upper half of a user's table, where the kernel's leads.
struct TableWalk {
  static constexpr const char* kName = "table_walk";
  static constexpr const char* kLaw = "INV-36";
  static constexpr std::array<Result, 4> kResults = {{{"address", As::address},
                                                      {"rights", As::rights},
                                                      {"privileged", As::privileged},
                                                      {"cache", As::cache}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  Table table;   // Must be there.
  VirtPlace at;  // Any address.

  static constexpr void fields(auto&& each) {
    each("table", &TableWalk::table);
    each("at", &TableWalk::at);
  }
  bool operator==(const TableWalk&) const = default;
};

// From now on this CPU translates by this table; it owns one count on its root, and gives back the
// one on the root that it had, with which that table may end. If that was the same, nothing
// happens: no translation is forgotten. Else all but global ones are. Aborts as a copy does.
struct TableActivate {
  static constexpr const char* kName = "table_activate";
  static constexpr const char* kLaw = "INV-44";
  static constexpr std::array<Result, 6> kResults = {
      {{"root", As::address}, kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  Table table;  // Must be there, and not of 5 levels.

  static constexpr void fields(auto&& each) { each("table", &TableActivate::table); }
  bool operator==(const TableActivate&) const = default;
};

// This CPU passes through a state in which it looks at nothing; before that it does the flushes that
// are queued for it (trace/ops/tlb.h). Says how many things that waited were dropped for it.
struct Quiesce {
  static constexpr const char* kName = "quiesce";
  static constexpr const char* kLaw = "L3";
  static constexpr std::array<Result, 6> kResults = {
      {{"ended", As::number}, kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const Quiesce&) const = default;
};

}  // namespace trace
