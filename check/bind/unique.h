// SPDX-License-Identifier: MPL-2.0
// How mm is asked about unique frames.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueFromUnused& op) {
  return !held.has(op.to) && !P::shape.is_allocators(address<P>(op.at).value);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueFromUnused& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto made = mm::UniqueFrame<P, M>::from_unused(address<P>(op.at), M(op.value.value()));
    if (!made.ok()) return {.status = status_of(made.error())};
    auto frame = made.take();
    held.touch(frame.start_paddr());
    held.put(op.to, std::move(frame));
    return {};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueReadMeta& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueReadMeta& op) {
  return held.with(op.from, [](auto& frame) { return kind_and_words(frame); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueWriteMeta& op) {
  return held.uniques.has_typed(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueWriteMeta& op) {
  return held.with(op.from, [&]<class M>(mm::UniqueFrame<P, M>& frame) {
    if constexpr (mm::FrameMeta<M>) frame.meta_mut() = M(op.value.value());
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueRepurpose& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueRepurpose& op) {
  with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) {
    held.put(op.from, held.with(op.from, [&](auto& frame) {
      return std::move(frame).repurpose(M(op.value.value()));
    }));
  });
  return with_ended<P>({}, 0);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueReset& op) {
  return held.has(op.from) && held.with(op.from, [](auto& frame) {
    return !P::shape.is_allocators(frame.start_paddr().value);
  });
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueReset& op) {
  held.with(op.from, [](auto& frame) {
    std::move(frame).reset_as_unused();
    return 0;
  });
  return with_ended<P>({}, 0);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueIntoShared& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueIntoShared& op) {
  return held.with(op.from, [&](auto& frame) {
    held.put(op.to, std::move(frame).into_shared());
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueTryFromFrame& op) {
  return held.has(op.from) && held.known(op.from) != kUntyped && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueTryFromFrame& op) {
  return held.with(op.from, [&]<class M>(mm::Frame<P, M>& frame) -> trace::Reply {
    if constexpr (!std::same_as<M, mm::Untyped>) {
      auto made = mm::UniqueFrame<P, M>::try_from(std::move(frame));
      if (made.ok()) return held.put(op.to, made.take()), trace::Reply{};
    }
    return {.status = trace::Status::shared};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueToDyn& op) {
  return held.uniques.has_typed(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueToDyn& op) {
  held.put(op.from,
           held.with(op.from, [](auto& frame) { return mm::UniqueFrame<P>(std::move(frame)); }));
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UniqueDrop& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UniqueDrop& op) {
  held.with(op.from, [](auto& frame) {
    drop(std::move(frame));
    return 0;
  });
  return with_ended<P>({}, 0);
}

}  // namespace check
