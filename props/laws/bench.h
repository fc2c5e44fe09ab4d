// SPDX-License-Identifier: MPL-2.0
// The model asked alone: what tests of the reference share.
#pragma once

#include <string>
#include <vector>

#include "check/sut.h"
#include "reference/laws.h"
#include "reference/model.h"

namespace laws {

using trace::KindName;
using trace::Status;

inline constexpr trace::Frame f0{0}, f1{1}, f2{2}, f3{3};
inline constexpr trace::Unique u0{0}, u1{1};
inline constexpr trace::Raw r0{0}, r1{1};
inline constexpr trace::Segment s0{0}, s1{1}, s2{2};
inline constexpr trace::RawSegment w0{0};
inline constexpr trace::List l0{0}, l1{1}, l2{2};

constexpr trace::Kind kind(KindName name) { return {name}; }
constexpr trace::PhysPlace at(std::uint16_t page) { return {page, 0}; }
constexpr trace::PhysPlace one_byte_into(std::uint16_t page) {
  return {page, trace::PageOffset::kFirstOther};
}
inline constexpr trace::PhysPlace kBeyondEnd{trace::PhysPlace::kFirstOutside, 0};
inline constexpr trace::PhysPlace kByteBeyondEnd{trace::PhysPlace::kFirstOutside,
                                                 trace::PageOffset::kFirstOther};

inline constexpr trace::Count kTo52{trace::Count::kFirstHuge};           // 2^52
inline constexpr trace::Count kToTop{trace::Count::kFirstHuge + 1};      // 2^63 - 3
inline constexpr trace::Count kBeyondTop{trace::Count::kFirstHuge + 2};  // 2^63

// So many pages, and bytes: one of those that a PageOffset can be.
constexpr trace::Extent extent(std::uint16_t pages, std::uint16_t bytes = 0) {
  std::uint8_t offset = 0;
  for (std::uint8_t raw = trace::PageOffset::kFirstOther; raw != 0; ++raw) {
    if (trace::PageOffset::byte(raw) == bytes) offset = raw;
  }
  return {pages, offset};
}

constexpr std::uint64_t number(Status status) { return static_cast<std::uint64_t>(status); }
constexpr std::uint64_t number(KindName name) { return static_cast<std::uint64_t>(name); }
constexpr std::uint64_t number(trace::Usage usage) { return static_cast<std::uint64_t>(usage); }

struct Asked {
  std::uint8_t lane = 0;
  trace::Op op{};
};

// Four pages: 0 and 1 are loose, 2 and 3 the allocator's.
inline constexpr trace::Machine kFourPages{.pages = {4}, .loose = {2}, .cpus = {2}};

// Asks one operation of a model, all its phases, with what a system was seen to answer;
inline trace::Answer ask(reference::Model& model, const Asked& asked, const trace::Answer& seen) {
  const trace::Answer answer = model.step(asked.lane, asked.op, seen);
  while (model.unfinished(asked.lane)) model.finish(asked.lane);
  return answer;
}
// or with the choices of some right system.
inline trace::Answer ask(reference::Model& model, const Asked& asked) {
  return ask(model, asked, model.imagine(asked.lane, asked.op));
}

inline reference::Model after(const trace::Machine& machine, const std::vector<Asked>& prologue) {
  reference::Model model(machine);
  for (const Asked& asked : prologue) ask(model, asked);
  return model;
}

}  // namespace laws
