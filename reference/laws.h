// SPDX-License-Identifier: MPL-2.0
// The laws: the invariants, preconditions and postconditions of the specification, by id, each a
// sentence and a predicate. README.md says which of the specification's names each makes
// executable, and which ids wait for families that are not here yet.
//
// A predicate never calls `step` or `allows`: the laws hold the reference to account.
#pragma once

#include <span>

#include "reference/state.h"
#include "trace/op.h"

namespace reference {

// Who owns a page, counted one by one, with a place for each term of the equation.
struct Owners {
  std::uint64_t uniques = 0;  // U,
  std::uint64_t listed = 0;   // and those of lists, which own their frames so.

  std::uint64_t handles = 0;   // H,
  std::uint64_t raws = 0;      // of which H, too, consists,
  std::uint64_t phantoms = 0;  // and these, which exist in the books only.
  std::uint64_t paths = 0;     // Page-table entries reachable from a live root.
  std::uint64_t segments = 0;  // C: segments and raw segments that cover the page.
  std::uint64_t in_grace = 0;  // G: counts that wait for the end of a grace period.
  std::uint64_t in_flush = 0;  // T, of which there are none yet: handles in queues that wait for
                               // other CPUs to flush.
  std::uint64_t strays = 0;    // S: entries of subtrees that are unlinked, and not yet destroyed.
  std::uint64_t tables = 0;    // K: handles of the page tables whose root it is,
  std::uint64_t active = 0;    // A: and CPUs that translate by it.

  std::uint64_t live() const { return handles + raws; }
  std::uint64_t unique() const { return uniques + listed; }
  std::uint64_t shared() const {
    return live() + phantoms + paths + segments + in_grace + in_flush + strays + tables + active;
  }
  bool operator==(const Owners&) const = default;
};
using Books = std::array<Owners, trace::Machine::kMostPages>;
Books books_of(const State& state);

// One operation, from before its first phase until after its last.
struct Step {
  const State& before;
  Lane lane;
  const trace::Op& op;
  const trace::Answer& answer;
  const State& after;
};

// A law has one form or several; what it does not speak of, it permits.
struct Law {
  const char* id;
  const char* sentence;
  bool (*of_page)(const State&, const Owners&, Page) = nullptr;  // Invariants of one page.
  bool (*of_state)(const State&) = nullptr;                      // Those of the whole.
  bool (*of_step)(const Step&) = nullptr;
};

std::span<const Law> laws();
const Law* law_of(const char* id);  // Null if there is none, or the id is null.

// Whether a law is kept: by one page; by a whole state, each of its pages included; by the step
// alone, whatever the state after it.
bool keeps(const Law& law, const State& state, const Owners& owners, Page page);
bool keeps(const Law& law, const State& state);
bool keeps(const Law& law, const Step& step);

// The id of a law that the step breaks, or that a page it changed or the state after it breaks.
// Null if there is none.
const char* broken_law(const Step& step);

// Whether the specification's "usage Frame" is meant: all that is neither unused, nor a page
// table, nor a device's.
bool is_frame(trace::Usage usage);

// Invariants; see invariants.cpp.
bool has_its_slots(const State&);                                        // INV-1
bool slot_is_in_place(const State&, const Owners&, Page);                // INV-1
bool free_slot_is_empty(const State&, const Owners&, Page);              // INV-2
bool unique_slot_is_made(const State&, const Owners&, Page);             // INV-3
bool shared_slot_is_made(const State&, const Owners&, Page);             // INV-4
bool count_is_below_limit(const State&, const Owners&, Page);            // INV-5
bool busy_slot_is_in_the_midst(const State&, const Owners&, Page);       // INV-6
bool types_agree(const State&, const Owners&, Page);                     // INV-7
bool is_clean_when_nothing_is_held(const State&);                        // INV-9
bool free_slot_has_no_usage(const State&, const Owners&, Page);          // INV-10
bool free_slot_has_no_owner(const State&, const Owners&, Page);          // INV-11
bool slot_in_use_has_an_owner(const State&, const Owners&, Page);        // INV-12
bool count_is_the_owners(const State&, const Owners&, Page);             // INV-13
bool unique_handle_is_alone(const State&, const Owners&, Page);          // INV-14
bool handles_are_on_frames(const State&);                                // INV-16
bool shared_handle_has_a_count(const State&, const Owners&, Page);       // INV-18
bool unique_handle_has_the_slot(const State&, const Owners&, Page);      // INV-19
bool segments_cover_live_frames(const State&);                           // INV-20
bool lists_are_sound(const State&);                                      // INV-21
bool ids_name_lists(const State&);                                       // INV-22
bool only_listed_slots_say_so(const State&, const Owners&, Page);        // INV-23
bool permission_is_where_it_belongs(const State&, const Owners&, Page);  // INV-51
bool allocators_pages_have_a_place(const State&);                        // B.10
bool is_booted_so_far(const State&);                                     // B.11

// What operations promise; see lives.cpp and handles.cpp, and for segments, lists and bytes the
// files of their names.
bool reads_what_is_there(const Step&);        // INV-7
bool tells_the_count(const Step&);            // INV-13
bool borrows_from_a_live_owner(const Step&);  // INV-17
bool writes_in_place(const Step&);            // INV-19
bool tells_the_range(const Step&);            // INV-20
bool goes_by_the_order(const Step&);          // INV-21
bool drops_a_list(const Step&);               // INV-23
bool makes_of_an_unused_page(const Step&);    // PRE-1
bool drops_what_can_be_dropped(const Step&);  // PRE-4
bool ends_what_can_be_ended(const Step&);     // PRE-5
bool makes_a_frame(const Step&);              // POST-1
bool joins_a_frame(const Step&);              // POST-2
bool adds_a_count(const Step&);               // POST-3
bool drops_a_frame(const Step&);              // POST-4
bool leaves_a_free_slot(const Step&);         // POST-5
bool moves_to_and_from_raw(const Step&);      // POST-6
bool looks_without_a_change(const Step&);     // POST-7
bool converts_by_type(const Step&);           // POST-8
bool repurposes_in_place(const Step&);        // POST-9
bool becomes_shared(const Step&);             // POST-10
bool becomes_unique_if_alone(const Step&);    // POST-11
bool gives_a_unique_page_up(const Step&);     // POST-12
bool makes_a_segment(const Step&);            // POST-13
bool splits_a_segment(const Step&);           // POST-14
bool clones_a_segment(const Step&);           // POST-15
bool slices_a_segment(const Step&);           // POST-16
bool takes_the_first_frame(const Step&);      // POST-17
bool drops_a_segment(const Step&);            // POST-18
bool puts_a_frame_in(const Step&);            // POST-19
bool takes_a_frame_out(const Step&);          // POST-20
bool moves_forward(const Step&);              // POST-21
bool moves_backward(const Step&);             // POST-22
bool finds_what_is_in_it(const Step&);        // POST-23
bool moves_just_the_bytes(const Step&);       // B.9

// Of the allocator, and of a machine that boots; see alloc_laws.cpp and boot_laws.cpp.
bool allocates_a_frame(const Step&);       // POST-1, of the allocator's pages;
bool allocates_a_segment(const Step&);     // POST-13, likewise.
bool allocates_what_is_free(const Step&);  // B.10
bool takes_early_memory(const Step&);      // B.10, before there is metadata.
bool boots_in_order(const Step&);          // B.11
bool boot_tables_are_whole(const State&);  // C.8: states
bool changes_the_boot_table(const Step&);  // and steps.

// Of page tables, cursors and CPUs: states;
bool mappings_are_reached(const State&);                           // INV-36
bool cpus_have_tables(const State&);                               // INV-44
bool waits_with_a_count(const State&, const Owners&, Page);        // L3
bool periods_run(const State&);                                    // L3
bool kept_translations_are_whole(const State&);                    // INV-47
bool node_count_is_the_owners(const State&, const Owners&, Page);  // INV-15
bool levels_go_down(const State&);                                 // INV-24
bool children_are_counted(const State&);                           // INV-25
bool nodes_have_their_slots(const State&);                         // INV-26
bool leaves_are_well_formed(const State&);                         // INV-27
bool entries_are_one_thing(const State&);                          // INV-28
bool borrows_the_kernels_half(const State&);                       // INV-29
bool nodes_are_in_one_tree(const State&);                          // INV-30
bool stray_nodes_are_unreachable(const State&);                    // INV-32
bool kernels_root_is_whole(const State&);                          // INV-33
bool mappings_are_whole(const State&);                             // INV-34
bool mappings_are_disjoint(const State&);                          // INV-35
bool paths_are_the_entries(const State&);                          // INV-37
bool cursors_stand_in_their_range(const State&);                   // INV-38
bool locks_are_the_cursors(const State&);                          // INV-39
bool cursors_hold_apart(const State&);                             // INV-40
// and steps; see the files of their names.
bool makes_a_table(const Step&);            // POST-34
bool drops_what_it_refers_to(const Step&);  // POST-24
bool opens_and_closes(const Step&);         // POST-25
bool tells_what_is_there(const Step&);      // POST-26
bool finds_the_next(const Step&);           // POST-27
bool jumps(const Step&);                    // POST-28
bool maps_pages(const Step&);               // POST-29
bool takes_the_next(const Step&);           // POST-30
bool unmaps_all(const Step&);               // POST-31
bool protects(const Step&);                 // POST-32
bool walks_in_software(const Step&);        // INV-36
bool activates(const Step&);                // INV-44
bool passes(const Step&);                   // L3
bool touches_rightly(const Step&);          // INV-47
bool walk_marks_the_entry(const Step&);     // POST-41
bool forgets_translations(const Step&);     // POST-42
bool sets_controls(const Step&);            // D.8
bool keeps_what_was_so(const Step&);        // INV-48
bool what_is_gone_is_queued(const State&);
bool keeps_of_areas_what_is_so(const State&);  // INV-48, of areas.
bool reaches_nothing_free(const State&);       // INV-49
bool issues_so_many(const State&);             // INV-50
bool issues_what_is_asked(const Step&);
bool issue_appends(const Step&);                 // POST-43
bool dispatches(const Step&);                    // POST-44
bool cpus_have_forgotten(const Step&);           // POST-45
bool walk_covers_tables(const Step&);            // PRE-6
bool walks_over_right_leaves(const Step&);       // PRE-7
bool walks_to_each_table_once(const Step&);      // PRE-8
bool walks_to_tables_that_can_end(const Step&);  // PRE-9
bool makes_tables_below_a_root(const Step&);     // PRE-10
bool changes_no_other_lock(const Step&);         // POST-46
bool stays_below_its_node(const Step&);          // L8
bool locks_what_it_makes(const Step&);           // L9
bool copies_a_table(const Step&);                // INV-15
bool makes_fresh_nodes(const Step&);             // INV-31
bool strays_stay_as_they_are(const Step&);       // INV-32
bool keeps_the_kernels_tables(const Step&);      // INV-33
bool changes_nothing_outside(const Step&);       // INV-41
bool splits_change_no_lookup(const Step&);       // INV-42

// Of areas; see area_laws.cpp.
bool areas_lie_apart(const State&);         // INV-45
bool reaches_users_by_right(const Step&);   // POST-40
bool forks(const Step&);                    // C.10
bool areas_do_as_asked(const Step&);        // INV-45
bool tells_what_an_area_maps(const Step&);  // POST-39

// Whether free pages may be kept so: disjoint, in each block of a pool a naturally aligned power of
// two, in each of a cache 1 to 4, together just the free ones, and no two buddies in one pool
// (B.10). No form of a law: a state knows how they are kept only if the allocator has said so; see
// Model::adopt in free_blocks.cpp.
bool are_kept_in_order(const State&, std::span<const trace::FreeBlock>);

}  // namespace reference
