// SPDX-License-Identifier: MPL-2.0
// What is so of cursors, and what is promised of their operations: said of what a table maps before
// and after, page by page, whatever its nodes.
#include "reference/table_conditions.h"

namespace reference {

using trace::Code;
using trace::ItemName;
using trace::Status;

namespace {

const Cursor* cursor_before(const Step& step) {
  const auto& cursor = step.before.held[step.lane].cursor;
  return cursor ? &*cursor : nullptr;
}
const Cursor* cursor_after(const Step& step) {
  const auto& cursor = step.after.held[step.lane].cursor;
  return cursor ? &*cursor : nullptr;
}
const Tree& tree_before(const Step& step, const Cursor& cursor) {
  return step.before.trees.at(cursor.root);
}
const Tree& tree_after(const Step& step, const Cursor& cursor) {
  return step.after.trees.at(cursor.root);
}

// The nodes that a cursor must have locked: its own, and those below that its range overlaps.
std::vector<Page> nodes_of(const Tree& tree, const Cursor& cursor) {
  std::vector<Page> pages;
  for (const auto& [place, page] : tree.nodes) {
    const bool overlaps = place.begin < cursor.end && end_of(place) > cursor.begin;
    if (place.level <= cursor.guard && overlaps) pages.push_back(page);
  }
  return pages;
}

bool all_cursors(const State& state, auto&& is_so) {
  for (Lane lane = 0; lane < state.held.size(); ++lane) {
    const auto& cursor = state.held[lane].cursor;
    if (cursor && !is_so(lane, *cursor)) return false;
  }
  return true;
}

std::uint64_t number(auto value) { return static_cast<std::uint64_t>(value); }

// Whether the answer has this status, these results and, if it is asked for, no choices.
bool tells(const Step& step, Status status, std::initializer_list<std::uint64_t> results) {
  trace::Answer wanted{{.status = status}, step.answer.choices};
  std::ranges::copy(results, wanted.reply.results.begin());
  return step.answer == wanted;
}
bool chooses_nothing(const Step& step) { return step.answer.choices == trace::Choices{}; }

// ---- Lengths, and where a cursor may stand when there is nothing ----

std::uint64_t bytes_over(const Cursor& cursor, trace::Length length) {
  return trace::bytes_of(length, cursor.at * kPageBytes, cursor.end * kPageBytes);
}
std::optional<Code> why_not(const Cursor& cursor, std::uint64_t bytes) {
  if (bytes % kPageBytes != 0) return Code::bad_length;
  if (bytes > (cursor.end - cursor.at) * kPageBytes) return Code::beyond_range;
  return std::nullopt;
}

// The first page of [begin, end) that is mapped.
std::optional<VirtPage> first_mapped(const Tree& tree, VirtPage begin, VirtPage end) {
  std::optional<VirtPage> first;
  for_each_stretch(tree, tree, begin, end,
                   [&](VirtPage at, VirtPage, const auto& one, const auto&) {
                     if (one && !first) first = at;
                   });
  return first;
}

// It went over all of [at, end), and as far beyond as there is nothing.
bool may_stand(const Step& step, const Cursor& cursor, VirtPage end) {
  const Cursor& now = *cursor_after(step);
  if (end == cursor.at) return now == cursor;
  return now.at >= end && now.at <= cursor.end &&
         !first_mapped(tree_before(step, cursor), end, now.at);
}

bool moves_only(const Step& step) {
  return changes_only(step, [&](State&, Held& held) {
    held.cursor->at = cursor_after(step)->at;
    held.cursor->level = cursor_after(step)->level;
  });
}

// ---- Trees ----

// The tables that were taken out in this step, ascending: each is a tree of its own, as it was.
std::vector<const Tree*> tables_out(const Step& step) {
  std::vector<const Tree*> out;
  for (const auto& [top, tree] : step.after.trees) {
    if (!step.before.trees.contains(top)) out.push_back(&tree);
  }
  std::ranges::sort(out, {}, [](const Tree* tree) { return tree->top.begin; });
  return out;
}

// Trees that this cursor has nothing to do with are as they were, and what it took out is, too.
bool keeps_other_trees(const Step& step, const Cursor& cursor) {
  for (const auto& [top, tree] : step.before.trees) {
    const auto now = step.after.trees.find(top);
    if (now == step.after.trees.end() || (top != cursor.root && now->second != tree)) return false;
  }
  const Tree& before = tree_before(step, cursor);
  return std::ranges::all_of(tables_out(step), [&](const Tree* out) {
    const bool all_stray = std::ranges::all_of(out->nodes, [&](const auto& one) {
      return step.after.nodes.contains(one.second) && step.after.nodes.at(one.second).stray;
    });
    return all_stray && out->top.begin >= cursor.begin && end_of(out->top) <= cursor.end &&
           *out == part_of(before, out->top);
  });
}

bool keeps_what_it_maps(const Step& step, const Cursor& cursor) {
  return tree_before(step, cursor).mappings == tree_after(step, cursor).mappings;
}

// Outside of [begin, end) the table maps the same.
bool maps_the_same_but(const Step& step, const Cursor& cursor, VirtPage begin, VirtPage end) {
  const Tree& before = tree_before(step, cursor);
  const Tree& after = tree_after(step, cursor);
  return maps_the_same(before, after, 0, begin) && maps_the_same(before, after, end, kVirtEnd);
}

// The largest piece of a page of some level that begins at a place and ends at or before another.
Level piece_at(Level level, VirtPage at, VirtPage end) {
  while (at % span_of(level) != 0 || at + span_of(level) > end) --level;
  return level;
}

// The leaf that covers a page, with its first page.
std::pair<VirtPage, Mapping> leaf_of(const Tree& tree, VirtPage page) {
  return *std::prev(tree.mappings.upper_bound(page));
}

trace::Property changed(trace::Property property, const trace::Change& change) {
  auto& bits = property.rights.bits;
  bits = static_cast<std::uint8_t>(bits & (trace::Rights::kAll ^ change.take.bits));
  bits |= change.give.bits;
  if (change.cache > 0) property.cache.name = static_cast<trace::CacheName>(change.cache - 1);
  return property;
}
bool is_unsayable(const trace::Change& change) {
  return change.cache == 1 + number(trace::CacheName::write_protected);
}
bool is_unsayable(trace::Cache cache) { return cache.name == trace::CacheName::write_protected; }

// ---- Mapping ----

// Something to be mapped, page after page.
struct Load {
  Page to = 0;
  std::uint64_t pages = 0;
  trace::Property property{};
  bool tracked = false;
  Level most = 1;  // The largest pages by which it is mapped.
};

// Whether something stands where a page of a level is to be mapped.
bool is_occupied(const Tree& tree, Level level, VirtPage at) {
  return first_mapped(tree, at, at + span_of(level)).has_value();
}

// The first `done` pages were mapped, by the largest pages that fit; tables that map nothing made
// room for them.
bool maps_load(const Step& step, const Cursor& cursor, const Load& load, std::uint64_t done,
               auto&& change) {
  const Tree& before = tree_before(step, cursor);
  const Tree& after = tree_after(step, cursor);
  const Status status = step.answer.reply.status;
  std::vector<Page> out;
  VirtPage at = cursor.at;
  Page to = load.to;
  const VirtPage end = cursor.at + load.pages;
  auto level_at = [&] {
    Level level = piece_at(load.most, at, end);
    while (to % span_of(level) != 0) --level;
    return level;
  };
  while (at < cursor.at + done) {
    const Level level = level_at();
    const auto leaf = after.mappings.find(at);
    if (is_occupied(before, level, at)) return false;
    const Mapping wanted{level, to, load.property, load.tracked};
    if (leaf == after.mappings.end() || leaf->second != wanted) return false;
    const auto table = before.nodes.find({static_cast<Level>(level - 1), at});
    if (table != before.nodes.end()) out.push_back(table->second);
    at += span_of(level);
    to += span_of(level);
  }
  if (at != cursor.at + done || at != cursor_after(step)->at) return false;
  const bool is_outcome =
      status == Status::ok || status == Status::already_mapped || status == Status::no_memory;
  if (!is_outcome) return false;
  // It stopped where it had to.
  if (status == Status::ok && done != load.pages) return false;
  if (status != Status::ok && done == load.pages) return false;
  const bool is_stopped = status == Status::ok ||
                          is_occupied(before, level_at(), at) == (status == Status::already_mapped);
  const auto tables = tables_out(step);
  const bool all_were_empty =
      std::ranges::all_of(tables, [](const Tree* tree) { return tree->mappings.empty(); });
  const bool needs_all_nodes = std::ranges::all_of(*nodes_taken(step), [&](Page page) {
    const Node& node = step.after.nodes.at(page);
    return node.children > 0 && node.place.begin < at && end_of(node.place) > cursor.at;
  });
  return is_stopped && all_were_empty && needs_all_nodes && tables.size() == out.size() &&
         keeps_other_trees(step, cursor) && maps_the_same_but(step, cursor, cursor.at, at) &&
         (done > 0 || cursor == *cursor_after(step)) &&
         changes_tables(step, [&](State& state, Held& held) {
           add_to_grace(state, out);
           change(state, held);
         });
}

// Why a single page cannot be mapped at all.
std::optional<Code> why_not_map(const Cursor& cursor, Level level, Page to, trace::Cache cache) {
  const Shape shape = shape_of(cursor.kind);
  const std::uint64_t pages = span_of(level);
  if (cursor.at >= cursor.end) return Code::beyond_range;
  if (level > shape.highest) return Code::bad_level;
  if (cursor.at % pages != 0) return Code::misaligned;
  if (cursor.at + pages > cursor.end) return Code::beyond_range;
  if (to % pages != 0 || to + pages > kPhysEnd) return Code::bad_target;
  if (is_unsayable(cache)) return Code::bad_cache;
  return std::nullopt;
}

bool panics(const Step& step, Code why) { return refuses(step, Status::panicked, why); }

bool maps_one(const Step& step, const Load& load, Level level, auto&& change) {
  const Cursor& cursor = *cursor_before(step);
  const auto why = why_not_map(cursor, level, load.to, load.property.cache);
  if (why) return panics(step, *why);
  if (!nodes_taken(step)) return false;
  const Status status = step.answer.reply.status;
  const bool is_done = status == Status::ok;
  if (!is_done && status != Status::already_mapped && status != Status::no_memory) return false;
  const VirtPage now = cursor.at + (is_done ? load.pages : 0);
  return tells(step, status, {now * kPageBytes}) &&
         maps_load(step, cursor, load, is_done ? load.pages : 0, [&](State& state, Held& held) {
           if (is_done) change(state, held);
         });
}

bool takes(trace::TableKindName table, Knows knows, trace::Kind kind) {
  const bool is_typed = knows == Knows::kind;
  switch (table) {
    case trace::TableKindName::user:
      return knows == Knows::untyped || (is_typed && trace::is_untyped(kind));
    case trace::TableKindName::kernel:
      return is_typed && (usage_of(kind) == trace::Usage::frame ||
                          usage_of(kind) == trace::Usage::kernel_stack);
    default: return false;
  }
}

bool maps_a_run(const Step& step, const trace::CursorMapRun& op) {
  const Cursor& cursor = *cursor_before(step);
  const std::uint64_t bytes = bytes_over(cursor, op.length);
  if (const auto why = why_not(cursor, bytes)) return panics(step, *why);
  const Page to = trace::address_of(op.at) / kPageBytes;
  const std::uint64_t pages = bytes / kPageBytes;
  if (pages > 0 && to + pages > kPhysEnd) return panics(step, Code::bad_target);
  if (pages > 0 && is_unsayable(op.property.cache)) return panics(step, Code::bad_cache);
  const std::uint64_t done = step.answer.reply.results[1];
  if (!nodes_taken(step) || done % kPageBytes != 0 || done > bytes) return false;
  const Level most = std::min(shape_of(cursor.kind).highest, cursor.guard);
  return tells(step, step.answer.reply.status, {cursor.at * kPageBytes + done, done}) &&
         maps_load(step, cursor, {to, pages, op.property, false, most}, done / kPageBytes,
                   [](State&, Held&) {});
}

bool maps_a_segment(const Step& step, const trace::CursorMapSegment& op) {
  const Cursor& cursor = *cursor_before(step);
  const Run* const run = held_before(step, op.from);
  if (run == nullptr || !takes(cursor.kind, run->knows, run->kind)) return false;
  if (run->count > cursor.end - cursor.at) return panics(step, Code::beyond_range);
  if (run->count > 0 && is_unsayable(op.property.cache)) return panics(step, Code::bad_cache);
  const std::uint64_t done = step.answer.reply.results[1];
  if (!nodes_taken(step) || done > run->count) return false;
  return tells(step, step.answer.reply.status, {(cursor.at + done) * kPageBytes, done}) &&
         maps_load(step, cursor, {run->first, run->count, op.property, true, 1}, done,
                   [&](State&, Held& held) {
                     held.at(op.from)->first += done;
                     held.at(op.from)->count -= done;
                     if (done == run->count) held.at(op.from).reset();
                   });
}

// ---- Taking out, and protecting ----

// Whether a range was one entry with a table in it that may be taken whole.
bool was_a_table(const Step& step, const Cursor& cursor, const Tree& out) {
  const Shape shape = shape_of(cursor.kind);
  const bool is_of_root = out.top.level + 1 == shape.levels;
  return tree_before(step, cursor).nodes.contains(out.top) && out.top.level < cursor.guard &&
         (shape.gives_root_entries || !is_of_root);
}

std::uint64_t pages_in(const Tree& tree) {
  std::uint64_t pages = 0;
  for (const auto& [at, mapping] : tree.mappings) pages += span_of(mapping.level);
  return pages;
}

// Whether there was no page for a piece: it would have needed tables, and nothing has changed.
bool lacks_memory(const Step& step, const Cursor& cursor) {
  return nodes_taken(step) && nodes_taken(step)->empty() && *cursor_after(step) == cursor &&
         step.before.trees == step.after.trees && step.before.nodes == step.after.nodes &&
         tells(step, Status::no_memory, {cursor.at * kPageBytes}) &&
         changes_tables(step, [](State&, Held&) {});
}

bool finds_nothing(const Step& step, const Cursor& cursor, VirtPage end) {
  return !first_mapped(tree_before(step, cursor), cursor.at, end) && chooses_nothing(step) &&
         tells(step, Status::none, {cursor_after(step)->at * kPageBytes}) &&
         may_stand(step, cursor, end) && moves_only(step);
}

bool takes_a_table(const Step& step, const Cursor& cursor, VirtPage end) {
  const auto tables = tables_out(step);
  if (tables.size() != 1 || !chooses_nothing(step)) return false;
  const Tree& out = *tables[0];
  const Page page = out.nodes.at(out.top);
  const VirtPage at = out.top.begin;
  const VirtPage out_end = end_of(out.top);
  return was_a_table(step, cursor, out) && at >= cursor.at && out_end <= end &&
         !first_mapped(tree_before(step, cursor), cursor.at, at) &&
         cursor_after(step)->at == out_end &&
         tells(step, Status::ok,
               {out_end * kPageBytes, at * kPageBytes, (out_end - at) * kPageBytes,
                number(ItemName::stray), page * kPageBytes, 0, 0, 0, pages_in(out)}) &&
         !first_mapped(tree_after(step, cursor), at, out_end) &&
         maps_the_same_but(step, cursor, at, out_end) && keeps_other_trees(step, cursor) &&
         changes_tables(step, [&](State& state, Held&) { add_to_grace(state, {page}); });
}

bool takes_a_page(const Step& step, const trace::CursorTakeNext& op, const Cursor& cursor,
                  VirtPage end) {
  const Tree& before = tree_before(step, cursor);
  const auto at = first_mapped(before, cursor.at, end);
  if (!at || !tables_out(step).empty()) return false;
  const auto [begin, leaf] = leaf_of(before, *at);
  const Level level = piece_at(leaf.level, *at, end);
  const auto taken = nodes_taken(step);
  const Page to = leaf.to + (*at - begin);
  const trace::Property& property = leaf.property;
  const VirtPage behind = *at + span_of(level);
  return taken && taken->size() == static_cast<std::size_t>(leaf.level - level) &&
         cursor_after(step)->at == behind &&
         tells(step, Status::ok,
               {behind * kPageBytes, *at * kPageBytes, (behind - *at) * kPageBytes,
                number(leaf.tracked ? ItemName::tracked : ItemName::untracked), to * kPageBytes,
                property.rights.bits, property.privileged.bits, number(property.cache.name)}) &&
         !first_mapped(tree_after(step, cursor), *at, behind) &&
         maps_the_same_but(step, cursor, *at, behind) && keeps_other_trees(step, cursor) &&
         changes_tables(step, [&](State&, Held& held) {
           const bool is_users = cursor.kind == trace::TableKindName::user;
           if (!leaf.tracked) return;
           held.at(op.to) = Handle{to, is_users ? Knows::untyped : Knows::nothing};
         });
}

// The pieces in which the pages of [begin, end) go over, one by one: calls `each(at, leaf, level)`.
void for_each_piece(const Tree& tree, VirtPage begin, VirtPage end, auto&& each) {
  while (const auto at = first_mapped(tree, begin, end)) {
    const auto [first, leaf] = leaf_of(tree, *at);
    const Level level = piece_at(leaf.level, *at, end);
    each(*at, Mapping{level, leaf.to + (*at - first), leaf.property, leaf.tracked});
    begin = *at + span_of(level);
  }
}

bool unmaps(const Step& step, const Cursor& cursor, VirtPage end) {
  const Status status = step.answer.reply.status;
  const VirtPage now = cursor_after(step)->at;
  if (status != Status::ok && status != Status::no_memory) return false;
  if (status == Status::no_memory ? now >= end : now < end) return false;
  if (!nodes_taken(step)) return false;
  const auto tables = tables_out(step);
  const Tree& before = tree_before(step, cursor);
  std::uint64_t pages = 0;
  std::uint64_t frames = 0;
  std::vector<Page> out;
  VirtPage at = cursor.at;
  auto take_pages = [&](VirtPage until) {
    // Where a leaf is cut depends on where all ends, not on the next table.
    while (const auto next = first_mapped(before, at, until)) {
      const auto [first, leaf] = leaf_of(before, *next);
      const Level level = piece_at(leaf.level, *next, end);
      if (leaf.tracked) out.push_back(leaf.to);
      pages += 1;
      at = *next + span_of(level);
    }
    at = std::max(at, until);
  };
  for (const Tree* table : tables) {
    if (!was_a_table(step, cursor, *table) || end_of(table->top) > end) return false;
    take_pages(table->top.begin);
    out.push_back(table->nodes.at(table->top));
    frames += pages_in(*table);
    at = end_of(table->top);
  }
  take_pages(std::min(now, end));
  return tells(step, status, {now * kPageBytes, pages, tables.size(), frames}) &&
         (end == cursor.at || !first_mapped(tree_after(step, cursor), cursor.at, now)) &&
         (status == Status::ok ? may_stand(step, cursor, end) : now <= end) &&
         maps_the_same_but(step, cursor, cursor.at, std::min(now, end)) &&
         keeps_other_trees(step, cursor) &&
         changes_tables(step, [&](State& state, Held&) { add_to_grace(state, out); });
}

bool protects_one(const Step& step, const trace::Change& change, const Cursor& cursor,
                  VirtPage end) {
  const Tree& before = tree_before(step, cursor);
  const auto at = first_mapped(before, cursor.at, end);
  if (!at) return false;
  const auto [begin, leaf] = leaf_of(before, *at);
  const Level level = piece_at(leaf.level, *at, end);
  const Mapping wanted{level, leaf.to + (*at - begin), changed(leaf.property, change),
                       leaf.tracked};
  const VirtPage behind = *at + span_of(level);
  const Tree& after = tree_after(step, cursor);
  const auto now = after.mappings.find(*at);
  const auto taken = nodes_taken(step);
  return taken && taken->size() == static_cast<std::size_t>(leaf.level - level) &&
         now != after.mappings.end() && now->second == wanted && cursor_after(step)->at == behind &&
         tables_out(step).empty() &&
         tells(step, Status::ok,
               {behind * kPageBytes, *at * kPageBytes, (behind - *at) * kPageBytes}) &&
         maps_the_same_but(step, cursor, *at, behind) && keeps_other_trees(step, cursor) &&
         changes_tables(step, [](State&, Held&) {});
}

bool protects_all(const Step& step, const trace::Change& change, const Cursor& cursor,
                  VirtPage end) {
  const Status status = step.answer.reply.status;
  const VirtPage now = cursor_after(step)->at;
  if (status != Status::ok && status != Status::no_memory) return false;
  if (status == Status::no_memory ? now >= end : now < end) return false;
  if (!nodes_taken(step) || !tables_out(step).empty()) return false;
  const Tree& after = tree_after(step, cursor);
  std::uint64_t pages = 0;
  std::uint64_t spans = 0;
  bool all_changed = true;
  for_each_piece(tree_before(step, cursor), cursor.at, end, [&](VirtPage at, Mapping piece) {
    if (at >= now) return;
    piece.property = changed(piece.property, change);
    const auto found = after.mappings.find(at);
    all_changed &= found != after.mappings.end() && found->second == piece;
    pages += 1;
    spans += span_of(piece.level);
  });
  const VirtPage until = std::min(now, end);
  std::uint64_t left = 0;  // As much is mapped as was.
  for_each_stretch(
      after, after, cursor.at, until,
      [&](VirtPage, VirtPage count, const auto& one, const auto&) { left += one ? count : 0; });
  return all_changed && left == spans &&
         tells(step, status, {now * kPageBytes, pages, spans * kPageBytes}) &&
         (status == Status::ok ? may_stand(step, cursor, end) : now <= end) &&
         maps_the_same_but(step, cursor, cursor.at, until) && keeps_other_trees(step, cursor) &&
         changes_tables(step, [](State&, Held&) {});
}

// Checks what a cursor's operation over a length must check, and goes on if it may.
bool goes_over(const Step& step, trace::Length length, auto&& goes) {
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr) return false;
  const std::uint64_t bytes = bytes_over(*cursor, length);
  if (const auto why = why_not(*cursor, bytes)) return panics(step, *why);
  return cursor_after(step) != nullptr && goes(*cursor, cursor->at + bytes / kPageBytes);
}

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

bool maps_pages(const Step& step) {
  const bool is_asked = as<trace::CursorMapFrame>(step) || as<trace::CursorMapRaw>(step) ||
                        as<trace::CursorMapRun>(step) || as<trace::CursorMapSegment>(step);
  if (!is_asked) return true;
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr || !cursor->may_change || cursor_after(step) == nullptr) return false;
  if (const auto* op = as<trace::CursorMapRaw>(step)) {
    const Page to = trace::address_of(op->at) / kPageBytes;
    const Level level = op->level.value;
    return maps_one(step, {to, span_of(level), op->property, false, level}, level,
                    [](State&, Held&) {});
  }
  if (const auto* op = as<trace::CursorMapFrame>(step)) {
    const Handle* const frame = held_before(step, op->from);
    if (frame == nullptr || !takes(cursor->kind, frame->knows, frame->kind)) return false;
    return maps_one(step, {frame->page, 1, op->property, true, 1}, 1,
                    [&](State&, Held& held) { held.at(op->from).reset(); });
  }
  if (const auto* op = as<trace::CursorMapSegment>(step)) return maps_a_segment(step, *op);
  return maps_a_run(step, *as<trace::CursorMapRun>(step));
}

bool takes_the_next(const Step& step) {
  const auto* const op = as<trace::CursorTakeNext>(step);
  if (op == nullptr) return true;
  return goes_over(step, op->length, [&](const Cursor& cursor, VirtPage end) {
    if (!cursor.may_change) return false;
    switch (step.answer.reply.status) {
      case Status::none: return finds_nothing(step, cursor, end);
      case Status::no_memory: return lacks_memory(step, cursor);
      default: break;
    }
    return takes_a_table(step, cursor, end) || takes_a_page(step, *op, cursor, end);
  });
}

bool unmaps_all(const Step& step) {
  const auto* const op = as<trace::CursorUnmap>(step);
  if (op == nullptr) return true;
  return goes_over(step, op->length, [&](const Cursor& cursor, VirtPage end) {
    return cursor.may_change && unmaps(step, cursor, end);
  });
}

bool protects(const Step& step) {
  const auto* const one = as<trace::CursorProtectNext>(step);
  const auto* const all = as<trace::CursorProtect>(step);
  if (one == nullptr && all == nullptr) return true;
  const trace::Change& change = one != nullptr ? one->change : all->change;
  const trace::Length length = one != nullptr ? one->length : all->length;
  return goes_over(step, length, [&](const Cursor& cursor, VirtPage end) {
    const bool is_any_mapped = first_mapped(tree_before(step, cursor), cursor.at, end).has_value();
    if (is_unsayable(change) && is_any_mapped) return panics(step, Code::bad_cache);
    if (!cursor.may_change) return false;
    if (all != nullptr) return protects_all(step, change, cursor, end);
    switch (step.answer.reply.status) {
      case Status::none: return finds_nothing(step, cursor, end);
      case Status::no_memory: return lacks_memory(step, cursor);
      default: return protects_one(step, change, cursor, end);
    }
  });
}

}  // namespace reference
