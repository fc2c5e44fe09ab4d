// SPDX-License-Identifier: MPL-2.0
// What cursors change: they map, take out and protect, one page or one table at a time. The forms
// that go over many are loops over these.
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

Answer& tell_now(const State& state, Lane lane, Answer& answer) {
  if (status_of(answer) != Status::impermissible) {
    answer.reply.results[0] = cursor_of(state, lane).at * kPageBytes;
  }
  return answer;
}

// ---- Mapping ----

bool says_what_none_can(trace::Cache cache) {
  return cache.name == trace::CacheName::write_protected;
}

// Whether a handle, or a segment's handles, are of frames that a table takes.
bool takes(trace::TableKindName table, const auto& handle) {
  if (table == trace::TableKindName::user) {
    return handle.knows == Knows::untyped ||
           (handle.knows == Knows::kind && trace::is_untyped(handle.kind));
  }
  if (table != trace::TableKindName::kernel || handle.knows != Knows::kind) return false;
  const trace::Usage usage = usage_of(handle.kind);
  return usage == trace::Usage::frame || usage == trace::Usage::kernel_stack;
}

// Why a page cannot be mapped where the cursor stands, whatever is there; none if it can.
Code why_not_map(const Cursor& cursor, const Mapping& page) {
  const std::uint64_t span = span_of(page.level);
  if (cursor.at == cursor.end) return Code::beyond_range;
  if (page.level > shape_of(cursor.kind).highest) return Code::bad_level;
  if (cursor.at % span != 0) return Code::misaligned;
  if (span > cursor.end - cursor.at) return Code::beyond_range;
  if (page.to % span != 0 || page.to >= kPhysEnd) return Code::bad_target;
  return says_what_none_can(page.property.cache) ? Code::bad_cache : Code::none;
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
void map_one(State& state, Lane lane, const Mapping& page, const Answer& seen, Answer& answer) {
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
  answer.reply.status = take_nodes(state, lane, lowest - page.level, seen, answer, taken);
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
    put_off(state, table);
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

// Goes to the next page that is mapped before `end`, or table if it is looked for; of a page that
// does not fit, to the first piece that does. `none` if there is nothing.
Status go_to_next(State& state, Lane lane, VirtPage end, Look look, const Answer& seen,
                  Answer& answer) {
  Cursor& cursor = cursor_of(state, lane);
  Cursor found = cursor;
  if (!search(state, found, end, look)) {
    cursor = found;
    return Status::none;
  }
  const Tree& tree = state.trees.at(found.root);
  if (entry_at(tree, found.level, found.at).leaf != nullptr) {
    auto fits = [&](Level level) {
      return entry_begin(level, found.at) == found.at && entry_end(level, found.at) <= end;
    };
    Level piece = found.level;
    while (!fits(piece)) --piece;
    std::vector<Page> taken;
    const Status status =
        take_nodes(state, lane, static_cast<std::size_t>(found.level - piece), seen, answer, taken);
    if (status != Status::ok) return status;
    for (const Page node : taken) {
      split_mapping(state, found.root, entry_begin(found.level, found.at), node, lane);
      found.nodes.insert(node);
      --found.level;
    }
  }
  cursor = found;
  return Status::ok;
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
Status take_one(State& state, Lane lane, VirtPage end, const Answer& seen, Answer& answer,
                Fragment& fragment) {
  const Status status = go_to_next(state, lane, end, Look::page_or_table, seen, answer);
  if (status != Status::ok) return status;
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
    put_off(state, table);
  }
  move_forward(cursor);
  return Status::ok;
}

// ---- Protecting ----

bool says_what_none_can(const trace::Change& change) {
  return change.cache != trace::Change::kKeep &&
         says_what_none_can(trace::Cache{static_cast<trace::CacheName>(change.cache - 1)});
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

// Changes the next page, and says where that was.
Status protect_one(State& state, Lane lane, VirtPage end, const trace::Change& change,
                   const Answer& seen, Answer& answer, Fragment& fragment) {
  const Status status = go_to_next(state, lane, end, Look::page, seen, answer);
  if (status != Status::ok) return status;
  Cursor& cursor = cursor_of(state, lane);
  fragment = {.at = cursor.at, .pages = span_of(cursor.level)};
  Mapping& mapping = state.trees.at(cursor.root).mappings.at(cursor.at);
  const trace::Property property = changed(mapping.property, change);
  if (property != mapping.property) {
    note_stale(state, cursor.root, cursor.at, mapping);
    mapping.property = property;
    touch(state, cursor.root, cursor.at, cursor.at + fragment.pages - 1);
  }
  move_forward(cursor);
  return Status::ok;
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::CursorMapFrame& op) {
  const Held& held = state.held[lane];
  return is_open_for_change(state, lane) && held.has(op.from) &&
         takes(held.cursor->kind, *held.at(op.from));
}

Answer step(State& state, Lane lane, const trace::CursorMapFrame& op, const Answer& seen) {
  std::optional<Handle>& from = state.held[lane].at(op.from);
  const Mapping page{.to = from->page, .property = op.property, .tracked = true};
  const Code why = why_not_map(cursor_of(state, lane), page);
  if (why != Code::none) return panic(why);
  Answer answer;
  map_one(state, lane, page, seen, answer);
  if (status_of(answer) == Status::ok) from.reset();
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorMapRaw&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorMapRaw& op, const Answer& seen) {
  const Mapping page{.level = op.level.value,
                     .to = trace::address_of(op.at) / kPageBytes,
                     .property = op.property};
  const Code why = why_not_map(cursor_of(state, lane), page);
  if (why != Code::none) return panic(why);
  Answer answer;
  map_one(state, lane, page, seen, answer);
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorMapRun&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorMapRun& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const Code why = why_not_over(cursor, length_of(cursor, op.length));
  if (why != Code::none) return panic(why);
  Page to = trace::address_of(op.at) / kPageBytes;
  std::uint64_t left = length_of(cursor, op.length) / kPageBytes;
  // Of nothing, nothing can be wrong.
  if (left > 0 && to + left > kPhysEnd) return panic(Code::bad_target);
  if (left > 0 && says_what_none_can(op.property.cache)) return panic(Code::bad_cache);

  Answer answer;
  std::uint64_t mapped = 0;
  while (left > 0) {
    const Level level = largest_level(cursor, to, left);
    map_one(state, lane, {.level = level, .to = to, .property = op.property}, seen, answer);
    if (status_of(answer) != Status::ok) break;
    to += span_of(level);
    left -= span_of(level);
    mapped += span_of(level);
  }
  if (status_of(answer) != Status::impermissible) answer.reply.results[1] = mapped * kPageBytes;
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorMapSegment& op) {
  const Held& held = state.held[lane];
  return is_open_for_change(state, lane) && held.has(op.from) &&
         takes(held.cursor->kind, *held.at(op.from));
}

Answer step(State& state, Lane lane, const trace::CursorMapSegment& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  std::optional<Run>& from = state.held[lane].at(op.from);
  if (from->count > cursor.end - cursor.at) return panic(Code::beyond_range);
  if (from->count > 0 && says_what_none_can(op.property.cache)) return panic(Code::bad_cache);

  Answer answer;
  std::uint64_t mapped = 0;
  while (from->count > 0) {
    map_one(state, lane, {.to = from->first, .property = op.property, .tracked = true}, seen,
            answer);
    if (status_of(answer) != Status::ok) break;
    from->first += 1;
    from->count -= 1;
    mapped += 1;
  }
  if (from->count == 0) from.reset();
  if (status_of(answer) != Status::impermissible) answer.reply.results[1] = mapped;
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorTakeNext& op) {
  return is_open_for_change(state, lane) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::CursorTakeNext& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  if (const Code why = why_not_over(cursor, bytes); why != Code::none) return panic(why);
  Answer answer;
  Fragment fragment;
  const VirtPage end = cursor.at + bytes / kPageBytes;
  answer.reply.status = take_one(state, lane, end, seen, answer, fragment);
  tell_now(state, lane, answer);
  if (status_of(answer) != Status::ok) return answer;

  auto& results = answer.reply.results;
  results[1] = fragment.at * kPageBytes;
  results[2] = fragment.pages * kPageBytes;
  results[3] = static_cast<std::uint64_t>(fragment.item);
  results[4] = fragment.to * kPageBytes;
  results[5] = fragment.property.rights.bits;
  results[6] = fragment.property.privileged.bits;
  results[7] = static_cast<std::uint64_t>(fragment.property.cache.name);
  results[8] = fragment.frames;
  if (fragment.item == trace::ItemName::tracked) {
    const bool is_users = cursor.kind == trace::TableKindName::user;
    const Knows knows = is_users ? Knows::untyped : Knows::nothing;
    state.held[lane].at(op.to) = Handle{fragment.to, knows};
  }
  return answer;
}

bool allows(const State& state, Lane lane, const trace::CursorUnmap&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorUnmap& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  if (const Code why = why_not_over(cursor, bytes); why != Code::none) return panic(why);
  const VirtPage end = cursor.at + bytes / kPageBytes;
  std::uint64_t pages = 0;
  std::uint64_t tables = 0;
  std::uint64_t frames = 0;
  Answer answer;
  Status status = Status::ok;
  for (Fragment one; status == Status::ok && cursor.at < end;) {
    status = take_one(state, lane, end, seen, answer, one);
    if (status != Status::ok) break;
    if (one.item == trace::ItemName::tracked) put_off(state, one.to);
    if (one.item == trace::ItemName::stray) {
      tables += 1;
      frames += one.frames;
    } else {
      pages += 1;
    }
  }
  if (status == Status::impermissible) return answer;
  answer.reply.status = status == Status::none ? Status::ok : status;
  answer.reply.results = {0, pages, tables, frames};
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorProtectNext&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorProtectNext& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  const Code why = why_not_change(state, cursor, bytes, op.change);
  if (why != Code::none) return panic(why);
  const VirtPage end = cursor.at + bytes / kPageBytes;
  Answer answer;
  Fragment one;
  answer.reply.status = protect_one(state, lane, end, op.change, seen, answer, one);
  if (status_of(answer) == Status::ok) {
    answer.reply.results = {0, one.at * kPageBytes, one.pages * kPageBytes};
  }
  return tell_now(state, lane, answer);
}

bool allows(const State& state, Lane lane, const trace::CursorProtect&) {
  return is_open_for_change(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorProtect& op, const Answer& seen) {
  const Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  const Code why = why_not_change(state, cursor, bytes, op.change);
  if (why != Code::none) return panic(why);
  const VirtPage end = cursor.at + bytes / kPageBytes;
  std::uint64_t pages = 0;
  std::uint64_t spans = 0;
  Answer answer;
  Status status = Status::ok;
  for (Fragment one; status == Status::ok && cursor.at < end;) {
    status = protect_one(state, lane, end, op.change, seen, answer, one);
    if (status != Status::ok) break;
    pages += 1;
    spans += one.pages;
  }
  if (status == Status::impermissible) return answer;
  answer.reply.status = status == Status::none ? Status::ok : status;
  answer.reply.results = {0, pages, spans * kPageBytes};
  return tell_now(state, lane, answer);
}

}  // namespace reference
