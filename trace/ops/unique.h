// SPDX-License-Identifier: MPL-2.0
// Operations on unique frames.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Makes an unused page a frame that nobody else can reach. Only loose pages, and places that are
// none, may be named.
struct UniqueFromUnused {
  static constexpr const char* kName = "unique_from_unused";
  static constexpr const char* kLaw = "POST-1";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::not_aligned, Status::out_of_bound,
                                           Status::in_use, Status::unique};
  static constexpr std::array kOutcomesAtOnce = {Status::busy};

  PhysPlace at;
  Kind kind;
  Count value;
  Unique to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("at", &UniqueFromUnused::at);
    each("kind", &UniqueFromUnused::kind);
    each("value", &UniqueFromUnused::value);
    each("to", &UniqueFromUnused::to);
  }
  bool operator==(const UniqueFromUnused&) const = default;
};

// Reads the metadata, as frame_read_meta does.
struct UniqueReadMeta {
  static constexpr const char* kName = "unique_read_meta";
  static constexpr const char* kLaw = "INV-7";
  static constexpr auto kResults = kKindAndWords;
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &UniqueReadMeta::from); }
  bool operator==(const UniqueReadMeta&) const = default;
};

// Writes the metadata where it is, as its kind made with `value` would be.
struct UniqueWriteMeta {
  static constexpr const char* kName = "unique_write_meta";
  static constexpr const char* kLaw = "INV-19";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a typed frame.
  Count value;

  static constexpr void fields(auto&& each) {
    each("from", &UniqueWriteMeta::from);
    each("value", &UniqueWriteMeta::value);
  }
  bool operator==(const UniqueWriteMeta&) const = default;
};

// Replaces the metadata; the old ends, and the page stays unique throughout.
struct UniqueRepurpose {
  static constexpr const char* kName = "unique_repurpose";
  static constexpr const char* kLaw = "POST-9";
  static constexpr std::array<Result, 5> kResults = {{kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a frame.
  Kind kind;
  Count value;

  static constexpr void fields(auto&& each) {
    each("from", &UniqueRepurpose::from);
    each("kind", &UniqueRepurpose::kind);
    each("value", &UniqueRepurpose::value);
  }
  bool operator==(const UniqueRepurpose&) const = default;
};

// Ends the page's use without telling the allocator.
struct UniqueReset {
  static constexpr const char* kName = "unique_reset";
  static constexpr const char* kLaw = "POST-12";
  static constexpr std::array<Result, 5> kResults = {{kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a frame of a loose page.

  static constexpr void fields(auto&& each) { each("from", &UniqueReset::from); }
  bool operator==(const UniqueReset&) const = default;
};

// Makes the one handle a shared one, like it.
struct UniqueIntoShared {
  static constexpr const char* kName = "unique_into_shared";
  static constexpr const char* kLaw = "POST-10";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a frame.
  Frame to;     // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &UniqueIntoShared::from);
    each("to", &UniqueIntoShared::to);
  }
  bool operator==(const UniqueIntoShared&) const = default;
};

// Makes a shared frame unique, if this is its only handle; if not, the frame stays where it is.
struct UniqueTryFromFrame {
  static constexpr const char* kName = "unique_try_from_frame";
  static constexpr const char* kLaw = "POST-11";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::shared};

  Frame from;  // Must hold a typed or a dynamic frame.
  Unique to;   // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &UniqueTryFromFrame::from);
    each("to", &UniqueTryFromFrame::to);
  }
  bool operator==(const UniqueTryFromFrame&) const = default;
};

// The handle forgets what it knows of the metadata's type.
struct UniqueToDyn {
  static constexpr const char* kName = "unique_to_dyn";
  static constexpr const char* kLaw = "INV-19";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a typed frame.

  static constexpr void fields(auto&& each) { each("from", &UniqueToDyn::from); }
  bool operator==(const UniqueToDyn&) const = default;
};

// Ends the page's use, and gives it to the allocator.
struct UniqueDrop {
  static constexpr const char* kName = "unique_drop";
  static constexpr const char* kLaw = "POST-12";
  static constexpr std::array<Result, 5> kResults = {{kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  Unique from;  // Must hold a frame.

  static constexpr void fields(auto&& each) { each("from", &UniqueDrop::from); }
  bool operator==(const UniqueDrop&) const = default;
};

}  // namespace trace
