// SPDX-License-Identifier: MPL-2.0
// The laws of trees of nodes and of what they map, as predicates on states; and of what happens to
// nodes in a step.
#include "reference/table_conditions.h"

namespace reference {

namespace {

bool all_trees(const State& state, auto&& is_so) {
  return std::ranges::all_of(state.trees,
                             [&](const auto& tree) { return is_so(tree.first, tree.second); });
}

Level below(Level level) { return static_cast<Level>(level - 1); }

// How many entries of a node are present.
std::uint64_t entries_of(const Tree& tree, NodePlace place) {
  const VirtPage end = end_of(place);
  std::uint64_t entries = 0;
  auto leaf = tree.mappings.lower_bound(place.begin);
  for (; leaf != tree.mappings.end() && leaf->first < end; ++leaf) {
    entries += leaf->second.level == place.level ? 1 : 0;
  }
  auto table = tree.nodes.lower_bound({below(place.level), place.begin});
  for (; table != tree.nodes.end() && table->first.level == below(place.level) &&
         table->first.begin < end;
       ++table) {
    ++entries;
  }
  return entries;
}

bool is_well_formed(const State& state, const Tree& tree, VirtPage at, const Mapping& mapping) {
  const Shape shape = shape_of(tree.kind);
  const std::uint64_t span = span_of(mapping.level);
  if (mapping.level < 1 || mapping.level > shape.highest) return false;
  if (at % span != 0 || mapping.to % span != 0) return false;
  if (mapping.property.cache.name == trace::CacheName::write_protected) return false;
  if (!mapping.tracked) return true;
  if (mapping.level != 1 || !shape.takes_frames || mapping.to >= state.slots.size()) return false;
  const Slot& slot = state.slots[mapping.to];
  return is_frame(slot.usage) && slot.rc >= 1 && slot.rc <= kMost;
}

// The indices that lead from a root to an entry.
std::vector<std::uint16_t> indices_to(Level levels, Level level, VirtPage page) {
  std::vector<std::uint16_t> indices;
  for (Level at = levels; at >= level; --at) {
    std::uint64_t index = page;
    for (Level i = 1; i < at; ++i) index /= kEntries;
    indices.push_back(static_cast<std::uint16_t>(index % kEntries));
  }
  return indices;
}

// The nodes that end in a step: they were, and are no more.
std::vector<Page> nodes_ended(const Step& step) {
  std::vector<Page> pages;
  for (const auto& [page, node] : step.before.nodes) {
    if (!step.after.nodes.contains(page)) pages.push_back(page);
  }
  return pages;
}

// Calls `is_so(tree, page, place)` for the nodes that end.
bool all_ended(const Step& step, auto&& is_so) {
  if (!is_answered(step)) return true;
  return std::ranges::all_of(nodes_ended(step), [&](Page page) {
    const Tree* const tree = tree_with(step.before, page);
    return tree != nullptr && is_so(*tree, page, step.before.nodes.at(page).place);
  });
}

std::vector<Page> children_of(const Tree& tree, NodePlace place) {
  std::vector<Page> pages;
  for (const auto& [at, page] : tree.nodes) {
    const bool is_child =
        at.level + 1 == place.level && at.begin >= place.begin && at.begin < end_of(place);
    if (is_child) pages.push_back(page);
  }
  return pages;
}

std::vector<Page> nodes_made(const Step& step) {
  std::vector<Page> pages;
  for (const auto& [page, node] : step.after.nodes) {
    if (!step.before.nodes.contains(page)) pages.push_back(page);
  }
  return pages;
}

std::vector<Page> kernel_tables(const State& state) {
  if (!state.shared[0]) return {};
  const auto kernel = state.trees.find(state.shared[0]->root);
  return kernel == state.trees.end() ? std::vector<Page>{}
                                     : children_of(kernel->second, kernel->second.top);
}

}  // namespace

bool node_count_is_the_owners(const State& state, const Owners& owners, Page page) {
  const Slot& slot = state.slots[page];
  if (slot.usage != trace::Usage::page_table) return owners.tables == 0 && owners.active == 0;
  if (status_of(slot.rc) != SlotStatus::shared) return true;
  return slot.rc == owners.shared() && owners.paths + owners.strays <= 1;
}

bool levels_go_down(const State& state) {
  return all_trees(state, [&](Page top, const Tree& tree) {
    const Level levels = shape_of(tree.kind).levels;
    const auto found = tree.nodes.find(tree.top);
    if (found == tree.nodes.end() || found->second != top) return false;
    if (tree.top.level > levels) return false;
    return std::ranges::all_of(tree.nodes, [&](const auto& one) {
      const auto& [place, page] = one;
      const auto node = state.nodes.find(page);
      if (node == state.nodes.end() || node->second.place != place) return false;
      if (place.level < 1 || place.level > levels || place.begin % (end_of(place) - place.begin)) {
        return false;
      }
      const auto parent = static_cast<Level>(place.level + 1);
      return place == tree.top || tree.nodes.contains(place_of(parent, place.begin));
    });
  });
}

bool children_are_counted(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return std::ranges::all_of(tree.nodes, [&](const auto& one) {
      const auto node = state.nodes.find(one.second);
      return node != state.nodes.end() && node->second.children <= kEntries &&
             node->second.children == entries_of(tree, one.first);
    });
  });
}

bool nodes_have_their_slots(const State& state) {
  for (Page page = 0; page < state.slots.size(); ++page) {
    const Slot& slot = state.slots[page];
    const auto node = state.nodes.find(page);
    // In the midst of its end it is a node no more.
    if (node == state.nodes.end()) {
      if (slot.usage == trace::Usage::page_table && slot.rc != 0) return false;
      continue;
    }
    const Metadata wanted = made({trace::KindName::node}, node->second.place.level);
    const bool is_alive = slot.rc == kUnique || (slot.rc >= 1 && slot.rc <= kMost);
    if (!is_alive || slot.usage != trace::Usage::page_table || slot.storage != wanted ||
        slot.vtable != wanted.kind || !state.machine.is_allocators(page * kPageBytes)) {
      return false;
    }
  }
  return true;
}

bool leaves_are_well_formed(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return std::ranges::all_of(tree.mappings, [&](const auto& one) {
      return is_well_formed(state, tree, one.first, one.second);
    });
  });
}

bool entries_are_one_thing(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return std::ranges::all_of(tree.mappings, [&](const auto& one) {
      const Level level = one.second.level;
      return level <= 1 || !tree.nodes.contains({below(level), one.first});
    });
  });
}

bool borrows_the_kernels_half(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    const bool borrows = tree.is_table() && is_users(tree.kind);
    return tree.borrowed == (borrows ? kernel_tables(state) : std::vector<Page>{});
  });
}

bool nodes_are_in_one_tree(const State& state) {
  std::set<Page> seen;
  for (const auto& [top, tree] : state.trees) {
    for (const auto& [place, page] : tree.nodes) {
      if (!seen.insert(page).second) return false;
    }
  }
  return seen.size() == state.nodes.size();
}

bool makes_fresh_nodes(const Step& step) {
  if (!is_answered(step)) return true;
  return std::ranges::all_of(nodes_made(step), [&](Page page) {
    const Node& node = step.after.nodes.at(page);
    const trace::PageList& taken = step.answer.choices.taken;
    const bool is_taken = std::count(taken.page.begin(), taken.page.begin() + taken.kept(), page);
    // What an area could not keep was made, and taken out again.
    const bool may_be_stray = step.answer.reply.status == trace::Status::no_memory &&
                              (as<trace::AreaMapFrames>(step) || as<trace::AreaMapRange>(step));
    return is_taken && step.before.free.contains(page) && (!node.stray || may_be_stray) &&
           step.after.slots[page].rc == 1;
  });
}

bool stray_nodes_are_unreachable(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return !tree.is_table() || std::ranges::none_of(tree.nodes, [&](const auto& one) {
      const auto node = state.nodes.find(one.second);
      return node != state.nodes.end() && node->second.stray;
    });
  });
}

bool strays_stay_as_they_are(const Step& step) {
  if (!is_answered(step)) return true;
  return std::ranges::all_of(step.before.nodes, [&](const auto& one) {
    const auto now = step.after.nodes.find(one.first);
    if (!one.second.stray || now == step.after.nodes.end()) return true;
    return now->second == one.second;
  });
}

bool kernels_root_is_whole(const State& state) {
  for (std::size_t i = 0; i < state.shared.size(); ++i) {
    const std::optional<TableHandle>& table = state.shared[i];
    if (table.has_value() != (i < state.machine.tables.count)) return false;
    if (!table) continue;
    const auto tree = state.trees.find(table->root);
    if (tree == state.trees.end() || tree->second.kind != trace::kSharedKinds[i]) return false;
  }
  if (!state.shared[0]) return true;
  const Tree& kernel = state.trees.at(state.shared[0]->root);
  constexpr Shape kShape = shape_of(trace::TableKindName::kernel);
  for (VirtPage at = kShape.range_begin(); at < kShape.range_end(); at += span_of(4)) {
    if (!kernel.nodes.contains({3, at})) return false;
  }
  return true;
}

bool keeps_the_kernels_tables(const Step& step) {
  return kernel_tables(step.before) == kernel_tables(step.after) &&
         step.before.shared == step.after.shared;
}

bool mappings_are_whole(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return std::ranges::all_of(tree.mappings, [&](const auto& one) {
      const auto& [at, mapping] = one;
      if (mapping.level < 1 || mapping.level > 3) return false;
      const std::uint64_t span = span_of(mapping.level);
      return at % span == 0 && mapping.to % span == 0 && at <= kVirtEnd - span &&
             mapping.to <= kPhysEnd - span;
    });
  });
}

bool mappings_are_disjoint(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    const Shape shape = shape_of(tree.kind);
    VirtPage end = shape.range_begin();
    for (const auto& [at, mapping] : tree.mappings) {
      if (at < end) return false;
      end = at + span_of(mapping.level);
    }
    return end <= shape.range_end();
  });
}

// From the top down to each page that is mapped there is a node on each level, and no leaf before.
bool mappings_are_reached(const State& state) {
  return all_trees(state, [&](Page, const Tree& tree) {
    return std::ranges::all_of(tree.mappings, [&](const auto& one) {
      for (Level level = tree.top.level; level >= one.second.level; --level) {
        if (!tree.nodes.contains(place_of(level, one.first))) return false;
        if (level == one.second.level) return true;
        const auto above = tree.mappings.find(entry_begin(level, one.first));
        if (above != tree.mappings.end() && above->second.level == level) return false;
      }
      return false;
    });
  });
}

bool paths_are_the_entries(const State& state) {
  std::set<Path> paths;
  for (const auto& [top, tree] : state.trees) {
    const Level levels = shape_of(tree.kind).levels;
    if (tree.top.level != levels) continue;
    for (const auto& [at, mapping] : tree.mappings) {
      if (mapping.tracked) paths.insert({mapping.to, top, indices_to(levels, 1, at)});
    }
    for (const auto& [place, page] : tree.nodes) {
      if (place.level == levels) continue;
      const auto level = static_cast<Level>(place.level + 1);
      paths.insert({page, top, indices_to(levels, level, place.begin)});
    }
  }
  return paths == state.paths;
}

bool walk_covers_tables(const Step& step) {
  return all_ended(step, [&](const Tree& tree, Page, NodePlace place) {
    return std::ranges::all_of(children_of(tree, place), [&](Page child) {
      return child < step.before.slots.size() && step.before.nodes.contains(child) &&
             step.before.slots[child].usage == trace::Usage::page_table;
    });
  });
}

bool walks_over_right_leaves(const Step& step) {
  return all_ended(step, [&](const Tree& tree, Page, NodePlace place) {
    return std::ranges::all_of(tree.mappings, [&](const auto& one) {
      const auto& [at, mapping] = one;
      const bool is_below = at >= place.begin && at < end_of(place);
      return !is_below || mapping.level != place.level ||
             is_well_formed(step.before, tree, at, mapping);
    });
  });
}

bool walks_to_each_table_once(const Step& step) {
  std::set<Page> seen;
  return all_ended(step, [&](const Tree& tree, Page, NodePlace place) {
    return std::ranges::all_of(children_of(tree, place),
                               [&](Page child) { return seen.insert(child).second; });
  });
}

bool walks_to_tables_that_can_end(const Step& step) {
  return all_ended(step, [&](const Tree& tree, Page, NodePlace place) {
    return std::ranges::all_of(children_of(tree, place), [&](Page child) {
      if (child >= step.before.slots.size()) return false;
      const Slot& slot = step.before.slots[child];
      return slot.rc >= 1 && slot.rc <= kMost && slot.storage && slot.in_list == 0;
    });
  });
}

bool makes_tables_below_a_root(const Step& step) {
  if (!is_answered(step)) return true;
  return std::ranges::all_of(nodes_made(step), [&](Page page) {
    const Tree* const tree = tree_with(step.after, page);
    const Level level = step.after.nodes.at(page).place.level;
    if (tree == nullptr || level < 1) return false;
    const Level levels = shape_of(tree->kind).levels;
    if (as<trace::TableNew>(step) != nullptr) return level == levels;
    const bool is_copys_root = as<trace::SpaceFork>(step) != nullptr && tree->top.begin == 0 &&
                               tree->nodes.at(tree->top) == page;
    return is_copys_root ? level == levels : level < levels;
  });
}

// A lane locks and unlocks for itself, by its cursor.
bool changes_no_other_lock(const Step& step) {
  if (!is_answered(step)) return true;
  return std::ranges::all_of(step.before.nodes, [&](const auto& one) {
    const auto now = step.after.nodes.find(one.first);
    if (now == step.after.nodes.end()) return !one.second.locked_by.has_value();
    const auto& was = one.second.locked_by;
    const auto& is = now->second.locked_by;
    if (was == is) return true;
    if ((was && *was != step.lane) || (is && *is != step.lane)) return false;
    if (as<trace::CursorOpen>(step) != nullptr) return !was;
    if (as<trace::CursorClose>(step) != nullptr) return !is;
    return was && now->second.stray;  // It was taken out.
  });
}

}  // namespace reference
