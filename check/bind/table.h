// SPDX-License-Identifier: MPL-2.0
// How mm is asked about whole page tables, and about grace periods.
#pragma once

#include "check/bind/property.h"
#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>& held, const trace::TableNew& op) {
  if (held.own(op.to).has() || held.cursor.has()) return false;
  if (!is_users(op.kind.name)) return true;
  return held.machine->tables.has(0) && !held.machine->must_wait();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TableNew& op) {
  auto keep = [&]<class C>(mm::Result<mm::PageTable<C>, mm::PageTableError> made) -> trace::Reply {
    if (!made.ok()) return {.status = status_of(made.error())};
    mm::PageTable<C> table = made.take();
    const mm::u64 root = table.root_paddr().value;
    held.own(op.to).put_as(op.kind.name, std::move(table));
    return {.results = {root}};
  };
  using enum trace::TableKindName;
  switch (op.kind.name) {
    case user: return keep(held.machine->tables.template make_user<user>());
    case space: return keep(held.machine->tables.template make_user<space>());
    default:
      return with_config<P>(op.kind.name, [&]<class C>(std::type_identity<C>) {
        return keep(mm::PageTable<C>::empty());
      });
  }
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TableCopy& op) {
  return held.has_table(op.from) && !held.own(op.to).has() && !held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TableCopy& op) {
  return held.table(op.from).with([&]<class C>(mm::PageTable<C>& table) -> trace::Reply {
    held.own(op.to).put_as(held.table(op.from).kind(), table.shallow_copy());
    return {.results = {table.root_paddr().value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TableDrop& op) {
  return held.own(op.from).has() && !held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TableDrop& op) {
  return held.own(op.from).with([&]<class C>(mm::PageTable<C>& table) {
    const mm::u64 root = table.root_paddr().value;
    const bool was_last = drop(std::move(table));
    held.own(op.from).forget();
    return with_ended<P>({.results = {root, was_last ? 1u : 0u}}, 2);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TableWalk& op) {
  return held.has_table(op.table);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TableWalk& op) {
  return held.table(op.table).with([&]<class C>(mm::PageTable<C>& table) -> trace::Reply {
    const mm::ReadSection<P> section;
    const auto found = table.page_walk({address_of(op.at)});
    if (!found) return {.status = trace::Status::none};
    const trace::Property property = property_of(found->property);
    return {.results = {found->at.value, property.rights.bits, property.privileged.bits,
                        static_cast<std::uint64_t>(property.cache.name)}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::TableActivate& op) {
  return held.has_table(op.table) && !held.cursor.has() &&
         held.table(op.table).kind() != trace::TableKindName::plain5;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::TableActivate& op) {
  return held.table(op.table).with([&]<class C>(mm::PageTable<C>& table) {
    if (P::root().value == 0) {
      table.first_activate();
    } else {
      table.activate();
    }
    held.note_activated(held.table(op.table).kind());
    // What a space maps it flushes before it gives it back; of other tables nobody promises that.
    P::watch(mm::kIsSpace<C> ? mm::range_of_table<C>().last.value + 1 : 0);
    return with_ended<P>({.results = {table.root_paddr().value}}, 1);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::Quiesce&) {
  return !held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::Quiesce&) {
  const mm::u64 dropped = mm::quiesce<P>(P::this_cpu());
  return with_ended<P>({.results = {dropped}}, 1);
}

}  // namespace check
