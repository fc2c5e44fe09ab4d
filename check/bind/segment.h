// SPDX-License-Identifier: MPL-2.0
// How mm is asked about segments.
#pragma once

#include "check/bind/registers.h"

namespace check {

// A factory of metadata for pages that follow one another: it counts how often it is asked, and how
// often not for the page whose turn it is. All that it is asked for is touched.
template <class P, class M>
class Factory {
 public:
  Factory(Registers<P>& held, mm::PhysAddr start, mm::u64 value)
      : held_(held), start_(start), value_(value) {}

  M operator()(mm::PhysAddr at) noexcept {
    const mm::u64 turn = calls_++;
    if (at.value != start_.value + turn * mm::kPageSize) ++misplaced_;
    if (at.value < P::globals().max_paddr()) held_.touch(at);
    return M(value_ + turn);
  }

  mm::u64 calls() const { return calls_; }
  mm::u64 misplaced() const { return misplaced_; }

 private:
  Registers<P>& held_;
  mm::PhysAddr start_;
  mm::u64 value_;
  mm::u64 calls_ = 0;
  mm::u64 misplaced_ = 0;
};

// Pages of the allocator may not be in the range; but of one that mm must refuse, no page is meant.
template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentFromUnused& op) {
  if (held.has(op.to)) return false;
  const mm::u64 start = address<P>(op.at).value;
  const mm::u64 end = address<P>(op.until).value;
  const bool is_range = start % mm::kPageSize == 0 && end % mm::kPageSize == 0 && start < end &&
                        end <= P::shape.pages.value() * mm::kPageSize;
  return !is_range || end <= P::shape.loose.value() * mm::kPageSize;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentFromUnused& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    const mm::PhysAddr start = address<P>(op.at);
    Factory<P, M> factory(held, start, op.value.value());
    auto made = mm::Segment<P, M>::from_unused(start, address<P>(op.until), factory);
    trace::Reply reply{.results = {factory.calls(), factory.misplaced()}};
    if (made.ok()) {
      held.put(op.to, made.take());
    } else {
      reply.status = status_of(made.error());
    }
    return with_ended<P>(reply, 2);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentSplit& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentSplit& op) {
  return held.with(op.from, [&](auto& segment) {
    held.put(op.to, segment.split(op.at.value()));
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentSlice& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentSlice& op) {
  return held.with(op.from, [&](auto& segment) {
    held.put(op.to, segment.slice(op.begin.value(), op.end.value()));
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentNext& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentNext& op) {
  return held.with(op.from, [&](auto& segment) -> trace::Reply {
    auto frame = segment.next();
    if (!frame) return {.status = trace::Status::none};
    const mm::PhysAddr at = frame.start_paddr();
    held.put(op.to, std::move(frame));
    return {.results = {at.value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentClone& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentClone& op) {
  return held.with(op.from, [&](auto& segment) {
    held.put(op.to, segment.clone());
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentDrop& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentDrop& op) {
  held.with(op.from, [](auto& segment) {
    drop(std::move(segment));
    return 0;
  });
  return with_ended<P>({}, 0);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentIntoRaw& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentIntoRaw& op) {
  const Knows known = held.known(op.from);
  const auto [start, end] =
      held.with(op.from, [](auto& segment) { return std::move(segment).into_raw(); });
  held.at(op.to) = {start, end, known};
  return {.results = {start.value, end.value}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentFromRaw& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentFromRaw& op) {
  const RawRange raw = held.at(op.from);
  return with_known<P>(raw.known, [&]<class M>(std::type_identity<M>) -> trace::Reply {
    auto segment = mm::Segment<P, M>::from_raw(raw.start, raw.end);
    held.at(op.from) = {};
    const trace::Reply reply{.results = {segment.start_paddr().value, segment.end_paddr().value}};
    held.put(op.to, std::move(segment));
    return reply;
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentToDyn& op) {
  return held.has(op.from) && held.known(op.from) != kDyn;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentToDyn& op) {
  held.segments.template forget_type<mm::Dyn>(op.from);
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentTryFrom& op) {
  return held.known(op.from) == kDyn;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentTryFrom& op) {
  return with_kind<P>(op.kind.name, [&]<class M>(std::type_identity<M>) {
    return held.segments.template recover_type<M>(op.from);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentToUntyped& op) {
  return held.may_be_untyped(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentToUntyped& op) {
  if (held.known(op.from) == kDyn) return held.segments.template recover_type<mm::Untyped>(op.from);
  held.segments.template forget_type<mm::Untyped>(op.from);
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentFromFrame& op) {
  return held.has(op.from) && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentFromFrame& op) {
  return held.with(op.from, [&]<class M>(mm::Frame<P, M>& frame) {
    held.put(op.to, mm::Segment<P, M>(std::move(frame)));
    return trace::Reply{};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SegmentRange& op) {
  return held.has(op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SegmentRange& op) {
  return held.with(op.from, [](auto& segment) -> trace::Reply {
    return {.results = {segment.start_paddr().value, segment.end_paddr().value, segment.size()}};
  });
}

}  // namespace check
