// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on areas are written: where they may lie, what is taken out of
// them, and who must forget it.
#pragma once

#include "reference/cursor_conditions.h"

namespace reference {

constexpr VirtPage kAreasFirst = trace::kAreasBegin / kPageBytes;
constexpr VirtPage kAreasLast = trace::kAreasEnd / kPageBytes - 1;

inline bool is_of_areas(const Step& step) {
  return std::string_view(trace::name_of(step.op)).starts_with("area_");
}

inline const Tree& kernel_of(const State& state) { return state.trees.at(state.shared[0]->root); }

// Calls `each(lane, area)`.
inline void for_each_area(const State& state, auto&& each) {
  for (Lane lane = 0; lane < state.held.size(); ++lane) {
    for (const auto& area : state.held[lane].areas) {
      if (area) each(lane, *area);
    }
  }
}

// Where an area of so many pages has to begin, if there is room: it ends where the lowest free run
// of so many pages does.
inline std::optional<VirtPage> place_for(const State& state, std::uint64_t pages) {
  std::vector<bool> is_free(trace::kAreaPages + 1, true);
  is_free.back() = false;
  for_each_area(state, [&](Lane, const AreaRange& area) {
    for (VirtPage at = area.begin; at < area.end(); ++at) is_free[at - kAreasFirst] = false;
  });
  std::uint64_t run = 0;
  for (std::uint64_t i = 0; i < is_free.size(); ++i) {
    if (is_free[i]) {
      ++run;
      continue;
    }
    if (run >= pages) return kAreasFirst + i - pages;
    run = 0;
  }
  return std::nullopt;
}

// What is taken out of a tree, if it goes from the first page of a range that is mapped to the
// last: tables whole where all of them lies between, and pages.
struct TakenOut {
  std::uint64_t pages = 0;
  std::uint64_t tables = 0;
  std::uint64_t frames = 0;        // That the tables mapped.
  std::vector<Page> waits{};       // Frames and tables, in order.
  std::map<Page, Tree> strays{};   // The tables.
  std::vector<VirtPage> places{};  // All pages that were mapped.
};
inline TakenOut take_out(Tree& tree, VirtPage begin, VirtPage end) {
  TakenOut out;
  for (const auto& [at, mapping] : tree.mappings) {
    if (at + span_of(mapping.level) <= begin || at >= end) continue;
    for (VirtPage page = at; page < at + span_of(mapping.level); ++page) {
      if (page >= begin && page < end) out.places.push_back(page);
    }
  }
  if (out.places.empty()) return out;
  const VirtPage behind = out.places.back() + 1;
  for (VirtPage at = out.places.front(); at < behind;) {
    const NodePlace place{1, at};
    if (const auto table = tree.nodes.find(place);
        table != tree.nodes.end() && end_of(place) <= behind) {
      const Tree part = part_of(tree, place);
      out.tables += 1;
      out.frames += part.mappings.size();
      out.waits.push_back(table->second);
      out.strays[table->second] = part;
      tree.nodes.erase(table);
      for (const auto& [page, mapping] : part.mappings) tree.mappings.erase(page);
      at = end_of(place);
    } else if (const auto leaf = tree.mappings.find(at); leaf != tree.mappings.end()) {
      out.pages += 1;
      if (leaf->second.tracked) out.waits.push_back(leaf->second.to);
      at += span_of(leaf->second.level);
      tree.mappings.erase(leaf);
    } else {
      ++at;
    }
  }
  return out;
}

// ---- Flushes ----

// Whether there was a table, of this range alone, that is no more.
inline bool misses_a_table(const Step& step, VirtPage begin, VirtPage end) {
  const auto& after = kernel_of(step.after).nodes;
  return std::ranges::any_of(kernel_of(step.before).nodes, [&](const auto& one) {
    const NodePlace& place = one.first;
    return place.begin >= begin && end_of(place) <= end && !after.contains(place);
  });
}

// What a step makes every CPU of the machine forget: what was mapped in an area that is no more, or
// where a table was that has made room for a larger page.
inline Flushes flushed_everywhere(const Step& step) {
  if (!is_answered(step)) return {};
  Flushes flushes;
  if (const auto* op = as<trace::AreaDrop>(step)) {
    if (const AreaRange* const area = held_before(step, op->from)) {
      Tree kernel = kernel_of(step.before);
      const TakenOut out = take_out(kernel, area->begin, area->end());
      for (const VirtPage page : out.places) add_flush(flushes, page, 1);
    }
  }
  auto add_what_was_mapped = [&](const auto& op) {
    const auto at = place_for(step.before, op.pages.value());
    if (!at) return;
    const VirtPage begin = *at + op.offset.value();
    const std::uint64_t mapped = step.answer.reply.results[1];
    const bool is_taken_out = step.answer.reply.status == trace::Status::no_memory;
    if (is_taken_out || misses_a_table(step, begin, begin + mapped)) {
      add_flush(flushes, begin, mapped);
    }
  };
  if (const auto* op = as<trace::AreaMapFrames>(step)) add_what_was_mapped(*op);
  if (const auto* op = as<trace::AreaMapRange>(step)) add_what_was_mapped(*op);
  flushes.global = flushes.all;
  return flushes;
}

// Of the machine, but that of a lane: a bit for each.
inline std::uint64_t other_cpus(const State& state, Lane lane) {
  return ((std::uint64_t{1} << state.machine.cpus.count) - 1) & ~(std::uint64_t{1} << lane);
}

// What CPUs are told, and have done when they have been waited for. What they keep is for others.
inline void have_all_flush(State& state, Lane lane, const Flushes& flushes) {
  if (!flushes.any()) return;
  const bool has_yet_to_pass = state.grace.to_pass.contains(lane);
  for (Lane cpu = 0; cpu < state.machine.cpus.count; ++cpu) {
    if (cpu == lane) continue;
    state.cpus[cpu].queue = {};
    state.cpus[cpu].told_by = {};
    if (has_yet_to_pass) state.grace.to_pass.insert(cpu);
  }
}

// No CPU passes before it has forgotten, though it may have passed before (POST-44).
inline bool all_pass_after_they_flush(const Step& step) {
  if (!flushed_everywhere(step).any()) return true;
  const std::set<Lane>& to_pass = step.after.grace.to_pass;
  for (Lane cpu = 0; cpu < step.after.machine.cpus.count; ++cpu) {
    if (to_pass.contains(step.lane) && !to_pass.contains(cpu)) return false;
  }
  return true;
}

// All CPUs have done what they were told, and the others what was queued before, too (POST-45).
inline bool all_have_flushed(const Step& step) {
  const Flushes flushes = flushed_everywhere(step);
  if (!flushes.any()) return true;
  for (Lane cpu = 0; cpu < step.after.machine.cpus.count; ++cpu) {
    Processor flushed = step.after.cpus[cpu];
    if (cpu != step.lane) {
      if (!flushed.queue.empty() || !flushed.told_by.empty()) return false;
      for (const Flushes& one : step.before.cpus[cpu].queue) forget_by(flushed, one);
    }
    forget_by(flushed, flushes);
    if (flushed.kept != step.after.cpus[cpu].kept) return false;
  }
  return true;
}

}  // namespace reference
