// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on cursors are written: what a table maps before and after, page by
// page, whatever its nodes.
#pragma once

#include "reference/table_conditions.h"

namespace reference {

inline const Cursor* cursor_before(const Step& step) {
  const auto& cursor = step.before.held[step.lane].cursor;
  return cursor ? &*cursor : nullptr;
}
inline const Cursor* cursor_after(const Step& step) {
  const auto& cursor = step.after.held[step.lane].cursor;
  return cursor ? &*cursor : nullptr;
}
inline const Tree& tree_before(const Step& step, const Cursor& cursor) {
  return step.before.trees.at(cursor.root);
}
inline const Tree& tree_after(const Step& step, const Cursor& cursor) {
  return step.after.trees.at(cursor.root);
}

// The nodes that a cursor must have locked: its own, and those below that its range overlaps.
inline std::vector<Page> nodes_of(const Tree& tree, const Cursor& cursor) {
  std::vector<Page> pages;
  for (const auto& [place, page] : tree.nodes) {
    const bool overlaps = place.begin < cursor.end && end_of(place) > cursor.begin;
    if (place.level <= cursor.guard && overlaps) pages.push_back(page);
  }
  return pages;
}

inline bool all_cursors(const State& state, auto&& is_so) {
  for (Lane lane = 0; lane < state.held.size(); ++lane) {
    const auto& cursor = state.held[lane].cursor;
    if (cursor && !is_so(lane, *cursor)) return false;
  }
  return true;
}

inline std::uint64_t number(auto value) { return static_cast<std::uint64_t>(value); }

// Whether the answer has this status, these results and, if it is asked for, no choices.
inline bool tells(const Step& step, trace::Status status,
                  std::initializer_list<std::uint64_t> results) {
  trace::Answer wanted{{.status = status}, step.answer.choices};
  std::ranges::copy(results, wanted.reply.results.begin());
  return step.answer == wanted;
}
inline bool chooses_nothing(const Step& step) { return step.answer.choices == trace::Choices{}; }

// ---- Lengths, and where a cursor may stand when there is nothing ----

inline std::uint64_t bytes_over(const Cursor& cursor, trace::Length length) {
  return trace::bytes_of(length, cursor.at * kPageBytes, cursor.end * kPageBytes);
}
inline std::optional<trace::Code> why_not(const Cursor& cursor, std::uint64_t bytes) {
  if (bytes % kPageBytes != 0) return trace::Code::bad_length;
  if (bytes > (cursor.end - cursor.at) * kPageBytes) return trace::Code::beyond_range;
  return std::nullopt;
}

// The first page of [begin, end) that is mapped.
inline std::optional<VirtPage> first_mapped(const Tree& tree, VirtPage begin, VirtPage end) {
  std::optional<VirtPage> first;
  for_each_stretch(tree, tree, begin, end,
                   [&](VirtPage at, VirtPage, const auto& one, const auto&) {
                     if (one && !first) first = at;
                   });
  return first;
}

// It went over all of [at, end), and as far beyond as there is nothing.
inline bool may_stand(const Step& step, const Cursor& cursor, VirtPage end) {
  const Cursor& now = *cursor_after(step);
  if (end == cursor.at) {
    Cursor same = cursor;
    same.issued = now.issued;  // Which others speak of.
    return now == same;
  }
  return now.at >= end && now.at <= cursor.end &&
         !first_mapped(tree_before(step, cursor), end, now.at);
}

inline bool moves_only(const Step& step) {
  return changes_only(step, [&](State&, Held& held) {
    held.cursor->at = cursor_after(step)->at;
    held.cursor->level = cursor_after(step)->level;
  });
}

// ---- Trees ----

// The tables that were taken out in this step, ascending: each is a tree of its own, as it was.
inline std::vector<const Tree*> tables_out(const Step& step) {
  std::vector<const Tree*> out;
  for (const auto& [top, tree] : step.after.trees) {
    if (!step.before.trees.contains(top)) out.push_back(&tree);
  }
  std::ranges::sort(out, {}, [](const Tree* tree) { return tree->top.begin; });
  return out;
}

// Trees that this cursor has nothing to do with are as they were, and what it took out is, too.
inline bool keeps_other_trees(const Step& step, const Cursor& cursor) {
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

inline bool keeps_what_it_maps(const Step& step, const Cursor& cursor) {
  return tree_before(step, cursor).mappings == tree_after(step, cursor).mappings;
}

// Outside of [begin, end) the table maps the same.
inline bool maps_the_same_but(const Step& step, const Cursor& cursor, VirtPage begin,
                              VirtPage end) {
  const Tree& before = tree_before(step, cursor);
  const Tree& after = tree_after(step, cursor);
  return maps_the_same(before, after, 0, begin) && maps_the_same(before, after, end, kVirtEnd);
}

// The largest piece of a page of some level that begins at a place and ends at or before another.
inline Level piece_at(Level level, VirtPage at, VirtPage end) {
  while (at % span_of(level) != 0 || at + span_of(level) > end) --level;
  return level;
}

// The leaf that covers a page, with its first page.
inline std::pair<VirtPage, Mapping> leaf_of(const Tree& tree, VirtPage page) {
  return *std::prev(tree.mappings.upper_bound(page));
}

inline bool panics(const Step& step, trace::Code why) {
  return refuses(step, trace::Status::panicked, why);
}

inline bool finds_nothing(const Step& step, const Cursor& cursor, VirtPage end) {
  return !first_mapped(tree_before(step, cursor), cursor.at, end) && chooses_nothing(step) &&
         tells(step, trace::Status::none, {cursor_after(step)->at * kPageBytes}) &&
         may_stand(step, cursor, end) && moves_only(step);
}

// Checks what a cursor's operation over a length must check, and goes on if it may.
inline bool goes_over(const Step& step, trace::Length length, auto&& goes) {
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr) return false;
  const std::uint64_t bytes = bytes_over(*cursor, length);
  if (const auto why = why_not(*cursor, bytes)) return panics(step, *why);
  return cursor_after(step) != nullptr && goes(*cursor, cursor->at + bytes / kPageBytes);
}

// ---- Flushes ----

// What a step dispatches of a space: what was issued before, and by unmapping, each page and the
// range of each table that is mapped no more.
inline Flushes dispatched_by(const Step& step) {
  const Cursor* const cursor = cursor_before(step);
  if (cursor == nullptr || !is_answered(step)) return {};
  const bool dispatches =
      as<trace::TlbDispatch>(step) || as<trace::CursorClose>(step) || as<trace::CursorUnmap>(step);
  if (!dispatches) return {};
  Flushes flushes = cursor->issued;
  if (!as<trace::CursorUnmap>(step) || cursor->kind != trace::TableKindName::space) return flushes;
  for (const Tree* tree : tables_out(step)) {
    add_flush(flushes, tree->top.begin, end_of(tree->top) - tree->top.begin);
  }
  const auto& after = tree_after(step, *cursor).mappings;
  for (const auto& [at, mapping] : tree_before(step, *cursor).mappings) {
    if (!after.contains(at)) add_flush(flushes, at, span_of(mapping.level));
  }
  return flushes;
}

}  // namespace reference
