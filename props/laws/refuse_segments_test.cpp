// SPDX-License-Identifier: MPL-2.0
// The laws of segments are seen to refuse.
#include "props/laws/broken.h"
#include "props/laws/example.h"

namespace laws {
namespace {

using reference::Handle;
using reference::Knows;
using reference::Model;
using reference::Run;
using reference::State;

constexpr std::uint64_t kTop = (std::uint64_t{1} << 63) - 1;

// Eight pages, seven of them loose. Lane 0 has 0 to 2 twice (s0, s1), the second time dynamic, and
// the kernel page 3 dynamic (s2); lane 1 has 4 and 5, which are reentrant, forgotten (w0), and a
// frame at 6 (f0).
Model scene() {
  constexpr trace::Machine kMachine{.pages = {8}, .loose = {7}, .cpus = {2}};
  return after(kMachine,
               {{0, trace::SegmentFromUnused{at(0), at(3), {KindName::value8}, {5}, s0}},
                {0, trace::SegmentClone{s0, s1}},
                {0, trace::SegmentToDyn{s1}},
                {0, trace::SegmentFromUnused{at(3), at(4), {KindName::kernel}, {5}, s2}},
                {0, trace::SegmentToDyn{s2}},
                {1, trace::SegmentFromUnused{at(4), at(6), {KindName::reentrant}, {5}, s0}},
                {1, trace::SegmentIntoRaw{s0, w0}},
                {1, trace::FrameFromUnused{at(6), {KindName::value8}, {5}, f0}}});
}

const BrokenState kBrokenStates[] = {
    {"INV-20", [](State& s) { s.held[1].segments[1] = Run{9, 0}; }},
    {"INV-20", [](State& s) { s.held[1].raw_segments[1] = Run{~std::uint64_t{0}, 0}; }},
    {"INV-20",
     [](State& s) { s.held[1].segments[1] = Run{7, 2}; },
     {"INV-11", "INV-16"}},  // Page 7 is unused, and there is no page 8.
    {"INV-20", [](State& s) { s.held[1].segments[1] = Run{7, 1}; }, {"INV-11", "INV-16"}},
    {"INV-20",
     [](State& s) {  // Its count is above the maximum, and right but for that.
       s.slots[3].rc = kTop + 1, s.slots[3].phantoms = kTop;
     },
     {"INV-5"}},
    {"INV-20", [](State& s) { s.slots[3].usage = trace::Usage::mmio; }, {"INV-16"}},
    // What else says that segments own their pages, and know their kind.
    {"INV-13", [](State& s) { s.held[0].segments[1]->count = 2; }},
    {"INV-13",
     [](State& s) { s.held[0].segments[0]->first = 1, s.held[0].segments[0]->count = 2; }},
    {"INV-12", [](State& s) { s.held[1].raw_segments[0].reset(); }},
    {"INV-7", [](State& s) { s.held[0].segments[0]->kind = {KindName::value24}; }},
    {"INV-7", [](State& s) { s.held[1].raw_segments[0]->knows = Knows::untyped; }},
};

TEST(BrokenStates, OfSegmentsAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused(broken, scene().state(), which++);
  }
}

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  using enum KindName;
  const Asked drop1{0, SegmentDrop{s1}};
  const Asked drop0{0, SegmentDrop{s0}};
  const Asked back{1, SegmentFromRaw{w0, s0}};
  const Asked make{1, SegmentFromUnused{at(0), at(3), {reentrant}, {7}, s1}};
  const Asked fails{0, SegmentFromUnused{at(0), at(3), {value8}, {7}, Segment{3}}};
  const Asked split{0, SegmentSplit{s0, extent(1), Segment{3}}};
  const Asked clone{0, SegmentClone{s0, Segment{3}}};
  const Asked slice{0, SegmentSlice{s0, extent(1), extent(2), Segment{3}}};
  const Asked next{0, SegmentNext{s0, f0}};
  const Asked from_frame{1, SegmentFromFrame{f0, s1}};
  const std::vector<Asked> both_dropped = {drop0, drop1};
  // Page 2 is in use when its turn comes.
  const std::vector<Asked> one_in_use = {
      drop0, drop1, {0, FrameFromUnused{at(2), {value8}, {5}, f3}}};
  return {
      {"INV-20", {}, {0, SegmentRange{s0}}, [](Taken& t) { t.answer.reply.results[1] += 1; }},
      {"INV-20", {}, {0, SegmentRange{s0}}, [](Taken& t) { t.answer.reply.results[2] = 4096; }},
      {"INV-20",
       {},
       {0, SegmentRange{s0}},
       [](Taken& t) { t.after.held[0].segments[0]->count = 2; }},

      {"POST-13", both_dropped, make, [](Taken& t) { t.answer.reply.results[0] = 4; }},
      {"POST-13", both_dropped, make, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"POST-13", both_dropped, make, [](Taken& t) { t.after.slots[2].storage->words[0] = 7; }},
      {"POST-13", both_dropped, make, [](Taken& t) { t.after.slots[1].rc = 2; }},
      {"POST-13", both_dropped, make, [](Taken& t) { t.after.held[1].segments[1]->count = 2; }},
      {"POST-13", both_dropped, make, [](Taken& t) { t.answer.choices.given.push(0); }},
      {"PRE-1", both_dropped, make,
       [](Taken& t) { t.before.slots[1].storage = t.after.slots[1].storage; }},
      {"POST-13",  // Upstream once let it be: a segment with a page that was not its own.
       one_in_use,
       make,
       [](Taken& t) { t.answer.reply.status = Status::ok; },
       {"PRE-1"}},
      {"POST-13", one_in_use, make, [](Taken& t) { t.answer.reply.status = Status::unique; }},
      {"POST-13", one_in_use, make, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"POST-13", one_in_use, make, [](Taken& t) { t.answer.reply.results[3] = 1; }},
      {"POST-13", one_in_use, make,
       [](Taken& t) { t.answer.reply.results[4] = number(Status::in_use); }},
      {"POST-13", one_in_use, make, [](Taken& t) { t.answer.choices.given.count = 1; }},
      {"POST-13", one_in_use, make,
       [](Taken& t) { std::swap(t.answer.choices.given.page[0], t.answer.choices.given.page[1]); }},
      {"POST-13", one_in_use, make, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-13", {}, fails, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-13",
       {},
       {0, SegmentFromUnused{at(3), at(3), {value8}, {7}, Segment{3}}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].segments[3] = Run{3, 0, Knows::kind, {value8}};
       }},
      {"POST-13",
       {},
       {0, SegmentFromUnused{at(7), {PhysPlace::kFirstOutside + 1, 0}, {value8}, {7}, Segment{3}}},
       [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"POST-13",
       {},
       from_frame,
       [](Taken& t) { t.after.held[1].segments[1]->knows = Knows::nothing; }},
      {"POST-13", {}, from_frame, [](Taken& t) { t.after.slots[6].rc = 2; }},

      {"POST-14", {}, split, [](Taken& t) { t.after.held[0].segments[3]->first = 0; }},
      {"POST-14", {}, split, [](Taken& t) { t.after.held[0].segments[0]->count = 2; }},
      {"POST-14", {}, split, [](Taken& t) { t.after.slots[1].rc += 1; }},
      {"POST-14",
       {},
       {0, SegmentSplit{s0, extent(3), Segment{3}}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].segments[3] = Run{3, 0, Knows::kind, {value8}};
       }},
      {"POST-14",
       {},
       {0, SegmentSplit{s0, extent(1, 1), Segment{3}}},
       [](Taken& t) { t.after.held[0].segments[0].reset(); }},

      {"POST-15", {}, clone, [](Taken& t) { t.after.slots[2].rc = 2; }},
      {"POST-15", {}, clone, [](Taken& t) { t.after.held[0].segments[3]->kind = {}; }},
      {"POST-15",
       {},
       clone,
       [](Taken& t) {  // It should have aborted.
         t.before.slots[2].rc = kTop, t.before.slots[2].phantoms = kTop - 2;
         t.after.slots[2].rc = kTop + 1, t.after.slots[2].phantoms = kTop - 2;
       }},

      {"POST-16", {}, slice, [](Taken& t) { t.after.slots[2].rc = 3; }},
      {"POST-16", {}, slice, [](Taken& t) { t.after.slots[1].rc = 2; }},
      {"POST-16", {}, slice, [](Taken& t) { t.after.held[0].segments[3]->first = 0; }},
      {"POST-16",  // Upstream once wrapped around.
       {},
       {0, SegmentSlice{s0, {Extent::kFirstHuge + 3, 0}, {Extent::kFirstHuge + 3, 0}, Segment{3}}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].segments[3] = Run{0, 0, Knows::kind, {value8}};
       }},

      {"POST-17", {}, next, [](Taken& t) { t.answer.reply.results[0] = 4096; }},
      {"POST-17", {}, next, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-17", {}, next, [](Taken& t) { t.after.held[0].segments[0]->first = 0; }},
      {"POST-17", {}, next, [](Taken& t) { t.after.held[0].frames[0]->knows = Knows::nothing; }},
      {"POST-17",
       {next, {0, SegmentNext{s0, f1}}, {0, SegmentNext{s0, f2}}},
       {0, SegmentNext{s0, f3}},
       [](Taken& t) { t.after.held[0].segments[0].reset(); }},

      {"POST-18", {}, drop1, [](Taken& t) { t.after.slots[1].rc = 2; }},
      {"POST-18", {}, drop1, [](Taken& t) { t.answer.choices.given.push(0); }},
      {"POST-18", {}, drop1, [](Taken& t) { t.after.held[0].segments[1] = Run{0, 3}; }},
      {"POST-18", {drop1}, drop0, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-18", {drop1}, drop0, [](Taken& t) { t.answer.reply.results[1] = 4; }},
      {"POST-18", {drop1}, drop0, [](Taken& t) { t.answer.choices.given.count = 2; }},
      {"POST-18",
       {back},
       {1, SegmentDrop{s0}},
       [](Taken& t) { t.answer.reply.results[3] = number(Status::in_use); }},
      {"POST-18", {}, {0, SegmentDrop{s2}}, [](Taken& t) { t.after.held[0].segments[2].reset(); }},
      {"POST-18", {}, {0, SegmentDrop{s2}}, [](Taken& t) { t.answer.reply.code = Code::none; }},
      {"POST-5", {drop1}, drop0, [](Taken& t) { t.after.slots[2].rc = 0; }},
      {"POST-5", {drop1}, drop0, [](Taken& t) { t.after.slots[0].vtable = Kind{}; }},
      {"PRE-5", {drop1}, drop0, [](Taken& t) { t.before.slots[2].in_list = 3; }},

      {"POST-6", {}, back, [](Taken& t) { t.answer.reply.results[1] = 4 * 4096; }},
      {"POST-6", {}, back, [](Taken& t) { t.after.held[1].segments[0]->kind = {}; }},
      {"POST-6", {}, {0, SegmentIntoRaw{s0, w0}}, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-8", {}, {0, SegmentToDyn{s0}}, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-8",
       {},
       {0, SegmentTryFrom{s1, {value24}}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].segments[1] = Run{0, 3, Knows::kind, {value24}};
       }},
      {"POST-8",
       {},
       {0, SegmentToUntyped{s1}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].segments[1]->knows = Knows::untyped;
       }},
  };
}

TEST(BrokenSteps, OfSegmentsAreRefused) { expect_all_refused(broken_steps(), scene()); }

TEST(Laws, OfSegmentsHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfSegments.contains(law.id); });
}

}  // namespace
}  // namespace laws
