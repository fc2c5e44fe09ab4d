// SPDX-License-Identifier: MPL-2.0
// How mm is asked about areas: ranges of the kernel's addresses, in the machine's own table.
#pragma once

#include "check/bind/cursor.h"

namespace check {

template <class P>
bool may_ask_of_areas(Registers<P>& held) {
  const Shared<P>& machine = *held.machine;
  return machine.tables.has(0) && !machine.goes_at_once && !machine.must_wait();
}

// Whoever waits lets these take their interrupts: the others of the machine.
template <class P>
auto while_others_take_interrupts(auto&& work) {
  P::let_interrupt(~mm::u64{0} >> (64 - P::cpu_count()));
  auto result = work();
  P::let_interrupt(0);
  return result;
}

// What came of mapping, in an area that is there if it was done.
template <class P>
trace::Reply reply_of(const mm::AreaMapped& mapped, const KernelArea<P>& area) {
  trace::Reply reply{.results = {0, mapped.pages, mapped.cpus}};
  if (!mapped.stopped_by) {
    reply.results[0] = area.begin().value;
  } else {
    reply.status = *mapped.stopped_by == mm::AreaError::no_space ? trace::Status::no_space
                                                                 : trace::Status::no_memory;
  }
  return reply;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AreaMapFrames& op) {
  using enum trace::TableKindName;
  return may_ask_of_areas(held) && !held.areas.has(op.to) &&
         can_map<P>(kernel, held.known(op.from));
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AreaMapFrames& op) {
  return held.with(op.from, [&]<class M>(mm::Segment<P, M>& segment) -> trace::Reply {
    if constexpr (kMayMap<KernelTableConfig<P>, M>) {
      KernelArea<P>& area = held.areas.make(op.to);
      const mm::AreaMapped mapped = while_others_take_interrupts<P>([&] {
        return KernelArea<P>::map_frames(area, held.machine->tables.kernel(), op.pages.value(),
                                         op.offset.value(), segment, property_of(op.property));
      });
      if (!mapped.stopped_by) held.segments.forget(op.from);
      return reply_of<P>(mapped, area);
    } else {
      return {.status = trace::Status::impermissible};  // can_map() says no.
    }
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AreaMapRange& op) {
  return may_ask_of_areas(held) && !held.areas.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AreaMapRange& op) {
  KernelArea<P>& area = held.areas.make(op.to);
  const mm::AreaMapped mapped = while_others_take_interrupts<P>([&] {
    return KernelArea<P>::map_range(area, held.machine->tables.kernel(), op.pages.value(),
                                    op.offset.value(), {address_of(op.target)}, op.length.value(),
                                    property_of(op.property));
  });
  return reply_of<P>(mapped, area);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AreaQuery& op) {
  return may_ask_of_areas(held) && held.areas.has(op.area);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AreaQuery& op) {
  const KernelArea<P>& area = held.areas.at(op.area);
  const mm::u64 page = op.page.value();
  if (page >= area.pages()) return {.status = trace::Status::out_of_bound};
  trace::Reply reply{.results = {area.begin().value + page * mm::kPageSize}};
  const auto item = area.query(page);
  if (!item) {
    reply.status = trace::Status::none;
    return reply;
  }
  show_item(reply, 1, item->is_tracked ? trace::ItemName::tracked : trace::ItemName::untracked,
            item->at, item->property);
  return reply;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AreaSplit& op) {
  return may_ask_of_areas(held) && held.areas.has(op.from) && !held.areas.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AreaSplit& op) {
  auto split = held.areas.at(op.from).split(op.page.value());
  if (!split.ok()) return {.status = status_of(split.error())};
  return {.results = {held.areas.put(op.to, split.take()).begin().value}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AreaDrop& op) {
  return may_ask_of_areas(held) && held.areas.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AreaDrop& op) {
  const auto [pages, tables, frames, cpus] =
      while_others_take_interrupts<P>([&] { return drop(std::move(held.areas.at(op.from))); });
  return {.results = {pages, tables, frames, cpus}};
}

}  // namespace check
