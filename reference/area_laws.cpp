// SPDX-License-Identifier: MPL-2.0
// What is so of areas, and what is promised of those that are made, looked at, split and dropped.
#include "reference/area_conditions.h"

namespace reference {

using trace::Code;
using trace::ItemName;
using trace::Status;

namespace {

bool overlaps_areas(VirtPage begin, VirtPage end) {
  return begin <= kAreasLast && end > kAreasFirst;
}

bool is_unsayable(trace::Cache cache) { return cache.name == trace::CacheName::write_protected; }

// Whether areas could be asked for: there are tables, and nobody has a cursor.
bool may_be_asked(const State& state) {
  return state.shared[0] && !state.at_once &&
         all_cursors(state, [](Lane, const Cursor&) { return false; });
}

// Whether just these trees are there afterwards: the kernel's as it should be, those that were
// taken out, and the others as they were; and whether just those are stray, and nothing is locked.
bool leaves_trees(const Step& step, const Tree& kernel, const std::map<Page, Tree>& strays) {
  auto wanted = step.before.trees;
  wanted.at(step.before.shared[0]->root) = kernel;
  std::set<Page> out;
  for (const auto& [top, tree] : strays) {
    wanted[top] = tree;
    for (const auto& [place, page] : tree.nodes) out.insert(page);
  }
  return wanted == step.after.trees && std::ranges::all_of(step.after.nodes, [&](const auto& one) {
           const auto was = step.before.nodes.find(one.first);
           const bool was_stray = was != step.before.nodes.end() && was->second.stray;
           return one.second.stray == (was_stray || out.contains(one.first)) &&
                  !one.second.locked_by;
         });
}

// ---- Making ----

// Something to be mapped in an area.
struct Load {
  Page to = 0;
  std::uint64_t pages = 0;
  trace::Property property{};
  bool tracked = false;
};

std::optional<Code> why_not(const auto& op, const Load& load) {
  const std::uint64_t pages = op.pages.value();
  if (pages == 0) return Code::empty_range;
  const bool fits = op.offset.value() <= pages && load.pages <= pages - op.offset.value();
  if (!fits) return Code::beyond_range;
  if (load.pages > 0 && load.to + load.pages > kPhysEnd) return Code::bad_target;
  if (is_unsayable(op.property.cache)) return Code::bad_cache;
  return std::nullopt;
}

// The largest page that fits, of what is left of a load.
Level level_at(const Load& load, VirtPage at, VirtPage end, Page to) {
  Level level =
      piece_at(load.tracked ? 1 : shape_of(trace::TableKindName::kernel).highest, at, end);
  while (to % span_of(level) != 0) --level;
  return level;
}

// What mapping so much of a load makes of the kernel's table, but new tables; and the tables that
// these pages need, if one maps them by a cursor over the whole load.
struct Laid {
  Tree kernel{};
  std::map<Page, Tree> strays{};  // Tables that mapped nothing, and made room.
  std::vector<Page> waits{};
  std::vector<NodePlace> needed{};  // In the order in which they are needed.
};
Laid lay(const Tree& before, const Load& load, VirtPage begin, std::uint64_t done) {
  Laid laid{.kernel = before};
  const VirtPage end = begin + load.pages;
  Level guard = 1;
  while (place_of(guard, begin) != place_of(guard, end - 1)) ++guard;
  if (guard == 1 && load.pages == span_of(2)) guard = 2;
  for (Level level = before.top.level; level >= guard; --level) {
    laid.needed.push_back(place_of(level, begin));
  }
  for (VirtPage at = begin; at < begin + done;) {
    const Page to = load.to + (at - begin);
    const Level level = level_at(load, at, end, to);
    const NodePlace below{static_cast<Level>(level - 1), at};
    if (const auto table = laid.kernel.nodes.find(below); table != laid.kernel.nodes.end()) {
      laid.waits.push_back(table->second);
      laid.strays[table->second] = part_of(before, below);
      laid.kernel.nodes.erase(table);
    }
    for (Level above = before.top.level; above >= level; --above) {
      laid.needed.push_back(place_of(above, at));
    }
    laid.kernel.mappings[at] = {level, to, load.property, load.tracked};
    at += span_of(level);
  }
  return laid;
}

// Puts the tables that were taken where they were needed, one after another; false if others were
// made.
bool put_new_tables(const Step& step, Laid& laid) {
  const std::vector<Page> taken = *nodes_taken(step);
  // There is none, too, if already the first was refused.
  const bool is_first_refused = step.answer.reply.status == Status::no_memory &&
                                step.answer.reply.results[1] == 0 && taken.empty();
  if (is_first_refused) return true;
  std::size_t made = 0;
  for (const NodePlace place : laid.needed) {
    if (laid.kernel.nodes.contains(place)) continue;
    if (made == taken.size() || step.after.nodes.at(taken[made]).place != place) return false;
    laid.kernel.nodes[place] = taken[made++];
  }
  return made == taken.size();
}

// Whether the next page of a load needs a table that is not there.
bool lacks_a_table(const Tree& kernel, const Load& load, VirtPage begin, std::uint64_t done) {
  const VirtPage at = begin + done;
  bool lacks = false;
  for (Level level = level_at(load, at, begin + load.pages, load.to + done);
       level < kernel.top.level; ++level) {
    lacks |= !kernel.nodes.contains(place_of(level, at));
  }
  return lacks;
}

// `keeps(held, done)` says what becomes of the register from which it came.
bool makes(const Step& step, const auto& op, const Load& load, auto&& keeps) {
  if (!may_be_asked(step.before) || held_before(step, op.to) != nullptr) return false;
  if (const auto why = why_not(op, load)) return panics(step, *why);
  const auto at = place_for(step.before, op.pages.value());
  if (!at) return refuses(step, Status::no_space);
  const Status status = step.answer.reply.status;
  const std::uint64_t done = step.answer.reply.results[1];
  if (status != Status::ok && status != Status::no_memory) return false;
  if (status == Status::ok ? done != load.pages : done >= load.pages) return false;
  if (!nodes_taken(step)) return false;
  const VirtPage begin = *at + op.offset.value();
  Laid laid{.kernel = kernel_of(step.before)};
  if (load.pages > 0) laid = lay(laid.kernel, load, begin, done);
  if (!put_new_tables(step, laid)) return false;
  const bool takes_out = status == Status::ok ? !laid.strays.empty() : done > 0;
  const std::uint64_t cpus = takes_out ? other_cpus(step.before, step.lane) : 0;
  if (status == Status::no_memory) {
    if (!lacks_a_table(laid.kernel, load, begin, done)) return false;
    TakenOut out = take_out(laid.kernel, begin, begin + done);
    laid.strays.merge(out.strays);
    laid.waits.insert(laid.waits.end(), out.waits.begin(), out.waits.end());
  }
  const bool tells_it = status == Status::ok ? tells(step, status, {*at * kPageBytes, done, cpus})
                                             : tells(step, status, {0, done, cpus});
  return tells_it && leaves_trees(step, laid.kernel, laid.strays) &&
         changes_tables(step, [&](State& state, Held& held) {
           add_to_grace(state, laid.waits);
           have_all_flush(state, step.lane, flushed_everywhere(step));
           if (status == Status::ok) held.at(op.to) = AreaRange{*at, op.pages.value()};
           keeps(held, done);
         });
}

bool makes_of_frames(const Step& step, const trace::AreaMapFrames& op) {
  const Run* const run = held_before(step, op.from);
  if (run == nullptr || run->knows != Knows::kind) return false;
  const trace::Usage usage = usage_of(run->kind);
  if (usage != trace::Usage::frame && usage != trace::Usage::kernel_stack) return false;
  const Load load{run->first, run->count, op.property, true};
  return makes(step, op, load, [&](Held& held, std::uint64_t done) {
    held.at(op.from)->first += done;
    held.at(op.from)->count -= done;
    if (done == run->count) held.at(op.from).reset();
  });
}

bool makes_of_a_range(const Step& step, const trace::AreaMapRange& op) {
  const Load load{trace::address_of(op.target) / kPageBytes, op.length.value(), op.property, false};
  return makes(step, op, load, [](Held&, std::uint64_t) {});
}

// ---- Splitting and dropping ----

bool splits(const Step& step, const trace::AreaSplit& op) {
  const AreaRange* const area = held_before(step, op.from);
  if (!may_be_asked(step.before) || area == nullptr || held_before(step, op.to)) return false;
  const std::uint64_t page = op.page.value();
  if (page == 0 || page >= area->pages) return panics(step, Code::bad_split);
  const auto taken = nodes_taken(step);
  if (!taken) return false;
  const VirtPage cut = area->begin + page;
  Tree kernel = kernel_of(step.before);
  std::size_t made = 0;
  for (const auto& [first, leaf] : kernel_of(step.before).mappings) {
    if (first >= cut || first + span_of(leaf.level) <= cut) continue;
    made = 1;
    if (is_ok(step) && !taken->empty()) {
      kernel.mappings.erase(first);
      for (std::uint64_t i = 0; i < span_of(leaf.level); ++i) {
        kernel.mappings[first + i] = {1, leaf.to + i, leaf.property, leaf.tracked};
      }
      kernel.nodes[{1, first}] = taken->front();
    }
  }
  if (step.answer.reply.status == Status::no_memory) {
    return made == 1 && taken->empty() && tells(step, Status::no_memory, {}) &&
           leaves_trees(step, kernel, {}) && changes_tables(step, [](State&, Held&) {});
  }
  return taken->size() == made && tells(step, Status::ok, {cut * kPageBytes}) &&
         leaves_trees(step, kernel, {}) && changes_tables(step, [&](State&, Held& held) {
           held.at(op.from) = AreaRange{area->begin, page};
           held.at(op.to) = AreaRange{cut, area->pages - page};
         });
}

bool drops(const Step& step, const trace::AreaDrop& op) {
  const AreaRange* const area = held_before(step, op.from);
  if (!may_be_asked(step.before) || area == nullptr || !chooses_nothing(step)) return false;
  Tree kernel = kernel_of(step.before);
  const TakenOut out = take_out(kernel, area->begin, area->end());
  const std::uint64_t cpus = out.places.empty() ? 0 : other_cpus(step.before, step.lane);
  return tells(step, Status::ok, {out.pages, out.tables, out.frames, cpus}) &&
         leaves_trees(step, kernel, out.strays) &&
         changes_tables(step, [&](State& state, Held& held) {
           add_to_grace(state, out.waits);
           have_all_flush(state, step.lane, flushed_everywhere(step));
           held.at(op.from).reset();
         });
}

}  // namespace

bool areas_lie_apart(const State& state) {
  std::vector<AreaRange> areas;
  for_each_area(state, [&](Lane, const AreaRange& area) { areas.push_back(area); });
  if (!state.shared[0]) return areas.empty();
  std::ranges::sort(areas, {}, &AreaRange::begin);
  const Tree& kernel = kernel_of(state);
  std::uint64_t mapped = 0;  // Pages, in areas.
  VirtPage end = kAreasFirst;
  for (const AreaRange& area : areas) {
    const bool lies_there = area.begin >= end && area.pages > 0 &&
                            area.pages <= trace::kAreaPages && area.end() <= kAreasLast + 1;
    if (!lies_there) return false;
    end = area.end();
    // In one run.
    std::optional<VirtPage> next;
    for (const auto& [at, mapping] : kernel.mappings) {
      if (at < area.begin || at >= area.end()) continue;
      if ((next && *next != at) || at + span_of(mapping.level) > area.end()) return false;
      next = at + span_of(mapping.level);
      mapped += span_of(mapping.level);
    }
  }
  for (const auto& [at, mapping] : kernel.mappings) {
    const VirtPage behind = at + span_of(mapping.level);
    if (overlaps_areas(at, behind)) mapped -= behind - at;
  }
  return mapped == 0 && all_cursors(state, [](Lane, const Cursor& cursor) {
           const bool changes = cursor.may_change && cursor.kind == trace::TableKindName::kernel;
           return !changes || !overlaps_areas(cursor.begin, cursor.end);
         });
}

bool keeps_of_areas_what_is_so(const State& state) {
  if (!state.shared[0]) return true;
  const Tree& kernel = kernel_of(state);
  bool all_so = true;
  for (const Processor& cpu : state.cpus) {
    for (const Translation& one : cpu.kept) {
      const VirtPage end = one.begin + span_of(one.level);
      if (!overlaps_areas(one.begin, end)) continue;
      for_each_stretch(
          kernel, kernel, std::max(one.begin, kAreasFirst), std::min(end, kAreasLast + 1),
          [&](VirtPage at, VirtPage, const auto& found, const auto&) {
            all_so &= found && found->to == one.to + (at - one.begin) &&
                      found->property.rights.has(trace::Rights::kWritable) == one.writable;
          });
    }
  }
  return all_so;
}

bool areas_do_as_asked(const Step& step) {
  if (const auto* op = as<trace::AreaMapFrames>(step)) return makes_of_frames(step, *op);
  if (const auto* op = as<trace::AreaMapRange>(step)) return makes_of_a_range(step, *op);
  if (const auto* op = as<trace::AreaSplit>(step)) return splits(step, *op);
  const auto* const op = as<trace::AreaDrop>(step);
  return op == nullptr || drops(step, *op);
}

bool tells_what_an_area_maps(const Step& step) {
  const auto* const op = as<trace::AreaQuery>(step);
  if (op == nullptr) return true;
  const AreaRange* const area = held_before(step, op->area);
  if (!may_be_asked(step.before) || area == nullptr || !changes_nothing(step)) return false;
  if (!chooses_nothing(step)) return false;
  if (op->page.value() >= area->pages) return tells(step, Status::out_of_bound, {});
  const VirtPage at = area->begin + op->page.value();
  const Tree& kernel = kernel_of(step.before);
  if (!first_mapped(kernel, at, at + 1)) return tells(step, Status::none, {at * kPageBytes});
  const auto [first, leaf] = leaf_of(kernel, at);
  return tells(step, Status::ok,
               {at * kPageBytes, number(leaf.tracked ? ItemName::tracked : ItemName::untracked),
                (leaf.to + (at - first)) * kPageBytes, leaf.property.rights.bits,
                leaf.property.privileged.bits, number(leaf.property.cache.name)});
}

}  // namespace reference
