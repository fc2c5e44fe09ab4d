// SPDX-License-Identifier: MPL-2.0
// Linked lists of unique frames. Which pages are neighbours follows from their order.
#include <algorithm>

#include "reference/model.h"

namespace reference {

using trace::Status;

namespace {

// The list takes its id when it is first needed.
void mint(State& state, List& list) {
  if (list.id == 0) list.id = state.next_list_id++;
}

// What changes with the page at an index, which comes or goes: it and its neighbours.
void touch_around(State& state, const List& list, std::size_t index) {
  const std::size_t end = std::min(index + 2, list.pages.size());
  for (std::size_t i = index == 0 ? 0 : index - 1; i < end; ++i) {
    state.touched.insert(list.pages[i]);
  }
}

bool is_open(const State& state, Lane lane, trace::List place) {
  return state.held[lane].at(place).cursor.has_value();
}

// Whether a register holds a frame that a list takes.
bool holds_for(const State& state, Lane lane, trace::Unique from, trace::List place) {
  const std::optional<Handle>& handle = state.held[lane].at(from);
  return handle && handle->is_typed() && handle->kind == trace::list_kind(place);
}

void put(State& state, Lane lane, trace::List place, trace::Unique from, std::size_t index) {
  Held& held = state.held[lane];
  List& list = held.at(place);
  const Page page = held.at(from)->page;
  held.at(from).reset();
  mint(state, list);
  state.slots[page].in_list = list.id;
  list.pages.insert(list.pages.begin() + static_cast<std::ptrdiff_t>(index), page);
  touch_around(state, list, index);
}

// There is none at the list's size.
Answer take(State& state, Lane lane, trace::List place, trace::Unique to, std::size_t index) {
  Held& held = state.held[lane];
  List& list = held.at(place);
  if (index == list.pages.size()) return {{Status::none}, {}};
  const Page page = list.pages[index];
  touch_around(state, list, index);
  list.pages.erase(list.pages.begin() + static_cast<std::ptrdiff_t>(index));
  state.slots[page].in_list = 0;
  held.at(to) = Handle{page, Knows::kind, trace::list_kind(place)};
  return {{.results = {page * kPageBytes}}, {}};
}

// Where a page, any page, is in a list. Looking for one that exists needs the list's id.
std::optional<std::size_t> found_in(State& state, List& list, trace::PhysPlace at) {
  const std::uint64_t address = state.machine.address(at);
  if (why_no_page(state, address) != Status::ok) return std::nullopt;
  mint(state, list);
  const auto found = std::ranges::find(list.pages, address / kPageBytes);
  if (found == list.pages.end()) return std::nullopt;
  return static_cast<std::size_t>(found - list.pages.begin());
}

}  // namespace

Listed listed_at(const State& state, Page page) {
  for (Lane lane = 0; lane < state.held.size(); ++lane) {
    for (std::uint8_t i = 0; i < trace::List::kCount; ++i) {
      const List& list = state.held[lane].lists[i];
      const auto at = std::ranges::find(list.pages, page);
      if (at == list.pages.end()) continue;
      Listed listed{.list = trace::in_list_of(lane, {i})};
      if (at + 1 != list.pages.end()) listed.next = *(at + 1);
      if (at != list.pages.begin()) listed.prev = *(at - 1);
      return listed;
    }
  }
  return {.list = trace::kUnknownList};
}

bool allows(const State& state, Lane lane, const trace::ListPushFront& op) {
  return !is_open(state, lane, op.list) && holds_for(state, lane, op.from, op.list);
}

Answer step(State& state, Lane lane, const trace::ListPushFront& op, const Answer&) {
  put(state, lane, op.list, op.from, 0);
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListPushBack& op) {
  return !is_open(state, lane, op.list) && holds_for(state, lane, op.from, op.list);
}

Answer step(State& state, Lane lane, const trace::ListPushBack& op, const Answer&) {
  put(state, lane, op.list, op.from, state.held[lane].at(op.list).pages.size());
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListPopFront& op) {
  return !is_open(state, lane, op.list) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::ListPopFront& op, const Answer&) {
  return take(state, lane, op.list, op.to, 0);
}

bool allows(const State& state, Lane lane, const trace::ListPopBack& op) {
  return !is_open(state, lane, op.list) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::ListPopBack& op, const Answer&) {
  const std::size_t size = state.held[lane].at(op.list).pages.size();
  return take(state, lane, op.list, op.to, size == 0 ? 0 : size - 1);
}

bool allows(const State& state, Lane lane, const trace::ListContains& op) {
  return !is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListContains& op, const Answer&) {
  const bool contains = found_in(state, state.held[lane].at(op.list), op.at).has_value();
  return {{.results = {contains ? std::uint64_t{1} : 0}}, {}};
}

bool allows(const State& state, Lane lane, const trace::ListSize& op) {
  return !is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListSize& op, const Answer&) {
  const List& list = state.held[lane].at(op.list);
  return {{.results = {list.pages.size(), list.pages.empty() ? std::uint64_t{1} : 0}}, {}};
}

bool allows(const State& state, Lane lane, const trace::ListCursorFront& op) {
  return !is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListCursorFront& op, const Answer&) {
  state.held[lane].at(op.list).cursor = 0;
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListCursorBack& op) {
  return !is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListCursorBack& op, const Answer&) {
  List& list = state.held[lane].at(op.list);
  list.cursor = list.pages.empty() ? 0 : list.pages.size() - 1;
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListCursorAt& op) {
  return !is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListCursorAt& op, const Answer&) {
  List& list = state.held[lane].at(op.list);
  list.cursor = found_in(state, list, op.at);
  return {{list.cursor ? Status::ok : Status::none}, {}};
}

bool allows(const State& state, Lane lane, const trace::ListMoveNext& op) {
  return is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListMoveNext& op, const Answer&) {
  List& list = state.held[lane].at(op.list);
  list.cursor = *list.cursor == list.pages.size() ? 0 : *list.cursor + 1;
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListMovePrev& op) {
  return is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListMovePrev& op, const Answer&) {
  List& list = state.held[lane].at(op.list);
  list.cursor = *list.cursor == 0 ? list.pages.size() : *list.cursor - 1;
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListCurrent& op) {
  return is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListCurrent& op, const Answer&) {
  const List& list = state.held[lane].at(op.list);
  if (*list.cursor == list.pages.size()) return {{Status::none}, {}};
  return {{.results = {state.slots[list.pages[*list.cursor]].storage->words[0]}}, {}};
}

bool allows(const State& state, Lane lane, const trace::ListWriteCurrent& op) {
  return is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListWriteCurrent& op, const Answer&) {
  const List& list = state.held[lane].at(op.list);
  if (*list.cursor == list.pages.size()) return {{Status::none}, {}};
  const Page page = list.pages[*list.cursor];
  state.touched.insert(page);
  state.slots[page].storage = made(trace::list_kind(op.list), op.value.value());
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListInsertBefore& op) {
  return is_open(state, lane, op.list) && holds_for(state, lane, op.from, op.list);
}

Answer step(State& state, Lane lane, const trace::ListInsertBefore& op, const Answer&) {
  std::optional<std::size_t>& cursor = state.held[lane].at(op.list).cursor;
  put(state, lane, op.list, op.from, *cursor);
  *cursor += 1;
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListTakeCurrent& op) {
  return is_open(state, lane, op.list) && !state.held[lane].has(op.to);
}

// The cursor's index is that of the next frame then, or past the end.
Answer step(State& state, Lane lane, const trace::ListTakeCurrent& op, const Answer&) {
  return take(state, lane, op.list, op.to, *state.held[lane].at(op.list).cursor);
}

bool allows(const State& state, Lane lane, const trace::ListCursorClose& op) {
  return is_open(state, lane, op.list);
}

Answer step(State& state, Lane lane, const trace::ListCursorClose& op, const Answer&) {
  state.held[lane].at(op.list).cursor.reset();
  return {};
}

bool allows(const State& state, Lane lane, const trace::ListDrop& op) {
  return !is_open(state, lane, op.list);
}

// One phase, though there may be many ends: lists are asked of one lane at a time.
Answer step(State& state, Lane lane, const trace::ListDrop& op, const Answer&) {
  const List dropped = std::exchange(state.held[lane].at(op.list), List{});
  Answer answer{{.results = {dropped.pages.size()}}, {}};
  note_no_end(answer, 1);
  for (const Page page : dropped.pages) {
    state.slots[page].in_list = 0;
    end_at_once(state, page, answer, 1);
  }
  return answer;
}

}  // namespace reference
