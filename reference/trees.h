// SPDX-License-Identifier: MPL-2.0
// What the operations on page tables share: to look into trees, to change them, and to end them.
#pragma once

#include "reference/state.h"
#include "trace/reply.h"

namespace reference {

// The table that is meant; null if it is not there.
const TableHandle* table_at(const State&, Lane, trace::Table);

// The table that facts give a number; null if there is none. And how they name the table with a
// root: by the first of its names, the machine's own before all others. None if it has none.
const TableHandle* table_of_number(const State&, std::uint64_t number);
std::optional<std::uint64_t> number_of_root(const State&, Page root);

// What an entry of a tree's node at a level is, for a page: a leaf, a table, or neither.
struct Entry {
  const Mapping* leaf = nullptr;
  const Page* table = nullptr;
};
Entry entry_at(const Tree&, Level, VirtPage);

// The mapping of a page, with its first page; null if there is none.
const std::pair<const VirtPage, Mapping>* mapping_of(const Tree&, VirtPage);

// Where the kernel's table is another's too: the tree by which a table translates a page.
const Tree& tree_for(const State&, const TableHandle&, VirtPage);

// Calls `each(place, page)` for the nodes of a tree at and below a place that overlap [begin, end).
void for_each_node(const Tree& tree, NodePlace top, VirtPage begin, VirtPage end, auto&& each) {
  for (Level level = top.level; level >= 1; --level) {
    auto at = tree.nodes.lower_bound(place_of(level, std::max(begin, top.begin)));
    for (; at != tree.nodes.end() && at->first.level == level && at->first.begin < end; ++at) {
      each(at->first, at->second);
    }
  }
}

// The indices from a table's root to an entry at a level.
Path path_of(const Tree&, Page root, Level, VirtPage, Page to);

// Something may have changed there.
void touch(State&, Page root, VirtPage first, VirtPage last);

// ---- Nodes ----

// Takes pages of the allocator's for nodes, as many as are said: appends them to `into`, or gives
// all of this call back if it is refused one. What it took and gave back before in the same
// operation is in `answer`.
trace::Status take_nodes(State&, Lane, std::size_t count, const trace::Answer& seen,
                         trace::Answer& answer, std::vector<Page>& into);

// Makes a page that was taken an empty node, which nothing refers to yet.
void make_node(State&, Page, NodePlace, std::optional<Lane> locked_by);
// Makes it a tree of its own.
void make_top(State&, Page, trace::TableKindName, NodePlace);
// The same of a whole table, whose upper half is the kernel's if it is a user's (table.cpp).
TableHandle make_table(State&, Page root, trace::TableKindName);
// Makes it a table in its parent, whose entry is empty.
void link_node(State&, Page root, Page, NodePlace, std::optional<Lane> locked_by);

// ---- Mappings ----

// Puts a mapping into an entry that is empty, or takes it out.
void put_mapping(State&, Page root, VirtPage, const Mapping&);
void remove_mapping(State&, Page root, VirtPage);
// Puts a node in place of a larger page; it maps the same by smaller ones.
void split_mapping(State&, Page root, VirtPage, Page node, std::optional<Lane> locked_by);
// Takes a table out of an entry. What is below it is a tree of its own, stray and unlocked.
void remove_table(State&, Page root, NodePlace);

// ---- Ends ----

// One phase of what begins with a count on a page being given up: that of a frame or of a node.
// What ends with it is noted in the five results from `first` on, and given back to the allocator.
void fall(State&, Phases&, trace::Answer&, std::size_t first);
// The end of a page's metadata, in one phase: of a node's, everything that it refers to is dropped.
void end_metadata(State&, Page, trace::Answer&, std::size_t first);

// ---- Phases (phases.cpp) ----

// Begins an operation: alone, a lane does all that is to do. The answer; if it is not known yet,
// what was seen.
trace::Answer begin(State&, Lane, Doing);
// The same of one that goes over pages or tables: its phases are what `go_on` does.
trace::Answer begin_rounds(State&, Lane, const trace::Op&, const trace::Answer& seen, VirtPage end);
// One phase more.
void go_on(State&, Lane);
// All phases of what an operation on the lane's cursor does, as a part of another's first.
Doing do_at_once(State&, Lane, Doing);
// What an operation does to the next page or table. Whether it is over.
bool go_on(State&, Lane, const trace::CursorMapFrame&, Doing&);
bool go_on(State&, Lane, const trace::CursorMapRaw&, Doing&);
bool go_on(State&, Lane, const trace::CursorMapRun&, Doing&);
bool go_on(State&, Lane, const trace::CursorMapSegment&, Doing&);
bool go_on(State&, Lane, const trace::CursorTakeNext&, Doing&);
bool go_on(State&, Lane, const trace::CursorUnmap&, Doing&);
bool go_on(State&, Lane, const trace::CursorProtectNext&, Doing&);
bool go_on(State&, Lane, const trace::CursorProtect&, Doing&);

// A count on a page is to be given up after a grace period; and the running one ends (grace.cpp).
void put_off(State&, Page);
void end_period(State&);

// ---- CPUs (cpu.cpp) ----

// From now on a CPU translates by this table: it forgets all but what is global.
void switch_tables(State&, Lane, const TableHandle&);
// What a table mapped is not so any more, but CPUs may still have it.
void note_stale(State&, Page root, VirtPage, const Mapping&);
void forget(Processor&, VirtPage);
void forget_all_but_global(Processor&);

// ---- Flushes (tlb.cpp) ----

// The lane's cursor issues a flush: of pages, from one on.
void issue(Flushes&, VirtPage, std::uint64_t pages);
// It dispatches what it has issued.
struct Told {
  std::uint64_t cpus = 0;  // A bit for each that something was queued for,
  bool own = false;        // and whether the own one has forgotten.
};
Told dispatch(State&, Lane);
// It is closed: nobody waits for what it has dispatched.
void dispatch_the_last(State&, Lane);
// The CPUs that a space is active on forget all that is not global; the others are waited for.
std::uint64_t flush_space(State&, Lane, Page root);
// Waits for the CPUs that the lane has told, which do all that is queued for them: a bit for each.
std::uint64_t wait_for_told(State&, Lane);
// Flushes on all CPUs of the machine, and waits for the others: a bit for each.
std::uint64_t flush_everywhere(State&, Lane, const Flushes&);
// A CPU does what is queued for it. False if nothing is.
bool do_flushes(State&, Lane cpu);

}  // namespace reference
