// SPDX-License-Identifier: MPL-2.0
// The laws of areas are seen to refuse. As with tables, a fault may break others, too.
#include "props/laws/area_examples.h"
#include "props/laws/broken.h"

namespace laws {
namespace {

using reference::AreaRange;
using reference::Mapping;
using reference::Model;
using reference::State;
using reference::VirtPage;

constexpr trace::Table kPlain{4};
constexpr trace::Property kGlobal = property(3, 2);
constexpr VirtPage kEnd = trace::kAreasEnd / 4096;
constexpr VirtPage kFrames = kEnd - 2, kLarge = kEnd - 576;
constexpr reference::Page kKernelRoot = 9;

// Lane 0 has two areas of kAreas: of three pages, of which pages 1 and 2 are mapped last, by the
// nodes 17 and 18; and of 600, where 2 MiB are mapped 27 pages behind its beginning, by the
// node 19. Lane 1 has one of two pages, where nothing is. CPU 1 translates by the kernel's table,
// CPU 2 by the space: it has yet to forget a page that lane 0 has unmapped there, page 3, which
// waits for all CPUs to pass. Lane 0 has pages 5 and 6 as a segment.
Model scene() {
  using namespace trace;
  return after(kAreas, {{0, SegmentFromUnused{at(1), at(3), {KindName::empty}, {}, s0}},
                        {0, AreaMapFrames{{3}, {1}, s0, kGlobal, a0}},
                        {0, AreaMapRange{{600}, {27}, {1, 0}, {512}, kGlobal, a1}},
                        {1, AreaMapRange{{2}, {}, {}, {}, kGlobal, a0}},
                        {1, TableActivate{kKernel}},
                        {2, TableActivate{kSpace}},
                        {0, FrameFromUnused{at(3), {KindName::empty}, {}, f0}},
                        {0, CursorOpen{kSpace, kZero, virt(0, 4), {1}}},
                        {0, CursorMapFrame{f0, kReadWrite}},
                        {0, CursorJump{kZero}},
                        {0, CursorUnmap{pages(1)}},
                        {0, CursorClose{}},
                        {0, SegmentFromUnused{at(5), at(7), {KindName::empty}, {}, s0}}});
}

auto& kernels(State& state) { return state.trees.at(kKernelRoot).mappings; }

// ---- States ----

const BrokenState kBrokenStates[] = {
    {"INV-45", [](State& s) { s.held[0].areas[1]->begin += 1; }},
    {"INV-45", [](State& s) { s.held[0].areas[0]->pages += 1; }},
    {"INV-45", [](State& s) { s.held[0].areas[1]->pages = 100; }},
    {"INV-45", [](State& s) { s.held[0].areas[1].reset(); }},
    {"INV-45", [](State& s) { s.held[1].areas[0]->pages = 0; }},
    {"INV-45", [](State& s) { s.held[1].areas[0]->begin = kEnd - trace::kAreaPages - 1; }},
    {"INV-45", [](State& s) { s.held[2].areas[0] = s.held[0].areas[0]; }},
    {"INV-45", [](State& s) { kernels(s)[kEnd - 4] = {.to = 7}; }},
    {"INV-45", [](State& s) { kernels(s)[kEnd - trace::kAreaPages] = {.to = 7}; }},
    {"INV-45",
     [](State& s) {
       s.held[2].cursor = reference::Cursor{.root = kKernelRoot,
                                            .kind = trace::TableKindName::kernel,
                                            .may_change = true,
                                            .at = kEnd - 1,
                                            .begin = kEnd - 1,
                                            .end = kEnd};
     }},

    // What CPUs keep of areas.
    {"INV-48", [](State& s) { s.cpus[0].kept.insert({.begin = kEnd - 3, .global = true}); }},
    {"INV-48",
     [](State& s) {
       s.cpus[0].kept.insert({.begin = kFrames, .to = 2, .writable = true, .global = true});
     }},
    {"INV-48",
     [](State& s) { s.cpus[0].kept.insert({.begin = kFrames, .to = 1, .global = true}); }},
    {"INV-48",
     [](State& s) {
       s.cpus[0].kept.insert({.begin = kLarge, .level = 2, .to = 512, .global = true});
     }},
};

TEST(BrokenStates, OfAreasAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused_among(broken, scene().state(), which++);
  }
}

// ---- Steps ----

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked frames{0, AreaMapFrames{{3}, {}, s0, kReadWrite, a2}};
  const Asked range{0, AreaMapRange{{3}, {}, {1, 7}, {2}, kReadWrite, a2}};
  const Asked nothing{0, AreaMapRange{{3}, {}, {}, {}, kReadWrite, a2}};
  const Asked too_many{0, AreaMapRange{{3}, {}, {}, {4}, kReadWrite, a2}};
  const Asked no_room{0, AreaMapRange{{2000}, {}, {}, {}, kReadWrite, a2}};
  // By two tables, of which the second is refused when 117 pages are mapped.
  const Asked half{0, AreaMapRange{{600}, {}, {1, 1}, {600}, kReadWrite, a2}};
  const std::vector<Asked> has_one_page = {{0, AllocFail{{1}, {1}}}};
  const std::vector<Asked> has_no_page = {{0, AllocFail{{}, {1}}}};
  // By a page of 2 MiB, where there is a table that maps nothing.
  const Asked in_its_place{0, AreaMapRange{{995}, {}, {1, 0}, {512}, kGlobal, a2}};
  const std::vector<Asked> has_empty_table = {
      {0, AreaMapRange{{995}, {}, {1, 1}, {1}, kGlobal, a2}},
      {0, AreaDrop{a2}},
      {1, Quiesce{}},
      {1, TableActivate{kPlain}},
      {0, CursorOpen{kSpace, kZero, virt(0, 4), {1}}},
      {0, TlbIssue{kZero, {1}, {}}},
      {0, TlbDispatch{}},
      {0, CursorClose{}}};
  const Asked query{0, AreaQuery{a0, {2}}};
  const Asked query_large{0, AreaQuery{a1, {30}}};
  const Asked query_nothing{0, AreaQuery{a0, {}}};
  const Asked query_beyond{0, AreaQuery{a0, {3}}};
  const Asked split{0, AreaSplit{a1, {32}, a2}};  // After five pages of the large one.
  const Asked split_frames{0, AreaSplit{a0, {2}, a2}};
  const Asked split_badly{0, AreaSplit{a0, {3}, a2}};
  const Asked drop{0, AreaDrop{a0}};
  const Asked drop_large{0, AreaDrop{a1}};
  const Asked drop_nothing{1, AreaDrop{a0}};
  const std::vector<Asked> keeps_global = {{1, TableActivate{kPlain}}};
  const std::vector<Asked> keeps_large = {{1, TableActivate{kPlain}}, split};
  const std::vector<Asked> has_passed = {{1, Quiesce{}}};
  return {
      {"INV-45", {}, frames, [](Taken& t) { t.answer.reply.results[0] += 4096; }},
      {"INV-45", {}, frames, [](Taken& t) { t.answer.reply.results[1] = 3; }},
      {"INV-45", {}, frames, [](Taken& t) { t.answer.reply.results[2] = 6; }},
      {"INV-45", {}, frames, [](Taken& t) { t.answer.choices.taken = {}; }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.held[0].areas[2].reset(); }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.held[0].areas[2]->begin -= 1; }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.held[0].areas[2]->pages -= 1; }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.held[0].areas[0].reset(); }},
      {"INV-45",
       {},
       frames,
       [](Taken& t) { t.after.held[0].segments[0] = t.before.held[0].segments[0]; }},
      {"INV-45", {}, frames, [](Taken& t) { kernels(t.after).at(kEnd - 608).to = 6; }},
      {"INV-45", {}, frames, [](Taken& t) { kernels(t.after).at(kEnd - 608).tracked = false; }},
      {"INV-45", {}, frames, [](Taken& t) { kernels(t.after).erase(kEnd - 607); }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.nodes.at(23).locked_by = 0; }},
      {"INV-45", {}, frames, [](Taken& t) { t.after.cpus[2].queue.clear(); }},
      {"INV-45", {}, range, [](Taken& t) { kernels(t.after).at(kEnd - 607).property = kGlobal; }},
      {"INV-45", {}, range, [](Taken& t) { kernels(t.after)[kEnd - 606] = {.to = 7}; }},
      {"INV-45", {}, nothing, [](Taken& t) { t.after.held[0].areas[2]->begin = kEnd - 700; }},
      {"INV-45", {}, nothing, [](Taken& t) { t.answer.reply.status = Status::no_space; }},
      {"INV-45", {}, too_many, [](Taken& t) { t.answer.reply.code = Code::empty_range; }},
      {"INV-45",
       {},
       too_many,
       [](Taken& t) {
         t.after.held[0].areas[2] = AreaRange{kEnd - 700, 3};
       }},
      {"INV-45", {}, no_room, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"INV-45", has_no_page, range, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"INV-45", has_no_page, range, [](Taken& t) { t.answer.choices.refused = 0; }},
      {"INV-45", has_one_page, half, [](Taken& t) { t.answer.reply.results[1] -= 1; }},
      {"INV-45", has_one_page, half, [](Taken& t) { t.answer.reply.results[2] = 2; }},
      {"INV-45", has_one_page, half, [](Taken& t) { kernels(t.after)[kEnd - 1205] = {.to = 7}; }},
      {"INV-45", has_one_page, half,
       [](Taken& t) {
         t.after.held[0].areas[2] = AreaRange{kEnd - 1205, 600};
       }},
      {"INV-45", has_empty_table, in_its_place, [](Taken& t) { t.answer.reply.results[2] = 0; }},
      {"INV-45", has_empty_table, in_its_place,
       [](Taken& t) { t.after.grace.waiting = t.before.grace.waiting; }},
      {"INV-45", {}, split, [](Taken& t) { t.answer.reply.results[0] += 4096; }},
      {"INV-45", {}, split, [](Taken& t) { t.after.held[0].areas[1]->pages += 1; }},
      {"INV-45", {}, split, [](Taken& t) { t.after.held[0].areas[2]->begin += 1; }},
      {"INV-45", {}, split, [](Taken& t) { kernels(t.after) = kernels(t.before); }},
      {"INV-45", {}, split, [](Taken& t) { t.after.cpus[2].queue.clear(); }},
      {"INV-45", {}, split_frames, [](Taken& t) { kernels(t.after).erase(kEnd - 1); }},
      {"INV-45", {}, split_badly, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"INV-45", has_no_page, split, [](Taken& t) { t.after.held[0].areas[2] = AreaRange{}; }},
      {"INV-45", {}, drop, [](Taken& t) { t.answer.reply.results[0] = 3; }},
      {"INV-45", {}, drop, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"INV-45", {}, drop, [](Taken& t) { t.answer.reply.results[2] = 2; }},
      {"INV-45", {}, drop, [](Taken& t) { t.answer.reply.results[3] = 4; }},
      {"INV-45", {}, drop, [](Taken& t) { t.after.held[0].areas[0] = t.before.held[0].areas[0]; }},
      {"INV-45", {}, drop, [](Taken& t) { kernels(t.after) = kernels(t.before); }},
      {"INV-45", {}, drop, [](Taken& t) { t.after.grace.waiting.pop_back(); }},
      {"INV-45", {}, drop, [](Taken& t) { t.after.nodes.at(18).stray = true; }},
      {"INV-45", {}, drop_nothing, [](Taken& t) { t.answer.reply.results[3] = 5; }},
      {"INV-45", {}, drop_nothing, [](Taken& t) { t.after.cpus[2].queue.clear(); }},

      {"POST-39", {}, query, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-39", {}, query, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"POST-39", {}, query_large, [](Taken& t) { t.answer.reply.results[2] += 4096; }},
      {"POST-39", {}, query, [](Taken& t) { t.answer.reply.results[4] = 0; }},
      {"POST-39", {}, query, [](Taken& t) { t.after.held[0].areas[0].reset(); }},
      {"POST-39", {}, query_nothing, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-39", {}, query_beyond, [](Taken& t) { t.answer.reply.status = Status::none; }},

      // Laws of tables and flushes, of what they say of areas besides.
      {"INV-42", {}, split, [](Taken& t) { kernels(t.after).at(kLarge + 9).to += 1; }},
      {"INV-48", {}, drop, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
      {"INV-48", keeps_global, drop,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-48", keeps_global, drop_large,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-48", keeps_large, drop_large,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-48", keeps_global, drop, [](Taken& t) { t.after.cpus[1].kept.clear(); }},
      {"INV-48", keeps_global, split, [](Taken& t) { t.after.cpus[1].kept.clear(); }},
      {"INV-48", has_empty_table, in_its_place,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"POST-44", has_passed, drop, [](Taken& t) { t.after.grace.to_pass.erase(1); }},
      {"POST-44", has_empty_table, in_its_place, [](Taken& t) { t.after.grace.to_pass.erase(1); }},
      {"POST-45", {}, drop, [](Taken& t) { t.after.cpus[2].queue = t.before.cpus[2].queue; }},
      {"POST-45", {}, drop, [](Taken& t) { t.after.cpus[1].told_by.insert(0); }},
      {"POST-45", {}, drop, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
      {"POST-45", keeps_global, drop,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"POST-45", has_empty_table, in_its_place,
       [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"POST-45", has_empty_table, in_its_place,
       [](Taken& t) { t.after.cpus[2].queue = t.before.cpus[2].queue; }},
      {"POST-45", has_one_page, half,
       [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
  };
}

TEST(BrokenSteps, OfAreasAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(broken, scene(), which++, [](const Model& model, const Asked& asked) {
      return model.imagine(asked.lane, asked.op);
    });
  }
}

TEST(Laws, OfAreasHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfAreas.contains(law.id); });
}

}  // namespace
}  // namespace laws
