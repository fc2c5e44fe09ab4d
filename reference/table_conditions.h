// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on page tables are written.
#pragma once

#include "reference/conditions.h"

namespace reference {

// Where the range of a node ends.
constexpr VirtPage end_of(NodePlace place) {
  VirtPage pages = kEntries;
  for (Level level = 1; level < place.level; ++level) pages *= kEntries;
  return place.begin + pages;
}

// Whether something was asked, and came of it: no panic, nor what ends the trace.
inline bool is_answered(const Step& step) {
  return step.answer.reply.status != trace::Status::panicked &&
         step.answer.reply.status != trace::Status::aborted;
}

// The tree that a node is in; null if it is in none.
inline const Tree* tree_with(const State& state, Page page) {
  for (const auto& [top, tree] : state.trees) {
    for (const auto& [place, node] : tree.nodes) {
      if (node == page) return &tree;
    }
  }
  return nullptr;
}

inline const TableHandle* table_before(const Step& step, trace::Table table) {
  const auto& found = table.is_shared() ? step.before.shared[table.shared()]
                                        : step.before.held[step.lane].at(table.own());
  return found ? &*found : nullptr;
}

// What a page is mapped to, by whatever size.
struct Lookup {
  Page to = 0;
  trace::Property property{};
  bool tracked = false;
  bool operator==(const Lookup&) const = default;
};

// Goes through [begin, end) in stretches in which two trees each map all by one page, or nothing:
// calls `each(first, pages, left, right)`.
void for_each_stretch(const Tree& left, const Tree& right, VirtPage begin, VirtPage end,
                      auto&& each) {
  // What is at a page, and how far that goes.
  auto look = [&](const Tree& tree, VirtPage at) -> std::pair<std::optional<Lookup>, VirtPage> {
    auto next = tree.mappings.upper_bound(at);
    const VirtPage until = next == tree.mappings.end() ? end : next->first;
    if (next == tree.mappings.begin()) return {std::nullopt, until};
    const auto& [first, mapping] = *--next;
    VirtPage pages = 1;
    for (Level level = 1; level < mapping.level; ++level) pages *= kEntries;
    if (at - first >= pages) return {std::nullopt, until};
    return {Lookup{mapping.to + (at - first), mapping.property, mapping.tracked}, first + pages};
  };
  while (begin < end) {
    const auto [in_left, left_end] = look(left, begin);
    const auto [in_right, right_end] = look(right, begin);
    const VirtPage until = std::min({left_end, right_end, end});
    each(begin, until - begin, in_left, in_right);
    begin = until;
  }
}

// Whether two trees map the same in [begin, end), by pages of whatever sizes (INV-42).
inline bool maps_the_same(const Tree& left, const Tree& right, VirtPage begin, VirtPage end) {
  bool all_same = true;
  for_each_stretch(
      left, right, begin, end,
      [&](VirtPage, VirtPage, const auto& one, const auto& other) { all_same &= one == other; });
  return all_same;
}

// ---- Pages for nodes ----

// The pages that a step took for nodes and made such, in order; none if it took or was refused what
// it may not.
inline std::optional<std::vector<Page>> nodes_taken(const Step& step) {
  const trace::Choices& choices = step.answer.choices;
  const auto& [taken, given, refused] = choices;
  const bool is_refused = step.answer.reply.status == trace::Status::no_memory;
  if (refused != (is_refused ? 1 : 0) || taken.count != taken.kept()) return std::nullopt;
  if (given.count > taken.count || (given.count > 0 && !is_refused)) return std::nullopt;
  Failing failing = step.before.held[step.lane].failing;
  PageSet free = step.before.free;
  std::vector<Page> pages;
  for (std::uint16_t i = 0; i < taken.count; ++i) {
    if (is_to_fail(failing) || !free.contains(taken.page[i])) return std::nullopt;
    failing = after_one_request(failing);
    free.erase(taken.page[i]);
    pages.push_back(taken.page[i]);
  }
  if (is_refused && !is_to_fail(failing) && !step.before.at_once) {
    // Whatever page is within reach could have been had.
    std::uint64_t reach = step.before.free.size();
    if (step.before.free_blocks) {
      reach = 0;
      for (const trace::FreeBlock& block : *step.before.free_blocks) {
        const bool is_own = block.where == trace::kFirstPool + step.lane ||
                            block.where == trace::kFirstCache + step.lane;
        if (is_own || block.where == trace::kGlobalPool) reach += block.pages;
      }
    }
    if (reach > taken.count) return std::nullopt;
  }
  std::vector<Page> back(given.page.begin(), given.page.begin() + given.count);
  const auto kept = pages.end() - given.count;
  if (!std::is_permutation(back.begin(), back.end(), kept, pages.end())) return std::nullopt;
  pages.erase(kept, pages.end());
  auto is_node = [&](Page page) { return step.after.nodes.contains(page); };
  return std::ranges::all_of(pages, is_node) ? std::optional(pages) : std::nullopt;
}

// Whether a step takes pages for nodes rightly, and changes page tables and `change` only. What
// became of the trees, of the cursor in them, and of what CPUs keep, is for other conditions.
bool changes_tables(const Step& step, auto&& change) {
  const auto kept = nodes_taken(step);
  if (!kept) return false;
  if (step.after.nodes.size() != step.before.nodes.size() + kept->size()) return false;
  return changes_only(step, [&](State& state, Held& held) {
    const trace::PageList& taken = step.answer.choices.taken;
    for (std::uint16_t i = 0; i < taken.count; ++i) {
      state.free.erase(taken.page[i]);
      state.written.erase(taken.page[i]);
      state.murky.insert(taken.page[i]);
      held.failing = after_one_request(held.failing);
    }
    if (step.answer.choices.refused > 0) held.failing = after_one_request(held.failing);
    const trace::PageList& given = step.answer.choices.given;
    for (std::uint16_t i = 0; i < given.count; ++i) state.free.insert(given.page[i]);
    for (const Page page : *kept) {
      const trace::Kind node{trace::KindName::node};
      make(state.slots[page], node, 1);
      state.slots[page].storage = made(node, step.after.nodes.at(page).place.level);
    }
    state.trees = step.after.trees;
    state.nodes = step.after.nodes;
    state.paths = step.after.paths;
    if (held.cursor && step.after.held[step.lane].cursor) {
      held.cursor->at = step.after.held[step.lane].cursor->at;
      held.cursor->level = step.after.held[step.lane].cursor->level;
      held.cursor->nodes = step.after.held[step.lane].cursor->nodes;
    }
    for (std::size_t i = 0; i < state.cpus.size(); ++i) {
      state.cpus[i].kept = step.after.cpus[i].kept;
    }
    change(state, held);
  });
}

// ---- Flushes ----

constexpr std::uint64_t kMostIssued = 31;  // Pages, before they are all.

inline void add_flush(Flushes& flushes, VirtPage at, std::uint64_t pages) {
  flushes.all = flushes.all || flushes.pages.size() + pages > kMostIssued || pages > kMostIssued;
  if (flushes.all) return flushes.pages.clear();
  for (; pages > 0; --pages, ++at) flushes.pages.push_back(at == kVirtEnd ? at = 0 : at);
}

inline bool names(const Flushes& flushes, VirtPage page) {
  return std::ranges::find(flushes.pages, page) != flushes.pages.end();
}

// What a CPU keeps that does these flushes.
inline void forget_by(Processor& cpu, const Flushes& flushes) {
  std::erase_if(cpu.kept, [&](const Translation& one) {
    if (flushes.all && (flushes.global || !one.global)) return true;
    return std::ranges::any_of(flushes.pages, [&](VirtPage page) {
      return page >= one.begin && page - one.begin < span_of(one.level);
    });
  });
}
inline void do_what_is_queued(Processor& cpu) {
  for (const Flushes& flushes : cpu.queue) forget_by(cpu, flushes);
  cpu.queue = {};
  cpu.told_by = {};
}

// What CPUs are told if a lane dispatches for the space with a root.
inline void tell_cpus(State& state, Lane lane, Page root, const Flushes& flushes) {
  if (!flushes.any()) return;
  const std::set<Lane> cpus = state.trees.at(root).active_on;
  const bool has_yet_to_pass = state.grace.to_pass.contains(lane);
  for (Lane cpu = 0; cpu < state.cpus.size(); ++cpu) {
    if (!cpus.contains(cpu)) continue;
    if (cpu == lane) {
      forget_by(state.cpus[cpu], flushes);
      continue;
    }
    state.cpus[cpu].queue.push_back(flushes);
    state.cpus[cpu].told_by.insert(lane);
    if (has_yet_to_pass) state.grace.to_pass.insert(cpu);
  }
}

// What waits for a grace period if these counts are put off, one after another.
inline void add_to_grace(State& state, const std::vector<Page>& pages) {
  for (const Page page : pages) {
    if (!state.grace.running.empty()) {
      state.grace.waiting.push_back(page);
      continue;
    }
    state.grace.running = {page};
    for (Lane lane = 0; lane < state.machine.cpus.count; ++lane) state.grace.to_pass.insert(lane);
  }
}

}  // namespace reference
