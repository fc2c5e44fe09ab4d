// SPDX-License-Identifier: MPL-2.0
// The whole state of the slow, obviously correct memory manager: plain values, no cleverness.
//
// A slot has every field of the specification's abstract state; who owns what is written down
// apart, in the registers of the lanes, so that a count can be held against its owners.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "reference/cold.h"
#include "reference/pages.h"
#include "reference/tables.h"
#include "trace/fact.h"
#include "trace/metadata.h"
#include "trace/op.h"
#include "trace/scalar.h"

namespace reference {

inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kSlotBytes = 64;
inline constexpr std::uint64_t kSlotsBase = 0xffff'e000'0000'0000;  // Of the slots' addresses.
inline constexpr std::uint64_t kSlotsEnd = 0xffff'e100'0000'0000;

// What a reference count says.
inline constexpr std::uint64_t kUnused = ~std::uint64_t{0};
inline constexpr std::uint64_t kUnique = kUnused - 1;
inline constexpr std::uint64_t kMost = (std::uint64_t{1} << 63) - 1;

enum class SlotStatus : std::uint8_t { unused, unique, under_construction, shared, overflow };

constexpr SlotStatus status_of(std::uint64_t rc) {
  if (rc == kUnused) return SlotStatus::unused;
  if (rc == kUnique) return SlotStatus::unique;
  if (rc == 0) return SlotStatus::under_construction;
  return rc <= kMost ? SlotStatus::shared : SlotStatus::overflow;
}

// An object in a slot's storage.
struct Metadata {
  trace::Kind kind{};
  trace::Words words{};
  bool operator==(const Metadata&) const = default;
};

// A kind made with a value.
constexpr Metadata made(trace::Kind kind, std::uint64_t value) {
  Metadata metadata{.kind = kind};
  for (std::size_t i = 0; i < trace::words_of(kind.name); ++i) metadata.words[i] = value + i;
  return metadata;
}

trace::Usage usage_of(trace::Kind kind);  // What a kind declares.

struct Slot {
  std::uint64_t rc = kUnused;
  trace::Usage usage = trace::Usage::unused;
  bool parked = true;  // Whether the permission to change the slot lies in the region (INV-51).
  std::optional<trace::Kind> vtable{};  // None: uninitialised.
  std::optional<Metadata> storage{};    // Likewise.
  std::uint64_t in_list = 0;
  std::uint64_t address = 0;
  std::uint64_t phantoms = 0;  // How many of rc's handles exist in the books only.
  bool operator==(const Slot&) const = default;
};

// Where an entry of a page table refers to a page, a frame or a node: the indices from the root to
// the entry.
struct Path {
  Page page = 0;
  Page table = 0;  // Its root.
  std::vector<std::uint16_t> indices{};
  auto operator<=>(const Path&) const = default;
};

// What a handle knows of its page's metadata.
enum class Knows : std::uint8_t {
  kind,     // Typed.
  untyped,  // That users may read the page's bytes.
  nothing,  // Dynamic.
};

struct Handle {
  Page page = 0;
  Knows knows = Knows::nothing;
  trace::Kind kind{};  // If typed.

  bool is_typed() const { return knows == Knows::kind; }
  bool is_untyped() const { return knows == Knows::untyped; }
  bool is_dynamic() const { return knows == Knows::nothing; }
  bool operator==(const Handle&) const = default;
};

// A segment: the pages [first, first + count) of like handles. An empty one is somewhere, too.
struct Run {
  Page first = 0;
  std::uint64_t count = 0;
  Knows knows = Knows::nothing;
  trace::Kind kind{};  // If typed.

  Page end() const { return first + count; }
  bool covers(Page page) const { return page >= first && page < end(); }
  Handle handle_of(Page page) const { return {page, knows, kind}; }  // As one of its frames.
  bool operator==(const Run&) const = default;
};

// Pages that the allocator handed out, and that are no frames.
struct Block {
  Page first = 0;
  std::uint64_t count = 0;
  bool operator==(const Block&) const = default;
};

// A list of unique frames.
struct List {
  std::uint64_t id = 0;                 // 0: none was needed yet.
  std::vector<Page> pages{};            // From front to back.
  std::optional<std::size_t> cursor{};  // If open: the index it is at; the size: past the end.
  bool operator==(const List&) const = default;
};

// Of the allocator's requests on a CPU: after so many, so many are refused.
struct Failing {
  std::uint64_t after = 0;
  std::uint64_t times = 0;
  bool operator==(const Failing&) const = default;
};

// What a lane has begun and has yet to do: the phases of its operation after the first.
struct Unfinished {
  enum class Next : std::uint8_t { publish_shared, publish_unique, retire, give_back };
  Next next{};
  Page page = 0;
  std::uint8_t to = 0;  // The register to fill, if something is published,
  Handle handle{};      // and with what.
  bool operator==(const Unfinished&) const = default;
};

// One more phase of an operation on page tables.
struct Phase {
  enum class Next : std::uint8_t {
    again,       // The operation goes on: with the next page or table.
    drop,        // A count on a page is given up;
    retire,      // if it was the last, the page is unused,
    give_back,   // and the allocator has it, unless it is loose.
    put_off,     // A count on a page is to be given up after a grace period.
    end_period,  // What waited for the running period has been dropped.
  };
  Next next{};
  Page page = 0;
  bool operator==(const Phase&) const = default;
};
using Phases = std::vector<Phase>;  // The next is the last.

// An operation on page tables that a lane has begun. What it answers is known when its last phase
// is done; among others, what was seen is believed until then.
struct Doing {
  trace::Op op{};
  Phases todo{};
  trace::Answer answer{};  // As far as it came.
  trace::Answer seen{};
  std::size_t first = 0;                    // The results that tell of ends begin there.
  VirtPage end = 0;                         // How far it goes.
  std::vector<Page> spare{};                // Nodes that it has taken, and not yet used.
  std::optional<trace::Property> looked{};  // How the page was that it is about to change.
  bool operator==(const Doing&) const = default;
};

// What one lane holds. Preconditions look at nothing else.
struct Held {
  std::array<std::optional<Handle>, trace::Frame::kCount> frames{};
  std::array<std::optional<Handle>, trace::Unique::kCount> uniques{};
  std::array<std::optional<Handle>, trace::Raw::kCount> raws{};
  std::array<std::optional<Run>, trace::Segment::kCount> segments{};
  std::array<std::optional<Run>, trace::RawSegment::kCount> raw_segments{};
  std::array<std::optional<Block>, trace::Block::kCount> blocks{};
  std::array<List, trace::List::kCount> lists{};
  std::array<std::optional<TableHandle>, trace::OwnTable::kCount> tables{};
  std::array<std::optional<AreaRange>, trace::Area::kCount> areas{};
  std::optional<Cursor> cursor{};
  Failing failing{};
  std::optional<Unfinished> unfinished{};
  std::optional<Doing> doing{};

  auto& at(trace::Frame place) { return frames[place.index]; }
  auto& at(trace::Unique place) { return uniques[place.index]; }
  auto& at(trace::Raw place) { return raws[place.index]; }
  auto& at(trace::Segment place) { return segments[place.index]; }
  auto& at(trace::RawSegment place) { return raw_segments[place.index]; }
  auto& at(trace::Block place) { return blocks[place.index]; }
  auto& at(trace::OwnTable place) { return tables[place.index]; }
  auto& at(trace::Area place) { return areas[place.index]; }
  List& at(trace::List place) { return lists[place.index]; }
  auto& at(trace::Frame place) const { return frames[place.index]; }
  auto& at(trace::Unique place) const { return uniques[place.index]; }
  auto& at(trace::Raw place) const { return raws[place.index]; }
  auto& at(trace::Segment place) const { return segments[place.index]; }
  auto& at(trace::RawSegment place) const { return raw_segments[place.index]; }
  auto& at(trace::Block place) const { return blocks[place.index]; }
  auto& at(trace::OwnTable place) const { return tables[place.index]; }
  auto& at(trace::Area place) const { return areas[place.index]; }
  const List& at(trace::List place) const { return lists[place.index]; }
  bool has(auto place) const { return at(place).has_value(); }
  bool operator==(const Held&) const = default;
};

struct State {
  trace::Machine machine{};
  std::vector<Slot> slots{};  // One for each page.
  std::set<Path> paths{};     // Of all page tables. A root is on none.
  PageSet free{};             // What the allocator may hand out.
  std::array<Held, trace::Cpu::kMost> held{};
  std::map<Page, std::vector<std::uint8_t>> written{};  // All bytes of the pages whose bytes are
                                                        // not as they were at first.
  PageSet murky{};  // Pages whose bytes are not known: they were a node's, or come from there.
  std::uint64_t next_list_id = 1;
  std::map<Page, Tree> trees{};  // By the pages of their tops.
  std::map<Page, Node> nodes{};  // Of all trees.
  std::array<std::optional<TableHandle>, trace::TableCount::kMost> shared{};  // The machine's own.
  std::array<Processor, trace::Cpu::kMost> cpus{};                            // By their lanes.
  Grace grace{};
  // How the allocator keeps its free pages, as it last said so; none if it does not say.
  std::optional<std::vector<trace::FreeBlock>> free_blocks{};
  bool at_once = false;  // Lanes go at once: what the allocator keeps where is not known.
  Cold cold{};           // The machine that boots.
  bool aborted = false;
  bool imagines = false;  // The allocator's choices are to be made, not to be judged.

  // What may have changed since this was last asked: pages, and of tables, by their roots, the
  // first virtual page and the last.
  PageSet touched{};
  std::map<Page, std::pair<VirtPage, VirtPage>> touched_tables{};
};

// A byte of a page, whoever has it. If it is not known, any.
std::uint8_t byte_of(const State&, Page, std::size_t at);

// A result that depends on bytes that are not known: there the system is believed.
inline constexpr std::uint64_t kNotKnown = 0x9d3c'55a1'07e2'b46f;

// Whether two states are the same. What was touched on the way does not count, nor how the
// allocator keeps its free pages.
bool operator==(const State&, const State&);

}  // namespace reference
