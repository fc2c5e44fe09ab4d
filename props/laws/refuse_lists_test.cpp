// SPDX-License-Identifier: MPL-2.0
// The laws of lists are seen to refuse.
#include "props/laws/broken.h"
#include "props/laws/example.h"

namespace laws {
namespace {

using reference::Handle;
using reference::Knows;
using reference::kUnique;
using reference::Model;
using reference::State;

// Eight pages, seven of them loose. Lane 0 has 0, 1 and 2 in l0, in this order, with its cursor at
// 1, and 3, a link too, as u0; lane 1 has 4 and 5 in l1, whose payloads read their pages. Page 6 is
// unused.
Model scene() {
  constexpr trace::Machine kMachine{.pages = {8}, .loose = {7}, .cpus = {2}};
  std::vector<Asked> prologue;
  auto make = [&](std::uint8_t lane, std::uint16_t page, trace::List list) {
    prologue.push_back(
        {lane, trace::UniqueFromUnused{at(page), trace::list_kind(list), {page}, u0}});
  };
  for (std::uint16_t page = 0; page < 3; ++page) {
    make(0, page, l0);
    prologue.push_back({0, trace::ListPushBack{l0, u0}});
  }
  prologue.push_back({0, trace::ListCursorAt{l0, at(1)}});
  make(0, 3, l0);
  for (std::uint16_t page = 4; page < 6; ++page) {
    make(1, page, l1);
    prologue.push_back({1, trace::ListPushBack{l1, u0}});
  }
  return after(kMachine, prologue);
}

// The ids are 1 and 2.
const BrokenState kBrokenStates[] = {
    {"INV-21", [](State& s) { s.held[0].lists[0].cursor = 4; }},
    {"INV-21",
     [](State& s) { s.held[0].lists[0].pages.push_back(0); },
     {"INV-14"}},  // One owner too many.
    {"INV-21", [](State& s) { s.held[0].lists[0].pages.push_back(8); }, {"INV-16"}},
    {"INV-21", [](State& s) { s.slots[1].in_list = 2; }, {"INV-22"}},
    {"INV-21", [](State& s) { s.slots[1].in_list = 0; }, {"INV-22"}},
    {"INV-21", [](State& s) { s.held[0].lists[0].id = 0; }},
    {"INV-21", [](State& s) { s.slots[2].usage = trace::Usage::mmio; }, {"INV-16"}},
    {"INV-21",
     [](State& s) { s.slots[4].vtable = s.slots[4].storage->kind = {KindName::link}; },
     {"INV-7"}},  // The list knows the kind, as a handle does.
    {"INV-21",
     [](State& s) {  // Shared, and right but for that.
       s.slots[2].rc = s.slots[2].phantoms = 1, s.slots[2].parked = true;
     },
     {"INV-4", "INV-14"}},
    {"INV-22", [](State& s) { s.held[1].lists[0].id = 1; }},
    {"INV-22", [](State& s) { s.held[1].lists[0].id = 3; }},
    {"INV-22", [](State& s) { s.next_list_id = 2; }},
    {"INV-22", [](State& s) { s.slots[3].in_list = 1; }, {"INV-19", "INV-23"}},
    {"INV-23", [](State& s) { s.slots[6].in_list = 9; }, {"INV-2"}},
    {"INV-23", [](State& s) { s.slots[3].in_list = 9; }, {"INV-19"}},
    // What else says that lists own their frames.
    {"INV-14",
     [](State& s) { s.held[1].uniques[1] = Handle{0, Knows::kind, {KindName::link}}; },
     {"INV-19"}},
};

TEST(BrokenStates, OfListsAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused(broken, scene().state(), which++);
  }
}

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked insert{0, ListInsertBefore{l0, u0}};
  const Asked take{0, ListTakeCurrent{l0, u1}};
  const Asked next{0, ListMoveNext{l0}};
  const Asked prev{0, ListMovePrev{l0}};
  const Asked close{0, ListCursorClose{l0}};
  const Asked push_front{0, ListPushFront{l0, u0}};
  const Asked push_back{0, ListPushBack{l0, u0}};
  const Asked pop_front{0, ListPopFront{l0, u1}};
  const Asked pop_back{0, ListPopBack{l0, u1}};
  const Asked drop{1, ListDrop{l1}};
  return {
      {"POST-19", {}, insert, [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"POST-19",
       {},
       insert,
       [](Taken& t) {
         std::swap(t.after.held[0].lists[0].pages[1], t.after.held[0].lists[0].pages[2]);
       }},
      {"POST-19", {}, insert, [](Taken& t) { t.after.slots[3].in_list = 0; }},
      {"POST-19",
       {},
       insert,
       [](Taken& t) { t.after.held[0].uniques[0] = Handle{3, Knows::kind, {KindName::link}}; }},
      {"POST-19", {}, insert, [](Taken& t) { t.before.slots[3].in_list = 2; }},
      {"POST-19",
       {},
       insert,
       [](Taken& t) { t.before.held[0].uniques[0]->kind = {KindName::link_reader}; }},
      {"POST-19", {}, insert, [](Taken& t) { t.before.slots[3].rc = 1; }},
      {"POST-19",
       {close},
       push_front,
       [](Taken& t) {
         std::swap(t.after.held[0].lists[0].pages[0], t.after.held[0].lists[0].pages[1]);
       }},
      {"POST-19", {close}, push_front, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-19",
       {close},
       push_back,
       [](Taken& t) {
         std::swap(t.after.held[0].lists[0].pages[2], t.after.held[0].lists[0].pages[3]);
       }},
      {"POST-19", {close}, push_back, [](Taken& t) { t.after.next_list_id += 1; }},
      {"POST-19",  // A new list takes the next id, and not the one that stands for none.
       {close, {0, ListDrop{l0}}},
       push_back,
       [](Taken& t) { t.after.held[0].lists[0].id = t.after.slots[3].in_list = 2; }},
      {"POST-19",
       {close, {0, ListDrop{l0}}},
       push_back,
       [](Taken& t) { t.after.held[0].lists[0].id = t.after.slots[3].in_list = 0; }},

      {"POST-20", {}, take, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-20", {}, take, [](Taken& t) { t.after.held[0].lists[0].cursor = 0; }},
      {"POST-20", {}, take, [](Taken& t) { t.after.slots[1].in_list = 1; }},
      {"POST-20", {}, take, [](Taken& t) { t.after.held[0].uniques[1]->knows = Knows::nothing; }},
      {"POST-20", {}, take, [](Taken& t) { t.after.held[0].lists[0].pages = {2, 0}; }},
      {"POST-20", {next, next}, take, [](Taken& t) { t.after.held[0].lists[0].cursor = 0; }},
      {"POST-20", {close}, pop_front, [](Taken& t) { t.after.held[0].lists[0].pages = {2, 1}; }},
      {"POST-20", {close}, pop_back, [](Taken& t) { t.answer.reply.status = Status::none; }},
      {"POST-20",
       {},
       {1, ListPopBack{l0, u1}},
       [](Taken& t) { t.answer.reply.status = Status::ok; }},

      {"POST-21", {}, next, [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"POST-21", {next}, next, [](Taken& t) { t.after.held[0].lists[0].cursor = 0; }},
      {"POST-21", {next, next}, next, [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"POST-21", {}, next, [](Taken& t) { t.after.held[0].lists[0].cursor.reset(); }},
      {"POST-22", {}, prev, [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"POST-22", {prev}, prev, [](Taken& t) { t.after.held[0].lists[0].cursor = 2; }},
      {"POST-22", {prev, prev}, prev, [](Taken& t) { t.after.held[0].lists[0].cursor = 0; }},

      {"POST-23",
       {close},
       {0, ListContains{l0, at(2)}},
       [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-23",
       {close},
       {0, ListContains{l0, at(6)}},
       [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-23",
       {close},
       {0, ListContains{l0, kBeyondEnd}},
       [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-23",  // An id that is not needed.
       {},
       {0, ListContains{l2, one_byte_into(0)}},
       [](Taken& t) { t.after.held[0].lists[2].id = t.after.next_list_id++; }},
      {"POST-23",  // The trap: a list without an id would find every page that is in none.
       {},
       {0, ListContains{l2, at(6)}},
       [](Taken& t) {
         t.answer.reply.results[0] = 1;
         t.after = t.before;
       }},
      {"POST-23",
       {close},
       {0, ListCursorAt{l0, at(2)}},
       [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"POST-23",
       {close},
       {0, ListCursorAt{l0, at(6)}},
       [](Taken& t) { t.after.held[0].lists[0].cursor = 3; }},
      {"POST-23",
       {close},
       {0, ListCursorAt{l0, at(6)}},
       [](Taken& t) { t.answer.reply.status = Status::ok; }},

      {"INV-21", {close}, {0, ListSize{l0}}, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"INV-21", {close}, {0, ListSize{l0}}, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"INV-21", {}, {0, ListCurrent{l0}}, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"INV-21",
       {next, next},
       {0, ListCurrent{l0}},
       [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"INV-21",
       {},
       {0, ListWriteCurrent{l0, {9}}},
       [](Taken& t) { t.after.slots[1].storage = t.before.slots[1].storage; }},
      {"INV-21",
       {},
       {0, ListWriteCurrent{l0, {9}}},
       [](Taken& t) { t.after.slots[2].storage->words[0] = 9; }},
      {"INV-21",
       {close},
       {0, ListCursorFront{l0}},
       [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"INV-21",
       {close},
       {0, ListCursorBack{l0}},
       [](Taken& t) { t.after.held[0].lists[0].cursor = 3; }},
      {"INV-21", {}, close, [](Taken& t) { t.after.held[0].lists[0].cursor = 1; }},
      {"INV-21", {}, close, [](Taken& t) { t.after.held[0].lists[0].pages.pop_back(); }},

      {"INV-23", {}, drop, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"INV-23", {}, drop, [](Taken& t) { t.answer.reply.results[2] = 1; }},
      {"INV-23", {}, drop, [](Taken& t) { t.answer.reply.results[5] -= 1; }},
      {"INV-23",
       {},
       drop,
       [](Taken& t) { std::swap(t.answer.choices.given.page[0], t.answer.choices.given.page[1]); }},
      {"INV-23", {}, drop, [](Taken& t) { t.after.held[1].lists[1].id = 2; }},
      {"INV-23", {}, drop, [](Taken& t) { t.after.free.insert(4); }, {}},
      {"POST-5", {}, drop, [](Taken& t) { t.after.slots[5].in_list = 2; }},
      {"POST-5", {}, drop, [](Taken& t) { t.after.slots[5].rc = kUnique; }},
      {"PRE-5", {}, drop, [](Taken& t) { t.before.slots[5].storage.reset(); }},
      {"PRE-5", {}, drop, [](Taken& t) { t.before.slots[5].in_list = 1; }},
  };
}

TEST(BrokenSteps, OfListsAreRefused) { expect_all_refused(broken_steps(), scene()); }

TEST(Laws, OfListsHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfLists.contains(law.id); });
}

}  // namespace
}  // namespace laws
