// SPDX-License-Identifier: MPL-2.0
// What is promised of what cursors change: mapping, taking out, protecting.
#include "reference/cursor_conditions.h"

namespace reference {

using trace::Code;
using trace::ItemName;
using trace::Status;

namespace {

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

// How a page is mapped: in a space users may touch it, and it is not global.
trace::Property as_mapped(const Cursor& cursor, trace::Property property) {
  if (cursor.kind != trace::TableKindName::space) return property;
  property.privileged = {trace::Privileged::kUser};
  return property;
}
bool is_counted_memory(const Step& step, const Cursor& cursor, Page to) {
  return cursor.kind == trace::TableKindName::space && to < step.before.slots.size();
}

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
    const Mapping wanted{level, to, as_mapped(cursor, load.property), load.tracked};
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

bool maps_one(const Step& step, const Load& load, Level level, auto&& change) {
  const Cursor& cursor = *cursor_before(step);
  const bool is_forbidden = !load.tracked && is_counted_memory(step, cursor, load.to);
  auto why = why_not_map(cursor, level, load.to, load.property.cache);
  if ((!why || why == Code::bad_cache) && is_forbidden) why = Code::bad_target;
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
    case trace::TableKindName::space:
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
  if (pages > 0 && (to + pages > kPhysEnd || is_counted_memory(step, cursor, to))) {
    return panics(step, Code::bad_target);
  }
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
           if (!leaf.tracked) return;
           held.at(op.to) = Handle{to, is_users(cursor.kind) ? Knows::untyped : Knows::nothing};
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
         keeps_other_trees(step, cursor) && changes_tables(step, [&](State& state, Held& held) {
           add_to_grace(state, out);
           held.cursor->issued = {};
           tell_cpus(state, step.lane, cursor.root, dispatched_by(step));
         });
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

}  // namespace

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
    if (!cursor.may_change || cursor.kind == trace::TableKindName::space) return false;
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
