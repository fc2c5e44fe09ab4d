// SPDX-License-Identifier: MPL-2.0
// Operations on shared frames. `kLaw` is the law that a wrong answer breaks; `kOutcomes` are the
// statuses that an operation can end with, and `kOutcomesAtOnce` those that it can end with only
// while other lanes go.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Makes an unused page a frame, with a handle that knows its kind. Only loose pages, and places
// that are none, may be named.
struct FrameFromUnused {
  static constexpr const char* kName = "frame_from_unused";
  static constexpr const char* kLaw = "POST-1";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::not_aligned, Status::out_of_bound,
                                           Status::in_use, Status::unique};
  static constexpr std::array kOutcomesAtOnce = {Status::busy};

  PhysPlace at;
  Kind kind;
  Count value;
  Frame to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("at", &FrameFromUnused::at);
    each("kind", &FrameFromUnused::kind);
    each("value", &FrameFromUnused::value);
    each("to", &FrameFromUnused::to);
  }
  bool operator==(const FrameFromUnused&) const = default;
};

// Adds a dynamic handle to a page somebody else uses, and reads its metadata through it.
struct FrameFromInUse {
  static constexpr const char* kName = "frame_from_in_use";
  static constexpr const char* kLaw = "POST-2";
  static constexpr auto kResults = kKindAndWords;
  static constexpr std::array kOutcomes = {Status::ok,           Status::not_aligned,
                                           Status::out_of_bound, Status::unused,
                                           Status::unique,       Status::aborted};
  static constexpr std::array kOutcomesAtOnce = {Status::busy};

  PhysPlace at;
  Frame to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("at", &FrameFromInUse::at);
    each("to", &FrameFromInUse::to);
  }
  bool operator==(const FrameFromInUse&) const = default;
};

// Adds a handle like one already held.
struct FrameClone {
  static constexpr const char* kName = "frame_clone";
  static constexpr const char* kLaw = "POST-3";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::aborted};

  Frame from;  // Must hold a frame.
  Frame to;    // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &FrameClone::from);
    each("to", &FrameClone::to);
  }
  bool operator==(const FrameClone&) const = default;
};

// Gives a handle up. Says whether it was the last; never how many are left, which would be a race.
// The last dynamic handle of a page whose usage is reserved, kernel or meta stays, and panics.
struct FrameDrop {
  static constexpr const char* kName = "frame_drop";
  static constexpr const char* kLaw = "POST-4";
  static constexpr std::array<Result, 6> kResults = {
      {{"was_last", As::flag}, kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &FrameDrop::from); }
  bool operator==(const FrameDrop&) const = default;
};

// Forgets a handle, and keeps its count.
struct FrameIntoRaw {
  static constexpr const char* kName = "frame_into_raw";
  static constexpr const char* kLaw = "POST-6";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.
  Raw to;      // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &FrameIntoRaw::from);
    each("to", &FrameIntoRaw::to);
  }
  bool operator==(const FrameIntoRaw&) const = default;
};

// Makes a count a handle again, of the kind it was.
struct FrameFromRaw {
  static constexpr const char* kName = "frame_from_raw";
  static constexpr const char* kLaw = "POST-6";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Raw from;  // Must hold a count.
  Frame to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &FrameFromRaw::from);
    each("to", &FrameFromRaw::to);
  }
  bool operator==(const FrameFromRaw&) const = default;
};

// Adds a count to the page of a count without a handle, by the page's address.
struct FrameIncRaw {
  static constexpr const char* kName = "frame_inc_raw";
  static constexpr const char* kLaw = "POST-3";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::aborted};

  Raw from;  // Must hold a count.
  Raw to;    // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &FrameIncRaw::from);
    each("to", &FrameIncRaw::to);
  }
  bool operator==(const FrameIncRaw&) const = default;
};

// Borrows a frame from its owner for the length of the operation, and looks at it so. The count is
// read once.
struct FrameBorrow {
  static constexpr const char* kName = "frame_borrow";
  static constexpr const char* kLaw = "POST-7";
  static constexpr std::array<Result, 3> kResults = {
      {{"address", As::address}, {"count", As::number}, {"kind", As::kind}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &FrameBorrow::from); }
  bool operator==(const FrameBorrow&) const = default;
};

// Borrows a frame, and makes an owned handle of what was borrowed, like the owner's.
struct FrameBorrowClone {
  static constexpr const char* kName = "frame_borrow_clone";
  static constexpr const char* kLaw = "POST-3";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::aborted};

  Frame from;  // Must hold a frame.
  Frame to;    // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &FrameBorrowClone::from);
    each("to", &FrameBorrowClone::to);
  }
  bool operator==(const FrameBorrowClone&) const = default;
};

// Whether two handles refer to the same page.
struct FrameEqual {
  static constexpr const char* kName = "frame_equal";
  static constexpr const char* kLaw = "POST-7";
  static constexpr std::array<Result, 1> kResults = {{{"equal", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame left;   // Must hold a frame.
  Frame right;  // Must hold a frame.

  static constexpr void fields(auto&& each) {
    each("left", &FrameEqual::left);
    each("right", &FrameEqual::right);
  }
  bool operator==(const FrameEqual&) const = default;
};

// How many handles there are, at one moment.
struct FrameCount {
  static constexpr const char* kName = "frame_count";
  static constexpr const char* kLaw = "INV-13";
  static constexpr std::array<Result, 1> kResults = {{{"count", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &FrameCount::from); }
  bool operator==(const FrameCount&) const = default;
};

// Reads the metadata: as of the kind that the handle knows, or else as of the kind that the slot
// says.
struct FrameReadMeta {
  static constexpr const char* kName = "frame_read_meta";
  static constexpr const char* kLaw = "INV-7";
  static constexpr auto kResults = kKindAndWords;
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &FrameReadMeta::from); }
  bool operator==(const FrameReadMeta&) const = default;
};

// The handle forgets what it knows of the metadata's type.
struct FrameToDyn {
  static constexpr const char* kName = "frame_to_dyn";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a typed or an untyped frame.

  static constexpr void fields(auto&& each) { each("from", &FrameToDyn::from); }
  bool operator==(const FrameToDyn&) const = default;
};

// The handle becomes one of a kind if the page's metadata is of that kind; if not, it stays
// dynamic.
struct FrameTryFrom {
  static constexpr const char* kName = "frame_try_from";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::wrong_kind};

  Frame from;  // Must hold a dynamic frame.
  Kind kind;

  static constexpr void fields(auto&& each) {
    each("from", &FrameTryFrom::from);
    each("kind", &FrameTryFrom::kind);
  }
  bool operator==(const FrameTryFrom&) const = default;
};

// The handle becomes one of an untyped frame, whose bytes users may read, if the metadata's kind
// allows that; if not, it stays dynamic. A typed handle must be of such a kind already.
struct FrameToUntyped {
  static constexpr const char* kName = "frame_to_untyped";
  static constexpr const char* kLaw = "POST-8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::wrong_kind};

  Frame from;  // Must hold a dynamic frame, or a typed one of kind empty.

  static constexpr void fields(auto&& each) { each("from", &FrameToUntyped::from); }
  bool operator==(const FrameToUntyped&) const = default;
};

// What the page is used for.
struct FrameUsage {
  static constexpr const char* kName = "frame_usage";
  static constexpr const char* kLaw = "INV-7";
  static constexpr std::array<Result, 1> kResults = {{{"usage", As::usage}}};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &FrameUsage::from); }
  bool operator==(const FrameUsage&) const = default;
};

// Pretends that there are `more` handles to a frame. It is how counts come near their limit; such
// a frame is never torn down. A count that would pass 2^63 - 1 is left as it is.
struct FrameCountPreload {
  static constexpr const char* kName = "frame_count_preload";
  static constexpr const char* kLaw = "INV-13";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Frame from;  // Must hold a frame.
  Count more;  // Must be below 2^63 - 2.

  static constexpr void fields(auto&& each) {
    each("from", &FrameCountPreload::from);
    each("more", &FrameCountPreload::more);
  }
  bool operator==(const FrameCountPreload&) const = default;
};

}  // namespace trace
