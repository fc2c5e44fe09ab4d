// SPDX-License-Identifier: MPL-2.0
// Operations on segments: runs of frames, one count held on each.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Makes unused pages, one after another, a segment that knows its kind. The factory is asked before
// each page is claimed; the n-th metadata that it makes (from 0) has the value plus n. If a page
// cannot be claimed, what was made before is dropped. Says how often the factory was asked, and how
// often not for the page whose turn it was; and what the ends found, if pages were dropped again.
// Panics if the range is empty or inverted. Only loose pages, and places that are none, may lie in
// the range.
struct SegmentFromUnused {
  static constexpr const char* kName = "segment_from_unused";
  static constexpr const char* kLaw = "POST-13";
  static constexpr std::array<Result, 7> kResults = {{{"calls", As::number},
                                                      {"misplaced", As::number},
                                                      kOnDrops,
                                                      kDestroyed,
                                                      kClaim,
                                                      kJoin,
                                                      kSum}};
  static constexpr std::array kOutcomes = {Status::ok,           Status::not_aligned,
                                           Status::out_of_bound, Status::in_use,
                                           Status::unique,       Status::panicked};

  PhysPlace at;
  PhysPlace until;  // The end, exclusive.
  Kind kind;
  Count value;
  Segment to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("at", &SegmentFromUnused::at);
    each("until", &SegmentFromUnused::until);
    each("kind", &SegmentFromUnused::kind);
    each("value", &SegmentFromUnused::value);
    each("to", &SegmentFromUnused::to);
  }
  bool operator==(const SegmentFromUnused&) const = default;
};

// Splits a segment `at` bytes from its start: the front stays, the rest goes to `to`. Panics unless
// that is aligned and strictly inside.
struct SegmentSplit {
  static constexpr const char* kName = "segment_split";
  static constexpr const char* kLaw = "POST-14";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Segment from;  // Must hold a segment.
  Extent at;
  Segment to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentSplit::from);
    each("at", &SegmentSplit::at);
    each("to", &SegmentSplit::to);
  }
  bool operator==(const SegmentSplit&) const = default;
};

// Adds a segment like part of one already held. Panics unless both ends are aligned and in order,
// and inside; may be empty.
struct SegmentSlice {
  static constexpr const char* kName = "segment_slice";
  static constexpr const char* kLaw = "POST-16";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked, Status::aborted};

  Segment from;  // Must hold a segment.
  Extent begin;
  Extent end;  // Exclusive.
  Segment to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentSlice::from);
    each("begin", &SegmentSlice::begin);
    each("end", &SegmentSlice::end);
    each("to", &SegmentSlice::to);
  }
  bool operator==(const SegmentSlice&) const = default;
};

// Takes the first frame out of a segment, as a handle that knows what the segment knows.
struct SegmentNext {
  static constexpr const char* kName = "segment_next";
  static constexpr const char* kLaw = "POST-17";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  Segment from;  // Must hold a segment.
  Frame to;      // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentNext::from);
    each("to", &SegmentNext::to);
  }
  bool operator==(const SegmentNext&) const = default;
};

// Adds a segment like one already held.
struct SegmentClone {
  static constexpr const char* kName = "segment_clone";
  static constexpr const char* kLaw = "POST-15";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::aborted};

  Segment from;  // Must hold a segment.
  Segment to;    // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentClone::from);
    each("to", &SegmentClone::to);
  }
  bool operator==(const SegmentClone&) const = default;
};

// Gives a segment up: each of its frames, ascending. A dynamic segment of pages whose usage is
// reserved, kernel or meta stays, and panics, whatever their counts are.
struct SegmentDrop {
  static constexpr const char* kName = "segment_drop";
  static constexpr const char* kLaw = "POST-18";
  static constexpr std::array<Result, 5> kResults = {{kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Segment from;  // Must hold a segment.

  static constexpr void fields(auto&& each) { each("from", &SegmentDrop::from); }
  bool operator==(const SegmentDrop&) const = default;
};

// Forgets a segment, and keeps its counts.
struct SegmentIntoRaw {
  static constexpr const char* kName = "segment_into_raw";
  static constexpr const char* kLaw = "POST-6";
  static constexpr std::array<Result, 2> kResults = {
      {{"start", As::address}, {"end", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Segment from;   // Must hold a segment.
  RawSegment to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentIntoRaw::from);
    each("to", &SegmentIntoRaw::to);
  }
  bool operator==(const SegmentIntoRaw&) const = default;
};

// Makes counts a segment again, of the kind it was.
struct SegmentFromRaw {
  static constexpr const char* kName = "segment_from_raw";
  static constexpr const char* kLaw = "POST-6";
  static constexpr std::array<Result, 2> kResults = {
      {{"start", As::address}, {"end", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  RawSegment from;  // Must hold a range.
  Segment to;       // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentFromRaw::from);
    each("to", &SegmentFromRaw::to);
  }
  bool operator==(const SegmentFromRaw&) const = default;
};

// The segment forgets what it knows of the metadata's type.
struct SegmentToDyn {
  static constexpr const char* kName = "segment_to_dyn";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Segment from;  // Must hold a typed or an untyped segment.

  static constexpr void fields(auto&& each) { each("from", &SegmentToDyn::from); }
  bool operator==(const SegmentToDyn&) const = default;
};

// The segment becomes one of a kind if its pages' metadata is of that kind; if not, it stays
// dynamic. An empty segment becomes whatever is asked.
struct SegmentTryFrom {
  static constexpr const char* kName = "segment_try_from";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::wrong_kind};

  Segment from;  // Must hold a dynamic segment.
  Kind kind;

  static constexpr void fields(auto&& each) {
    each("from", &SegmentTryFrom::from);
    each("kind", &SegmentTryFrom::kind);
  }
  bool operator==(const SegmentTryFrom&) const = default;
};

// The segment becomes one of untyped frames if its metadata's kind allows that; if not, it stays as
// it is. An empty dynamic segment becomes one.
struct SegmentToUntyped {
  static constexpr const char* kName = "segment_to_untyped";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::wrong_kind};

  Segment from;  // Must hold a dynamic segment, or a typed one of an untyped kind.

  static constexpr void fields(auto&& each) { each("from", &SegmentToUntyped::from); }
  bool operator==(const SegmentToUntyped&) const = default;
};

// Makes a frame a segment of one page, which knows what the frame's handle knew.
struct SegmentFromFrame {
  static constexpr const char* kName = "segment_from_frame";
  static constexpr const char* kLaw = "POST-13";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.
  Segment to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SegmentFromFrame::from);
    each("to", &SegmentFromFrame::to);
  }
  bool operator==(const SegmentFromFrame&) const = default;
};

// Where a segment lies, and its size in bytes. An empty one has a start, too: where it was cut.
struct SegmentRange {
  static constexpr const char* kName = "segment_range";
  static constexpr const char* kLaw = "INV-20";
  static constexpr std::array<Result, 3> kResults = {
      {{"start", As::address}, {"end", As::address}, {"size", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Segment from;  // Must hold a segment.

  static constexpr void fields(auto&& each) { each("from", &SegmentRange::from); }
  bool operator==(const SegmentRange&) const = default;
};

}  // namespace trace
