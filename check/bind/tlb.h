// SPDX-License-Identifier: MPL-2.0
// How mm is asked to have CPUs flush, and a CPU to take interrupts. For this the platform has
// take_interrupt(), by which the own CPU takes what was held back, and let_interrupt(cpus), by
// which others do as long as this one waits.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>& held, const trace::TlbIssue&) {
  return held.cursor.has_flusher();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbIssue& op) {
  return held.cursor.with_flusher([&](mm::Flusher<P>& flusher) -> trace::Reply {
    if (op.all.value()) {
      flusher.issue(mm::Flush::all());
    } else {
      flusher.issue_pages(mm::VirtAddr{address_of(op.at)}, op.pages.value());
    }
    const mm::FlushStack& issued = flusher.issued();
    if (issued.is_all()) return {.results = {0, 1}};
    return {.results = {issued.pages(), 0}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TlbDispatch&) {
  return held.cursor.has_flusher();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbDispatch&) {
  return held.cursor.with_flusher([](mm::Flusher<P>& flusher) -> trace::Reply {
    const auto [cpus, is_done] = flusher.dispatch();
    return {.results = {cpus, is_done ? 1u : 0u}};
  });
}

// Lanes at once take interrupts when they like; nobody can be made to.
template <class P>
bool can_ask(Registers<P>& held, const trace::TlbSync&) {
  return held.cursor.has_flusher() && !held.machine->goes_at_once;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TlbSync&) {
  return held.cursor.with_flusher([](mm::Flusher<P>& flusher) -> trace::Reply {
    P::let_interrupt(flusher.behind());
    const mm::u64 cpus = flusher.sync();
    P::let_interrupt(0);
    return {.results = {cpus}};
  });
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuInterrupt&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::CpuInterrupt&) {
  const mm::FlushQueue<P>& flushes = P::globals().flush_queues[P::this_cpu()];
  const bool had_work = flushes.has_work();
  (void)P::take_interrupt();
  return {.results = {had_work && !flushes.has_work() ? 1u : 0u}};
}

}  // namespace check
