// SPDX-License-Identifier: MPL-2.0
// How mm is asked about the allocator.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocFrame& op) {
  return !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocFrame& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto made = mm::Frame<P, M>::alloc(M(op.value.value()));
    if (!made) return {.status = trace::Status::no_memory};
    const mm::PhysAddr at = made->start_paddr();
    held.touch(at);
    held.put(op.to, std::move(*made));
    return {.results = {at.value}};
  });
}

}  // namespace check
