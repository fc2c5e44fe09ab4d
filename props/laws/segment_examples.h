// SPDX-License-Identifier: MPL-2.0
// Examples of segments.
#pragma once

#include "props/laws/example.h"

namespace laws {

inline std::vector<Example> segment_examples() {
  using enum KindName;
  using trace::Usage;
  using namespace trace;  // The operations.
  constexpr std::uint64_t kTop = (std::uint64_t{1} << 63) - 1;
  constexpr Extent kLastPage{Extent::kFirstHuge + 3, 0};  // 2^64 - 4096.
  const auto none = number(Status::passed_over);
  const auto busy = number(Status::busy);

  auto make = [](std::uint16_t from, std::uint16_t until, KindName name) {
    return Asked{0, SegmentFromUnused{at(from), at(until), {name}, {5}, s0}};
  };
  auto refused = [&](Status why, std::uint64_t calls) {
    trace::Answer answer = gives({calls, 0, 0, 0, none, none, 0});
    answer.reply.status = why;
    return answer;
  };
  const Asked make_two = make(0, 2, value8);
  const Asked make_one = make(1, 2, value8);
  const Asked make_kernel = make(0, 2, kernel);
  const Asked make_empty = make(0, 2, empty);
  const Asked forget{0, SegmentToDyn{s0}};
  const Asked clone{0, SegmentClone{s0, s1}};
  const Asked drop{0, SegmentDrop{s0}};
  const Asked cut_to_nothing{0, SegmentSlice{s0, extent(1), extent(1), s1}};
  const Asked take_first{0, SegmentNext{s0, f0}};
  const Asked fill_up{0, FrameCountPreload{f0, kToTop}};  // To 2^63 - 2.
  const Fact page1 = shared(1, 1, value8, Usage::frame, {6});

  auto dropped_one = refused(Status::in_use, 2);
  dropped_one.reply.results = {2, 0, 1, 1, busy, busy, 0};
  dropped_one.choices.given.push(0);
  auto dropped_reader = refused(Status::unique, 2);
  dropped_reader.reply.results = {2, 0, 1, 1, none, none, 0};
  dropped_reader.choices.given.push(0);

  return {
      // Making them (POST-13). Errors come before the panic, and both before the factory is asked.
      {"a segment is made, each page with the next value",
       {},
       make_two,
       gives({2, 0, 0, 0, none, none, 0}),
       page1},
      {"a segment's start must be aligned",
       {},
       {0, SegmentFromUnused{one_byte_into(0), at(1), {value8}, {}, s0}},
       refused(Status::not_aligned, 0)},
      {"a segment's end must be aligned, wherever it is",
       {},
       {0, SegmentFromUnused{at(0), kByteBeyondEnd, {value8}, {}, s0}},
       refused(Status::not_aligned, 0)},
      {"a segment must end within the machine",
       {},
       {0, SegmentFromUnused{at(0), {PhysPlace::kFirstOutside + 1, 0}, {value8}, {}, s0}},
       refused(Status::out_of_bound, 0)},
      {"a segment of nothing panics",
       {},
       make(1, 1, value8),
       refuses(Status::panicked, Code::empty_range)},
      {"a segment with its end first panics",
       {},
       make(3, 1, value8),
       refuses(Status::panicked, Code::empty_range)},
      {"the end of memory is an end, so the range is only inverted if it starts beyond",
       {},
       {0, SegmentFromUnused{kBeyondEnd, kBeyondEnd, {value8}, {}, s0}},
       refuses(Status::panicked, Code::empty_range)},
      {"what was made before a page in use ends again",
       {{1, FrameFromUnused{at(1), {value8}, {}, f0}}},
       make(0, 2, reentrant),
       dropped_one,
       {},
       0},
      {"what was made before a unique page ends again",
       {{1, UniqueFromUnused{at(1), {value8}, {}, u0}}},
       make(0, 2, reader),
       dropped_reader,
       {},
       0},
      {"nothing was made before the first page",
       {{1, UniqueFromUnused{at(0), {value8}, {}, u0}}},
       make_two,
       refused(Status::unique, 1),
       {},
       1},
      {"a frame becomes a segment",
       {{0, FrameFromUnused{at(1), {value8}, {6}, f0}}},
       {0, SegmentFromFrame{f0, s0}},
       gives(),
       page1},

      // Parts (POST-14 to POST-17).
      {"a segment is split between its pages",
       {make_two},
       {0, SegmentSplit{s0, extent(1), s1}},
       gives(),
       page1},
      {"a segment is not split at its start",
       {make_two},
       {0, SegmentSplit{s0, extent(0), s1}},
       refuses(Status::panicked, Code::bad_split)},
      {"a segment is not split at its end",
       {make_two},
       {0, SegmentSplit{s0, extent(2), s1}},
       refuses(Status::panicked, Code::bad_split)},
      {"a segment is not split within a page",
       {make_two},
       {0, SegmentSplit{s0, extent(1, 1), s1}},
       refuses(Status::panicked, Code::bad_split)},
      {"a segment is not split far beyond",
       {make_two},
       {0, SegmentSplit{s0, kLastPage, s1}},
       refuses(Status::panicked, Code::bad_split)},
      {"a slice adds one to the counts that it covers",
       {make_two},
       {0, SegmentSlice{s0, extent(1), extent(2), s1}},
       gives(),
       shared(1, 2, value8, Usage::frame, {6})},
      {"a slice leaves the other counts alone",
       {make_two},
       {0, SegmentSlice{s0, extent(1), extent(2), s1}},
       gives(),
       shared(0, 1, value8, Usage::frame, {5})},
      {"an empty slice at the end covers nothing",
       {make_two},
       {0, SegmentSlice{s0, extent(2), extent(2), s1}},
       gives(),
       page1},
      {"a slice may not end beyond",
       {make_two},
       {0, SegmentSlice{s0, extent(1), extent(3), s1}},
       refuses(Status::panicked, Code::bad_slice)},
      {"a slice may not end before it begins",
       {make_two},
       {0, SegmentSlice{s0, extent(2), extent(1), s1}},
       refuses(Status::panicked, Code::bad_slice)},
      {"a slice has whole pages",
       {make_two},
       {0, SegmentSlice{s0, extent(0), extent(1, 8), s1}},
       refuses(Status::panicked, Code::bad_slice)},
      {"an empty slice far beyond does not wrap around",
       {make_two},
       {0, SegmentSlice{s0, kLastPage, kLastPage, s1}},
       refuses(Status::panicked, Code::bad_slice)},
      {"a slice aborts at the maximum",
       {make_two, take_first, fill_up, {0, FrameClone{f0, f1}}, {0, SegmentFromFrame{f0, s1}}},
       {0, SegmentSlice{s1, extent(0), extent(1), s2}},
       refuses(Status::aborted, Code::count_overflow)},
      {"a clone of a segment adds one to each count",
       {make_two},
       clone,
       gives(),
       shared(1, 2, value8, Usage::frame, {6})},
      {"a clone of a segment reaches the maximum",
       {make_two, take_first, fill_up, {0, SegmentFromFrame{f0, s1}}},
       {0, SegmentClone{s1, s2}},
       gives(),
       shared(0, kTop, value8, Usage::frame, {5})},
      {"a clone of a segment aborts at the maximum",
       {make_two, take_first, fill_up, {0, FrameClone{f0, f1}}, {0, SegmentFromFrame{f0, s1}}},
       {0, SegmentClone{s1, s2}},
       refuses(Status::aborted, Code::count_overflow)},
      {"the first frame is taken out", {make_two}, take_first, gives({0})},
      {"the next is then the first",
       {make_two, take_first},
       {0, SegmentNext{s0, f1}},
       gives({4096}),
       page1},
      {"an empty segment has no frame",
       {make_one, cut_to_nothing},
       {0, SegmentNext{s1, f0}},
       refuses(Status::none)},

      // Dropping (POST-18).
      {"a segment whose pages have other owners leaves them",
       {make_two, clone},
       drop,
       gives({0, 0, none, none, 0}),
       page1},
      {"the last segment ends its pages, in order",
       {make_two},
       drop,
       and_gives_back(and_gives_back(gives({2, 2, none, none, 0}), 0), 1),
       {},
       1},
      {"ends of readers are summed up",
       {make(0, 2, reader)},
       drop,
       and_gives_back(and_gives_back(gives({2, 2, none, none, 4096}), 0), 1)},
      {"ends of reentrant pages are told once",
       {make(0, 2, reentrant)},
       drop,
       and_gives_back(and_gives_back(gives({2, 2, busy, busy, 0}), 0), 1)},
      {"only some ends may be last",
       {make_two, {1, FrameFromInUse{at(1), f0}}},
       drop,
       and_gives_back(gives({1, 1, none, none, 0}), 0),
       page1},
      {"an empty segment is dropped without a trace",
       {make_one, cut_to_nothing},
       {0, SegmentDrop{s1}},
       gives({0, 0, none, none, 0}),
       shared(1, 1, value8, Usage::frame, {5})},
      {"a dynamic segment of kernel pages stays",
       {make_kernel, forget},
       drop,
       refuses(Status::panicked, Code::last_handle),
       shared(0, 1, kernel, Usage::kernel, {5})},
      {"a dynamic segment of kernel pages stays even beside another",
       {make_kernel, clone, forget},
       drop,
       refuses(Status::panicked, Code::last_handle),
       shared(0, 2, kernel, Usage::kernel, {5})},
      {"an empty dynamic segment of kernel pages goes",
       {make_kernel, forget, cut_to_nothing},
       {0, SegmentDrop{s1}},
       gives({0, 0, none, none, 0})},
      {"a typed segment of kernel pages goes",
       {make_kernel},
       drop,
       and_gives_back(and_gives_back(gives({2, 2, none, none, 0}), 0), 1)},

      // Counts and types (POST-6, POST-8, INV-20).
      {"a segment is forgotten",
       {make_one},
       {0, SegmentIntoRaw{s0, w0}},
       gives({4096, 8192}),
       shared(1, 1, value8, Usage::frame, {5})},
      {"a segment is made again",
       {make_one, {0, SegmentIntoRaw{s0, w0}}},
       {0, SegmentFromRaw{w0, s2}},
       gives({4096, 8192})},
      {"a typed segment becomes dynamic", {make_two}, forget, gives(), page1},
      {"a dynamic segment becomes typed by its kind",
       {make_two, forget},
       {0, SegmentTryFrom{s0, {value8}}},
       gives()},
      {"a dynamic segment does not become typed by another",
       {make_two, forget},
       {0, SegmentTryFrom{s0, {value24}}},
       refuses(Status::wrong_kind)},
      {"an empty segment becomes whatever is asked",
       {make_two, forget, cut_to_nothing},
       {0, SegmentTryFrom{s1, {value24}}},
       gives()},
      {"a typed segment of untyped pages becomes untyped",
       {make_empty},
       {0, SegmentToUntyped{s0}},
       gives()},
      {"a dynamic segment of links with untyped payloads becomes untyped",
       {make(0, 2, link_empty), forget},
       {0, SegmentToUntyped{s0}},
       gives()},
      {"a dynamic segment of typed pages does not become untyped",
       {make_two, forget},
       {0, SegmentToUntyped{s0}},
       refuses(Status::wrong_kind)},
      {"an empty dynamic segment becomes untyped",
       {make_two, forget, cut_to_nothing},
       {0, SegmentToUntyped{s1}},
       gives()},
      {"the range is told", {make_two}, {0, SegmentRange{s0}}, gives({0, 8192, 8192})},
      {"an empty segment lies where it was cut",
       {make_two, cut_to_nothing},
       {0, SegmentRange{s1}},
       gives({4096, 4096, 0})},
  };
}

}  // namespace laws
