// SPDX-License-Identifier: MPL-2.0
// Page tables, cursors, CPUs and grace periods, as plain values.
//
// A table is kept twice: as the set of what it maps, and as the tree of its nodes beside it. That
// the two agree is a law (INV-25, INV-36).
//
// Virtual addresses are counted in pages, from 0 to 2^52: so the end of the address space is a
// number like any other.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "reference/pages.h"
#include "trace/metadata.h"
#include "trace/property.h"
#include "trace/virtual.h"

namespace reference {

using Lane = std::uint8_t;
using VirtPage = std::uint64_t;  // The number of a virtual page, from address 0.
using Level = std::uint8_t;      // 1 is that of 4 KiB pages.

inline constexpr std::uint64_t kEntries = 512;  // Of a node.
inline constexpr VirtPage kVirtEnd = VirtPage{1} << 52;
inline constexpr std::uint64_t kPhysEnd = std::uint64_t{1} << 40;  // Pages that an entry can name.

// How many pages an entry at a level spans. A node at that level spans an entry one level up.
constexpr std::uint64_t span_of(Level level) {
  std::uint64_t pages = 1;
  for (Level i = 1; i < level; ++i) pages *= kEntries;
  return pages;
}
constexpr VirtPage entry_begin(Level level, VirtPage page) { return page - page % span_of(level); }
constexpr VirtPage entry_end(Level level, VirtPage page) {
  return entry_begin(level, page) + span_of(level);
}
constexpr std::uint16_t index_at(Level level, VirtPage page) {
  return static_cast<std::uint16_t>(page / span_of(level) % kEntries);
}

// How a kind of table is made.
struct Shape {
  Level levels = 4;
  Level highest = 2;        // Of a page.
  std::uint16_t first = 0;  // The root's entries that are the table's own: from this one,
  std::uint16_t end = 256;  // and before that one.
  VirtPage base = 0;        // Where the root's first entry would begin, sign extended.
  bool takes_frames = false;
  bool gives_root_entries = true;  // Whether an entry of the root may be taken out whole.

  VirtPage range_begin() const { return base + first * span_of(levels); }
  VirtPage range_end() const { return base + end * span_of(levels); }
};

constexpr Shape shape_of(trace::TableKindName kind) {
  switch (kind) {
    case trace::TableKindName::user: return {.takes_frames = true};
    case trace::TableKindName::space: return {.highest = 1, .takes_frames = true};
    case trace::TableKindName::plain: return {.highest = 3};
    case trace::TableKindName::plain5: return {.levels = 5, .highest = 3};
    case trace::TableKindName::kernel: break;
  }
  return {.first = 508,
          .end = 512,
          .base = kVirtEnd - kEntries * span_of(4),
          .takes_frames = true,
          .gives_root_entries = false};
}
// A user's: its upper half is the kernel's.
constexpr bool is_users(trace::TableKindName kind) {
  return kind == trace::TableKindName::user || kind == trace::TableKindName::space;
}
inline constexpr std::uint16_t kKernelTables = 4;  // Below its root, from the beginning to the end.

// A page that is mapped; of 4 KiB if it is a frame.
struct Mapping {
  Level level = 1;
  Page to = 0;  // The first physical page: any that an entry can name.
  trace::Property property{};
  bool tracked = false;  // Whether the table owns a handle of it.
  bool operator==(const Mapping&) const = default;
};

// Where a node is in a tree: its level, and the first page that it can map.
struct NodePlace {
  Level level = 1;
  VirtPage begin = 0;
  auto operator<=>(const NodePlace&) const = default;
};

// The node with the entry for a page.
constexpr NodePlace place_of(Level level, VirtPage page) {
  return {level, entry_begin(static_cast<Level>(level + 1), page)};
}

// A node by itself.
struct Node {
  NodePlace place{};
  std::uint16_t children = 0;       // The entries that are present, and its own.
  bool stray = false;               // Taken out of its table.
  std::optional<Lane> locked_by{};  // A lane's cursor.
  bool operator==(const Node&) const = default;
};

// A tree of nodes with what it maps: a page table, a part that was taken out of one, or one whose
// upper part has ended before it.
struct Tree {
  trace::TableKindName kind{};
  NodePlace top{};
  std::map<NodePlace, Page> nodes{};
  std::map<VirtPage, Mapping> mappings{};  // By their first pages.
  std::vector<Page> borrowed{};            // A user's root: the kernel's tables in its upper half.
  std::set<Lane> active_on{};              // A space's: the CPUs that translate by it.

  bool is_table() const { return top.level == shape_of(kind).levels; }
  bool operator==(const Tree&) const = default;
};

// A count on a table's root.
struct TableHandle {
  Page root = 0;
  trace::TableKindName kind{};
  bool operator==(const TableHandle&) const = default;
};

// A range of the kernel's addresses that an area has.
struct AreaRange {
  VirtPage begin = 0;
  std::uint64_t pages = 0;
  VirtPage end() const { return begin + pages; }
  bool operator==(const AreaRange&) const = default;
};

// What is to be forgotten: pages, as often as they were issued, or all that is not global.
struct Flushes {
  std::vector<VirtPage> pages{};
  bool all = false;
  bool global = false;  // With all: what is global, too.
  bool any() const { return all || !pages.empty(); }
  bool operator==(const Flushes&) const = default;
};

// A lane's cursor.
struct Cursor {
  Page root = 0;  // Of its table.
  trace::TableKindName kind{};
  bool may_change = false;
  Level level = 1;  // Of the node in which it stands. At the end of its range: the guard's.
  Level guard = 1;  // Of its own node, the uppermost that it has locked.
  VirtPage at = 0;
  VirtPage begin = 0;  // Its range.
  VirtPage end = 0;
  PageSet nodes{};   // That it has locked.
  Flushes issued{};  // Of a space: what it has not dispatched yet.
  bool operator==(const Cursor&) const = default;
};

// A translation that a CPU may keep. That the entry was accessed goes without saying.
struct Translation {
  VirtPage begin = 0;
  Level level = 1;
  Page to = 0;
  bool writable = false;
  bool executable = false;
  bool user = false;
  bool global = false;
  bool dirty = false;
  auto operator<=>(const Translation&) const = default;
};

struct Controls {
  bool wp = true;
  bool smep = false;
  bool smap = false;
  bool nxe = true;
  bool operator==(const Controls&) const = default;
};

struct Processor {
  std::optional<TableHandle> root{};  // By which it translates; it owns that count.
  Controls controls{};
  // What it may keep although the tables no longer say so. What they do say, it may keep anyway.
  std::set<Translation> kept{};
  // Whether it translates users' addresses by a table that is no space; and whether it may still
  // know pages by such a one.
  bool reaches_others = false, may_know_others = false;
  std::vector<Flushes> queue{};  // What it is to forget when it is interrupted, or passes;
  std::set<Lane> told_by{};  // by the cursors of these lanes, those of them that are still open.
  bool operator==(const Processor&) const = default;
};

// Counts on pages that are given up when every CPU has passed: of tables, and of frames.
struct Grace {
  std::vector<Page> running{};
  std::vector<Page> waiting{};
  std::set<Lane> to_pass{};  // The CPUs for which the running batch waits.
  bool operator==(const Grace&) const = default;
};

}  // namespace reference
