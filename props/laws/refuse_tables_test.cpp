// SPDX-License-Identifier: MPL-2.0
// The laws of page tables, cursors, grace periods and CPUs are seen to refuse. Many of them speak
// of the same thing, each from its own side; so here a fault may break others, too.
#include "props/laws/broken.h"
#include "props/laws/table_examples.h"

namespace laws {
namespace {

using reference::Mapping;
using reference::Model;
using reference::Page;
using reference::State;

constexpr trace::Table kOwn{0};

// 32 pages. 0 to 4 are loose; 5 to 11 are the machine's tables: the kernel's root and its four, the
// user's root 10, the plain one 11. In the user's table, by the nodes 12, 13 and 14, lane 0 maps a
// frame, page 0, at address 0, and has a cursor open over that page and the next; from the next it
// has taken a page out, which CPU 1, who translates by that table, may have kept. Lane 1 has a
// plain table: root 15, then 16 and 17, which maps 2 MiB at 0. Its node 18 was taken out, and
// waits.
Model scene() {
  constexpr trace::Machine kMachine{.pages = {32}, .loose = {5}, .cpus = {2}, .tables = {3}};
  const Asked open_low{0, trace::CursorOpen{kUser, kZero, virt(0, 2), {1}}};
  const Asked open_own{1, trace::CursorOpen{kOwn, kZero, kOneGib, {1}}};
  const Asked close{1, trace::CursorClose{}};
  return after(kMachine, {{0, trace::FrameFromUnused{at(0), {KindName::empty}, {}, f0}},
                          open_low,
                          {0, trace::CursorMapFrame{f0, kReadWrite}},
                          {0, trace::CursorMapRaw{{0, 7}, {1}, kReadWrite}},
                          {0, trace::CursorClose{}},
                          {1, trace::TableActivate{kUser}},
                          {1, trace::TableNew{{trace::TableKindName::plain}, t0}},
                          open_own,
                          {1, trace::CursorMapRaw{{0, 0}, {2}, kReadWrite}},
                          {1, trace::CursorJump{kTwoMib}},
                          {1, trace::CursorMapRaw{{0, 1}, {1}, kReadWrite}},
                          close,
                          open_own,
                          {1, trace::CursorJump{kTwoMib}},
                          {1, trace::CursorTakeNext{two_mib(1), f0}},
                          close,
                          open_low,
                          {0, trace::CursorJump{virt(0, 1)}},
                          {0, trace::CursorTakeNext{pages(1), f1}},
                          {0, trace::CursorJump{kZero}}});
}

// ---- States ----

const Mapping kSmall{1, 7, kReadWrite, false};

// A node more, right in itself.
void add_node(State& s, Page root, Page page, reference::NodePlace place) {
  s.free.erase(page);
  reference::link_node(s, root, page, place, std::nullopt);
}

const BrokenState kBrokenStates[] = {
    {"INV-15", [](State& s) { s.slots[10].rc += 1; }},
    {"INV-15", [](State& s) { s.slots[16].rc += 1; }},
    {"INV-15", [](State& s) { s.held[1].tables[1] = s.held[1].tables[0]; }},
    {"INV-15", [](State& s) { s.cpus[1].root.reset(); }},
    {"INV-15", [](State& s) { s.grace.waiting.push_back(18); }},
    {"INV-15", [](State& s) { s.held[1].tables[1] = reference::TableHandle{0, {}}; }},
    {"INV-24", [](State& s) { s.nodes.at(16).place.begin += 512; }},
    {"INV-24", [](State& s) { s.trees.at(15).nodes.erase({3, 0}); }},
    {"INV-24", [](State& s) { s.trees.at(15).top.level = 5; }},
    {"INV-25", [](State& s) { s.nodes.at(14).children += 1; }},
    {"INV-25", [](State& s) { s.trees.at(10).mappings.erase(0); }},
    {"INV-26", [](State& s) { s.slots[14].storage->words[0] = 2; }},
    {"INV-26", [](State& s) { s.slots[14].usage = trace::Usage::frame; }},
    {"INV-26", [](State& s) { s.slots[2].usage = trace::Usage::page_table; }},
    {"INV-27", [](State& s) { s.trees.at(10).mappings.at(0).property.cache = kUnsayable.cache; }},
    {"INV-27", [](State& s) { s.trees.at(15).mappings.at(0).tracked = true; }},
    {"INV-27", [](State& s) { s.slots[0].rc = reference::kUnused; }},
    {"INV-28", [](State& s) { add_node(s, 15, 20, {1, 0}); }},
    {"INV-29", [](State& s) { s.trees.at(10).borrowed.pop_back(); }},
    {"INV-29", [](State& s) { s.trees.at(11).borrowed = {6}; }},
    {"INV-30", [](State& s) { s.trees.at(15).nodes[{1, 512 * 7}] = 18; }},
    {"INV-30", [](State& s) { s.nodes[20] = {}; }},
    {"INV-32", [](State& s) { s.nodes.at(14).stray = true; }},
    {"INV-33", [](State& s) { s.shared[2].reset(); }},
    {"INV-33",
     [](State& s) { s.trees.at(5).nodes.erase(std::prev(s.trees.at(5).nodes.end(), 2)); }},
    {"INV-34", [](State& s) { s.trees.at(15).mappings.at(0).to = 1; }},
    {"INV-34", [](State& s) { s.trees.at(15).mappings.at(0).to = reference::kPhysEnd; }},
    {"INV-35", [](State& s) { s.trees.at(15).mappings[1] = kSmall; }},
    {"INV-35", [](State& s) { s.trees.at(10).mappings[std::uint64_t{1} << 35] = kSmall; }},
    {"INV-36", [](State& s) { s.trees.at(10).mappings[512 * 5] = kSmall; }},
    {"INV-37", [](State& s) { s.paths.insert({16, 15, {0, 1}}); }},
    {"INV-37", [](State& s) { s.paths.erase(s.paths.begin()); }},
    {"INV-38", [](State& s) { s.held[0].cursor->at = 3; }},
    {"INV-38", [](State& s) { s.held[0].cursor->level = 2; }},
    {"INV-38", [](State& s) { s.held[0].cursor->kind = trace::TableKindName::plain; }},
    {"INV-39", [](State& s) { s.nodes.at(14).locked_by = 1; }},
    {"INV-39", [](State& s) { s.nodes.at(16).locked_by = 0; }},
    {"INV-39", [](State& s) { s.held[0].cursor->nodes.insert(13); }},
    {"INV-39", [](State& s) { s.held[0].cursor.reset(); }},
    {"INV-40", [](State& s) { s.held[1].cursor = s.held[0].cursor; }},
    {"INV-44", [](State& s) { s.cpus[1].root->kind = trace::TableKindName::plain; }},
    {"INV-44", [](State& s) { s.cpus[1].root->root = 14; }},
    {"L3", [](State& s) { s.grace.waiting.push_back(25); }},
    {"L3", [](State& s) { s.grace.to_pass.clear(); }},
    {"L3", [](State& s) { s.grace.to_pass.insert(2); }},
    {"INV-47", [](State& s) { s.cpus[1].kept.insert({.begin = 1, .level = 2}); }},
    {"INV-47", [](State& s) { s.cpus[0].kept.insert({.begin = 1}); }},
};

TEST(BrokenStates, OfTablesAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused_among(broken, scene().state(), which++);
  }
}

// ---- Steps ----

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  constexpr trace::Change kToRead{{2}, {}, 0};
  const Asked close{0, CursorClose{}};
  const Asked open{0, CursorOpen{kUser, kTwoMib, kFourMib, {1}}};
  const Asked query{0, CursorQuery{}};
  const Asked find{0, CursorFindNext{kRest}};
  const Asked go_on{0, CursorJump{virt(0, 1)}};
  const Asked map{0, CursorMapRaw{{0, 9}, {1}, kReadWrite}};
  const Asked run{0, CursorMapRun{{0, 9}, pages(1), kReadWrite}};
  const Asked take{0, CursorTakeNext{pages(1), f2}};
  const Asked unmap{0, CursorUnmap{kRest}};
  const Asked protect_one{0, CursorProtectNext{pages(1), kToRead}};
  const Asked protect_all{0, CursorProtect{kRest, kToRead}};
  const Asked make{1, TableNew{{TableKindName::plain}, t1}};
  const Asked copy{1, TableCopy{kOwn, t1}};
  const Asked drop{1, TableDrop{t0}};
  const Asked walk{1, TableWalk{kUser, kZero}};
  const Asked activate{1, TableActivate{kOwn}};
  const Asked pass{1, Quiesce{}};
  const Asked load{1, CpuTouch{kZero, {AccessName::load}, {1}, {}}};
  const Asked store{1, CpuTouch{kZero, {AccessName::store}, {1}, {}}};
  const Asked miss{1, CpuTouch{virt(0, 1), {AccessName::load}, {1}, {}}};
  const Asked flush{1, CpuFlushPage{virt(0, 1)}};
  const Asked flush_all{1, CpuFlushAll{{}}};
  const Asked control{1, CpuControl{{1}, {1}, {}, {1}}};
  const std::vector<Asked> closed = {close};
  const std::vector<Asked> opened = {close, open};
  const std::vector<Asked> at_next = {go_on};
  const std::vector<Asked> both_passed = {close, {0, Quiesce{}}};
  return {
      {"POST-34", {}, make, [](Taken& t) { t.answer.reply.results[0] += 4096; }},
      {"POST-34", {}, make, [](Taken& t) { t.after.nodes.at(19).children = 1; }},
      {"POST-34", {}, make, [](Taken& t) { t.after.slots[19].rc = 2; }},
      {"POST-34", {}, make, [](Taken& t) { t.after.trees.at(11).mappings[0] = kSmall; }},
      {"POST-34", {}, make, [](Taken& t) { t.before.free.erase(19); }},
      {"INV-15", {}, copy, [](Taken& t) { t.after.slots[15].rc = 1; }},
      {"INV-15", {}, copy, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-24", {}, drop, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"POST-24", {}, drop, [](Taken& t) { t.answer.reply.results[2] = 1; }},
      {"POST-24",
       {},
       drop,
       [](Taken& t) { std::swap(t.answer.choices.given.page[0], t.answer.choices.given.page[1]); }},
      {"POST-24", {}, drop, [](Taken& t) { t.after.free.erase(17); }},
      {"POST-24", {}, drop, [](Taken& t) { t.after.slots[0].rc += 1; }},
      {"INV-36", {}, walk, [](Taken& t) { t.answer.reply.results[0] += 1; }},
      {"INV-36", {}, walk, [](Taken& t) { t.answer.reply.results[1] ^= 2; }},
      {"INV-44", {}, activate, [](Taken& t) { t.after.slots[15].rc = 1; }},
      {"INV-44", {}, activate, [](Taken& t) { t.after.slots[10].rc = 2; }},
      {"INV-44", {}, activate, [](Taken& t) { t.after.cpus[1].root = t.before.cpus[1].root; }},
      {"L3", {}, pass, [](Taken& t) { t.after.grace.to_pass.insert(1); }},
      {"L3", {}, pass, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"L3", both_passed, pass, [](Taken& t) { t.after.grace = t.before.grace; }},
      {"L3", both_passed, pass, [](Taken& t) { t.answer.choices = {}; }},

      {"POST-25", {}, close, [](Taken& t) { t.after.nodes.at(14).locked_by = 0; }},
      {"POST-25", {}, close, [](Taken& t) { t.after.held[0].cursor = t.before.held[0].cursor; }},
      {"POST-25", closed, open, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-25", closed, open, [](Taken& t) { t.after.held[0].cursor->at += 1; }},
      {"POST-25", closed, open, [](Taken& t) { t.after.trees.at(10).mappings.erase(0); }},
      {"POST-26", {}, query, [](Taken& t) { t.answer.reply.results[4] += 4096; }},
      {"POST-26", {}, query, [](Taken& t) { t.answer.reply.results[3] = 2; }},
      {"POST-26", {}, query, [](Taken& t) { t.after.held[0].cursor->at = 1; }},
      {"POST-26", at_next, query, [](Taken& t) { t.answer.reply.results[2] *= 2; }},
      {"POST-27", {}, find, [](Taken& t) { t.answer.reply.status = Status::none; }},
      {"POST-27", {}, find, [](Taken& t) { t.after.held[0].cursor->at = 1; }},
      {"POST-27", at_next, find, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-27", at_next, find,
       [](Taken& t) {  // It did not go over all.
         t.after.held[0].cursor->at = 1;
         t.answer.reply.results[0] = 4096;
       }},
      {"POST-28", {}, go_on, [](Taken& t) { t.after.held[0].cursor->at = 0; }},
      {"POST-28", {}, go_on, [](Taken& t) { t.answer.reply.status = Status::invalid_address; }},
      {"POST-29", at_next, map, [](Taken& t) { t.after.trees.at(10).mappings.at(1).to = 8; }},
      {"POST-29", at_next, map, [](Taken& t) { t.answer.reply.results[0] = 4096; }},
      {"POST-29", at_next, map, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"POST-29", at_next, run, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"POST-29",
       {},
       map,
       [](Taken& t) {  // Another was there.
         t.after.trees.at(10).mappings.at(0) = {1, 9, kReadWrite, false};
       }},
      {"POST-29", opened, map, [](Taken& t) { t.after.murky.erase(19); }},
      {"POST-29", opened, map, [](Taken& t) { t.answer.choices.taken.page[0] = 20; }},
      {"POST-30", {}, take, [](Taken& t) { t.answer.reply.results[8] = 1; }},
      {"POST-30", {}, take, [](Taken& t) { t.after.held[0].frames[2].reset(); }},
      {"POST-30",
       {},
       take,
       [](Taken& t) { t.after.held[0].frames[2]->knows = reference::Knows::nothing; }},
      {"POST-30",
       {},
       take,
       [](Taken& t) { t.after.trees.at(10).mappings = t.before.trees.at(10).mappings; }},
      {"POST-30", at_next, take, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-31", {}, unmap, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"POST-31", {}, unmap, [](Taken& t) { t.after.grace.waiting.clear(); }},
      {"POST-31", {}, unmap, [](Taken& t) { t.answer.reply.results[2] = 1; }},
      {"POST-32",
       {},
       protect_one,
       [](Taken& t) { t.after.trees.at(10).mappings.at(0).property = kReadWrite; }},
      {"POST-32", {}, protect_one, [](Taken& t) { t.answer.reply.results[2] = 0; }},
      {"POST-32",
       {},
       protect_all,
       [](Taken& t) { t.after.trees.at(10).mappings.at(0).property.cache = kUnsayable.cache; }},
      {"POST-32", {}, protect_all, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"INV-41", {}, take, [](Taken& t) { t.after.trees.at(10).mappings[600] = kSmall; }},
      {"INV-42", {}, take, [](Taken& t) { t.after.trees.at(10).mappings[1] = kSmall; }},
      {"L8", {}, take, [](Taken& t) { t.after.nodes.at(16).children += 1; }},
      {"L9", opened, map, [](Taken& t) { t.after.nodes.at(19).locked_by.reset(); }},
      {"POST-46", {}, close, [](Taken& t) { t.after.nodes.at(16).locked_by = 1; }},
      {"POST-46", {}, copy, [](Taken& t) { t.after.nodes.at(14).locked_by.reset(); }},

      {"INV-47", {}, load, [](Taken& t) { t.answer.reply.results[0] += 1; }},
      {"INV-47", {}, load, [](Taken& t) { t.answer.reply.status = Status::page_fault; }},
      {"INV-47", {}, miss, [](Taken& t) { t.answer.reply.results[1] = 5; }},
      {"INV-47", {}, miss, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-47", {}, load, [](Taken& t) { t.after.cpus[1].kept.clear(); }},
      {"POST-41", {}, load, [](Taken& t) { t.after.trees = t.before.trees; }},
      {"POST-41",
       {},
       store,
       [](Taken& t) { t.after.trees.at(10).mappings.at(0).property.rights.bits &= 15; }},
      {"POST-41",
       {},
       miss,
       [](Taken& t) { t.after.trees.at(10).mappings.at(0).property.rights.bits |= 8; }},
      {"POST-42", {}, flush, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"POST-42", {}, flush, [](Taken& t) { t.after.cpus[1].root.reset(); }},
      {"POST-42", {}, flush_all, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"D.8", {}, control, [](Taken& t) { t.after.cpus[1].controls.smep = false; }},
      {"D.8", {}, control, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"D.8", {}, activate, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-48", {}, take, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},
      {"INV-48", {}, take, [](Taken& t) { t.after.cpus[1].kept.insert({.begin = 5}); }},
      {"INV-48", {}, protect_one, [](Taken& t) { t.after.cpus[1].kept = t.before.cpus[1].kept; }},

      {"PRE-6", {}, drop, [](Taken& t) { t.before.nodes.erase(17); }},
      {"PRE-7", {}, drop, [](Taken& t) { t.before.trees.at(15).mappings.at(0).to = 1; }},
      {"PRE-8",
       {},
       drop,
       [](Taken& t) { t.before.trees.at(15).nodes[{2, std::uint64_t{1} << 18}] = 17; }},
      {"PRE-9", {}, drop, [](Taken& t) { t.before.slots[17].rc = 0; }},
      {"PRE-9", {}, drop, [](Taken& t) { t.before.slots[16].storage.reset(); }},
      {"PRE-10", {}, make, [](Taken& t) { t.after.nodes.at(19).place.level = 2; }},
      {"INV-31", {}, make, [](Taken& t) { t.after.nodes.at(19).stray = true; }},
      {"INV-31", {}, make, [](Taken& t) { t.answer.choices.taken = {}; }},
      {"INV-32", {}, copy, [](Taken& t) { t.after.nodes.at(18).children = 5; }},
      {"INV-33", {}, copy, [](Taken& t) { t.after.shared[0].reset(); }},
      {"INV-33",
       {},
       copy,
       [](Taken& t) { std::prev(t.after.trees.at(5).nodes.end(), 2)->second += 20; }},
  };
}

// A CPU is seen to walk.
trace::Answer seen_for(const Model& model, const Asked& asked) {
  trace::Answer seen = model.imagine(asked.lane, asked.op);
  if (std::holds_alternative<trace::CpuTouch>(asked.op)) seen.reply.results[2] = 1;
  return seen;
}

TEST(BrokenSteps, OfTablesAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(broken, scene(), which++, seen_for);
  }
}

TEST(Laws, OfTablesHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfTables.contains(law.id); });
}

// What CPU 1 may have kept of the page that was taken out.
TEST(Touches, FitWhatIsKeptOrTheTable) {
  const trace::Op op = trace::CpuTouch{virt(0, 1), {trace::AccessName::load}, {1}, {}};
  const Model was = scene();
  const trace::Answer kept = gives({7 * 4096, 0, 0});
  Model model = was;
  ASSERT_TRUE(model.step(1, op, kept) == kept);
  EXPECT_EQ(model.broken_law(was, 1, op, kept), nullptr);
  EXPECT_EQ(model.state().cpus[1].kept, was.state().cpus[1].kept) << "It may do so again.";
  EXPECT_STREQ(model.broken_law(was, 1, op, gives({8 * 4096, 0, 0})), "INV-47");

  Model walked = was;
  const trace::Answer fault = tells(Status::page_fault, {0, 4, 1});
  ASSERT_TRUE(walked.step(1, op, fault) == fault);
  EXPECT_EQ(walked.broken_law(was, 1, op, fault), nullptr);
  EXPECT_TRUE(walked.state().cpus[1].kept.empty());
  EXPECT_FALSE(walked.step(1, op, kept) == kept) << "It has forgotten the page.";

  // To store by what is not known to be dirty, it walks.
  const trace::Op store = trace::CpuTouch{virt(0, 1), {trace::AccessName::store}, {1}, {}};
  Model stores = was;
  EXPECT_FALSE(stores.step(1, store, kept) == kept);
}

}  // namespace
}  // namespace laws
