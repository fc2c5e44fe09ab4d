// SPDX-License-Identifier: MPL-2.0
// How mm is asked about shared frames. `can_ask` looks only at what the lane holds.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameFromUnused& op) {
  return !held.has(op.to) && !P::shape.is_allocators(address<P>(op.at).value);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameFromUnused& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto made = mm::Frame<P, M>::from_unused(address<P>(op.at), M(op.value.value()));
    if (!made.ok()) return {.status = status_of(made.error())};
    auto frame = made.take();
    held.touch(frame.start_paddr());
    held.put(op.to, std::move(frame));
    return {};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameFromInUse& op) {
  return !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameFromInUse& op) {
  auto found = mm::Frame<P>::from_in_use(address<P>(op.at));
  if (!found.ok()) return {.status = status_of(found.error())};
  held.put(op.to, found.take());
  return held.with(op.to, [](auto& frame) { return kind_and_words(frame); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameClone& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameClone& op) {
  return held.with(op.from, [&](auto& frame) {
    held.put(op.to, frame.clone());
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameDrop& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameDrop& op) {
  const bool was_last = held.with(op.from, [](auto& frame) { return drop(std::move(frame)); });
  return with_ended<P>({.results = {was_last ? 1u : 0u}}, 1);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameIntoRaw& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameIntoRaw& op) {
  const Knows known = held.known(op.from);
  const mm::PhysAddr at =
      held.with(op.from, [](auto& frame) { return std::move(frame).into_raw(); });
  held.at(op.to) = {at, known};
  return {.results = {at.value}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameFromRaw& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameFromRaw& op) {
  const RawCount raw = held.at(op.from);
  return with_known<P>(raw.known, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto frame = mm::Frame<P, M>::from_raw(raw.at);
    held.at(op.from) = {};
    const mm::PhysAddr at = frame.start_paddr();
    held.put(op.to, std::move(frame));
    return {.results = {at.value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameIncRaw& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameIncRaw& op) {
  mm::inc_frame_ref_count<P>(held.at(op.from).at);
  held.at(op.to) = held.at(op.from);
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameBorrow& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameBorrow& op) {
  return held.with(op.from, [](auto& frame) -> trace::Reply {
    const auto borrowed = frame.borrow();
    return {.results = {borrowed->start_paddr().value, borrowed->reference_count(),
                        kind_and_words(*borrowed).results[0]}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameBorrowClone& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameBorrowClone& op) {
  return held.with(op.from, [&]<class M>(mm::Frame<P, M>& frame) {
    const auto borrowed = mm::FrameRef<P, M>::borrow_paddr(frame.start_paddr());
    held.put(op.to, borrowed.to_owned());
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameEqual& op) {
  return held.has(op.left) && held.has(op.right);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameEqual& op) {
  const bool equal = held.with(op.left, [&](auto& left) {
    return held.with(op.right, [&](auto& right) { return left == right; });
  });
  return {.results = {equal ? 1u : 0u}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameCount& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameCount& op) {
  return {.results = {held.with(op.from, [](auto& frame) { return frame.reference_count(); })}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameReadMeta& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameReadMeta& op) {
  return held.with(op.from, [](auto& frame) { return kind_and_words(frame); });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameToDyn& op) {
  return held.has(op.from) && held.known(op.from) != kDyn;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameToDyn& op) {
  held.frames.template forget_type<mm::Dyn>(op.from);
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameTryFrom& op) {
  return held.known(op.from) == kDyn;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameTryFrom& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) {
    return held.frames.template recover_type<M>(op.from);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameToUntyped& op) {
  return held.may_be_untyped(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameToUntyped& op) {
  if (held.known(op.from) == kDyn) return held.frames.template recover_type<mm::Untyped>(op.from);
  held.frames.template forget_type<mm::Untyped>(op.from);
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameUsage& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameUsage& op) {
  const mm::PageUsage usage = held.with(op.from, [](auto& frame) { return frame.usage(); });
  return {.results = {static_cast<std::uint64_t>(usage_of(usage))}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::FrameCountPreload& op) {
  return held.has(op.from) && op.more.value() < mm::MetaSlot<P>::kCountMax - 1;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::FrameCountPreload& op) {
  const mm::PhysAddr at = held.with(op.from, [](auto& frame) { return frame.start_paddr(); });
  // SAFETY:
  // 1. The count lies at byte 40 of a slot: asserted in impl/frame/meta_slot.inl.
  // 2. mm has no such operation; it is as if other owners had made that many handles, and forgotten
  //    them: the slot stays one that mm could have made.
  auto& count = *reinterpret_cast<typename P::template Atomic<mm::u64>*>(
      reinterpret_cast<mm::u8*>(mm::MetaSlot<P>::of(at)) + 40);
  const mm::u64 more = op.more.value();
  mm::u64 seen = count.load(std::memory_order_relaxed);
  while (seen + more <= mm::MetaSlot<P>::kCountMax &&
         !count.compare_exchange_weak(seen, seen + more, std::memory_order_relaxed,
                                      std::memory_order_relaxed)) {
  }
  return {};
}

}  // namespace check
