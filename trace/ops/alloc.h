// SPDX-License-Identifier: MPL-2.0
// Operations on the allocator.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Makes a page of the allocator's choice a frame, with a handle that knows its kind.
struct AllocFrame {
  static constexpr const char* kName = "alloc_frame";
  static constexpr const char* kLaw = "POST-1";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  Kind kind;
  Count value;
  Frame to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("kind", &AllocFrame::kind);
    each("value", &AllocFrame::value);
    each("to", &AllocFrame::to);
  }
  bool operator==(const AllocFrame&) const = default;
};

}  // namespace trace
