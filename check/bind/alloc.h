// SPDX-License-Identifier: MPL-2.0
// How mm is asked about the allocator.
#pragma once

#include "check/bind/segment.h"
#include "check/bind/sum.h"
#include "impl/frame/alloc_options.h"

namespace check {

constexpr trace::Status status_of(mm::AllocError error) {
  switch (error) {
    case mm::AllocError::no_memory: return trace::Status::no_memory;
    case mm::AllocError::invalid_args: return trace::Status::invalid_args;
  }
  return trace::Status::impermissible;
}

template <class P>
mm::FrameAllocOptions<P> options(trace::Flag zeroed) {
  return mm::FrameAllocOptions<P>().zeroed(zeroed.value());
}

// Of what was just allocated: where it is, and the sum of its bytes. If they were zeroed, that is
// noted.
template <class P>
trace::Reply start_and_sum(Registers<P>& held, mm::PhysAddr start, mm::PhysAddr end,
                           trace::Flag zeroed) {
  if (zeroed.value()) held.touch_bytes(start, end);
  mm::u64 sum = 0;
  for (mm::PhysAddr at = start; at < end; at.value += mm::kPageSize) {
    sum += sum_of(mm::PageBytes{mm::page_bytes<P>(at), mm::kPageSize});
  }
  return {.results = {start.value, sum}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocFrame& op) {
  return !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocFrame& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto made = options<P>(op.zeroed).alloc_frame_with(M(op.value.value()));
    if (!made.ok()) return {.status = status_of(made.error())};
    auto frame = made.take();
    const mm::PhysAddr at = frame.start_paddr();
    held.touch(at);
    held.put(op.to, std::move(frame));
    return start_and_sum(held, at, {at.value + mm::kPageSize}, op.zeroed);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocSegment& op) {
  return !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocSegment& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    // Where the pages begin is known only when the factory is asked for the first.
    std::optional<Factory<P, M>> factory;
    auto made = options<P>(op.zeroed).alloc_segment_with(
        op.pages.value(), [&](mm::PhysAddr at) noexcept -> M {
          const mm::PhysAddr start{P::choices().taken.page[0] * mm::kPageSize};
          if (!factory) factory.emplace(held, start, op.value.value());
          return (*factory)(at);
        });
    if (!made.ok()) return {.status = status_of(made.error())};
    auto segment = made.take();
    trace::Reply reply = start_and_sum(held, segment.start_paddr(), segment.end_paddr(), op.zeroed);
    reply.results[2] = factory->calls();
    reply.results[3] = factory->misplaced();
    held.put(op.to, std::move(segment));
    return reply;
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocBlock& op) {
  return op.pages.value() != 0 && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocBlock& op) {
  // More pages than there can be stand for more bytes than can be counted.
  constexpr mm::u64 kMost = (mm::u64{1} << 63) / mm::kPageSize;
  const mm::u64 pages = std::min(op.pages.value(), kMost);
  const auto at = P::alloc(pages * mm::kPageSize, mm::kPageSize << op.align.value);
  if (!at) return {.status = trace::Status::no_memory};
  held.at(op.to) = {*at, pages};
  return {.results = {at->value}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocGiveBlock& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocGiveBlock& op) {
  const HeldBlock block = std::exchange(held.at(op.from), {});
  P::dealloc(block.at, block.bytes());
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocAddBlock& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocAddBlock& op) {
  const HeldBlock block = std::exchange(held.at(op.from), {});
  P::add_free_memory(block.at, block.bytes());
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::AllocSplitBlock& op) {
  return op.at.value() != 0 && op.at.value() < held.at(op.from).pages && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::AllocSplitBlock& op) {
  HeldBlock& front = held.at(op.from);
  const mm::u64 bytes = op.at.value() * mm::kPageSize;
  held.at(op.to) = {{front.at.value + bytes}, front.pages - op.at.value()};
  front.pages = op.at.value();
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AllocFreeBytes&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AllocFreeBytes&) {
  return {.results = {P::globals().allocator.free_bytes()}};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AllocFail&) {
  return true;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AllocFail& op) {
  P::refusals() = {op.after.value(), op.times.value()};
  return {};
}

}  // namespace check
