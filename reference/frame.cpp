// SPDX-License-Identifier: MPL-2.0
// Shared frames.
#include "reference/model.h"

namespace reference {

using trace::Status;

namespace {

// One more handle to the page of a handle, like it.
Answer add_like(State& state, const Handle& from, std::optional<Handle>& to) {
  Slot& slot = state.slots[from.page];
  if (slot.rc >= kMost) return abort(state);

  state.touched.insert(from.page);
  slot.rc += 1;
  to = from;
  return {};
}

Answer address_of(const Handle& handle) { return {{.results = {handle.page * kPageBytes}}, {}}; }

}  // namespace

bool allows(const State& state, Lane lane, const trace::FrameFromUnused& op) {
  return !state.held[lane].has(op.to) && !state.machine.is_allocators(state.machine.address(op.at));
}

Answer step(State& state, Lane lane, const trace::FrameFromUnused& op, const Answer&) {
  return claim(state, lane, state.machine.address(op.at), made(op.kind, op.value.value()),
               {.next = Unfinished::Next::publish_shared, .to = op.to.index});
}

bool allows(const State& state, Lane lane, const trace::FrameFromInUse& op) {
  return !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameFromInUse& op, const Answer& seen) {
  const std::uint64_t address = state.machine.address(op.at);
  if (const Status why = why_no_page(state, address); why != Status::ok) return {{why}, {}};

  const Page page = address / kPageBytes;
  Slot& slot = state.slots[page];
  const SlotStatus found = status_of(slot.rc);
  if (found == SlotStatus::unique) return {{Status::unique}, {}};
  if (found == SlotStatus::unused || found == SlotStatus::under_construction) {
    // What the allocator does with its pages while nobody else has them is its own affair.
    const Status status = seen.reply.status;
    const bool is_refusal =
        status == Status::unused || status == Status::busy || status == Status::unique;
    if (state.machine.is_allocators(address) && is_refusal) return {{status}, {}};
    return {{found == SlotStatus::unused ? Status::unused : Status::busy}, {}};
  }
  if (slot.rc >= kMost) return abort(state);

  state.touched.insert(page);
  slot.rc += 1;
  state.held[lane].at(op.to) = Handle{page, Knows::nothing};
  return kind_and_words(slot);
}

bool allows(const State& state, Lane lane, const trace::FrameClone& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameClone& op, const Answer&) {
  Held& held = state.held[lane];
  return add_like(state, *held.at(op.from), held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::FrameDrop& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::FrameDrop& op, const Answer&) {
  std::optional<Handle>& from = state.held[lane].at(op.from);
  const Page page = from->page;
  Slot& slot = state.slots[page];
  // One that knows the kind may go: the rule of the old closed enumeration of usages holds where
  // nothing else is known.
  if (slot.rc == 1 && from->is_dynamic() && keeps_last_handle(slot.usage)) {
    return panic(trace::Code::last_handle);
  }

  Answer answer;
  state.touched.insert(page);
  from.reset();
  if (slot.rc > 1) {
    slot.rc -= 1;
    note_no_end(answer, 1);
    return answer;
  }
  tear_down(state, lane, page);
  answer.reply.results[0] = 1;
  note_no_end(answer, 1);
  end_metadata(state, page, answer, 1);
  answer.choices.given.push(page);
  return answer;
}

bool allows(const State& state, Lane lane, const trace::FrameIntoRaw& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameIntoRaw& op, const Answer&) {
  Held& held = state.held[lane];
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return address_of(*held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::FrameFromRaw& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameFromRaw& op, const Answer&) {
  Held& held = state.held[lane];
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return address_of(*held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::FrameIncRaw& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameIncRaw& op, const Answer&) {
  Held& held = state.held[lane];
  return add_like(state, *held.at(op.from), held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::FrameBorrow& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::FrameBorrow& op, const Answer&) {
  const Handle& handle = *state.held[lane].at(op.from);
  const Slot& slot = state.slots[handle.page];
  Answer answer = address_of(handle);
  answer.reply.results[1] = slot.rc;
  answer.reply.results[2] = static_cast<std::uint64_t>(slot.vtable->name);
  return answer;
}

bool allows(const State& state, Lane lane, const trace::FrameBorrowClone& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::FrameBorrowClone& op, const Answer&) {
  Held& held = state.held[lane];
  return add_like(state, *held.at(op.from), held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::FrameEqual& op) {
  return state.held[lane].has(op.left) && state.held[lane].has(op.right);
}

Answer step(State& state, Lane lane, const trace::FrameEqual& op, const Answer&) {
  const Held& held = state.held[lane];
  const bool equal = held.at(op.left)->page == held.at(op.right)->page;
  return {{.results = {equal ? std::uint64_t{1} : 0}}, {}};
}

bool allows(const State& state, Lane lane, const trace::FrameCount& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::FrameCount& op, const Answer&) {
  return {{.results = {state.slots[state.held[lane].at(op.from)->page].rc}}, {}};
}

bool allows(const State& state, Lane lane, const trace::FrameReadMeta& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::FrameReadMeta& op, const Answer&) {
  return kind_and_words(state.slots[state.held[lane].at(op.from)->page]);
}

bool allows(const State& state, Lane lane, const trace::FrameToDyn& op) {
  return state.held[lane].has(op.from) && !state.held[lane].at(op.from)->is_dynamic();
}

Answer step(State& state, Lane lane, const trace::FrameToDyn& op, const Answer&) {
  Handle& handle = *state.held[lane].at(op.from);
  handle = {handle.page, Knows::nothing};
  return {};
}

bool allows(const State& state, Lane lane, const trace::FrameTryFrom& op) {
  return state.held[lane].has(op.from) && state.held[lane].at(op.from)->is_dynamic();
}

Answer step(State& state, Lane lane, const trace::FrameTryFrom& op, const Answer&) {
  Handle& handle = *state.held[lane].at(op.from);
  if (state.slots[handle.page].vtable != op.kind) return {{Status::wrong_kind}, {}};
  handle = {handle.page, Knows::kind, op.kind};
  return {};
}

bool allows(const State& state, Lane lane, const trace::FrameToUntyped& op) {
  const std::optional<Handle>& from = state.held[lane].at(op.from);
  if (!from) return false;
  return from->is_dynamic() || (from->is_typed() && trace::is_untyped(from->kind));
}

Answer step(State& state, Lane lane, const trace::FrameToUntyped& op, const Answer&) {
  Handle& handle = *state.held[lane].at(op.from);
  const Slot& slot = state.slots[handle.page];
  if (!trace::is_untyped(*slot.vtable)) return {{Status::wrong_kind}, {}};
  handle = {handle.page, Knows::untyped};
  return {};
}

bool allows(const State& state, Lane lane, const trace::FrameUsage& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::FrameUsage& op, const Answer&) {
  const Slot& slot = state.slots[state.held[lane].at(op.from)->page];
  return {{.results = {static_cast<std::uint64_t>(slot.usage)}}, {}};
}

bool allows(const State& state, Lane lane, const trace::FrameCountPreload& op) {
  return state.held[lane].has(op.from) && op.more.value() < kMost - 1;
}

Answer step(State& state, Lane lane, const trace::FrameCountPreload& op, const Answer&) {
  const Page page = state.held[lane].at(op.from)->page;
  Slot& slot = state.slots[page];
  if (slot.rc + op.more.value() > kMost) return {};

  state.touched.insert(page);
  slot.rc += op.more.value();
  slot.phantoms += op.more.value();
  return {};
}

}  // namespace reference
