// SPDX-License-Identifier: MPL-2.0
// What is promised of copies of spaces.
#include "reference/table_conditions.h"

namespace reference {

using trace::Rights;
using trace::Status;

namespace {

bool may_write(const Mapping& mapping) {
  return mapping.tracked && mapping.property.rights.has(Rights::kWritable);
}

trace::Property less(trace::Property property, unsigned rights) {
  property.rights.bits = static_cast<std::uint8_t>(property.rights.bits & ~rights);
  return property;
}

// The tables by which something is mapped.
std::set<NodePlace> used_tables(const Tree& tree) {
  std::set<NodePlace> used{tree.top};
  for (const auto& [at, mapping] : tree.mappings) {
    for (Level level = mapping.level; level < tree.top.level; ++level) {
      used.insert(place_of(level, at));
    }
  }
  return used;
}

// As they are copied: each before those below it, upwards.
std::vector<NodePlace> in_order(const std::set<NodePlace>& places) {
  std::vector<NodePlace> order(places.begin(), places.end());
  std::ranges::sort(order, [](NodePlace one, NodePlace other) {
    return one.begin != other.begin ? one.begin < other.begin : one.level > other.level;
  });
  return order;
}

bool keeps_all_nodes(const Step& step) {
  return std::ranges::all_of(step.before.nodes, [&](const auto& one) {
    const auto now = step.after.nodes.find(one.first);
    return now != step.after.nodes.end() && now->second == one.second;
  });
}

// Some frame has as many counts as there may be, or would have more.
bool must_abort(const State& state, const Tree& old) {
  std::map<Page, std::uint64_t> counts;
  for (const auto& [at, mapping] : old.mappings) {
    if (!mapping.tracked) continue;
    const auto count = counts.try_emplace(mapping.to, state.slots[mapping.to].rc).first;
    if (count->second++ >= kMost) return true;
  }
  return false;
}

// The new one's tables have the pages that were taken, in the order in which they were needed.
bool uses_in_order(const std::vector<Page>& taken, const Tree& copy, const Tree& old) {
  const std::vector<NodePlace> order = in_order(used_tables(old));
  if (taken.size() != order.size() || copy.nodes.size() != order.size()) return false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto node = copy.nodes.find(order[i]);
    if (node == copy.nodes.end() || node->second != taken[i]) return false;
  }
  return true;
}

}  // namespace

bool forks(const Step& step) {
  const auto* const op = as<trace::SpaceFork>(step);
  if (op == nullptr) return true;
  const TableHandle* const from = table_before(step, op->from);
  if (from == nullptr || from->kind != trace::TableKindName::space) return false;
  const Tree& old = step.before.trees.at(from->root);
  if (step.answer.reply.status == Status::no_memory) {
    return step.before.trees == step.after.trees && step.before.cpus == step.after.cpus &&
           step.before.paths == step.after.paths && keeps_all_nodes(step) &&
           step.answer.reply == trace::Reply{.status = Status::no_memory} &&
           changes_tables(step, [](State&, Held&) {});
  }
  const bool is_full = must_abort(step.before, old);
  if (step.answer.reply.status == Status::aborted) return is_full;
  const auto& made = step.after.held[step.lane].at(op->to);
  if (!is_ok(step) || is_full || !made || made->kind != from->kind) return false;
  if (step.before.trees.contains(made->root)) return false;

  std::uint64_t frames = 0, writable = 0;
  std::map<VirtPage, Mapping> kept, copied;
  std::map<Page, std::uint64_t> more;  // Counts.
  for (const auto& [at, mapping] : old.mappings) {
    const unsigned lost = mapping.tracked ? Rights::kWritable : 0;
    kept[at] = copied[at] = mapping;
    kept[at].property = less(mapping.property, lost);
    copied[at].property = less(mapping.property, lost | Rights::kAccessed | Rights::kDirty);
    frames += mapping.tracked ? 1 : 0;
    writable += may_write(mapping) ? 1 : 0;
    if (mapping.tracked) ++more[mapping.to];
  }
  auto wanted = step.before.trees;
  wanted.at(from->root).mappings = kept;
  Tree copy = step.after.trees.at(made->root);
  const auto taken = nodes_taken(step);
  if (!taken || !uses_in_order(*taken, copy, old) || !keeps_all_nodes(step) ||
      copy.mappings != copied || !copy.active_on.empty() || copy.borrowed != old.borrowed) {
    return false;
  }
  wanted[made->root] = copy;
  if (wanted != step.after.trees) return false;

  std::uint64_t others = 0;
  for (const Lane cpu : old.active_on) others |= cpu == step.lane ? 0 : std::uint64_t{1} << cpu;
  const auto changes_no_more = [&](State& state, Held& held) {
    for (const auto& [page, counts] : more) state.slots[page].rc += counts;
    held.at(op->to) = *made;
    if (writable == 0) return;
    // They are told, and waited for: all that was queued for them has been done.
    tell_cpus(state, step.lane, from->root, {.pages = {}, .all = true});
    for (Lane cpu = 0; cpu < state.cpus.size(); ++cpu) {
      if ((others >> cpu & 1) != 0) do_what_is_queued(state.cpus[cpu]);
    }
  };
  return changes_tables(step, changes_no_more) &&
         answers(step,
                 {made->root * kPageBytes, frames, old.mappings.size() - frames, writable,
                  writable != 0 ? others : 0},
                 step.answer.choices);
}

}  // namespace reference
