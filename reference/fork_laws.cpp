// SPDX-License-Identifier: MPL-2.0
// What is promised of copied spaces (C.10).
#include "reference/touch_conditions.h"

namespace reference {

using trace::Rights;
using trace::Status;
using trace::TableKindName;

namespace {

Rights without(Rights rights, unsigned bits) {
  rights.bits = static_cast<std::uint8_t>(rights.bits & ~bits);
  return rights;
}
bool could_be_written(const Mapping& mapping) {
  return mapping.tracked && mapping.property.rights.has(Rights::kWritable);
}

// Where the copy has tables: the root, and each before what is below it, if anything is mapped.
void add_places(const Tree& tree, NodePlace place, std::vector<NodePlace>& places) {
  const auto first = tree.mappings.lower_bound(place.begin);
  const bool maps_any = first != tree.mappings.end() && first->first < end_of(place);
  if (!maps_any && place != tree.top) return;
  places.push_back(place);
  for (const auto& [below, page] : tree.nodes) {
    const bool is_child =
        below.level + 1 == place.level && below.begin >= place.begin && below.begin < end_of(place);
    if (is_child) add_places(tree, below, places);
  }
}

bool has_these_nodes(const Tree& copy, const std::vector<NodePlace>& places,
                     const std::vector<Page>& pages) {
  if (pages.size() != places.size() || copy.nodes.size() != places.size()) return false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto node = copy.nodes.find(places[i]);
    if (node == copy.nodes.end() || node->second != pages[i]) return false;
  }
  return true;
}

// The old one's mappings as they have to be now, and the copy's.
std::map<VirtPage, Mapping> left_of(std::map<VirtPage, Mapping> mappings) {
  for (auto& [at, mapping] : mappings) {
    Rights& rights = mapping.property.rights;
    if (mapping.tracked) rights = without(rights, Rights::kWritable);
  }
  return mappings;
}
std::map<VirtPage, Mapping> copied(const std::map<VirtPage, Mapping>& mappings) {
  std::map<VirtPage, Mapping> copies = left_of(mappings);
  for (auto& [at, mapping] : copies) {
    Rights& rights = mapping.property.rights;
    rights = without(rights, Rights::kAccessed | Rights::kDirty);
  }
  return copies;
}

// Whether a count comes to lie above the maximum.
bool would_overflow(const State& state, const Tree& tree) {
  std::map<Page, std::uint64_t> counts;
  for (const auto& [at, mapping] : tree.mappings) {
    if (!mapping.tracked) continue;
    std::uint64_t& count = counts.try_emplace(mapping.to, state.slots[mapping.to].rc).first->second;
    count += 1;
    if (count > kMost) return true;
  }
  return false;
}

bool gives_all_back(const Step& step) {
  return step.before.trees == step.after.trees &&
         step.answer.reply == trace::Reply{.status = Status::no_memory} &&
         changes_tables(step, [](State&, Held&) {});
}

}  // namespace

bool copies_a_space(const Step& step) {
  const auto* const op = as<trace::SpaceFork>(step);
  if (op == nullptr) return true;
  const TableHandle* const from = table_before(step, op->from);
  if (from == nullptr || from->kind != TableKindName::space) return false;
  const Tree& old = step.before.trees.at(from->root);
  if (step.answer.reply.status == Status::aborted) {
    return would_overflow(step.before, old) &&
           step.answer.reply.code == trace::Code::count_overflow && step.after.aborted;
  }
  const auto taken = nodes_taken(step);
  if (!taken) return false;
  if (step.answer.reply.status == Status::no_memory) return taken->empty() && gives_all_back(step);
  if (taken->empty() || would_overflow(step.before, old)) return false;

  const Page root = (*taken)[0];
  std::vector<NodePlace> places;
  add_places(old, old.top, places);
  auto trees = step.before.trees;
  trees.at(from->root).mappings = left_of(old.mappings);
  const auto made = step.after.trees.find(root);
  if (made == step.after.trees.end() || !has_these_nodes(made->second, places, *taken)) {
    return false;
  }
  trees[root] = {.kind = TableKindName::space,
                 .top = old.top,
                 .nodes = made->second.nodes,
                 .mappings = copied(old.mappings),
                 .borrowed = old.borrowed};
  const bool all_unlocked = std::ranges::none_of(
      *taken, [&](Page page) { return step.after.nodes.at(page).locked_by.has_value(); });
  if (trees != step.after.trees || !all_unlocked) return false;

  std::uint64_t frames = 0;
  std::uint64_t writable = 0;
  for (const auto& [at, mapping] : old.mappings) {
    frames += mapping.tracked ? 1 : 0;
    writable += could_be_written(mapping) ? 1 : 0;
  }
  std::uint64_t told = 0;
  for (const Lane cpu : old.active_on) {
    told |= cpu == step.lane || writable == 0 ? 0 : std::uint64_t{1} << cpu;
  }
  return answers(step, {root * kPageBytes, frames, old.mappings.size() - frames, writable, told},
                 step.answer.choices) &&
         changes_tables(step, [&](State& state, Held& held) {
           held.at(op->to) = TableHandle{root, TableKindName::space};
           for (const auto& [at, mapping] : old.mappings) {
             if (mapping.tracked) state.slots[mapping.to].rc += 1;
           }
           if (writable == 0) return;
           tell_cpus(state, step.lane, from->root, {.pages = {}, .all = true});
           for (Lane cpu = 0; cpu < state.cpus.size(); ++cpu) {
             if ((told >> cpu & 1) != 0) do_what_is_queued(state.cpus[cpu]);
           }
         });
}

}  // namespace reference
