// SPDX-License-Identifier: MPL-2.0
// Examples of operations on the allocator. It has pages 2 and 3.
#pragma once

#include "props/laws/example.h"

namespace laws {

inline trace::Answer takes(trace::Answer answer, std::initializer_list<std::uint16_t> pages) {
  for (const std::uint16_t page : pages) answer.choices.taken.push(page);
  return answer;
}
inline trace::Answer has_no_memory() {
  trace::Answer answer = refuses(Status::no_memory);
  answer.choices.refused = 1;
  return answer;
}

inline std::vector<Example> alloc_examples() {
  using enum KindName;
  using trace::Usage;
  using namespace trace;  // The operations.
  constexpr trace::Block b0{0}, b1{1};

  const Asked take_both{0, AllocBlock{{2}, {1}, b0}};
  const Asked take_one{0, AllocBlock{{1}, {}, b0}};
  const Asked fail_once{0, AllocFail{{0}, {1}}};
  const Asked fail_later{0, AllocFail{{1}, {1}}};
  const Asked frame{0, AllocFrame{{reader}, {9}, f0, {}}};
  const Asked zeroed{0, AllocFrame{{reader}, {9}, f0, {1}}};
  const Asked segment{0, AllocSegment{{2}, {value24}, {7}, s0, {}}};
  const Asked page2{0, AllocBlock{{1}, {}, b1}};
  const auto none = number(Status::passed_over);
  return {
      // Frames (POST-1).
      {"a page is as it was",
       {},
       frame,
       takes(gives({2 * 4096, 2 * 4096}), {2}),
       shared(2, 1, reader, Usage::frame, {9})},
      {"a page is zeroed", {}, zeroed, takes(gives({2 * 4096, 0}), {2})},
      {"what was zeroed is still so for the next",
       {zeroed, {0, FrameDrop{f0}}},
       {1, AllocFrame{{empty}, {}, f0, {}}},
       takes(gives({2 * 4096, 0}), {2})},
      {"the next page is not",
       {zeroed},
       {0, AllocFrame{{empty}, {}, f1, {}}},
       takes(gives({3 * 4096, 3 * 4096}), {3})},
      {"who reads a zeroed page at its end finds nothing",
       {zeroed},
       {0, FrameDrop{f0}},
       and_gives_back(gives({1, 1, 1, none, none, 0}), 2),
       PageFree{2}},
      {"a frame is refused if all is taken", {take_both}, frame, has_no_memory()},
      {"a frame is refused on demand", {fail_once}, frame, has_no_memory(), PageFree{2}},
      {"a demand is counted down", {fail_later, page2}, frame, has_no_memory(), PageFree{3}},
      {"a demand is met once", {fail_once, {0, AllocFail{}}}, page2, takes(gives({2 * 4096}), {2})},
      {"a demand takes the place of another",
       {fail_later, fail_once},
       frame,
       has_no_memory(),
       PageFree{2}},
      {"a demand can be made", {}, fail_once, gives()},

      // Segments (POST-13).
      {"a segment's metadata counts up",
       {},
       segment,
       takes(gives({2 * 4096, 5 * 4096, 2, 0}), {2, 3}),
       shared(3, 1, value24, Usage::frame, {8, 9, 10})},
      {"a segment is zeroed",
       {},
       {0, AllocSegment{{2}, {kernel}, {}, s0, {1}}},
       takes(gives({2 * 4096, 0, 2, 0}), {2, 3}),
       shared(2, 1, kernel, Usage::kernel, {0})},
      {"a segment of no pages is none",
       {fail_once},
       {0, AllocSegment{{0}, {}, {}, s0, {}}},
       refuses(Status::invalid_args)},
      {"a segment cannot have more bytes than addresses",
       {fail_once},
       {0, AllocSegment{kTo52, {}, {}, s0, {}}},
       refuses(Status::panicked, Code::too_large)},
      {"a segment is refused if there are fewer pages", {page2}, segment, has_no_memory()},
      {"a segment is refused on demand", {fail_once}, segment, has_no_memory(), PageFree{3}},

      // Blocks (B.10).
      {"a block is no frame", {}, take_both, takes(gives({2 * 4096}), {2, 3}), {}, 3},
      {"a block is aligned",
       {},
       {0, AllocBlock{{1}, {1}, b0}},
       takes(gives({2 * 4096}), {2}),
       PageFree{3}},
      {"a block is refused if none is aligned",
       {page2},
       {0, AllocBlock{{1}, {1}, b0}},
       has_no_memory(),
       PageFree{3}},
      {"a block of all there is and more",
       {},
       {0, AllocBlock{kBeyondTop, {}, b0}},
       has_no_memory()},
      {"a page in a block is unused",
       {take_one},
       {1, FrameFromInUse{at(2), f0}},
       refuses(Status::unused)},
      {"a block is given back",
       {take_both},
       {0, AllocGiveBlock{b0}},
       and_gives_back(and_gives_back(gives(), 2), 3),
       PageFree{3}},
      {"a block is added",
       {take_one},
       {0, AllocAddBlock{b0}},
       and_gives_back(gives(), 2),
       PageFree{2}},
      {"a block is split", {take_both}, {0, AllocSplitBlock{b0, {1}, b1}}, gives(), {}, 2},
      {"the front of a block is given back",
       {take_both, {0, AllocSplitBlock{b0, {1}, b1}}},
       {0, AllocGiveBlock{b0}},
       and_gives_back(gives(), 2),
       {},
       3},
      {"the rest of a block is given back",
       {take_both, {0, AllocSplitBlock{b0, {1}, b1}}},
       {0, AllocGiveBlock{b1}},
       and_gives_back(gives(), 3),
       {},
       2},
      {"free bytes are told", {take_one}, {1, AllocFreeBytes{}}, gives({4096})},
  };
}

}  // namespace laws
