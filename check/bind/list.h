// SPDX-License-Identifier: MPL-2.0
// How mm is asked about linked lists. While a list's cursor is open, only that is used.
#pragma once

#include "check/bind/registers.h"

namespace check {

// Whether the register holds a frame that the list takes, and knows it.
template <class P>
bool has_link(Registers<P>& held, trace::List list, trace::Unique from) {
  return held.known(from) == knows(trace::list_kind(list).name);
}

// Calls `put` with the list's register, and the frame.
template <class P>
trace::Reply give(Registers<P>& held, trace::List list, trace::Unique from, auto&& put) {
  held.lists.with(list, [&]<trace::KindName Name>(ListAndCursor<P, Name>& at) {
    put(at, held.uniques.template get<Meta<P, Name>>(from));
    held.uniques.template settle<Meta<P, Name>>(from);
  });
  return {};
}

// Puts the frame that `take` takes of the list's register.
template <class P>
trace::Reply take(Registers<P>& held, trace::List list, trace::Unique to, auto&& take) {
  return held.lists.with(list, [&](auto& at) -> trace::Reply {
    auto frame = take(at);
    if (!frame) return {.status = trace::Status::none};
    const mm::PhysAddr page = frame.start_paddr();
    held.put(to, std::move(frame));
    return {.results = {page.value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListPushFront& op) {
  return !held.lists.has_open(op.list) && has_link(held, op.list, op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListPushFront& op) {
  return give(held, op.list, op.from,
              [](auto& at, auto& frame) { at.list.push_front(std::move(frame)); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListPushBack& op) {
  return !held.lists.has_open(op.list) && has_link(held, op.list, op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListPushBack& op) {
  return give(held, op.list, op.from,
              [](auto& at, auto& frame) { at.list.push_back(std::move(frame)); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListPopFront& op) {
  return !held.lists.has_open(op.list) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListPopFront& op) {
  return take(held, op.list, op.to, [](auto& at) { return at.list.pop_front(); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListPopBack& op) {
  return !held.lists.has_open(op.list) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListPopBack& op) {
  return take(held, op.list, op.to, [](auto& at) { return at.list.pop_back(); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListContains& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListContains& op) {
  const bool contains =
      held.lists.with(op.list, [&](auto& at) { return at.list.contains(address<P>(op.at)); });
  return {.results = {contains ? 1u : 0u}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListSize& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListSize& op) {
  return held.lists.with(op.list, [](auto& at) -> trace::Reply {
    return {.results = {at.list.size(), at.list.is_empty() ? 1u : 0u}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListCursorFront& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListCursorFront& op) {
  held.lists.with(op.list, [](auto& at) { at.cursor.emplace(at.list.cursor_front_mut()); });
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListCursorBack& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListCursorBack& op) {
  held.lists.with(op.list, [](auto& at) { at.cursor.emplace(at.list.cursor_back_mut()); });
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListCursorAt& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListCursorAt& op) {
  return held.lists.with(op.list, [&](auto& at) -> trace::Reply {
    at.cursor = at.list.cursor_mut_at(address<P>(op.at));
    return {.status = at.cursor ? trace::Status::ok : trace::Status::none};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListMoveNext& op) {
  return held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListMoveNext& op) {
  held.lists.with(op.list, [](auto& at) { at.cursor->move_next(); });
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListMovePrev& op) {
  return held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListMovePrev& op) {
  held.lists.with(op.list, [](auto& at) { at.cursor->move_prev(); });
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListCurrent& op) {
  return held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListCurrent& op) {
  return held.lists.with(op.list, [](auto& at) -> trace::Reply {
    const auto* const meta = at.cursor->current_meta();
    if (meta == nullptr) return {.status = trace::Status::none};
    return {.results = {meta->words[0]}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListWriteCurrent& op) {
  return held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListWriteCurrent& op) {
  return held.lists.with(op.list, [&](auto& at) -> trace::Reply {
    auto* const meta = at.cursor->current_meta();
    if (meta == nullptr) return {.status = trace::Status::none};
    *meta = op.value.value();
    return {};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListInsertBefore& op) {
  return held.lists.has_open(op.list) && has_link(held, op.list, op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListInsertBefore& op) {
  return give(held, op.list, op.from,
              [](auto& at, auto& frame) { at.cursor->insert_before(std::move(frame)); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListTakeCurrent& op) {
  return held.lists.has_open(op.list) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListTakeCurrent& op) {
  return take(held, op.list, op.to, [](auto& at) { return at.cursor->take_current(); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListCursorClose& op) {
  return held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListCursorClose& op) {
  held.lists.with(op.list, [](auto& at) { at.cursor.reset(); });
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::ListDrop& op) {
  return !held.lists.has_open(op.list);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::ListDrop& op) {
  return held.lists.with(op.list, [](auto& at) {
    using List = std::remove_reference_t<decltype(at.list)>;
    const trace::Reply reply{.results = {at.list.size()}};
    at.list.~List();
    at.forget();
    return with_ended<P>(reply, 1);
  });
}

}  // namespace check
