// SPDX-License-Identifier: MPL-2.0
// What is so of cursors, and what is promised of those that open, look and go.
#include "reference/cursor_conditions.h"

namespace reference {

using trace::Code;
using trace::ItemName;
using trace::Status;

namespace {

// ---- Opening ----

// The level of the lowest node that there is, or is to be made, for a range.
Level guard_of(const Tree& tree, VirtPage begin, VirtPage end) {
  Level guard = 1;
  while (place_of(guard, begin) != place_of(guard, end - 1)) ++guard;
  // A page as large as the range, if the table can have one, is put there from above.
  const auto above = static_cast<Level>(guard + 1);
  if (above <= shape_of(tree.kind).highest && end - begin == span_of(above)) guard = above;
  const auto leaf = tree.mappings.upper_bound(begin);
  if (leaf == tree.mappings.begin()) return guard;
  const auto& [first, mapping] = *std::prev(leaf);
  const bool covers = begin - first < span_of(mapping.level);
  return covers ? std::max(guard, mapping.level) : guard;
}

bool opens(const Step& step, const trace::CursorOpen& op) {
  const TableHandle* const table = table_before(step, op.table);
  if (table == nullptr || cursor_before(step) != nullptr) return false;
  const Shape shape = shape_of(table->kind);
  const std::uint64_t begin = trace::address_of(op.begin);
  const std::uint64_t end = trace::address_of(op.end);
  const bool is_valid = begin < end && begin / kPageBytes >= shape.range_begin() &&
                        (end - 1) / kPageBytes <= shape.range_end() - 1;
  if (!is_valid) return refuses(step, Status::invalid_range);
  if (begin % kPageBytes != 0 || end % kPageBytes != 0) return refuses(step, Status::not_aligned);
  const auto taken = nodes_taken(step);
  if (!taken) return false;
  if (step.answer.reply.status == Status::no_memory) {
    return tells(step, Status::no_memory, {}) && taken->empty() &&
           step.before.trees == step.after.trees && step.before.nodes == step.after.nodes &&
           changes_tables(step, [](State&, Held&) {});
  }
  const Cursor* const cursor = cursor_after(step);
  if (cursor == nullptr) return false;
  const Tree& before = step.before.trees.at(table->root);
  const Level guard = guard_of(before, begin / kPageBytes, end / kPageBytes);
  // What lacks on the way is made, from the root downwards.
  std::size_t made = 0;
  for (Level level = shape.levels; level >= guard; --level) {
    const NodePlace place = place_of(level, begin / kPageBytes);
    if (before.nodes.contains(place)) continue;
    if (made == taken->size() || step.after.nodes.at((*taken)[made++]).place != place) return false;
  }
  const Cursor wanted{table->root,  table->kind,        op.may_change.value(), guard,
                      guard,        begin / kPageBytes, begin / kPageBytes,    end / kPageBytes,
                      cursor->nodes};
  return made == taken->size() && *cursor == wanted && tells(step, Status::ok, {guard}) &&
         keeps_what_it_maps(step, *cursor) && keeps_other_trees(step, *cursor) &&
         changes_tables(step, [&](State&, Held& held) { held.cursor = *cursor; });
}

bool closes(const Step& step) {
  if (cursor_before(step) == nullptr) return false;
  return answers(step) && changes_only(step, [&](State& state, Held& held) {
           tell_cpus(state, step.lane, held.cursor->root, dispatched_by(step));
           for (Processor& cpu : state.cpus) cpu.told_by.erase(step.lane);
           for (auto& [page, node] : state.nodes) {
             if (node.locked_by == step.lane) node.locked_by.reset();
           }
           held.cursor.reset();
         });
}

}  // namespace

bool cursors_stand_in_their_range(const State& state) {
  return all_cursors(state, [&](Lane, const Cursor& cursor) {
    const Shape shape = shape_of(cursor.kind);
    const auto tree = state.trees.find(cursor.root);
    if (tree == state.trees.end() || tree->second.kind != cursor.kind) return false;
    const bool are_levels =
        cursor.level >= 1 && cursor.level <= cursor.guard && cursor.guard <= shape.levels;
    const bool is_range = cursor.begin < cursor.end && cursor.begin >= shape.range_begin() &&
                          cursor.end <= shape.range_end();
    if (!are_levels || !is_range || cursor.at < cursor.begin || cursor.at > cursor.end) {
      return false;
    }
    const auto& nodes = tree->second.nodes;
    if (!nodes.contains(place_of(cursor.guard, cursor.begin))) return false;
    return cursor.at == cursor.end || nodes.contains(place_of(cursor.level, cursor.at));
  });
}

bool locks_are_the_cursors(const State& state) {
  std::map<Page, Lane> locked;
  const bool all_right = all_cursors(state, [&](Lane lane, const Cursor& cursor) {
    const auto tree = state.trees.find(cursor.root);
    if (tree == state.trees.end()) return false;
    PageSet nodes;
    for (const Page page : nodes_of(tree->second, cursor)) nodes.insert(page);
    for (const Page page : cursor.nodes) locked.emplace(page, lane);
    return nodes == cursor.nodes;
  });
  return all_right && std::ranges::all_of(state.nodes, [&](const auto& one) {
           const auto holder = locked.find(one.first);
           if (holder == locked.end()) return !one.second.locked_by.has_value();
           return one.second.locked_by == holder->second;
         });
}

bool cursors_hold_apart(const State& state) {
  PageSet all;
  return all_cursors(state, [&](Lane, const Cursor& cursor) {
    return std::ranges::all_of(cursor.nodes, [&](Page page) {
      const bool is_new = !all.contains(page);
      all.insert(page);
      return is_new;
    });
  });
}

bool changes_nothing_outside(const Step& step) {
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr || !is_answered(step)) return true;
  const bool is_of_cursor = std::string_view(trace::name_of(step.op)).starts_with("cursor_");
  if (!is_of_cursor || !step.after.trees.contains(cursor->root)) return true;
  return maps_the_same_but(step, *cursor, cursor->begin, cursor->end);
}

// The page that is taken or protected apart, a split changes nothing.
bool splits_change_no_lookup(const Step& step) {
  if (as<trace::AreaSplit>(step) && is_answered(step)) {
    const Page root = step.before.shared[0]->root;
    const Tree& after = step.after.trees.at(root);
    return maps_the_same(step.before.trees.at(root), after, 0, kVirtEnd);
  }
  const Cursor* const cursor = cursor_before(step);
  const bool is_one = as<trace::CursorTakeNext>(step) || as<trace::CursorProtectNext>(step);
  if (cursor == nullptr || !is_one || !is_answered(step)) return true;
  const auto& results = step.answer.reply.results;
  const VirtPage begin = is_ok(step) ? results[1] / kPageBytes : 0;
  const VirtPage pages = is_ok(step) ? results[2] / kPageBytes : 0;
  return step.after.trees.contains(cursor->root) &&
         maps_the_same_but(step, *cursor, begin, begin + pages);
}

bool stays_below_its_node(const Step& step) {
  const Cursor* const cursor = cursor_before(step);
  const bool is_of_cursor = std::string_view(trace::name_of(step.op)).starts_with("cursor_");
  if (cursor == nullptr || !is_of_cursor || !is_answered(step)) return true;
  const PageSet own = cursor->nodes;
  return std::ranges::all_of(step.before.nodes, [&](const auto& one) {
    const auto now = step.after.nodes.find(one.first);
    return own.contains(one.first) || (now != step.after.nodes.end() && now->second == one.second);
  });
}

bool locks_what_it_makes(const Step& step) {
  if (cursor_before(step) == nullptr || !is_answered(step)) return true;
  return std::ranges::all_of(step.after.nodes, [&](const auto& one) {
    return step.before.nodes.contains(one.first) || one.second.locked_by == step.lane;
  });
}

bool opens_and_closes(const Step& step) {
  if (const auto* op = as<trace::CursorOpen>(step)) return opens(step, *op);
  return as<trace::CursorClose>(step) == nullptr || closes(step);
}

bool tells_what_is_there(const Step& step) {
  if (as<trace::CursorQuery>(step) == nullptr) return true;
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr || !chooses_nothing(step)) return false;
  const std::uint64_t now = cursor->at * kPageBytes;
  if (cursor->at == cursor->end) {
    return tells(step, Status::invalid_address, {now}) && changes_nothing(step);
  }
  const Tree& tree = tree_before(step, *cursor);
  Level lowest = tree.top.level;
  for (Level level = lowest; level >= 1; --level) {
    if (tree.nodes.contains(place_of(level, cursor->at))) lowest = level;
  }
  const VirtPage begin = entry_begin(lowest, cursor->at);
  const std::uint64_t at = begin * kPageBytes;
  const std::uint64_t bytes = span_of(lowest) * kPageBytes;
  const bool moves = changes_only(step, [&](State&, Held& held) { held.cursor->level = lowest; });
  const auto leaf = tree.mappings.find(begin);
  if (leaf == tree.mappings.end()) return moves && tells(step, Status::none, {now, at, bytes});
  const Mapping& it = leaf->second;
  return moves && it.level == lowest &&
         tells(step, Status::ok,
               {now, at, bytes, number(it.tracked ? ItemName::tracked : ItemName::untracked),
                it.to * kPageBytes, it.property.rights.bits, it.property.privileged.bits,
                number(it.property.cache.name)});
}

bool finds_the_next(const Step& step) {
  const auto* const op = as<trace::CursorFindNext>(step);
  if (op == nullptr) return true;
  return goes_over(step, op->length, [&](const Cursor& cursor, VirtPage end) {
    const auto first = first_mapped(tree_before(step, cursor), cursor.at, end);
    if (!first) return finds_nothing(step, cursor, end);
    return chooses_nothing(step) && tells(step, Status::ok, {*first * kPageBytes}) &&
           cursor_after(step)->at == *first && moves_only(step);
  });
}

bool jumps(const Step& step) {
  const auto* const op = as<trace::CursorJump>(step);
  if (op == nullptr) return true;
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr || !chooses_nothing(step)) return false;
  const std::uint64_t address = trace::address_of(op->to);
  if (address % kPageBytes != 0) return panics(step, Code::misaligned);
  const VirtPage to = address / kPageBytes;
  if (to < cursor->begin || to >= cursor->end) {
    return tells(step, Status::invalid_address, {cursor->at * kPageBytes}) && changes_nothing(step);
  }
  Level level = cursor->level;
  if (cursor->at == cursor->end) level = cursor->guard;
  while (place_of(level, to) != place_of(level, std::min(cursor->at, cursor->end - 1))) ++level;
  return tells(step, Status::ok, {address}) && changes_only(step, [&](State&, Held& held) {
           held.cursor->at = to;
           held.cursor->level = level;
         });
}

}  // namespace reference
