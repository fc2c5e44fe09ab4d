// SPDX-License-Identifier: MPL-2.0
// The laws of spaces and flushes are seen to refuse. As with tables, a fault may break others, too.
#include "props/laws/broken.h"
#include "props/laws/space_examples.h"

namespace laws {
namespace {

using reference::Mapping;
using reference::Model;
using reference::State;

// All three CPUs translate by the space of kSpaces. Lane 0 has a cursor open over its first four
// pages, of which it had mapped three: page 0 at 0, I/O memory at 1 and page 1 at 2. It has
// unmapped the first; CPU 1 has forgotten it, CPU 2 has yet to. The cursor stands at 1, and has
// issued a flush of that page.
Model scene() {
  using namespace trace;
  const Asked back{0, CursorJump{kZero}};
  return after(kSpaces, {{0, TableActivate{kSpace}},
                         {1, TableActivate{kSpace}},
                         {2, TableActivate{kSpace}},
                         {0, FrameFromUnused{at(0), {KindName::empty}, {}, f0}},
                         {0, FrameFromUnused{at(1), {KindName::empty}, {}, f1}},
                         {0, CursorOpen{kSpace, kZero, virt(0, 4), {1}}},
                         {0, CursorMapFrame{f0, kReadWrite}},
                         {0, CursorMapRaw{{1, 7}, {1}, kReadWrite}},
                         {0, CursorMapFrame{f1, kReadWrite}},
                         back,
                         {0, CursorUnmap{pages(1)}},
                         {1, CpuInterrupt{}},
                         {0, TlbIssue{virt(0, 1), {1}, {}}}});
}

// ---- States ----

const BrokenState kBrokenStates[] = {
    {"INV-44", [](State& s) { s.trees.at(kSpaceRoot).active_on.erase(2); }},
    {"INV-44", [](State& s) { s.trees.at(10).active_on.insert(2); }},
    {"INV-44", [](State& s) { s.cpus[1].root.reset(); }},
    {"INV-48", [](State& s) { s.cpus[2].queue.clear(); }},
    {"INV-48", [](State& s) { s.cpus[2].queue[0].pages = {5}; }},
    {"INV-48", [](State& s) { s.cpus[1].kept = s.cpus[2].kept; }},
    {"INV-48",
     [](State& s) {
       s.trees.at(kSpaceRoot).mappings[0] = {.to = 1};
       s.cpus[2].queue = {};
     }},
    {"INV-49", [](State& s) { s.slots[0].rc = reference::kUnused; }},
    {"INV-49", [](State& s) { s.cpus[2].kept.insert({.begin = 0, .to = 30}); }},
    {"INV-50", [](State& s) { s.held[0].cursor->issued.pages.resize(32); }},
    {"INV-50", [](State& s) { s.held[0].cursor->issued.all = true; }},
    {"INV-50", [](State& s) { s.held[0].cursor->kind = trace::TableKindName::user; }},
    {"INV-50", [](State& s) { s.held[0].cursor->may_change = false; }},
};

TEST(BrokenStates, OfSpacesAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused_among(broken, scene().state(), which++);
  }
}

// ---- Steps ----

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked issue{0, TlbIssue{virt(0, 2), {1}, {}}};
  const Asked issue_30{0, TlbIssue{virt(0, 2), {30}, {}}};
  const Asked issue_31{0, TlbIssue{virt(0, 2), {31}, {}}};
  const Asked issue_all{0, TlbIssue{kZero, {}, {1}}};
  const Asked within{0, TlbIssue{virt(0, 2, kByte), {1}, {}}};
  const Asked dispatch{0, TlbDispatch{}};
  const Asked sync{0, TlbSync{}};
  const Asked interrupt{2, CpuInterrupt{}};
  const Asked none{1, CpuInterrupt{}};
  const Asked close{0, CursorClose{}};
  const Asked unmap{0, CursorUnmap{pages(1)}};
  const Asked map{0, CursorMapRaw{{1, 9}, {1}, property(3, 2)}};
  const Asked pass{2, Quiesce{}};
  const Asked leave{2, TableActivate{kUser}};
  const std::vector<Asked> has_passed = {{1, Quiesce{}}};
  const std::vector<Asked> at_hole = {{0, CursorJump{virt(0, 3)}}};
  const std::vector<Asked> forgotten = {interrupt};
  return {
      {"INV-50", {}, issue, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"INV-50", {}, issue_30, [](Taken& t) { t.after.held[0].cursor->issued.all = true; }},
      {"INV-50",
       {},
       issue_31,
       [](Taken& t) {  // One page is lost.
         t.after.held[0].cursor->issued = {.pages = std::vector<reference::VirtPage>(31, 2)};
         t.answer.reply.results = {31, 0};
       }},
      {"INV-50", {}, issue_all, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"INV-50", {}, within, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-43", {}, issue, [](Taken& t) { t.after.held[0].cursor->issued.pages[0] = 2; }},
      {"POST-43", {}, issue, [](Taken& t) { t.after.held[0].cursor->issued.pages[1] = 3; }},
      {"POST-43", {}, issue_all, [](Taken& t) { t.after.held[0].cursor->issued.all = false; }},
      {"POST-43", {}, issue, [](Taken& t) { t.after.cpus[2].queue.clear(); }},
      {"POST-44", {}, dispatch, [](Taken& t) { t.after.cpus[1].queue.clear(); }},
      {"POST-44", {}, dispatch, [](Taken& t) { t.after.cpus[0].queue = t.after.cpus[1].queue; }},
      {"POST-44", {}, dispatch, [](Taken& t) { t.after.cpus[1].told_by.clear(); }},
      {"POST-44", {}, dispatch, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"POST-44", {}, dispatch, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"POST-44",
       {},
       dispatch,
       [](Taken& t) { t.after.held[0].cursor->issued = t.before.held[0].cursor->issued; }},
      {"POST-44", has_passed, dispatch, [](Taken& t) { t.after.grace.to_pass.erase(1); }},
      {"POST-45", {}, sync, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-45", {}, sync, [](Taken& t) { t.after.cpus[2].queue = t.before.cpus[2].queue; }},
      {"POST-45", {}, sync, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
      {"POST-45", {}, interrupt, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-45", {}, interrupt, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
      {"POST-45", {}, none, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-45", {}, none, [](Taken& t) { t.after.cpus[2].queue.clear(); }},
      {"POST-45", forgotten, interrupt, [](Taken& t) { t.answer.reply.results[0] = 1; }},

      // Laws of tables, of what they say of spaces besides.
      {"POST-25", {}, close, [](Taken& t) { t.after.cpus[1].queue.clear(); }},
      {"POST-25", {}, close, [](Taken& t) { t.after.cpus[2].told_by = {0}; }},
      {"POST-31", {}, unmap, [](Taken& t) { t.after.cpus[1].queue.clear(); }},
      {"POST-31", {}, unmap, [](Taken& t) { t.after.cpus[1].queue[0].pages.pop_back(); }},
      {"POST-29", at_hole, map,
       [](Taken& t) {
         auto& bits = t.after.trees.at(kSpaceRoot).mappings.at(3).property.privileged.bits;
         bits = Privileged::kGlobal;
       }},
      {"L3", {}, pass, [](Taken& t) { t.after.cpus[2].queue = t.before.cpus[2].queue; }},
      {"INV-44", {}, leave, [](Taken& t) { t.after.trees.at(kSpaceRoot).active_on.insert(2); }},
      {"INV-48", {}, interrupt, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
      {"INV-48", {}, sync, [](Taken& t) { t.after.cpus[2].kept = t.before.cpus[2].kept; }},
  };
}

TEST(BrokenSteps, OfSpacesAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(broken, scene(), which++, [](const Model& model, const Asked& asked) {
      return model.imagine(asked.lane, asked.op);
    });
  }
}

TEST(Laws, OfSpacesHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfSpaces.contains(law.id); });
}

}  // namespace
}  // namespace laws
