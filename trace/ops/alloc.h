// SPDX-License-Identifier: MPL-2.0
// Operations on the allocator. What it chose is in the choices of the answer.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Makes a page of the allocator's choice a frame, with a handle that knows its kind; its bytes are
// as they were, or zero. Says their sum.
struct AllocFrame {
  static constexpr const char* kName = "alloc_frame";
  static constexpr const char* kLaw = "POST-1";
  static constexpr std::array<Result, 2> kResults = {
      {{"address", As::address}, {"bytes_sum", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  Kind kind;
  Count value;
  Frame to;  // Must be empty.
  Flag zeroed;

  static constexpr void fields(auto&& each) {
    each("kind", &AllocFrame::kind);
    each("value", &AllocFrame::value);
    each("to", &AllocFrame::to);
    each("zeroed", &AllocFrame::zeroed);
  }
  bool operator==(const AllocFrame&) const = default;
};

// Makes adjacent pages of the allocator's choice a segment, as segment_from_unused does. None are
// invalid arguments; panics if their size in bytes is above 2^63 - 4096.
struct AllocSegment {
  static constexpr const char* kName = "alloc_segment";
  static constexpr const char* kLaw = "POST-13";
  static constexpr std::array<Result, 4> kResults = {{{"address", As::address},
                                                      {"bytes_sum", As::number},
                                                      {"calls", As::number},
                                                      {"misplaced", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory, Status::invalid_args,
                                           Status::panicked};

  Count pages;
  Kind kind;
  Count value;
  Segment to;  // Must be empty.
  Flag zeroed;

  static constexpr void fields(auto&& each) {
    each("pages", &AllocSegment::pages);
    each("kind", &AllocSegment::kind);
    each("value", &AllocSegment::value);
    each("to", &AllocSegment::to);
    each("zeroed", &AllocSegment::zeroed);
  }
  bool operator==(const AllocSegment&) const = default;
};

// Takes adjacent, aligned pages from the allocator without making them frames.
struct AllocBlock {
  static constexpr const char* kName = "alloc_block";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  Count pages;  // At least 1.
  Order align;  // Of pages: the start is a multiple of 4096 << align.
  Block to;     // Must be empty.

  static constexpr void fields(auto&& each) {
    each("pages", &AllocBlock::pages);
    each("align", &AllocBlock::align);
    each("to", &AllocBlock::to);
  }
  bool operator==(const AllocBlock&) const = default;
};

// Gives pages back to the allocator, as a block of just their number.
struct AllocGiveBlock {
  static constexpr const char* kName = "alloc_give_block";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Block from;  // Must hold pages.

  static constexpr void fields(auto&& each) { each("from", &AllocGiveBlock::from); }
  bool operator==(const AllocGiveBlock&) const = default;
};

// Gives pages to the allocator as memory that is new to it.
struct AllocAddBlock {
  static constexpr const char* kName = "alloc_add_block";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Block from;  // Must hold pages.

  static constexpr void fields(auto&& each) { each("from", &AllocAddBlock::from); }
  bool operator==(const AllocAddBlock&) const = default;
};

// From now on, the first `at` pages and the rest are held apart. The allocator is not asked.
struct AllocSplitBlock {
  static constexpr const char* kName = "alloc_split_block";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Block from;  // Must hold pages.
  Count at;    // Above 0, and below their number.
  Block to;    // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &AllocSplitBlock::from);
    each("at", &AllocSplitBlock::at);
    each("to", &AllocSplitBlock::to);
  }
  bool operator==(const AllocSplitBlock&) const = default;
};

// How many bytes the allocator says it has free.
struct AllocFreeBytes {
  static constexpr const char* kName = "alloc_free_bytes";
  static constexpr const char* kLaw = "B.10";
  static constexpr std::array<Result, 1> kResults = {{{"bytes", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const AllocFreeBytes&) const = default;
};

// From now on, on this CPU: after so many requests, the allocator refuses so many. Takes the place
// of what was said before.
struct AllocFail {
  static constexpr const char* kName = "alloc_fail";
  static constexpr const char* kLaw = "POST-1";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Count after;
  Count times;

  static constexpr void fields(auto&& each) {
    each("after", &AllocFail::after);
    each("times", &AllocFail::times);
  }
  bool operator==(const AllocFail&) const = default;
};

}  // namespace trace
