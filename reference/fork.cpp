// SPDX-License-Identifier: MPL-2.0
// Copies of spaces.
#include <algorithm>
#include <map>

#include "reference/model.h"

namespace reference {

using trace::Rights;
using trace::Status;
using trace::TableKindName;

namespace {

VirtPage end_of(NodePlace place) {
  return place.begin + span_of(static_cast<Level>(place.level + 1));
}

bool maps_any(const Tree& tree, NodePlace place) {
  const auto first = tree.mappings.lower_bound(place.begin);
  return first != tree.mappings.end() && first->first < end_of(place);
}

// The tables below a table by which something is mapped: each before those below it, upwards.
void add_tables_below(const Tree& tree, NodePlace top, std::vector<NodePlace>& places) {
  if (top.level == 1) return;
  const auto level = static_cast<Level>(top.level - 1);
  for (const auto& [place, page] : tree.nodes) {
    const bool is_below =
        place.level == level && place.begin >= top.begin && place.begin < end_of(top);
    if (!is_below || !maps_any(tree, place)) continue;
    places.push_back(place);
    add_tables_below(tree, place, places);
  }
}

Mapping without(Mapping mapping, unsigned rights) {
  mapping.property.rights.bits = static_cast<std::uint8_t>(mapping.property.rights.bits & ~rights);
  return mapping;
}

// As both have it from now on, but for marks.
Mapping shared(const Mapping& mapping) {
  return mapping.tracked ? without(mapping, Rights::kWritable) : mapping;
}

// Whether a frame would have more counts than there may be.
bool overflows(const State& state, const Tree& old) {
  std::map<Page, std::uint64_t> more;
  return std::ranges::any_of(old.mappings, [&](const auto& entry) {
    const Mapping& mapping = entry.second;
    return mapping.tracked && ++more[mapping.to] > kMost - state.slots[mapping.to].rc;
  });
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::SpaceFork& op) {
  const TableHandle* const old = table_at(state, lane, op.from);
  return !state.at_once && old != nullptr && old->kind == TableKindName::space &&
         !state.held[lane].has(op.to) &&
         std::ranges::none_of(state.held, [](const Held& held) { return held.cursor.has_value(); });
}

Answer step(State& state, Lane lane, const trace::SpaceFork& op, const Answer& seen) {
  const Page from = table_at(state, lane, op.from)->root;
  const Tree old = state.trees.at(from);
  std::vector<NodePlace> places;
  add_tables_below(old, old.top, places);

  // How many pages had been taken when a count could not grow, is not said.
  const bool must_abort = overflows(state, old);
  if (must_abort && seen.reply.status == Status::aborted) {
    return {abort(state).reply, seen.choices};
  }
  Answer answer;
  std::vector<Page> taken;
  answer.reply.status = take_nodes(state, lane, 1 + places.size(), seen, answer, taken);
  if (answer.reply.status != Status::ok) return answer;
  if (must_abort) return {abort(state).reply, answer.choices};

  const TableHandle made = make_table(state, taken[0], TableKindName::space);
  for (std::size_t i = 0; i < places.size(); ++i) {
    link_node(state, made.root, taken[1 + i], places[i], std::nullopt);
  }
  auto& [root, frames, devices, writable, cpus, r5, r6, r7, r8] = answer.reply.results;
  root = made.root * kPageBytes;
  for (const auto& [at, mapping] : old.mappings) {
    put_mapping(state, made.root, at, without(shared(mapping), Rights::kAccessed | Rights::kDirty));
    ++(mapping.tracked ? frames : devices);
    if (mapping.tracked) {
      state.slots[mapping.to].rc += 1;
      state.touched.insert(mapping.to);
    }
    if (shared(mapping) == mapping) continue;
    ++writable;
    note_stale(state, from, at, mapping);
    state.trees.at(from).mappings.at(at) = shared(mapping);
    touch(state, from, at, at);
  }
  touch(state, made.root, 0, kVirtEnd - 1);
  state.held[lane].at(op.to) = made;
  if (writable != 0) cpus = flush_space(state, lane, from);
  return answer;
}

}  // namespace reference
