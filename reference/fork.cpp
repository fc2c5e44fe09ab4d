// SPDX-License-Identifier: MPL-2.0
// Copies of spaces.
#include <algorithm>

#include "reference/model.h"

namespace reference {

using trace::Rights;
using trace::Status;
using trace::TableKindName;

namespace {

bool has_any_cursor(const State& state) {
  return std::ranges::any_of(state.held, [](const Held& held) { return held.cursor.has_value(); });
}

bool maps_any(const Tree& tree, NodePlace place) {
  const auto first = tree.mappings.lower_bound(place.begin);
  const VirtPage end = place.begin + span_of(static_cast<Level>(place.level + 1));
  return first != tree.mappings.end() && first->first < end;
}

// The tables below a root that map anything, upwards, each before what is below it.
std::vector<NodePlace> tables_to_copy(const Tree& tree) {
  std::vector<NodePlace> places;
  for (const auto& [place, page] : tree.nodes) {
    if (place != tree.top && maps_any(tree, place)) places.push_back(place);
  }
  std::ranges::sort(places, [](const NodePlace& left, const NodePlace& right) {
    return left.begin != right.begin ? left.begin < right.begin : left.level > right.level;
  });
  return places;
}

// Whether the count of a frame has no room for what a tree maps of it.
bool would_overflow(const State& state, const Tree& tree) {
  std::map<Page, std::uint64_t> counts;
  for (const auto& [at, mapping] : tree.mappings) {
    if (mapping.tracked) counts[mapping.to] += 1;
  }
  return std::ranges::any_of(
      counts, [&](const auto& one) { return state.slots[one.first].rc + one.second > kMost; });
}

void take_right(Mapping& mapping, unsigned bits) {
  Rights& rights = mapping.property.rights;
  rights.bits = static_cast<std::uint8_t>(rights.bits & ~bits);
}

// How the copy maps a page.
Mapping copy_of(Mapping mapping) {
  take_right(mapping, Rights::kAccessed | Rights::kDirty);
  if (mapping.tracked) take_right(mapping, Rights::kWritable);
  return mapping;
}

// CPUs may still have such a page as it was.
void protect(State& state, Page root, VirtPage at, Mapping& mapping) {
  note_stale(state, root, at, mapping);
  take_right(mapping, Rights::kWritable);
  touch(state, root, at, at);
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::SpaceFork& op) {
  const TableHandle* const from = table_at(state, lane, op.from);
  return from != nullptr && from->kind == TableKindName::space && !state.held[lane].has(op.to) &&
         !has_any_cursor(state) && !state.at_once;
}

Answer step(State& state, Lane lane, const trace::SpaceFork& op, const Answer& seen) {
  const Page from = table_at(state, lane, op.from)->root;
  const bool overflows = would_overflow(state, state.trees.at(from));
  // How many pages it had taken by then is its affair.
  if (overflows && seen.reply.status != Status::no_memory) {
    Answer answer = abort(state);
    answer.choices = seen.choices;
    return answer;
  }

  const std::vector<NodePlace> tables = tables_to_copy(state.trees.at(from));
  Answer answer;
  std::vector<Page> taken;
  answer.reply.status = take_nodes(state, lane, 1 + tables.size(), seen, answer, taken);
  if (answer.reply.status != Status::ok) return answer;
  const Page root = taken[0];
  state.held[lane].at(op.to) = make_table(state, root, TableKindName::space);
  touch(state, root, 0, kVirtEnd - 1);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    link_node(state, root, taken[i + 1], tables[i], std::nullopt);
  }
  std::uint64_t frames = 0, devices = 0, writable = 0;
  for (auto& [at, mapping] : state.trees.at(from).mappings) {
    put_mapping(state, root, at, copy_of(mapping));
    if (!mapping.tracked) {
      devices += 1;
      continue;
    }
    frames += 1;
    state.slots[mapping.to].rc += 1;
    state.touched.insert(mapping.to);
    if (!mapping.property.rights.has(Rights::kWritable)) continue;
    writable += 1;
    protect(state, from, at, mapping);
  }
  std::uint64_t cpus = 0;
  if (writable > 0) {
    dispatch(state, lane, from, {.pages = {}, .all = true});
    cpus = wait_for_told(state, lane);
  }
  answer.reply.results = {root * kPageBytes, frames, devices, writable, cpus};
  return answer;
}

}  // namespace reference
