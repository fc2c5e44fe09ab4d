// SPDX-License-Identifier: MPL-2.0
// Small scopes of the slot protocol: what is set up alone, and what two or three lanes then do at
// once. Small enough that every schedule of each can be tried, but for those that say otherwise.
#pragma once

#include <optional>
#include <vector>

#include "trace/trace.h"

namespace props {

using Ops = std::vector<trace::Op>;

struct Scope {
  const char* what;
  std::vector<trace::Call> before;
  std::vector<Ops> lanes;
  std::uint16_t pages = 2;                     // All but the first are the allocator's.
  std::optional<std::uint32_t> preemptions{};  // At most, where all are too many to try.
};

inline trace::Trace trace_of(const Scope& scope) {
  trace::Trace trace{.machine = {.pages = {scope.pages},
                                 .loose = {1},
                                 .cpus = {static_cast<std::uint8_t>(scope.lanes.size())}},
                     .at_once = true,
                     .prologue = static_cast<std::uint32_t>(scope.before.size()),
                     .calls = scope.before};
  for (std::uint8_t lane = 0; lane < scope.lanes.size(); ++lane) {
    for (const trace::Op& op : scope.lanes[lane]) trace.calls.push_back({{lane}, op});
  }
  return trace;
}

// Everything is about page 0, which is loose, and f0, u0 and r0 of each lane; alloc_frame about the
// allocator's pages.
inline std::vector<Scope> slot_scopes() {
  using namespace trace;
  using enum KindName;
  auto claim = [](KindName kind) { return FrameFromUnused{{0}, {kind}, {7}, {0}}; };
  auto take = [](KindName kind) { return UniqueFromUnused{{0}, {kind}, {7}, {0}}; };
  const FrameFromInUse join{{0}, {0}};
  const FrameFromInUse join_again{{0}, {1}};
  const FrameDrop leave{{0}};
  const FrameDrop leave_other{{1}};
  const FrameClone clone{{0}, {1}};
  const FrameBorrowClone borrow_clone{{0}, {1}};
  const FrameIntoRaw into_raw{{0}, {0}};
  const FrameFromRaw from_raw{{0}, {0}};
  const FrameIncRaw inc_raw{{0}, {1}};
  const FrameToDyn forget{{0}};
  const FrameCount count{{0}};
  const FrameBorrow borrow{{0}};
  const FrameReadMeta read{{0}};
  const FrameUsage usage{{0}};
  const FrameTryFrom as_value8{{0}, {value8}};
  const FrameCountPreload nearly_full{{0}, {Count::kFirstHuge + 1}};  // By 2^63 - 3.
  const FrameCountPreload few_more{{0}, {3}};
  const UniqueTryFromFrame alone{{0}, {0}};
  const UniqueIntoShared share{{0}, {0}};
  const UniqueWriteMeta write{{0}, {9}};
  const UniqueReadMeta read_unique{{0}};
  const UniqueRepurpose to_value24{{0}, {value24}, {11}};
  const UniqueReset reset{{0}};
  const UniqueDrop end{{0}};
  auto alloc = [](KindName kind) { return AllocFrame{{kind}, {5}, {0}, {}}; };
  const Call kOwner{{0}, claim(value8)}, kGuest{{1}, join};

  return {
      {"both claim", {}, {{claim(value8), leave}, {claim(value24), leave}}},
      {"both claim, one unique", {}, {{claim(value8), leave}, {take(full40), end}}},
      {"one claims, one joins", {}, {{claim(full40), leave}, {join, leave, join, leave}}},
      {"one drops the last, one joins", {kOwner}, {{leave}, {join, read, leave}}},
      {"one drops the last, one claims", {kOwner}, {{leave}, {claim(value24), count, leave}}},
      {"both drop", {kOwner, kGuest}, {{leave, join}, {leave, claim(value24)}}},
      {"both drop, its on_drop asks", {{{0}, claim(reentrant)}, kGuest}, {{leave}, {leave}}},
      {"its on_drop asks, one claims, one joins",
       {{{0}, claim(reentrant)}},
       {{leave}, {claim(value8), join_again}}},
      {"its on_drop reads, one joins", {{{0}, claim(reader)}}, {{leave}, {join, leave}}},
      {"a kernel page, both drop",
       {{{0}, claim(kernel)}, {{0}, forget}, kGuest},
       {{leave}, {leave}}},
      {"a kernel page, one drops what is dynamic, one joins",
       {{{0}, claim(kernel)}, {{0}, forget}},
       {{leave, leave}, {join, leave}}},
      {"a kernel page, one drops what is typed, one what is dynamic",
       {{{0}, claim(kernel)}, kGuest},
       {{leave}, {leave, usage, as_value8}}},
      {"one makes unique, one joins", {kOwner}, {{alone, share}, {join, read, leave}}},
      {"one makes unique, one drops", {kOwner, kGuest}, {{alone, alone}, {leave, join}}},
      {"both make unique", {kOwner, kGuest}, {{alone, leave}, {alone, leave}}},
      {"one clones, one joins", {kOwner}, {{clone, leave, leave_other}, {join, count}}},
      {"one clones, one drops", {kOwner, kGuest}, {{clone, count}, {leave, join}}},
      {"one borrows, one drops", {kOwner, kGuest}, {{borrow, borrow_clone, borrow}, {leave}}},
      {"one shares, one joins", {{{0}, take(value8)}}, {{write, share}, {join, read, leave}}},
      {"one repurposes, one joins", {{{0}, take(value8)}}, {{to_value24, share}, {join, read}}},
      {"one repurposes, its on_drop asks, one claims",
       {{{0}, take(reentrant)}},
       {{to_value24, end}, {claim(value8), join_again}}},
      {"one resets, one claims", {{{0}, take(value8)}}, {{reset}, {claim(value24), leave}}},
      {"one resets, one joins", {{{0}, take(reader)}}, {{reset, claim(value8)}, {join, join}}},
      {"one ends unique, one claims unique",
       {{{0}, take(value8)}},
       {{end}, {take(value24), read_unique}}},
      {"one adds to a raw count, one drops",
       {kOwner, kGuest, {{0}, into_raw}},
       {{inc_raw, from_raw, leave}, {leave, join}}},
      {"one preloads, one joins", {kOwner}, {{few_more, count}, {join, count, leave}}},
      {"room for one more, one clones, one joins",
       {kOwner, {{0}, nearly_full}},
       {{clone, count}, {join, count}}},
      {"room for none, both clone", {kOwner, {{0}, nearly_full}, kGuest}, {{clone}, {clone}}},
      {"room for none, one drops and clones, one clones",
       {kOwner, {{0}, nearly_full}, kGuest},
       {{leave, join}, {clone, count}}},
      {"both allocate the last page", {}, {{alloc(value8), leave}, {alloc(reader), leave}}},
      {"one allocates, one gives back", {{{0}, alloc(value8)}}, {{leave}, {alloc(value24), leave}}},
      {"one allocates, one looks", {}, {{alloc(value8), leave}, {FrameFromInUse{{1}, {0}}, leave}}},
      {"one gives back unique, one allocates",
       {{{0}, alloc(reentrant)}, {{0}, alone}},
       {{end}, {alloc(value8), FrameFromInUse{{1}, {1}}}}},
      {"three claim", {}, {{claim(value8)}, {claim(value24)}, {join, leave}}},
      {"three drop", {kOwner, kGuest, {{2}, join}}, {{leave}, {leave}, {leave}}},
      {"one drops, one joins, one claims", {kOwner}, {{leave}, {join}, {claim(value24)}}},
      {"one makes unique, one clones, one drops",
       {kOwner, kGuest, {{2}, join}},
       {{alone}, {clone}, {leave}}},
      {"a kernel page, three drop",
       {{{0}, claim(kernel)}, {{0}, forget}, kGuest, {{2}, join}},
       {{leave}, {leave}, {leave}}},
      {"three allocate two pages", {}, {{alloc(value8)}, {alloc(value24)}, {alloc(empty)}}, 3, 2},
  };
}

}  // namespace props
