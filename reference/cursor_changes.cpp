// SPDX-License-Identifier: MPL-2.0
// What cursors change: they map, take out and protect, one page or one table at a time, each of
// which is a phase. The forms that go over many are just more of these.
//
// Nobody else changes what a cursor has locked, but CPUs that mark entries as accessed and dirty;
// everybody may look. So a split is a phase, and so is to look at the page that is to be protected:
// what is marked from then on stays marked.
#include <algorithm>

#include "reference/cursors.h"
#include "reference/model.h"

namespace reference {

using trace::Code;
using trace::Status;

namespace {

// What came of one part of an operation.
Status status_of(const Answer& answer) { return answer.reply.status; }

bool is_open_for_change(const State& state, Lane lane) {
  return state.held[lane].cursor && state.held[lane].cursor->may_change;
}

// How a page is mapped: in a space, for users.
trace::Property as_mapped_in(trace::TableKindName kind, trace::Property property) {
  if (kind == trace::TableKindName::space) property.privileged.bits = trace::Privileged::kUser;
  return property;
}

// It is over.
bool tell_now(const State& state, Lane lane, Doing& doing) {
  if (status_of(doing.answer) != Status::impermissible) {
    doing.answer.reply.results[0] = cursor_of(state, lane).at * kPageBytes;
  }
  return true;
}

// Goes over the pages that are mapped, so far.
Answer begin_over(State& state, Lane lane, const auto& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  if (const Code why = why_not_over(cursor, bytes); why != Code::none) return panic(why);
  return begin_rounds(state, lane, op, seen, cursor.at + bytes / kPageBytes);
}

// ---- Mapping ----

// Whether a handle, or a segment's handles, are of frames that a table takes.
bool takes(trace::TableKindName table, const auto& handle) {
  return takes(table, handle.knows, handle.kind);
}

// What a space maps uncounted is no memory.
bool is_memory(const State& state, const Cursor& cursor, Page to) {
  return cursor.kind == trace::TableKindName::space && to < state.machine.pages.raw;
}

// Why a page cannot be mapped where the cursor stands, whatever is there; none if it can.
Code why_not_map(const State& state, const Cursor& cursor, const Mapping& page) {
  const std::uint64_t span = span_of(page.level);
  if (cursor.at == cursor.end) return Code::beyond_range;
  if (page.level > shape_of(cursor.kind).highest) return Code::bad_level;
  if (cursor.at % span != 0) return Code::misaligned;
  if (span > cursor.end - cursor.at) return Code::beyond_range;
  if (page.to % span != 0 || page.to >= kPhysEnd) return Code::bad_target;
  if (!page.tracked && is_memory(state, cursor, page.to)) return Code::bad_target;
  return says_what_none_can(page.property.cache) ? Code::bad_cache : Code::none;
}

// What is to be mapped.
Mapping page_of(const State& state, Lane lane, const trace::CursorMapFrame& op) {
  return {.to = state.held[lane].at(op.from)->page,
          .property = as_mapped_in(state.held[lane].cursor->kind, op.property),
          .tracked = true};
}
Mapping page_of(const State& state, Lane lane, const trace::CursorMapRaw& op) {
  return {.level = op.level.value,
          .to = trace::address_of(op.at) / kPageBytes,
          .property = as_mapped_in(state.held[lane].cursor->kind, op.property)};
}

// Whether anything is mapped from where a cursor stands to `end`.
bool maps_any(const State& state, const Cursor& cursor, VirtPage end) {
  if (cursor.at >= end) return false;
  const Tree& tree = state.trees.at(cursor.root);
  if (mapping_of(tree, cursor.at) != nullptr) return true;
  const auto next = tree.mappings.lower_bound(cursor.at);
  return next != tree.mappings.end() && next->first < end;
}

// Maps a page that can be, unless something is mapped there: that is any page, or a table with
// entries. One without makes room.
void map_one(State& state, Lane lane, const Mapping& page, Doing& doing) {
  Answer& answer = doing.answer;
  Cursor& cursor = cursor_of(state, lane);
  const Tree& tree = state.trees.at(cursor.root);
  const VirtPage at = cursor.at;
  const Entry there = entry_at(tree, page.level, at);
  if (maps_any(state, cursor, at + span_of(page.level))) {
    answer.reply.status = Status::already_mapped;
    return;
  }

  Level lowest = cursor.guard;  // Of the tables there are on the way.
  while (lowest > page.level && tree.nodes.contains(place_of(static_cast<Level>(lowest - 1), at))) {
    --lowest;
  }
  std::vector<Page> taken;
  answer.reply.status = take_nodes(state, lane, lowest - page.level, doing.seen, answer, taken);
  if (status_of(answer) != Status::ok) return;
  for (const Page node : taken) {
    link_node(state, cursor.root, node, place_of(--lowest, at), lane);
    cursor.nodes.insert(node);
  }

  if (there.table != nullptr) {
    // It maps nothing, and neither do tables below it, if there are any.
    const Page table = *there.table;
    remove_table(state, cursor.root, place_of(static_cast<Level>(page.level - 1), at));
    for (const auto& [place, node] : state.trees.at(table).nodes) cursor.nodes.erase(node);
    doing.todo.push_back({Phase::Next::put_off, table});
  }
  put_mapping(state, cursor.root, at, page);
  cursor.level = page.level;
  move_forward(cursor);
}

Level largest_level(const Cursor& cursor, Page to, std::uint64_t pages) {
  Level level = std::min(cursor.guard, shape_of(cursor.kind).highest);
  while (cursor.at % span_of(level) != 0 || to % span_of(level) != 0 || span_of(level) > pages) {
    --level;
  }
  return level;
}

// ---- Finding what can be changed ----

enum class Found : std::uint8_t {
  here,        // The cursor stands there.
  on_the_way,  // That was a phase of its own.
  nothing,
  refused,  // The answer says why.
};

// Goes to the next page that is mapped before the end, or table if it is looked for. Of a page that
// does not fit, to the first piece that does: it is split by one level at a time, when all nodes
// that this takes are there. A page that is only looked for is going to be changed, so it is looked
// at before.
Found go_to_next(State& state, Lane lane, Look look, Doing& doing) {
  Cursor& cursor = cursor_of(state, lane);
  Cursor found = cursor;
  if (!search(state, found, doing.end, look)) {
    cursor = found;
    return Found::nothing;
  }
  const Mapping* const leaf = entry_at(state.trees.at(found.root), found.level, found.at).leaf;
  if (leaf != nullptr) {
    if (look == Look::page && !doing.looked) {
      doing.looked = leaf->property;
      return Found::on_the_way;
    }
    auto fits = [&](Level level) {
      return entry_begin(level, found.at) == found.at && entry_end(level, found.at) <= doing.end;
    };
    Level piece = found.level;
    while (!fits(piece)) --piece;
    if (piece < found.level) {
      const auto splits = static_cast<std::size_t>(found.level - piece);
      if (doing.spare.empty()) {
        const Status status =
            take_nodes(state, lane, splits, doing.seen, doing.answer, doing.spare);
        doing.answer.reply.status = status;
        if (status != Status::ok) return Found::refused;
      }
      const Page node = doing.spare.front();
      doing.spare.erase(doing.spare.begin());
      split_mapping(state, found.root, entry_begin(found.level, found.at), node, lane);
      cursor.nodes.insert(node);
      return Found::on_the_way;
    }
  }
  cursor = found;
  return Found::here;
}

// ---- Taking out ----

struct Fragment {
  trace::ItemName item{};
  VirtPage at = 0;
  std::uint64_t pages = 0;
  Page to = 0;  // A table's own page.
  trace::Property property{};
  std::uint64_t frames = 0;  // That a table mapped.
};

// Takes the next page or table out. A table waits for a grace period; what becomes of a frame is
// the caller's affair.
Found take_one(State& state, Lane lane, Doing& doing, Fragment& fragment) {
  const Found found = go_to_next(state, lane, Look::page_or_table, doing);
  if (found != Found::here) return found;
  Cursor& cursor = cursor_of(state, lane);
  const Tree& tree = state.trees.at(cursor.root);
  const Entry entry = entry_at(tree, cursor.level, cursor.at);
  fragment = {.at = cursor.at, .pages = span_of(cursor.level)};
  if (entry.leaf != nullptr) {
    fragment.item = entry.leaf->tracked ? trace::ItemName::tracked : trace::ItemName::untracked;
    fragment.to = entry.leaf->to;
    fragment.property = entry.leaf->property;
    remove_mapping(state, cursor.root, cursor.at);
  } else {
    const Page table = *entry.table;
    fragment.item = trace::ItemName::stray;
    fragment.to = table;
    remove_table(state, cursor.root, place_of(static_cast<Level>(cursor.level - 1), cursor.at));
    const Tree& part = state.trees.at(table);
    for (const auto& [place, page] : part.nodes) cursor.nodes.erase(page);
    for (const auto& [at, mapping] : part.mappings) fragment.frames += span_of(mapping.level);
    doing.todo.push_back({Phase::Next::put_off, table});
  }
  move_forward(cursor);
  return Found::here;
}

// ---- Protecting ----

bool says_what_none_can(const trace::Change& change) {
  return change.cache != trace::Change::kKeep &&
         reference::says_what_none_can(
             trace::Cache{static_cast<trace::CacheName>(change.cache - 1)});
}

trace::Property changed(trace::Property property, const trace::Change& change) {
  property.rights.bits =
      static_cast<std::uint8_t>((property.rights.bits & ~change.take.bits) | change.give.bits);
  if (change.cache != trace::Change::kKeep) {
    property.cache.name = static_cast<trace::CacheName>(change.cache - 1);
  }
  return property;
}

// Why pages cannot be changed from where the cursor stands; none if they can, or there are none.
Code why_not_change(const State& state, const Cursor& cursor, std::uint64_t bytes,
                    const trace::Change& change) {
  if (const Code why = why_not_over(cursor, bytes); why != Code::none) return why;
  const VirtPage end = cursor.at + bytes / kPageBytes;
  return says_what_none_can(change) && maps_any(state, cursor, end) ? Code::bad_cache : Code::none;
}

Answer begin_to_protect(State& state, Lane lane, const auto& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const Code why = why_not_change(state, cursor, length_of(cursor, op.length), op.change);
  return why == Code::none ? begin_over(state, lane, op, seen) : panic(why);
}

// Changes the next page, and says where that was.
Found protect_one(State& state, Lane lane, const trace::Change& change, Doing& doing,
                  Fragment& fragment) {
  const Found found = go_to_next(state, lane, Look::page, doing);
  if (found != Found::here) return found;
  Cursor& cursor = cursor_of(state, lane);
  fragment = {.at = cursor.at, .pages = span_of(cursor.level)};
  Mapping& mapping = state.trees.at(cursor.root).mappings.at(cursor.at);
  const unsigned marked = mapping.property.rights.bits & ~unsigned{doing.looked->rights.bits};
  trace::Property property = changed(*doing.looked, change);
  property.rights.bits = static_cast<std::uint8_t>(property.rights.bits | marked);
  doing.looked.reset();
  if (property != mapping.property) {
    note_stale(state, cursor.root, cursor.at, mapping);
    mapping.property = property;
    touch(state, cursor.root, cursor.at, cursor.at + fragment.pages - 1);
  }
  move_forward(cursor);
  return Found::here;
}

}  // namespace

bool takes(trace::TableKindName table, Knows knows, trace::Kind kind) {
  if (is_users(table)) {
    return knows == Knows::untyped || (knows == Knows::kind && trace::is_untyped(kind));
  }
  if (table != trace::TableKindName::kernel || knows != Knows::kind) return false;
  const trace::Usage usage = usage_of(kind);
  return usage == trace::Usage::frame || usage == trace::Usage::kernel_stack;
}

bool says_what_none_can(trace::Cache cache) {
  return cache.name == trace::CacheName::write_protected;
}

bool allows(const State& state, Lane lane, const trace::CursorMapFrame& op) {
  const Held& held = state.held[lane];
  return is_open_for_change(state, lane) && held.has(op.from) &&
         takes(held.cursor->kind, *held.at(op.from));
}

Answer step(State& state, Lane lane, const trace::CursorMapFrame& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const Code why = why_not_map(state, cursor, page_of(state, lane, op));
  return why == Code::none ? begin_rounds(state, lane, op, seen, cursor.end) : panic(why);
}

bool go_on(State& state, Lane lane, const trace::CursorMapFrame& op, Doing& doing) {
  map_one(state, lane, page_of(state, lane, op), doing);
  if (status_of(doing.answer) == Status::ok) state.held[lane].at(op.from).reset();
  return tell_now(state, lane, doing);
}

bool allows(const State& state, Lane lane, const trace::CursorMapRaw&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorMapRaw& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const Code why = why_not_map(state, cursor, page_of(state, lane, op));
  return why == Code::none ? begin_rounds(state, lane, op, seen, cursor.end) : panic(why);
}

bool go_on(State& state, Lane lane, const trace::CursorMapRaw& op, Doing& doing) {
  map_one(state, lane, page_of(state, lane, op), doing);
  return tell_now(state, lane, doing);
}

bool allows(const State& state, Lane lane, const trace::CursorMapRun&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorMapRun& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  const Code why = why_not_over(cursor, bytes);
  if (why != Code::none) return panic(why);
  const Page to = trace::address_of(op.at) / kPageBytes;
  const std::uint64_t pages = bytes / kPageBytes;
  // Of nothing, nothing can be wrong.
  if (pages > 0 && (to + pages > kPhysEnd || is_memory(state, cursor, to))) {
    return panic(Code::bad_target);
  }
  if (pages > 0 && says_what_none_can(op.property.cache)) return panic(Code::bad_cache);
  return begin_rounds(state, lane, op, seen, cursor.at + pages);
}

bool go_on(State& state, Lane lane, const trace::CursorMapRun& op, Doing& doing) {
  const Cursor& cursor = cursor_of(state, lane);
  if (cursor.at == doing.end) return tell_now(state, lane, doing);
  std::uint64_t& mapped = doing.answer.reply.results[1];
  const Page to = (trace::address_of(op.at) + mapped) / kPageBytes;
  const Level level = largest_level(cursor, to, doing.end - cursor.at);
  const trace::Property property = as_mapped_in(cursor.kind, op.property);
  map_one(state, lane, {.level = level, .to = to, .property = property}, doing);
  if (status_of(doing.answer) != Status::ok) return tell_now(state, lane, doing);
  mapped += span_of(level) * kPageBytes;
  return false;
}

bool allows(const State& state, Lane lane, const trace::CursorMapSegment& op) {
  const Held& held = state.held[lane];
  return is_open_for_change(state, lane) && held.has(op.from) &&
         takes(held.cursor->kind, *held.at(op.from));
}

Answer step(State& state, Lane lane, const trace::CursorMapSegment& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const Run& from = *state.held[lane].at(op.from);
  if (from.count > cursor.end - cursor.at) return panic(Code::beyond_range);
  if (from.count > 0 && says_what_none_can(op.property.cache)) return panic(Code::bad_cache);
  return begin_rounds(state, lane, op, seen, cursor.at + from.count);
}

bool go_on(State& state, Lane lane, const trace::CursorMapSegment& op, Doing& doing) {
  std::optional<Run>& from = state.held[lane].at(op.from);
  if (from->count == 0) {
    from.reset();
    return tell_now(state, lane, doing);
  }
  const trace::Property property = as_mapped_in(cursor_of(state, lane).kind, op.property);
  map_one(state, lane, {.to = from->first, .property = property, .tracked = true}, doing);
  if (status_of(doing.answer) != Status::ok) return tell_now(state, lane, doing);
  from->first += 1;
  from->count -= 1;
  doing.answer.reply.results[1] += 1;
  return false;
}

bool allows(const State& state, Lane lane, const trace::CursorTakeNext& op) {
  return is_open_for_change(state, lane) && !state.held[lane].has(op.to) &&
         state.held[lane].cursor->kind != trace::TableKindName::space;
}

Answer step(State& state, Lane lane, const trace::CursorTakeNext& op, const Answer& seen) {
  return begin_over(state, lane, op, seen);
}

bool go_on(State& state, Lane lane, const trace::CursorTakeNext& op, Doing& doing) {
  Fragment fragment;
  const Found found = take_one(state, lane, doing, fragment);
  if (found == Found::on_the_way) return false;
  if (found == Found::nothing) doing.answer.reply.status = Status::none;
  if (found != Found::here) return tell_now(state, lane, doing);

  auto& results = doing.answer.reply.results;
  results[1] = fragment.at * kPageBytes;
  results[2] = fragment.pages * kPageBytes;
  results[3] = static_cast<std::uint64_t>(fragment.item);
  results[4] = fragment.to * kPageBytes;
  results[5] = fragment.property.rights.bits;
  results[6] = fragment.property.privileged.bits;
  results[7] = static_cast<std::uint64_t>(fragment.property.cache.name);
  results[8] = fragment.frames;
  if (fragment.item == trace::ItemName::tracked) {
    const Knows knows = is_users(cursor_of(state, lane).kind) ? Knows::untyped : Knows::nothing;
    state.held[lane].at(op.to) = Handle{fragment.to, knows};
  }
  return tell_now(state, lane, doing);
}

bool allows(const State& state, Lane lane, const trace::CursorUnmap&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorUnmap& op, const Answer& seen) {
  return begin_over(state, lane, op, seen);
}

bool go_on(State& state, Lane lane, const trace::CursorUnmap&, Doing& doing) {
  const bool is_space = cursor_of(state, lane).kind == trace::TableKindName::space;
  auto end = [&] {
    if (is_space) dispatch(state, lane);
    return tell_now(state, lane, doing);
  };
  if (cursor_of(state, lane).at >= doing.end) return end();
  Fragment one;
  const Found found = take_one(state, lane, doing, one);
  if (found == Found::nothing || found == Found::refused) return end();
  if (found == Found::on_the_way) return false;
  if (is_space) issue(cursor_of(state, lane).issued, one.at, one.pages);
  auto& results = doing.answer.reply.results;
  if (one.item == trace::ItemName::tracked) {
    doing.todo.push_back({Phase::Next::put_off, one.to});
  }
  if (one.item == trace::ItemName::stray) {
    results[2] += 1;
    results[3] += one.frames;
  } else {
    results[1] += 1;
  }
  return false;
}

bool allows(const State& state, Lane lane, const trace::CursorProtectNext&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorProtectNext& op, const Answer& seen) {
  return begin_to_protect(state, lane, op, seen);
}

bool go_on(State& state, Lane lane, const trace::CursorProtectNext& op, Doing& doing) {
  Fragment one;
  const Found found = protect_one(state, lane, op.change, doing, one);
  if (found == Found::on_the_way) return false;
  if (found == Found::nothing) doing.answer.reply.status = Status::none;
  if (found == Found::here) {
    doing.answer.reply.results = {0, one.at * kPageBytes, one.pages * kPageBytes};
  }
  return tell_now(state, lane, doing);
}

bool allows(const State& state, Lane lane, const trace::CursorProtect&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorProtect& op, const Answer& seen) {
  return begin_to_protect(state, lane, op, seen);
}

bool go_on(State& state, Lane lane, const trace::CursorProtect& op, Doing& doing) {
  if (cursor_of(state, lane).at >= doing.end) return tell_now(state, lane, doing);
  Fragment one;
  const Found found = protect_one(state, lane, op.change, doing, one);
  if (found == Found::nothing || found == Found::refused) return tell_now(state, lane, doing);
  if (found == Found::on_the_way) return false;
  doing.answer.reply.results[1] += 1;
  doing.answer.reply.results[2] += one.pages * kPageBytes;
  return false;
}

}  // namespace reference
