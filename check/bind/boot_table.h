// SPDX-License-Identifier: MPL-2.0
// How mm is asked about the boot page table of the cold machine.
#pragma once

#include "check/bind/cold.h"
#include "check/bind/property.h"
#include "trace/ops/boot_table.h"

namespace check {

// All bits from the 47th on are equal.
constexpr bool is_canonical(trace::VirtPlace at) {
  const auto upper = static_cast<std::int64_t>(trace::address_of(at)) >> 47;
  return upper == 0 || upper == -1;
}

// What has been done, and that it has.
template <class Base>
trace::Reply reply_of(ColdMachine<Base>& cold, const mm::BootTableChange& change) {
  trace::Reply reply{.results = {change.count}};
  for (std::size_t i = 0; i < change.count; ++i) {
    const std::uint64_t at = change.tables[i].value;
    reply.results[1 + i] = at;
    if (at < Firmware::kRoot) cold.written.add(at / mm::kPageSize);
  }
  if (change.stopped_by) {
    reply.status = *change.stopped_by == mm::BootTableError::dismissed ? trace::Status::none
                                                                       : trace::Status::no_memory;
  }
  return reply;
}

template <class Base>
mm::BootPageTable<Cold<Base>>& boot_table(ColdMachine<Base>& cold, trace::Flag other) {
  cold.has_used_table = true;
  Cold<Base>::become(other.value() ? 1 : 0);
  return Cold<Base>::globals().boot_page_table;
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootMapPage& op) {
  return is_canonical(op.at);
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootMapPage& op) {
  return reply_of(cold, boot_table(cold, op.other)
                            .map_base_page({trace::address_of(op.at)}, {trace::address_of(op.to)},
                                           property_of(op.property)));
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootProtectPage& op) {
  return is_canonical(op.at);
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootProtectPage& op) {
  return reply_of(cold, boot_table(cold, op.other)
                            .protect_base_page({trace::address_of(op.at)}, change_of(op.change)));
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootWalk& op) {
  return is_canonical(op.at);
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootWalk& op) {
  using P = Cold<Base>;
  const auto found = mm::BootPageTable<P>::page_walk(P::root(), {trace::address_of(op.at)});
  if (!found) return {.status = trace::Status::none};
  const trace::Property property = property_of(found->property);
  return {.results = {found->at.value, property.rights.bits, property.privileged.bits,
                      static_cast<std::uint64_t>(property.cache.name), found->level}};
}

template <class Base>
bool can_ask(const ColdMachine<Base>& cold, const trace::BootDismiss&) {
  return cold.stage >= ColdMachine<Base>::Stage::initialised;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>& cold, const trace::BootDismiss& op) {
  auto done = boot_table(cold, op.other).dismiss();
  if (!done.ok()) return {.status = trace::Status::none};
  return {.results = {done.value().was_last ? 1u : 0u, done.value().given}};
}

}  // namespace check
