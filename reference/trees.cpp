// SPDX-License-Identifier: MPL-2.0
// The trees of nodes, and what they map.
#include "reference/trees.h"

#include <algorithm>
#include <iterator>

#include "reference/model.h"

namespace reference {

using trace::Status;

const TableHandle* table_at(const State& state, Lane lane, trace::Table table) {
  const std::optional<TableHandle>& handle =
      table.is_shared() ? state.shared[table.shared()] : state.held[lane].at(table.own());
  return handle ? &*handle : nullptr;
}

const TableHandle* table_of_number(const State& state, std::uint64_t number) {
  if (number >= trace::kMostTables) return nullptr;
  if (number < trace::TableCount::kMost) {
    const std::optional<TableHandle>& handle = state.shared[number];
    return handle ? &*handle : nullptr;
  }
  const std::uint64_t index = number - trace::TableCount::kMost;
  const Held& held = state.held[index / trace::OwnTable::kCount];
  const std::optional<TableHandle>& handle = held.tables[index % trace::OwnTable::kCount];
  return handle ? &*handle : nullptr;
}

std::optional<std::uint64_t> number_of_root(const State& state, Page root) {
  for (std::uint64_t number = 0; number < trace::kMostTables; ++number) {
    const TableHandle* const table = table_of_number(state, number);
    if (table != nullptr && table->root == root) return number;
  }
  return std::nullopt;
}

Entry entry_at(const Tree& tree, Level level, VirtPage page) {
  Entry entry;
  const auto leaf = tree.mappings.find(entry_begin(level, page));
  if (leaf != tree.mappings.end() && leaf->second.level == level) entry.leaf = &leaf->second;
  if (level > 1) {
    const auto table = tree.nodes.find(place_of(static_cast<Level>(level - 1), page));
    if (table != tree.nodes.end()) entry.table = &table->second;
  }
  return entry;
}

const std::pair<const VirtPage, Mapping>* mapping_of(const Tree& tree, VirtPage page) {
  auto at = tree.mappings.upper_bound(page);
  if (at == tree.mappings.begin()) return nullptr;
  --at;
  return page - at->first < span_of(at->second.level) ? &*at : nullptr;
}

const Tree& tree_for(const State& state, const TableHandle& table, VirtPage page) {
  const bool is_upper = page >= kVirtEnd / 2;
  if (is_users(table.kind) && is_upper) {
    return state.trees.at(state.shared[0]->root);
  }
  return state.trees.at(table.root);
}

Path path_of(const Tree& tree, Page root, Level level, VirtPage page, Page to) {
  Path path{.page = to, .table = root};
  for (Level at = tree.top.level; at >= level; --at) path.indices.push_back(index_at(at, page));
  return path;
}

void touch(State& state, Page root, VirtPage first, VirtPage last) {
  const auto [at, is_new] = state.touched_tables.try_emplace(root, first, last);
  at->second = {std::min(at->second.first, first), std::max(at->second.second, last)};
}

namespace {

// Of the node with an entry at a level for a page.
Node& node_with(State& state, const Tree& tree, Level level, VirtPage page) {
  const Page node = tree.nodes.at(place_of(level, page));
  state.touched.insert(node);
  return state.nodes.at(node);
}

// The pages given back, in the order in which a system was seen to give them, if those they are.
std::vector<Page> as_given(std::vector<Page> pages, const Answer& seen, std::size_t from) {
  const trace::PageList& given = seen.choices.given;
  std::vector<Page> order;
  for (std::size_t i = from; i < given.kept() && order.size() < pages.size(); ++i) {
    order.push_back(given.page[i]);
  }
  return std::ranges::is_permutation(order, pages) ? order : pages;
}

}  // namespace

Status take_nodes(State& state, Lane lane, std::size_t count, const Answer& seen, Answer& answer,
                  std::vector<Page>& into) {
  std::vector<Page> taken;
  while (taken.size() < count) {
    const std::optional<Page> page = take_page(state, lane, seen, answer);
    if (!page && answer.reply.status == Status::impermissible) {
      for (const Page back : taken) state.free.insert(back);
      return Status::impermissible;
    }
    if (!page) {
      for (const Page back : as_given(taken, seen, answer.choices.given.count)) {
        state.free.insert(back);
        answer.choices.given.push(back);
      }
      return Status::no_memory;
    }
    state.written.erase(*page);
    state.murky.insert(*page);
    taken.push_back(*page);
  }
  into.insert(into.end(), taken.begin(), taken.end());
  return Status::ok;
}

void make_node(State& state, Page page, NodePlace place, std::optional<Lane> locked_by) {
  const trace::Kind kind{trace::KindName::node};
  state.touched.insert(page);
  Slot& slot = state.slots[page];
  slot.rc = 1;
  slot.usage = usage_of(kind);
  slot.vtable = kind;
  slot.storage = made(kind, place.level);
  state.nodes[page] = {.place = place, .locked_by = locked_by};
}

void make_top(State& state, Page page, trace::TableKindName kind, NodePlace place) {
  make_node(state, page, place, std::nullopt);
  state.trees[page] = {.kind = kind, .top = place, .nodes = {{place, page}}};
}

void link_node(State& state, Page root, Page page, NodePlace place, std::optional<Lane> locked_by) {
  Tree& tree = state.trees.at(root);
  const auto level = static_cast<Level>(place.level + 1);
  make_node(state, page, place, locked_by);
  node_with(state, tree, level, place.begin).children += 1;
  tree.nodes[place] = page;
  state.paths.insert(path_of(tree, root, level, place.begin, page));
}

void put_mapping(State& state, Page root, VirtPage at, const Mapping& mapping) {
  Tree& tree = state.trees.at(root);
  node_with(state, tree, mapping.level, at).children += 1;
  tree.mappings[at] = mapping;
  if (mapping.tracked) state.paths.insert(path_of(tree, root, 1, at, mapping.to));
  touch(state, root, at, at + span_of(mapping.level) - 1);
}

void remove_mapping(State& state, Page root, VirtPage at) {
  Tree& tree = state.trees.at(root);
  const Mapping mapping = tree.mappings.at(at);
  note_stale(state, root, at, mapping);
  node_with(state, tree, mapping.level, at).children -= 1;
  tree.mappings.erase(at);
  if (mapping.tracked) state.paths.erase(path_of(tree, root, 1, at, mapping.to));
  touch(state, root, at, at + span_of(mapping.level) - 1);
}

// Translations are as before, so what CPUs keep is none the staler. The parent has one entry as
// before, too.
void split_mapping(State& state, Page root, VirtPage at, Page node, std::optional<Lane> locked_by) {
  Tree& tree = state.trees.at(root);
  const Mapping whole = tree.mappings.at(at);
  tree.mappings.erase(at);
  node_with(state, tree, whole.level, at).children -= 1;
  const auto level = static_cast<Level>(whole.level - 1);
  const NodePlace place = place_of(level, at);
  link_node(state, root, node, place, locked_by);
  state.nodes.at(node).children = kEntries;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    Mapping part = whole;
    part.level = level;
    part.to += i * span_of(level);
    tree.mappings[at + i * span_of(level)] = part;
  }
  touch(state, root, at, at + span_of(whole.level) - 1);
}

namespace {

// Makes what is at and below a place a tree of its own. Its upper entry is the caller's affair.
Tree& cut(State& state, Page top, NodePlace place) {
  Tree& from = state.trees.at(top);
  const Page page = from.nodes.at(place);
  const VirtPage end = place.begin + span_of(static_cast<Level>(place.level + 1));
  Tree part{.kind = from.kind, .top = place};
  for (Level level = place.level; level >= 1; --level) {
    auto at = from.nodes.lower_bound({level, place.begin});
    while (at != from.nodes.end() && at->first.level == level && at->first.begin < end) {
      if (from.is_table()) {
        state.paths.erase(
            path_of(from, top, static_cast<Level>(level + 1), at->first.begin, at->second));
      }
      part.nodes.insert(from.nodes.extract(at++));
    }
  }
  auto at = from.mappings.lower_bound(place.begin);
  while (at != from.mappings.end() && at->first < end) {
    if (from.is_table() && at->second.tracked) {
      state.paths.erase(path_of(from, top, 1, at->first, at->second.to));
    }
    part.mappings.insert(from.mappings.extract(at++));
  }
  return state.trees[page] = std::move(part);
}

// What a node refers to is to be dropped, in ascending order; it is no node then.
void end_node(State& state, Page page, Phases& todo) {
  const NodePlace top = state.nodes.at(page).place;
  const bool has_tree = state.trees.contains(page);
  if (!has_tree) return;
  std::map<VirtPage, std::optional<Page>> entries;  // Of each leaf, and of each table its page.
  const Tree& tree = state.trees.at(page);
  for (const auto& [at, mapping] : tree.mappings) {
    if (mapping.level == top.level) entries[at] = std::nullopt;
  }
  for (const auto& [place, node] : tree.nodes) {
    if (place.level + 1 == top.level) entries[place.begin] = node;
  }
  Phases drops;
  for (const auto& [at, table] : entries) {
    if (table) {
      cut(state, page, {static_cast<Level>(top.level - 1), at});
      drops.push_back({Phase::Next::drop, *table});
      continue;
    }
    const Mapping mapping = tree.mappings.at(at);
    if (!mapping.tracked) continue;
    if (tree.is_table()) state.paths.erase(path_of(tree, page, 1, at, mapping.to));
    drops.push_back({Phase::Next::drop, mapping.to});
  }
  todo.insert(todo.end(), drops.rbegin(), drops.rend());
  state.trees.erase(page);
  state.nodes.erase(page);
}

void begin_end(State& state, Page page, Phases& todo, Answer& answer, std::size_t first) {
  if (state.nodes.contains(page)) {
    end_node(state, page, todo);
  } else {
    note_end(answer, first, state, page);
  }
}

}  // namespace

void remove_table(State& state, Page root, NodePlace place) {
  const Tree& table = state.trees.at(root);
  node_with(state, table, static_cast<Level>(place.level + 1), place.begin).children -= 1;
  const Tree& part = cut(state, root, place);
  for (const auto& [at, mapping] : part.mappings) note_stale(state, root, at, mapping);
  for (const auto& [at, page] : part.nodes) {
    Node& node = state.nodes.at(page);
    node.stray = true;
    node.locked_by.reset();
    state.touched.insert(page);
  }
  touch(state, root, place.begin, place.begin + span_of(static_cast<Level>(place.level + 1)) - 1);
}

void fall(State& state, Phases& todo, Answer& answer, std::size_t first) {
  const auto [next, page] = todo.back();
  todo.pop_back();
  Slot& slot = state.slots[page];
  state.touched.insert(page);
  if (next == Phase::Next::drop && slot.rc > 1) {
    slot.rc -= 1;
  } else if (next == Phase::Next::drop) {
    slot.rc = 0;
    todo.push_back({Phase::Next::retire, page});
    begin_end(state, page, todo, answer, first);
  } else if (next == Phase::Next::retire) {
    retire(slot);
    answer.choices.given.push(page);
    if (page >= state.machine.loose.raw) todo.push_back({Phase::Next::give_back, page});
  } else {
    state.free.insert(page);
  }
}

void end_metadata(State& state, Page page, Answer& answer, std::size_t first) {
  Phases todo;
  begin_end(state, page, todo, answer, first);
  while (!todo.empty()) fall(state, todo, answer, first);
}

}  // namespace reference
