// SPDX-License-Identifier: MPL-2.0
// The invariants of slots and of their owners, as predicates on states.
#include <algorithm>

#include "reference/laws.h"

namespace reference {

namespace {

// Calls `each(what)` for all that a kind of register holds.
void for_each_in(const auto& registers, auto&& each) {
  for (const auto& thing : registers) {
    if (thing) each(*thing);
  }
}

// Calls `each(handle)` for every handle there is: those of segments and of lists, too, one a page.
void for_each_handle(const State& state, auto&& each) {
  auto each_of = [&](const Run& run) {
    for (Page page = run.first; page < run.end(); ++page) each(run.handle_of(page));
  };
  for (const Held& lane : state.held) {
    for_each_in(lane.frames, each);
    for_each_in(lane.raws, each);
    for_each_in(lane.uniques, each);
    for_each_in(lane.segments, each_of);
    for_each_in(lane.raw_segments, each_of);
    for (std::uint8_t i = 0; i < trace::List::kCount; ++i) {
      for (const Page page : lane.lists[i].pages) {
        each(Handle{page, Knows::kind, trace::list_kind({i})});
      }
    }
  }
}

bool any_in_midst(const State& state, Page page) {
  return std::ranges::any_of(state.held, [&](const Held& lane) {
    return lane.unfinished && lane.unfinished->page == page;
  });
}

bool is_on_path(const Owners& owners) { return owners.paths > 0; }

// Whether what a handle claims to know is so.
bool knows_rightly(const Handle& handle, trace::Kind kind) {
  switch (handle.knows) {
    case Knows::kind: return handle.kind == kind;
    case Knows::untyped:
      return kind.name == trace::KindName::empty || kind.name == trace::KindName::link_empty;
    case Knows::nothing: return true;
  }
  return false;
}

}  // namespace

bool is_frame(trace::Usage usage) {
  return usage != trace::Usage::unused && usage != trace::Usage::page_table &&
         usage != trace::Usage::mmio;
}

Books books_of(const State& state) {
  Books books;
  Owners nowhere;  // Handles of no page of the machine are counted where nobody looks.
  auto at = [&](Page page) -> Owners& { return page < books.size() ? books[page] : nowhere; };
  for (Page page = 0; page < state.slots.size(); ++page) {
    at(page).phantoms = state.slots[page].phantoms;
  }
  for (const Held& lane : state.held) {
    for_each_in(lane.frames, [&](const Handle& handle) { ++at(handle.page).handles; });
    for_each_in(lane.raws, [&](const Handle& handle) { ++at(handle.page).raws; });
    for_each_in(lane.uniques, [&](const Handle& handle) { ++at(handle.page).uniques; });
    auto count = [&](const Run& run) {
      for (Page page = run.first; page < run.end(); ++page) ++at(page).segments;
    };
    for_each_in(lane.segments, count);
    for_each_in(lane.raw_segments, count);
    for (const List& list : lane.lists) {
      for (const Page page : list.pages) ++at(page).listed;
    }
  }
  for (const Path& path : state.paths) ++at(path.page).paths;
  for (const auto& [top, tree] : state.trees) {
    if (tree.is_table()) continue;
    for (const auto& [begin, mapping] : tree.mappings) {
      if (mapping.tracked) ++at(mapping.to).strays;
    }
    for (const auto& [place, page] : tree.nodes) {
      if (place != tree.top) ++at(page).strays;
    }
  }
  for (const Page page : state.grace.running) ++at(page).in_grace;
  for (const Page page : state.grace.waiting) ++at(page).in_grace;
  auto count_root = [&](const TableHandle& table) { ++at(table.root).tables; };
  for (const Held& lane : state.held) for_each_in(lane.tables, count_root);
  for_each_in(state.shared, count_root);
  for (const Processor& cpu : state.cpus) {
    if (cpu.root) ++at(cpu.root->root).active;
  }
  return books;
}

bool has_its_slots(const State& state) { return state.slots.size() == state.machine.pages.raw; }

bool slot_is_in_place(const State& state, const Owners&, Page page) {
  const std::uint64_t address = state.slots[page].address;
  return address == kSlotsBase + kSlotBytes * page && address % kSlotBytes == 0 &&
         address >= kSlotsBase && address < kSlotsEnd;
}

bool free_slot_is_empty(const State& state, const Owners& owners, Page page) {
  const Slot& slot = state.slots[page];
  if (status_of(slot.rc) != SlotStatus::unused) return true;
  return !slot.storage && !slot.vtable && slot.in_list == 0 &&
         (slot.usage == trace::Usage::mmio || !is_on_path(owners));
}

bool unique_slot_is_made(const State& state, const Owners& owners, Page page) {
  const Slot& slot = state.slots[page];
  if (status_of(slot.rc) != SlotStatus::unique) return true;
  return slot.storage && slot.vtable && (slot.usage == trace::Usage::mmio || !is_on_path(owners));
}

bool shared_slot_is_made(const State& state, const Owners&, Page page) {
  const Slot& slot = state.slots[page];
  if (status_of(slot.rc) != SlotStatus::shared) return true;
  return slot.storage && slot.vtable && slot.in_list == 0;
}

bool count_is_below_limit(const State& state, const Owners&, Page page) {
  return status_of(state.slots[page].rc) != SlotStatus::overflow;
}

bool busy_slot_is_in_the_midst(const State& state, const Owners&, Page page) {
  const Slot& slot = state.slots[page];
  if (status_of(slot.rc) != SlotStatus::under_construction) return true;
  return slot.in_list == 0 && any_in_midst(state, page);
}

bool types_agree(const State& state, const Owners&, Page page) {
  const Slot& slot = state.slots[page];
  if (!slot.vtable) return true;
  bool all_agree = !slot.storage || slot.storage->kind == *slot.vtable;
  for_each_handle(state, [&](const Handle& handle) {
    if (handle.page == page) all_agree &= knows_rightly(handle, *slot.vtable);
  });
  return all_agree;
}

bool is_clean_when_nothing_is_held(const State& state) {
  const bool is_anything_held = std::ranges::any_of(state.held, [](const Held& lane) {
    bool holds = lane.unfinished.has_value();
    auto note = [&](const auto&) { holds = true; };
    for_each_in(lane.frames, note);
    for_each_in(lane.raws, note);
    for_each_in(lane.uniques, note);
    for_each_in(lane.segments, note);
    for_each_in(lane.raw_segments, note);
    for_each_in(lane.blocks, note);
    for_each_in(lane.tables, note);
    for (const List& list : lane.lists) holds |= !list.pages.empty();
    return holds;
  });
  if (is_anything_held || !state.grace.running.empty()) return true;
  // Every tree holds what it maps; the machine's own are always there, and keep their nodes.
  for (const auto& [top, tree] : state.trees) {
    const bool is_machines = std::ranges::any_of(
        state.shared, [&](const auto& table) { return table && table->root == top; });
    if (!is_machines || !tree.mappings.empty()) return true;
  }
  for (Page page = 0; page < state.slots.size(); ++page) {
    const Slot& slot = state.slots[page];
    if (slot.phantoms > 0 || state.nodes.contains(page)) continue;  // These never let go.
    if (status_of(slot.rc) != SlotStatus::unused) return false;
    if (state.machine.is_allocators(page * kPageBytes) != state.free.contains(page)) return false;
  }
  return true;
}

// The specification keeps the last use; here it is forgotten.
bool free_slot_has_no_usage(const State& state, const Owners&, Page page) {
  const Slot& slot = state.slots[page];
  return status_of(slot.rc) != SlotStatus::unused || slot.usage == trace::Usage::unused ||
         slot.usage == trace::Usage::mmio;
}

bool permission_is_where_it_belongs(const State& state, const Owners&, Page page) {
  const SlotStatus status = status_of(state.slots[page].rc);
  const bool is_taken_out =
      status == SlotStatus::under_construction || status == SlotStatus::unique;
  return state.slots[page].parked != is_taken_out;
}

bool free_slot_has_no_owner(const State& state, const Owners& owners, Page page) {
  return status_of(state.slots[page].rc) != SlotStatus::unused || owners == Owners{};
}

// While a frame is made or ended, what is in the midst of that owns it.
bool slot_in_use_has_an_owner(const State& state, const Owners& owners, Page page) {
  const Slot& slot = state.slots[page];
  const SlotStatus status = status_of(slot.rc);
  if (!is_frame(slot.usage)) return true;
  if (status == SlotStatus::unused || status == SlotStatus::unique) return true;
  if (status == SlotStatus::under_construction && any_in_midst(state, page)) return true;
  return owners.shared() > 0;
}

bool count_is_the_owners(const State& state, const Owners& owners, Page page) {
  const Slot& slot = state.slots[page];
  if (!is_frame(slot.usage) || owners.shared() == 0) return true;
  return slot.rc == owners.shared() && slot.storage.has_value();
}

bool unique_handle_is_alone(const State& state, const Owners& owners, Page page) {
  const bool is_unique = status_of(state.slots[page].rc) == SlotStatus::unique;
  if (owners.unique() > 1 || (owners.unique() == 1) != is_unique) return false;
  return owners.unique() == 0 || owners.shared() == 0;
}

bool handles_are_on_frames(const State& state) {
  bool all_are = true;
  for_each_handle(state, [&](const Handle& handle) {
    const bool is_node = handle.is_dynamic() && state.nodes.contains(handle.page);
    all_are &=
        handle.page < state.slots.size() && (is_node || is_frame(state.slots[handle.page].usage));
  });
  return all_are;
}

bool shared_handle_has_a_count(const State& state, const Owners& owners, Page page) {
  return owners.live() == 0 || status_of(state.slots[page].rc) == SlotStatus::shared;
}

bool unique_handle_has_the_slot(const State& state, const Owners& owners, Page page) {
  if (owners.uniques == 0) return true;
  const Slot& slot = state.slots[page];
  return status_of(slot.rc) == SlotStatus::unique && slot.storage && owners.paths == 0 &&
         (is_frame(slot.usage) || state.nodes.contains(page)) && slot.in_list == 0;
}

}  // namespace reference
