// SPDX-License-Identifier: MPL-2.0
// How mm is asked to have CPUs forget what they know of an address space; and a CPU to take the
// interrupts by which it is told, with the platform's `take_interrupt()`.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_flush(Registers<P>& held) {
  return held.cursor.has() && held.cursor.may_change() &&
         held.cursor.kind() == trace::TableKindName::space;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TlbIssue&) {
  return can_flush(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbIssue& op) {
  mm::TlbFlusher<P>& flusher = held.cursor.of_space().flusher();
  if (op.all.value()) {
    flusher.issue_all();
  } else {
    flusher.issue({address_of(op.at)}, op.pages.value());
  }
  return {.results = {flusher.issued().pages(), flusher.issued().is_all() ? 1u : 0u}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TlbDispatch&) {
  return can_flush(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbDispatch&) {
  const auto told = held.cursor.of_space().flusher().dispatch();
  return {.results = {told.others, told.own ? 1u : 0u}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TlbSync&) {
  return can_flush(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbSync&) {
  return {.results = {held.cursor.of_space().flusher().sync()}};
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuInterrupt&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::CpuInterrupt&) {
  const bool is_waiting = P::globals().flushes[P::this_cpu()].is_waiting();
  P::take_interrupt();
  return {.results = {is_waiting ? 1u : 0u}};
}

}  // namespace check
