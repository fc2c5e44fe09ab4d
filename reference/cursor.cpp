// SPDX-License-Identifier: MPL-2.0
// Cursors: opening and closing them, and how they move and look.
#include <algorithm>

#include "reference/cursors.h"
#include "reference/model.h"

namespace reference {

using trace::Status;

void move_forward(Cursor& cursor) {
  const VirtPage next = entry_end(cursor.level, cursor.at);
  while (cursor.level < cursor.guard && index_at(cursor.level, next) == 0) ++cursor.level;
  cursor.at = std::min(next, cursor.end);
  if (cursor.at == cursor.end) cursor.level = cursor.guard;
}

bool search(const State& state, Cursor& cursor, VirtPage end, Look look) {
  const Tree& tree = state.trees.at(cursor.root);
  const Shape shape = shape_of(cursor.kind);
  while (cursor.at < end) {
    const Entry entry = entry_at(tree, cursor.level, cursor.at);
    if (entry.leaf != nullptr) return true;
    if (entry.table != nullptr) {
      const bool fits = entry_begin(cursor.level, cursor.at) == cursor.at &&
                        entry_end(cursor.level, cursor.at) <= end;
      const bool may_go = cursor.level < shape.levels || shape.gives_root_entries;
      if (look == Look::page_or_table && fits && may_go) return true;
      if (state.nodes.at(*entry.table).children > 0) {
        --cursor.level;
        continue;
      }
    }
    move_forward(cursor);
  }
  return false;
}

trace::Code why_not_over(const Cursor& cursor, std::uint64_t bytes) {
  if (bytes % kPageBytes != 0) return trace::Code::bad_length;
  if (bytes / kPageBytes > cursor.end - cursor.at) return trace::Code::beyond_range;
  return trace::Code::none;
}

namespace {

bool any_other_has_cursor(const State& state, Lane lane) {
  for (Lane other = 0; other < state.held.size(); ++other) {
    if (other != lane && state.held[other].cursor) return true;
  }
  return false;
}

// Whether [begin, end), in bytes, is a range of the table's addresses.
bool is_range_of(const Shape& shape, std::uint64_t begin, std::uint64_t end) {
  return begin < end && begin / kPageBytes >= shape.range_begin() &&
         (end - 1) / kPageBytes < shape.range_end();
}

// Where a range's own node is, and how many tables there must be made on the way to it.
struct Way {
  Level guard = 1;
  std::size_t missing = 0;
};

Way way_to(const Tree& tree, VirtPage begin, VirtPage end) {
  Way way{.guard = tree.top.level};
  while (way.guard > 1) {
    const bool is_in_one = entry_begin(way.guard, begin) == entry_begin(way.guard, end - 1);
    // A page of that size can be put there only from above.
    const bool is_as_a_page =
        end - begin == span_of(way.guard) && way.guard <= shape_of(tree.kind).highest;
    if (!is_in_one || is_as_a_page) break;
    if (way.missing == 0) {
      const Entry entry = entry_at(tree, way.guard, begin);
      if (entry.leaf != nullptr) break;
      if (entry.table == nullptr) way.missing = 1;
    } else {
      way.missing += 1;
    }
    --way.guard;
  }
  return way;
}

// Whether another lane has a lock that is needed: that of the lowest table that there is on the
// way, or of one that the range overlaps.
bool must_wait(const State& state, const Tree& tree, const Way& way, VirtPage begin, VirtPage end) {
  const auto lowest = static_cast<Level>(way.guard + way.missing);
  if (way.missing > 0) {
    return state.nodes.at(tree.nodes.at(place_of(lowest, begin))).locked_by.has_value();
  }
  bool must = false;
  for_each_node(tree, place_of(lowest, begin), begin, end,
                [&](NodePlace, Page page) { must |= state.nodes.at(page).locked_by.has_value(); });
  return must;
}

Answer now(const Cursor& cursor, Status status = Status::ok) {
  return {{.status = status, .results = {cursor.at * kPageBytes}}, {}};
}

// Whether a range, in bytes, has addresses that only areas may map.
bool overlaps_areas(std::uint64_t begin, std::uint64_t end) {
  return begin < trace::kAreasEnd && end > trace::kAreasBegin;
}

}  // namespace

void open_cursor(State& state, Lane lane, Cursor cursor, const Answer& seen, Answer& answer) {
  const Tree& tree = state.trees.at(cursor.root);
  cursor.at = cursor.begin;
  const Way way = way_to(tree, cursor.begin, cursor.end);
  cursor.level = cursor.guard = way.guard;
  if (must_wait(state, tree, way, cursor.begin, cursor.end)) {
    answer = {{Status::impermissible}, {}};
    return;
  }
  std::vector<Page> taken;
  answer.reply.status = take_nodes(state, lane, way.missing, seen, answer, taken);
  if (answer.reply.status != Status::ok) return;
  auto level = static_cast<Level>(way.guard + way.missing);
  for (const Page page : taken) {
    link_node(state, cursor.root, page, place_of(--level, cursor.begin), std::nullopt);
  }
  for_each_node(tree, place_of(cursor.guard, cursor.begin), cursor.begin, cursor.end,
                [&](NodePlace, Page page) {
                  state.nodes.at(page).locked_by = lane;
                  state.touched.insert(page);
                  cursor.nodes.insert(page);
                });
  state.held[lane].cursor = cursor;
}

void close_cursor(State& state, Lane lane) {
  dispatch_the_last(state, lane);
  for (const Page page : cursor_of(state, lane).nodes) {
    state.nodes.at(page).locked_by.reset();
    state.touched.insert(page);
  }
  state.held[lane].cursor.reset();
}

bool allows(const State& state, Lane lane, const trace::CursorOpen& op) {
  const TableHandle* const table = table_at(state, lane, op.table);
  if (state.held[lane].cursor || table == nullptr) return false;
  const bool changes_space = op.may_change.value() && table->kind == trace::TableKindName::space;
  if (state.at_once && changes_space) return false;
  const bool changes_kernel = op.may_change.value() && table->kind == trace::TableKindName::kernel;
  if (changes_kernel && overlaps_areas(trace::address_of(op.begin), trace::address_of(op.end))) {
    return false;
  }
  return state.at_once || !any_other_has_cursor(state, lane);
}

Answer step(State& state, Lane lane, const trace::CursorOpen& op, const Answer& seen) {
  const TableHandle table = *table_at(state, lane, op.table);
  const std::uint64_t from = trace::address_of(op.begin);
  const std::uint64_t to = trace::address_of(op.end);
  if (!is_range_of(shape_of(table.kind), from, to)) return {{Status::invalid_range}, {}};
  if (from % kPageBytes != 0 || to % kPageBytes != 0) return {{Status::not_aligned}, {}};

  Answer answer;
  open_cursor(state, lane,
              {.root = table.root,
               .kind = table.kind,
               .may_change = op.may_change.value(),
               .begin = from / kPageBytes,
               .end = to / kPageBytes},
              seen, answer);
  if (answer.reply.status == Status::ok) {
    answer.reply.results[0] = cursor_of(state, lane).guard;
  }
  return answer;
}

bool allows(const State& state, Lane lane, const trace::CursorClose&) {
  return state.held[lane].cursor.has_value();
}

Answer step(State& state, Lane lane, const trace::CursorClose&, const Answer&) {
  close_cursor(state, lane);
  return {};
}

bool allows(const State& state, Lane lane, const trace::CursorQuery&) {
  return state.held[lane].cursor.has_value();
}

Answer step(State& state, Lane lane, const trace::CursorQuery&, const Answer&) {
  Cursor& cursor = cursor_of(state, lane);
  if (cursor.at == cursor.end) return now(cursor, Status::invalid_address);
  const Tree& tree = state.trees.at(cursor.root);
  Entry entry = entry_at(tree, cursor.level, cursor.at);
  while (entry.table != nullptr) entry = entry_at(tree, --cursor.level, cursor.at);

  Answer answer = now(cursor, entry.leaf == nullptr ? Status::none : Status::ok);
  auto& results = answer.reply.results;
  results[1] = entry_begin(cursor.level, cursor.at) * kPageBytes;
  results[2] = span_of(cursor.level) * kPageBytes;
  if (entry.leaf == nullptr) return answer;
  const trace::Property& property = entry.leaf->property;
  results[3] = static_cast<std::uint64_t>(entry.leaf->tracked ? trace::ItemName::tracked
                                                              : trace::ItemName::untracked);
  results[4] = entry.leaf->to * kPageBytes;
  results[5] = property.rights.bits;
  results[6] = property.privileged.bits;
  results[7] = static_cast<std::uint64_t>(property.cache.name);
  return answer;
}

bool allows(const State& state, Lane lane, const trace::CursorFindNext&) {
  return state.held[lane].cursor.has_value();
}

Answer step(State& state, Lane lane, const trace::CursorFindNext& op, const Answer&) {
  Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t bytes = length_of(cursor, op.length);
  if (const auto why = why_not_over(cursor, bytes); why != trace::Code::none) return panic(why);
  const bool found = search(state, cursor, cursor.at + bytes / kPageBytes, Look::page);
  return now(cursor, found ? Status::ok : Status::none);
}

bool allows(const State& state, Lane lane, const trace::CursorJump&) {
  return state.held[lane].cursor.has_value();
}

Answer step(State& state, Lane lane, const trace::CursorJump& op, const Answer&) {
  Cursor& cursor = cursor_of(state, lane);
  const std::uint64_t address = trace::address_of(op.to);
  if (address % kPageBytes != 0) return panic(trace::Code::misaligned);
  const VirtPage to = address / kPageBytes;
  if (to < cursor.begin || to >= cursor.end) return now(cursor, Status::invalid_address);
  if (cursor.at == cursor.end) cursor.level = cursor.guard;
  while (cursor.level < cursor.guard &&
         place_of(cursor.level, cursor.at) != place_of(cursor.level, to)) {
    ++cursor.level;
  }
  cursor.at = to;
  return now(cursor);
}

}  // namespace reference
