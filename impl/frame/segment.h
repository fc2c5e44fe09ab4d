// SPDX-License-Identifier: MPL-2.0
// A run of adjacent frames, one count held on each (INV-20). It is just the range: what it knows of
// the pages' metadata, as a Frame<P, M> does, it knows of all of them.
//
// An empty segment holds nothing and reads nothing, but lies somewhere: where it was cut. One that
// was made so, or moved from, does not even that.
#pragma once

#include "impl/frame/frame.h"

namespace mm {

template <Platform P, class M = Dyn>
class Segment;
template <Platform P>
using USegment = Segment<P, Untyped>;

// Gives each frame up, ascending, as drop() of a frame does (POST-18). Panics, with all still held,
// if the segment is dynamic and the usage of its pages keeps the last handle: whatever their counts
// are, as those may change while it goes on.
template <Platform P, class M>
void drop(Segment<P, M>&& segment) noexcept;

template <Platform P, class M>
class Segment {
 public:
  Segment() noexcept = default;
  Segment(Segment&& other) noexcept
      : start_(std::exchange(other.start_, kNowhere)), end_(std::exchange(other.end_, kNowhere)) {}
  Segment& operator=(Segment&& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(end_, other.end_);
    return *this;
  }
  ~Segment() {
    if (!is_empty()) mm::drop(std::move(*this));
  }

  template <class Other>
    requires ForgetsTo<Other, M>
  // NOLINTNEXTLINE(google-explicit-constructor): nothing is lost but the type.
  Segment(Segment<P, Other>&& other) noexcept : Segment(of_range(std::move(other).into_raw())) {}

  // A frame is a segment of one page.
  explicit Segment(Frame<P, M>&& frame) noexcept : start_(std::move(frame).into_raw()) {
    end_ = next_page(start_);
  }

  // If the slots say that it is one; if not, it stays where it is (POST-8). All pages of a segment
  // are of one type, so the first speaks for all; an empty segment is of any.
  static Result<Segment, WrongType> try_from(Segment<P>&& dynamic) noexcept
    requires(!std::same_as<M, Dyn>)
  {
    if (!dynamic.is_empty() && !Frame<P, M>::may_be(dynamic.first_slot()->dyn_meta())) {
      return Failure{WrongType{}};
    }
    return of_range(std::move(dynamic).into_raw());
  }

  // Makes unused pages a segment. The factory is asked for the metadata of each page, ascending,
  // before that page is claimed. If one cannot be, those before it are dropped again (POST-13). If
  // the addresses are good, panics at a range of no page.
  template <class Factory>
    requires FrameMeta<M> && std::is_nothrow_invocable_r_v<M, Factory&, PhysAddr>
  static Result<Segment, GetFrameError> from_unused(PhysAddr start, PhysAddr end,
                                                    Factory&& factory) noexcept {
    if (start.value % kPageSize != 0 || end.value % kPageSize != 0) {
      return Failure{GetFrameError::not_aligned};
    }
    if (end.value > P::globals().max_paddr()) return Failure{GetFrameError::out_of_bound};
    if (start >= end) [[unlikely]]
      P::panic(Panic::empty_range, "POST-13: a segment of no page");

    Segment made(start, start);
    for (; made.end_ < end; made.end_ = next_page(made.end_)) {
      const PhysAddr at = made.end_;
      (void)MM_TRY(MetaSlot<P>::get_from_unused(at, factory(at), /*as_unique=*/false));
    }
    return made;
  }

  // Whether there is a segment here, if only an empty one.
  explicit operator bool() const noexcept { return start_ != kNowhere; }

  PhysAddr start_paddr() const noexcept { return start_; }
  PhysAddr end_paddr() const noexcept { return end_; }
  usize size() const noexcept { return end_.value - start_.value; }
  bool is_empty() const noexcept { return start_ == end_; }

  // Cuts the segment: what lies behind `offset` is returned, what lies before stays (POST-14).
  // Panics unless the offset is that of a page, and there are some on both sides.
  Segment split(usize offset) noexcept {
    if (offset % kPageSize != 0 || offset == 0 || offset >= size()) [[unlikely]]
      P::panic(Panic::bad_split, "POST-14: segment virtual address out-of-bound for splitting");
    const PhysAddr cut{start_.value + offset};
    return Segment(cut, std::exchange(end_, cut));
  }

  // A segment more, over the bytes [begin, end) of this one (POST-16): it may be empty. Panics
  // unless both are those of pages, in order, and inside.
  Segment slice(usize begin, usize end) const noexcept {
    if (begin % kPageSize != 0 || end % kPageSize != 0 || begin > end || end > size()) [[unlikely]]
      P::panic(Panic::bad_slice, "POST-16: segment virtual address out-of-bound for slicing");
    return counted({start_.value + begin}, {start_.value + end});
  }

  // A segment more, like this one (POST-15).
  Segment clone() const noexcept { return counted(start_, end_); }

  // Takes the first frame out (POST-17): it holds nothing if there is none.
  Frame<P, M> next() noexcept {
    if (is_empty()) return {};
    return Frame<P, M>(MetaSlot<P>::of(std::exchange(start_, next_page(start_))));
  }

  // The counts of the frames in the first `bytes` are somebody else's from here on. Requires that
  // there are so many, and that they are whole pages.
  void forget_front(usize bytes) noexcept { start_.value += bytes; }

  // Of all bytes. Must not outlive the segment.
  VmReader<P> reader() const noexcept
    requires HasUserBytes<M>
  {
    return VmReader<P>(bytes());
  }
  VmWriter<P> writer() const noexcept
    requires HasUserBytes<M>
  {
    return VmWriter<P>(bytes());
  }

  // Forgets the segment and keeps its counts: from where to where. And back; requires that they
  // were of a segment like this one (POST-6).
  std::pair<PhysAddr, PhysAddr> into_raw() && noexcept {
    return {std::exchange(start_, kNowhere), std::exchange(end_, kNowhere)};
  }
  static Segment from_raw(PhysAddr start, PhysAddr end) noexcept {
    MM_ASSERT(P, "INV-16", start.value % kPageSize == 0 && end.value % kPageSize == 0);
    MM_ASSERT(P, "INV-16", start <= end && end.value <= P::globals().max_paddr());
    return Segment(start, end);
  }

 private:
  template <Platform, class>
  friend class Segment;
  template <Platform Q, class N>
  friend void drop(Segment<Q, N>&& segment) noexcept;

  static constexpr PhysAddr kNowhere{~u64{0}};
  static constexpr PhysAddr next_page(PhysAddr at) noexcept { return {at.value + kPageSize}; }

  // Requires that the pages' counts are the new segment's.
  Segment(PhysAddr start, PhysAddr end) noexcept : start_(start), end_(end) {}
  static Segment of_range(std::pair<PhysAddr, PhysAddr> range) noexcept {
    return Segment(range.first, range.second);
  }

  static Segment counted(PhysAddr start, PhysAddr end) noexcept {
    Segment made(start, end);
    for (MetaSlot<P>* slot = made.first_slot(); slot != made.end_slot(); ++slot) {
      slot->inc_ref_count();
    }
    return made;
  }

  // One after another, those of the pages: none, if both are the same.
  MetaSlot<P>* first_slot() const noexcept { return MetaSlot<P>::of(start_); }
  MetaSlot<P>* end_slot() const noexcept { return MetaSlot<P>::of(end_); }

  std::span<u8> bytes() const noexcept { return {page_bytes<P>(start_), size()}; }

  PhysAddr start_ = kNowhere;
  PhysAddr end_ = kNowhere;  // Exclusive.
};

template <Platform P, class M>
void drop(Segment<P, M>&& segment) noexcept {
  MetaSlot<P>* slot = segment.first_slot();
  MetaSlot<P>* const end = segment.end_slot();
  if constexpr (std::same_as<M, Dyn>) {
    if (slot != end && keeps_last_handle(slot->vtable()->usage)) [[unlikely]]
      P::panic(Panic::last_handle, "PRE-4: the pages keep their last handles");
  }
  (void)std::move(segment).into_raw();
  for (; slot != end; ++slot) {
    if (slot->dec_ref_count()) [[unlikely]]
      Frame<P, M>::drop_last(slot);
  }
}

}  // namespace mm
