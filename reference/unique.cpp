// SPDX-License-Identifier: MPL-2.0
// Unique frames.
#include "reference/model.h"

namespace reference {

using trace::Status;

bool allows(const State& state, Lane lane, const trace::UniqueFromUnused& op) {
  return !state.held[lane].has(op.to) && !state.machine.is_allocators(state.machine.address(op.at));
}

Answer step(State& state, Lane lane, const trace::UniqueFromUnused& op, const Answer&) {
  return claim(state, lane, state.machine.address(op.at), made(op.kind, op.value.value()),
               {.next = Unfinished::Next::publish_unique, .to = op.to.index});
}

bool allows(const State& state, Lane lane, const trace::UniqueReadMeta& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::UniqueReadMeta& op, const Answer&) {
  return kind_and_words(state.slots[state.held[lane].at(op.from)->page]);
}

bool allows(const State& state, Lane lane, const trace::UniqueWriteMeta& op) {
  return state.held[lane].has(op.from) && state.held[lane].at(op.from)->is_typed();
}

Answer step(State& state, Lane lane, const trace::UniqueWriteMeta& op, const Answer&) {
  const Handle& handle = *state.held[lane].at(op.from);
  state.touched.insert(handle.page);
  state.slots[handle.page].storage = made(handle.kind, op.value.value());
  return {};
}

bool allows(const State& state, Lane lane, const trace::UniqueRepurpose& op) {
  return state.held[lane].has(op.from);
}

// One phase: the page is unique before, throughout and after, so nobody can look (POST-9).
Answer step(State& state, Lane lane, const trace::UniqueRepurpose& op, const Answer&) {
  Handle& handle = *state.held[lane].at(op.from);
  Slot& slot = state.slots[handle.page];
  state.touched.insert(handle.page);

  Answer answer;
  note_no_end(answer, 0);
  end_metadata(state, handle.page, answer, 0);
  slot.usage = usage_of(op.kind);
  slot.vtable = op.kind;
  slot.storage = made(op.kind, op.value.value());
  handle = {handle.page, Knows::kind, op.kind};
  return answer;
}

bool allows(const State& state, Lane lane, const trace::UniqueReset& op) {
  const Held& held = state.held[lane];
  return held.has(op.from) && held.at(op.from)->page < state.machine.loose.raw;
}

Answer step(State& state, Lane lane, const trace::UniqueReset& op, const Answer&) {
  std::optional<Handle>& from = state.held[lane].at(op.from);
  const Page page = from->page;
  from.reset();
  tear_down(state, lane, page);

  Answer answer;
  note_no_end(answer, 0);
  end_metadata(state, page, answer, 0);
  return answer;
}

bool allows(const State& state, Lane lane, const trace::UniqueIntoShared& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::UniqueIntoShared& op, const Answer&) {
  Held& held = state.held[lane];
  Slot& slot = state.slots[held.at(op.from)->page];
  state.touched.insert(held.at(op.from)->page);
  slot.rc = 1;
  slot.parked = true;
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return {};
}

bool allows(const State& state, Lane lane, const trace::UniqueTryFromFrame& op) {
  const Held& held = state.held[lane];
  return held.has(op.from) && !held.at(op.from)->is_untyped() && !held.has(op.to);
}

Answer step(State& state, Lane lane, const trace::UniqueTryFromFrame& op, const Answer&) {
  Held& held = state.held[lane];
  Slot& slot = state.slots[held.at(op.from)->page];
  if (slot.rc != 1) return {{Status::shared}, {}};  // The frame stays in its register (POST-11).

  state.touched.insert(held.at(op.from)->page);
  slot.rc = kUnique;
  slot.parked = false;
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return {};
}

bool allows(const State& state, Lane lane, const trace::UniqueToDyn& op) {
  return state.held[lane].has(op.from) && state.held[lane].at(op.from)->is_typed();
}

Answer step(State& state, Lane lane, const trace::UniqueToDyn& op, const Answer&) {
  Handle& handle = *state.held[lane].at(op.from);
  handle = {handle.page, Knows::nothing};
  return {};
}

bool allows(const State& state, Lane lane, const trace::UniqueDrop& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::UniqueDrop& op, const Answer&) {
  std::optional<Handle>& from = state.held[lane].at(op.from);
  const Page page = from->page;
  from.reset();
  tear_down(state, lane, page);

  Answer answer;
  note_no_end(answer, 0);
  end_metadata(state, page, answer, 0);
  answer.choices.given.push(page);
  return answer;
}

}  // namespace reference
