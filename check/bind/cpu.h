// SPDX-License-Identifier: MPL-2.0
// How a CPU of the machine is asked to touch memory, and to forget translations: by the platform,
// which for the binding has `touch` and `set_control` besides.
#pragma once

#include "check/bind/registers.h"

namespace check {

// As the platform takes it.
constexpr mm::u8 access_of(trace::Access access) {
  switch (access.name) {
    case trace::AccessName::load: return 0;
    case trace::AccessName::store: return 1;
    case trace::AccessName::fetch: return 2;
  }
  return 0;
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuTouch&) {
  return P::root().value != 0;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::CpuTouch& op) {
  const auto seen = P::touch(mm::VirtAddr{address_of(op.at)}, access_of(op.access),
                             op.as_user.value(), op.ac.value());
  const mm::u64 walked = seen.has_walked ? 1 : 0;
  if (seen.is_ok) return {.results = {seen.at.value, 0, walked}};
  if (!seen.is_page_fault) return {.status = trace::Status::general_protection};
  return {.status = trace::Status::page_fault, .results = {0, seen.error_code, walked}};
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuControl&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CpuControl& op) {
  P::set_control(op.wp.value(), op.smep.value(), op.smap.value(), op.nxe.value());
  P::flush_all_and_global();
  held.note_all_forgotten();
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuFlushPage&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::CpuFlushPage& op) {
  P::flush_page(mm::VirtAddr{address_of(op.at)});
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::CpuFlushAll&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CpuFlushAll& op) {
  if (op.global.value()) {
    P::flush_all_and_global();
    held.note_all_forgotten();
  } else {
    P::flush_all();
  }
  return {};
}

}  // namespace check
