// SPDX-License-Identifier: MPL-2.0
// The table of laws, and how a step is held against all of them.
#include "reference/laws.h"

#include <algorithm>
#include <string_view>
#include <variant>

namespace reference {

namespace {

// Operations are judged in this order, so a report cites what was asked before what it broke.
constexpr Law kLaws[] = {
    {.id = "PRE-1",
     .sentence =
         "A page is made a frame only while it is unused, with nothing of its last use left.",
     .of_step = makes_of_an_unused_page},
    {.id = "PRE-4",
     .sentence = "A frame is dropped by who holds it; the last handle ends whole metadata only.",
     .of_step = drops_what_can_be_dropped},
    {.id = "PRE-5",
     .sentence = "Metadata ends only in a slot that nobody can reach, in no list and on no path.",
     .of_step = ends_what_can_be_ended},
    {.id = "POST-1",
     .sentence =
         "Making a frame succeeds just on unused pages, changes that slot only, and adds a handle.",
     .of_step = makes_a_frame},
    {.id = "POST-2",
     .sentence =
         "from_in_use succeeds just on shared pages, and adds one to the count and a handle.",
     .of_step = joins_a_frame},
    {.id = "POST-3",
     .sentence = "A clone adds one to the count and a like handle; at the maximum it aborts.",
     .of_step = adds_a_count},
    {.id = "POST-4",
     .sentence =
         "A drop takes one off the count; the last ends the metadata and gives the page up, once.",
     .of_step = drops_a_frame},
    {.id = "POST-5",
     .sentence =
         "When metadata has ended the slot is unused, and its storage and vtable uninitialised.",
     .of_step = leaves_a_free_slot},
    {.id = "POST-6",
     .sentence =
         "into_raw and from_raw change no slot: a handle becomes a count, and the same again.",
     .of_step = moves_to_and_from_raw},
    {.id = "POST-7",
     .sentence = "To borrow or to compare frames changes nothing, and tells what is so.",
     .of_step = looks_without_a_change},
    {.id = "POST-8",
     .sentence =
         "A handle is converted exactly if the slot's type permits it, and no count changes.",
     .of_step = converts_by_type},
    {.id = "POST-9",
     .sentence =
         "repurpose ends the old metadata once, frees nothing, and the page is unique throughout.",
     .of_step = repurposes_in_place},
    {.id = "POST-10",
     .sentence =
         "A unique frame made shared has the count 1, and its one handle is now a shared one.",
     .of_step = becomes_shared},
    {.id = "POST-11",
     .sentence =
         "A shared frame becomes unique exactly if its count is 1; if not, it is handed back.",
     .of_step = becomes_unique_if_alone},
    {.id = "POST-12",
     .sentence =
         "Dropping or resetting a unique frame ends its metadata once; only dropping gives it up.",
     .of_step = gives_a_unique_page_up},
    {.id = "POST-13",
     .sentence =
         "A segment is made of unused pages, ascending, or not at all: then what was made ends.",
     .of_step = makes_a_segment},
    {.id = "POST-14",
     .sentence =
         "A segment is split inside, between pages: both parts are it, and no count changes.",
     .of_step = splits_a_segment},
    {.id = "POST-15",
     .sentence = "A clone of a segment adds one to each of its counts; at a maximum it aborts.",
     .of_step = clones_a_segment},
    {.id = "POST-16",
     .sentence = "A slice lies inside, on whole pages, and adds one to the counts that it covers.",
     .of_step = slices_a_segment},
    {.id = "POST-17",
     .sentence = "A segment's first frame leaves it as a like handle, and no count changes.",
     .of_step = takes_the_first_frame},
    {.id = "POST-18",
     .sentence = "Dropping a segment drops each of its frames, ascending, or panics before any.",
     .of_step = drops_a_segment},
    {.id = "POST-19",
     .sentence =
         "A frame put into a list stands where it was put, says so, and has no other handle.",
     .of_step = puts_a_frame_in},
    {.id = "POST-20",
     .sentence = "A frame taken out of a list is unique, and in none; past the end there is none.",
     .of_step = takes_a_frame_out},
    {.id = "POST-21",
     .sentence =
         "A cursor moves forward: from the last frame past the end, and from there to the first.",
     .of_step = moves_forward},
    {.id = "POST-22",
     .sentence = "A cursor moves backward: from the first frame past the end, then to the last.",
     .of_step = moves_backward},
    {.id = "POST-23",
     .sentence =
         "A page is found in a list exactly if it is there; a place that is no page is not.",
     .of_step = finds_what_is_in_it},
    {.id = "B.9",
     .sentence =
         "Readers and writers move just the bytes there are, in order, and change no others.",
     .of_step = moves_just_the_bytes},
    {.id = "B.10",
     .sentence =
         "The allocator hands out free pages only, each once, and refuses only what it has not.",
     .of_state = allocators_pages_have_a_place,
     .of_step = allocates_what_is_free},
    {.id = "B.11",
     .sentence =
         "A booting machine marks all memory that is not usable, and hands out just the rest.",
     .of_state = is_booted_so_far,
     .of_step = boots_in_order},
    {.id = "C.8",
     .sentence =
         "The boot page table adds tables to the firmware's, and gives back its own alone, once.",
     .of_state = boot_tables_are_whole,
     .of_step = changes_the_boot_table},
    {.id = "POST-34",
     .sentence = "A new table has a root of its own, with one count, and maps nothing yet.",
     .of_step = makes_a_table},
    {.id = "POST-24",
     .sentence =
         "A node that ends drops what it refers to, once each and ascending, and nothing else.",
     .of_step = drops_what_it_refers_to},
    {.id = "POST-25",
     .sentence =
         "To open a cursor makes only the tables on its way; to close it unlocks all it had.",
     .of_step = opens_and_closes},
    {.id = "POST-26",
     .sentence =
         "A query tells the page where the cursor stands, or the empty entry, and changes nothing.",
     .of_step = tells_what_is_there},
    {.id = "POST-27",
     .sentence =
         "The next page that is mapped is found; if there is none, all of that was gone over.",
     .of_step = finds_the_next},
    {.id = "POST-28",
     .sentence = "A cursor jumps to any page of its range, and to nothing else.",
     .of_step = jumps},
    {.id = "POST-29",
     .sentence =
         "What is mapped is where the cursor stood, by the largest pages, and nothing was there.",
     .of_step = maps_pages},
    {.id = "POST-30",
     .sentence = "What is taken is the next page or table that fits; all else is mapped as before.",
     .of_step = takes_the_next},
    {.id = "POST-31",
     .sentence =
         "What is unmapped is all that was mapped so far; what it owned waits for a grace period.",
     .of_step = unmaps_all},
    {.id = "POST-32",
     .sentence =
         "What is protected is the next page that fits, or all so far, and only its property.",
     .of_step = protects},
    {.id = "INV-36",
     .sentence = "A walk from the root reaches just what a table maps.",
     .of_state = mappings_are_reached,
     .of_step = walks_in_software},
    {.id = "INV-44",
     .sentence =
         "A CPU translates by a whole table of four levels, and owns one count on its root.",
     .of_state = cpus_have_tables,
     .of_step = activates},
    {.id = "L3",
     .sentence = "What was taken out is not given up before each CPU has passed, and then at once.",
     .of_page = waits_with_a_count,
     .of_state = periods_run,
     .of_step = passes},
    {.id = "INV-47",
     .sentence = "What a CPU does fits the table, or a translation that it may have kept.",
     .of_state = kept_translations_are_whole,
     .of_step = touches_rightly},
    {.id = "POST-41",
     .sentence =
         "A walk that succeeds marks the entry accessed, and for a store dirty; nothing else does.",
     .of_step = walk_marks_the_entry},
    {.id = "POST-42",
     .sentence = "A flush makes a CPU forget the page, or all, global ones too if it is said.",
     .of_step = forgets_translations},
    {.id = "D.8",
     .sentence = "New controls make a CPU forget all; a new table, all but what is global.",
     .of_step = sets_controls},
    {.id = "INV-48",
     .sentence = "A CPU may keep what was so since it last forgot it, neither more nor less.",
     .of_state = what_is_gone_is_queued,
     .of_step = keeps_what_was_so},
    {.id = "INV-49",
     .sentence = "No page is free that a CPU may still translate to by a space.",
     .of_state = reaches_nothing_free},
    {.id = "INV-50",
     .sentence = "Issued are as many pages as there may be, or all; never less than was asked.",
     .of_state = issues_so_many,
     .of_step = issues_what_is_asked},
    {.id = "POST-43",
     .sentence = "To issue a flush only adds it to those that were issued before.",
     .of_step = issue_appends},
    {.id = "POST-44",
     .sentence = "To dispatch queues all that was issued for every CPU of the space, and no other.",
     .of_step = dispatches},
    {.id = "POST-45",
     .sentence = "A CPU that is interrupted, or waited for, has forgotten all that it was told to.",
     .of_step = cpus_have_forgotten},
    {.id = "INV-45",
     .sentence =
         "Areas lie apart and in their place; what is mapped there is in one, just as asked.",
     .of_state = areas_lie_apart,
     .of_step = areas_do_as_asked},
    {.id = "POST-39",
     .sentence = "A query of an area tells what is mapped at its page, and changes nothing.",
     .of_step = tells_what_an_area_maps},
    {.id = "POST-40",
     .sentence = "Users' memory is reached by the CPU's own space alone; just what is there moves.",
     .of_step = reaches_users_by_right},
    {.id = "C.10",
     .sentence = "A copied space maps what the old one does; neither may write to what they share.",
     .of_step = forks},
    {.id = "PRE-6",
     .sentence = "Every table that an ending node refers to is a node.",
     .of_step = walk_covers_tables},
    {.id = "PRE-7",
     .sentence = "Every page that an ending node maps is one that its level can map.",
     .of_step = walks_over_right_leaves},
    {.id = "PRE-8",
     .sentence = "No two entries of ending nodes refer to one table.",
     .of_step = walks_to_each_table_once},
    {.id = "PRE-9",
     .sentence = "Every table that an ending node refers to has a count, and metadata to end.",
     .of_step = walks_to_tables_that_can_end},
    {.id = "PRE-10",
     .sentence = "Below a root, tables are made of lower levels only; a root only as a new table.",
     .of_step = makes_tables_below_a_root},
    {.id = "POST-46",
     .sentence = "To lock or to unlock a node changes no lock but its own.",
     .of_step = changes_no_other_lock},
    {.id = "L8",
     .sentence = "An operation on a cursor changes no node but the cursor's own, and those below.",
     .of_step = stays_below_its_node},
    {.id = "L9", .sentence = "What a cursor makes, it has locked.", .of_step = locks_what_it_makes},
    {.id = "INV-15",
     .sentence = "A node's count is that of its entry, its tables, CPUs, handles and other owners.",
     .of_page = node_count_is_the_owners,
     .of_step = copies_a_table},
    {.id = "INV-24",
     .sentence = "A node is one level below its parent, and lies within it; a root is at the top.",
     .of_state = levels_go_down},
    {.id = "INV-25",
     .sentence = "A node counts its entries that are present, and its own.",
     .of_state = children_are_counted},
    {.id = "INV-26",
     .sentence = "A node's page is used as a page table of its level, and no other page is.",
     .of_state = nodes_have_their_slots},
    {.id = "INV-27",
     .sentence = "A page is mapped only as its table can; a frame as 4 KiB, and it has a count.",
     .of_state = leaves_are_well_formed},
    {.id = "INV-28",
     .sentence = "An entry is empty, or a page, or a table, and never two of them.",
     .of_state = entries_are_one_thing},
    {.id = "INV-29",
     .sentence =
         "A user's table has the kernel's tables in its upper half, and no other borrows any.",
     .of_state = borrows_the_kernels_half},
    {.id = "INV-30",
     .sentence = "Every node is in one tree, and there once.",
     .of_state = nodes_are_in_one_tree},
    {.id = "INV-31",
     .sentence = "A node is made of a free page, and is fresh: not stray, with one owner.",
     .of_step = makes_fresh_nodes},
    {.id = "INV-32",
     .sentence = "A stray node is in no table, and stays as it was taken out until it ends.",
     .of_state = stray_nodes_are_unreachable,
     .of_step = strays_stay_as_they_are},
    {.id = "INV-33",
     .sentence = "The kernel's root has all its tables, and always the same.",
     .of_state = kernels_root_is_whole,
     .of_step = keeps_the_kernels_tables},
    {.id = "INV-34",
     .sentence = "A mapping is of 4 KiB, 2 MiB or 1 GiB, aligned so, and ends where addresses do.",
     .of_state = mappings_are_whole},
    {.id = "INV-35",
     .sentence = "Mappings of a table are disjoint, and lie in its part of the address space.",
     .of_state = mappings_are_disjoint},
    {.id = "INV-37",
     .sentence = "The paths to frames and nodes are just the entries that refer to them.",
     .of_state = paths_are_the_entries},
    {.id = "INV-38",
     .sentence = "A cursor stands in its range, or at its end, in a node of its own table.",
     .of_state = cursors_stand_in_their_range},
    {.id = "INV-39",
     .sentence =
         "Locked is what a cursor has, and it has all nodes below its own that it overlaps.",
     .of_state = locks_are_the_cursors},
    {.id = "INV-40", .sentence = "No two cursors have one node.", .of_state = cursors_hold_apart},
    {.id = "INV-41",
     .sentence = "An operation on a cursor changes no mapping outside its range.",
     .of_step = changes_nothing_outside},
    {.id = "INV-42",
     .sentence = "To split a page changes for no address where it leads, or how.",
     .of_step = splits_change_no_lookup},
    {.id = "INV-17",
     .sentence =
         "While a frame is borrowed its owner lives, so its page is neither busy nor unused.",
     .of_step = borrows_from_a_live_owner},
    {.id = "INV-1",
     .sentence =
         "There is a slot for each page, and it lies at the metadata's base plus 64 bytes a page.",
     .of_page = slot_is_in_place,
     .of_state = has_its_slots},
    {.id = "INV-2",
     .sentence =
         "An unused slot has uninitialised storage and vtable, and is in no list and on no path.",
     .of_page = free_slot_is_empty},
    {.id = "INV-3",
     .sentence = "A unique slot has initialised storage and vtable, and is on no path.",
     .of_page = unique_slot_is_made},
    {.id = "INV-4",
     .sentence = "A shared slot has initialised storage and vtable, and is in no list.",
     .of_page = shared_slot_is_made},
    {.id = "INV-5",
     .sentence = "No count lies between the maximum and the mark of a unique slot.",
     .of_page = count_is_below_limit},
    {.id = "INV-6",
     .sentence =
         "A busy slot is in no list, and some operation is in the midst of making or ending it.",
     .of_page = busy_slot_is_in_the_midst},
    {.id = "INV-7",
     .sentence =
         "What is stored, what the vtable says, what handles know and what is read agree in type.",
     .of_page = types_agree,
     .of_step = reads_what_is_there},
    {.id = "INV-9",
     .sentence = "When nothing is held, every slot is unused and the allocator has all its pages.",
     .of_state = is_clean_when_nothing_is_held},
    {.id = "INV-10",
     .sentence = "An unused slot has the usage Unused.",
     .of_page = free_slot_has_no_usage},
    {.id = "INV-51",
     .sentence =
         "A slot's permission is parked in the region exactly if it is neither busy nor unique.",
     .of_page = permission_is_where_it_belongs},
    {.id = "INV-11", .sentence = "Nobody owns an unused page.", .of_page = free_slot_has_no_owner},
    {.id = "INV-12",
     .sentence = "Somebody owns a frame that is in use.",
     .of_page = slot_in_use_has_an_owner},
    {.id = "INV-13",
     .sentence =
         "A frame's count is the number of its handles, raw counts, paths and other owners.",
     .of_page = count_is_the_owners,
     .of_step = tells_the_count},
    {.id = "INV-14",
     .sentence =
         "A unique slot has exactly one unique handle and no other owner; no other slot has one.",
     .of_page = unique_handle_is_alone},
    {.id = "INV-16",
     .sentence = "Every handle is of a page of the machine, and of one that is used as a frame.",
     .of_state = handles_are_on_frames},
    {.id = "INV-18",
     .sentence = "The page of a shared handle has a count of at least 1 and at most the maximum.",
     .of_page = shared_handle_has_a_count},
    {.id = "INV-19",
     .sentence =
         "The page of a unique handle is unique, in no list, and changed by its holder only.",
     .of_page = unique_handle_has_the_slot,
     .of_step = writes_in_place},
    {.id = "INV-20",
     .sentence =
         "A segment is a range of the machine, and each of its pages is a frame with a count.",
     .of_state = segments_cover_live_frames,
     .of_step = tells_the_range},
    {.id = "INV-21",
     .sentence =
         "A list's elements are distinct unique frames of its kind that bear its id, in order.",
     .of_state = lists_are_sound,
     .of_step = goes_by_the_order},
    {.id = "INV-22",
     .sentence = "No two lists have one id, and just the elements of a list bear its id.",
     .of_state = ids_name_lists},
    {.id = "INV-23",
     .sentence = "A slot that is in no list says so, as all do whose list has been dropped.",
     .of_page = only_listed_slots_say_so,
     .of_step = drops_a_list},
};

bool is_not_asked(const trace::Answer& answer) {
  return answer.reply.status == trace::Status::passed_over ||
         answer.reply.status == trace::Status::declined;
}

}  // namespace

std::span<const Law> laws() { return kLaws; }

const Law* law_of(const char* id) {
  if (id == nullptr) return nullptr;
  const auto* const found =
      std::ranges::find_if(kLaws, [&](const Law& law) { return std::string_view(law.id) == id; });
  return found == std::end(kLaws) ? nullptr : found;
}

bool keeps(const Law& law, const State& state, const Owners& owners, Page page) {
  return law.of_page == nullptr || law.of_page(state, owners, page);
}

bool keeps(const Law& law, const State& state) {
  if (law.of_state != nullptr && !law.of_state(state)) return false;
  const Books books = books_of(state);
  for (Page page = 0; page < state.slots.size(); ++page) {
    if (!keeps(law, state, books[page], page)) return false;
  }
  return true;
}

bool keeps(const Law& law, const Step& step) {
  if (is_not_asked(step.answer)) {
    // What was not asked changes nothing: that belongs to each operation's own law.
    return law_of(trace::law_of(step.op)) != &law || step.before == step.after;
  }
  return law.of_step == nullptr || law.of_step(step);
}

const char* broken_law(const Step& step) {
  for (const Law& law : kLaws) {
    if (!keeps(law, step)) return law.id;
  }
  const Books before = books_of(step.before);
  const Books after = books_of(step.after);
  for (Page page = 0; page < step.after.slots.size(); ++page) {
    if (page < step.before.slots.size() && before[page] == after[page] &&
        step.before.slots[page] == step.after.slots[page]) {
      continue;
    }
    for (const Law& law : kLaws) {
      if (!keeps(law, step.after, after[page], page)) return law.id;
    }
  }
  for (const Law& law : kLaws) {
    if (law.of_state != nullptr && !law.of_state(step.after)) return law.id;
  }
  return nullptr;
}

}  // namespace reference
