// SPDX-License-Identifier: MPL-2.0
// Every law is seen to refuse something, in each of its forms: a state or a step made by hand,
// whose twin without the fault all laws permit. A law that never refused anything would prove
// nothing.
#include "props/laws/broken.h"
#include "props/laws/examples.h"

namespace laws {
namespace {

using reference::Handle;
using reference::Knows;
using reference::kSlotsBase;
using reference::kUnique;
using reference::kUnused;
using reference::Law;
using reference::Model;
using reference::State;
using reference::Step;
using trace::Usage;

constexpr std::uint64_t kTop = (std::uint64_t{1} << 63) - 1;

// Eight pages, four of them loose. Page 0 is shared by lane 0 (f0), page 1 unique to it (u0), page
// 3 a kernel page with a dynamic handle (f3); page 4 is shared by lane 1 (f0), with a raw count
// (r0); page 2 and the rest are unused.
Model scene() {
  constexpr trace::Machine kMachine{.pages = {8}, .loose = {4}, .cpus = {2}};
  return after(kMachine, {{0, trace::FrameFromUnused{at(0), {KindName::value8}, {5}, f0}},
                          {0, trace::UniqueFromUnused{at(1), {KindName::value24}, {7}, u0}},
                          {0, trace::FrameFromUnused{at(3), {KindName::kernel}, {9}, f3}},
                          {0, trace::FrameToDyn{f3}},
                          {1, trace::AllocFrame{{KindName::reentrant}, {2}, f0, {}}},
                          {1, trace::FrameClone{f0, f1}},
                          {1, trace::FrameIntoRaw{f1, r0}}});
}

// ---- States ----

const reference::Metadata kSomething = reference::made({KindName::value8}, 1);

const BrokenState kBrokenStates[] = {
    {"INV-1", [](State& s) { s.slots[0].address += 64; }},
    {"INV-1", [](State& s) { s.slots[7].address = kSlotsBase; }},
    {"INV-1", [](State& s) { s.slots.pop_back(); }, {"B.10"}},
    {"INV-2", [](State& s) { s.slots[2].vtable = trace::Kind{}; }},
    {"INV-2", [](State& s) { s.slots[2].storage = kSomething; }},
    {"INV-2", [](State& s) { s.slots[2].in_list = 1; }, {"INV-23"}},
    {"INV-2", [](State& s) { s.paths.insert({2, 0, {1, 2, 3, 4}}); }, {"INV-11", "INV-37"}},
    {"INV-3", [](State& s) { s.slots[1].vtable.reset(); }},
    {"INV-3", [](State& s) { s.slots[1].storage.reset(); }, {"INV-19"}},
    {"INV-3",
     [](State& s) { s.paths.insert({1, 0, {}}); },
     {"INV-13", "INV-14", "INV-19",
      "INV-37"}},  // A path is an owner, and a unique page has but one.
    {"INV-4", [](State& s) { s.slots[0].vtable.reset(); }},
    {"INV-4", [](State& s) { s.slots[0].in_list = 1; }, {"INV-23"}},
    {"INV-4", [](State& s) { s.slots[0].storage.reset(); }, {"INV-13"}},
    {"INV-5",
     [](State& s) {
       s.held[0].frames[0].reset();
       s.slots[0].rc = s.slots[0].phantoms = kTop + 1;
     }},
    {"INV-6", [](State& s) { s.slots[2].rc = 0, s.slots[2].parked = false; }},
    {"INV-6",
     [](State& s) {
       s.slots[2].rc = 0, s.slots[2].parked = false, s.slots[2].in_list = 1;
       s.held[1].unfinished = {.page = 2};
     },
     {"INV-23"}},
    {"INV-7", [](State& s) { s.slots[0].storage->kind = {KindName::full40}; }},
    {"INV-7", [](State& s) { s.held[0].frames[0]->kind = {KindName::full40}; }},
    {"INV-7", [](State& s) { s.held[0].uniques[0]->kind = {KindName::full40}; }},
    {"INV-7", [](State& s) { s.held[1].raws[0]->kind = {KindName::full40}; }},
    {"INV-7", [](State& s) { s.held[0].frames[0]->knows = Knows::untyped; }},
    {"INV-10", [](State& s) { s.slots[2].usage = Usage::frame; }},
    {"INV-11", [](State& s) { s.slots[2].phantoms = 1; }},
    {"INV-11",
     [](State& s) { s.held[0].raws[0] = Handle{2}; },
     {"INV-16", "INV-18"}},  // No usage, and no count.
    {"INV-12", [](State& s) { s.held[0].frames[0].reset(); }},
    {"INV-13", [](State& s) { s.slots[0].rc = 2; }},
    {"INV-13", [](State& s) { s.held[1].raws[0].reset(); }},
    {"INV-13", [](State& s) { s.paths.insert({0, 0, {1}}); }, {"INV-37"}},
    {"INV-13", [](State& s) { s.held[1].frames[2] = s.held[1].frames[0]; }},
    {"INV-14", [](State& s) { s.held[0].uniques[0].reset(); }},
    {"INV-14", [](State& s) { s.held[1].uniques[0] = s.held[0].uniques[0]; }},
    {"INV-14",
     [](State& s) { s.held[0].uniques[1] = s.held[0].frames[0]; },
     {"INV-19"}},  // Its page is shared.
    {"INV-16", [](State& s) { s.held[0].frames[1] = Handle{8}; }},
    {"INV-16", [](State& s) { s.held[0].raws[1] = Handle{~std::uint64_t{0}}; }},
    {"INV-16", [](State& s) { s.slots[0].usage = Usage::mmio; }},
    {"INV-16", [](State& s) { s.slots[4].usage = Usage::page_table; }, {"INV-26"}},
    // A count of 0, or above the maximum, is never the number of handles; so INV-13 refuses too,
    // or INV-5.
    {"INV-18",
     [](State& s) {
       s.slots[0].rc = 0, s.slots[0].parked = false;
       s.held[1].unfinished = {.page = 0};
     },
     {"INV-13"}},
    {"INV-18", [](State& s) { s.slots[0].rc = kTop + 1, s.slots[0].phantoms = kTop; }, {"INV-5"}},
    {"INV-19", [](State& s) { s.slots[1].in_list = 1; }, {"INV-23"}},
    {"INV-19", [](State& s) { s.slots[1].usage = Usage::unused; }, {"INV-16"}},
    {"INV-51", [](State& s) { s.slots[0].parked = false; }},
    {"INV-51", [](State& s) { s.slots[1].parked = true; }},
    {"INV-51", [](State& s) { s.slots[2].parked = false; }},
};

// Those for which nothing may be held.
const BrokenState kBrokenEmptyStates[] = {
    {"INV-9",
     [](State& s) {
       s.slots[2].rc = 1, s.slots[2].vtable = kSomething.kind, s.slots[2].storage = kSomething;
     }},
    {"INV-9", [](State& s) { s.free.erase(5); }, {"B.10"}},
    {"INV-9", [](State& s) { s.free.insert(0); }, {"B.10"}},
};

TEST(BrokenStates, AreRefusedByTheirLawAlone) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused(broken, scene().state(), which++);
  }
  const Model empty(scene().state().machine);
  for (const BrokenState& broken : kBrokenEmptyStates) {
    expect_refused(broken, empty.state(), which++);
  }
}

// ---- Steps ----

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  using enum KindName;
  const Asked drop{0, FrameDrop{f0}};
  const Asked join{1, FrameFromInUse{at(0), f3}};
  const Asked clone{0, FrameClone{f0, f1}};
  const Asked make{0, FrameFromUnused{at(2), {full40}, {1}, f1}};
  const Asked alloc{0, AllocFrame{{empty}, {1}, f1, {}}};
  const Asked unique_drop{0, UniqueDrop{u0}};
  const Asked unique_reset{0, UniqueReset{u0}};
  const Asked repurpose{0, UniqueRepurpose{u0, {kernel}, {1}}};
  const Asked to_raw{0, FrameIntoRaw{f0, r0}};
  return {
      {"PRE-1", {}, make, [](Taken& t) { t.before.slots[2].vtable = Kind{full40}; }},
      {"PRE-1", {}, make, [](Taken& t) { t.before.slots[2].storage = kSomething; }},
      {"PRE-1", {}, make, [](Taken& t) { t.before.slots[2].parked = false; }},
      {"PRE-1", {}, make, [](Taken& t) { t.before.slots[2].in_list = 3; }},
      {"PRE-1", {}, alloc, [](Taken& t) { t.before.slots[5].vtable = Kind{full40}; }},
      {"PRE-1",
       {},
       {0, UniqueFromUnused{at(2), {value8}, {}, u1}},
       [](Taken& t) { t.before.slots[2].vtable = Kind{full40}; }},
      {"PRE-1", {}, make, [](Taken& t) { t.before.slots[2].rc = 4; }, {"POST-1"}},

      {"PRE-4", {}, drop, [](Taken& t) { t.before.held[0].frames[0].reset(); }},
      {"PRE-4",
       {clone},
       drop,
       [](Taken& t) {
         t.before.slots[0].rc = kTop + 1, t.before.slots[0].phantoms = kTop - 1;
         t.after.slots[0].rc = kTop, t.after.slots[0].phantoms = kTop - 1;
       }},
      {"PRE-4", {}, drop, [](Taken& t) { t.before.slots[0].in_list = 3; }, {"PRE-5"}},

      {"PRE-5", {}, unique_drop, [](Taken& t) { t.before.slots[1].in_list = 3; }},
      {"PRE-5", {}, unique_reset, [](Taken& t) { t.before.slots[1].storage.reset(); }},
      {"PRE-5", {}, unique_reset, [](Taken& t) { t.before.slots[1].rc = 2; }},
      {"PRE-5",
       {},
       unique_reset,
       [](Taken& t) {
         t.before.paths.insert({1, 0, {}});
         t.after.paths.insert({1, 0, {}});
       }},

      {"POST-1", {}, make, [](Taken& t) { t.after.slots[2].usage = Usage::kernel; }},
      {"POST-1", {}, make, [](Taken& t) { t.after.slots[2].storage->words[4] = 1; }},
      {"POST-1", {}, make, [](Taken& t) { t.after.slots[0].rc += 1; }},
      {"POST-1",
       {},
       {1, FrameFromUnused{at(1), {}, {}, f1}},
       [](Taken& t) { t.answer.reply.status = Status::in_use; }},
      {"POST-1",
       {},
       {1, FrameFromUnused{kByteBeyondEnd, {}, {}, f1}},
       [](Taken& t) { t.answer.reply.status = Status::out_of_bound; }},
      {"POST-1", {}, alloc, [](Taken& t) { t.after.free.insert(5); }},
      {"POST-1", {}, alloc, [](Taken& t) { t.before.free.erase(5); }},
      {"POST-1",
       {},
       alloc,
       [](Taken& t) {
         t.answer = refuses(Status::no_memory);
         t.answer.choices.refused = 1;
         t.after = t.before;
       }},
      {"POST-1",
       {},
       {0, UniqueFromUnused{at(2), {value8}, {}, u1}},
       [](Taken& t) { t.after.slots[2].rc = 1; }},

      {"POST-2", {}, join, [](Taken& t) { t.answer.reply.results[1] = 6; }},
      {"POST-2", {}, join, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-2", {}, join, [](Taken& t) { t.after.held[1].frames[3]->knows = Knows::kind; }},
      {"POST-2",
       {},
       {1, FrameFromInUse{at(2), f3}},
       [](Taken& t) { t.answer.reply.status = Status::busy; }},
      {"POST-2",
       {},
       join,
       [](Taken& t) {
         t.before.slots[0].rc = kTop, t.before.slots[0].phantoms = kTop - 1;
         t.after.slots[0].rc = kTop + 1, t.after.slots[0].phantoms = kTop - 1;
       }},

      {"POST-3", {}, clone, [](Taken& t) { t.after.slots[0].rc = 1; }},
      {"POST-3", {}, clone, [](Taken& t) { t.after.held[0].frames[1]->knows = Knows::nothing; }},
      {"POST-3",
       {},
       clone,
       [](Taken& t) {
         t.before.slots[0].rc = kTop, t.before.slots[0].phantoms = kTop - 1;
         t.after.slots[0].rc = kTop + 1, t.after.slots[0].phantoms = kTop - 1;
       }},
      {"POST-3", {}, {0, FrameBorrowClone{f0, f1}}, [](Taken& t) { t.after.slots[0].rc = 3; }},
      {"POST-3", {}, {1, FrameIncRaw{r0, r1}}, [](Taken& t) { t.after.slots[4].rc = 2; }},

      {"POST-4", {}, drop, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"POST-4", {}, drop, [](Taken& t) { t.answer.reply.results[2] = 0; }},
      {"POST-4", {}, drop, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-4", {}, drop, [](Taken& t) { t.answer.choices = {}; }},
      {"POST-4", {}, drop, [](Taken& t) { t.answer.choices.given.push(0); }},
      {"POST-4", {}, drop, [](Taken& t) { t.after.held[0].frames[0] = Handle{}; }},
      {"POST-4", {clone}, drop, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"POST-4", {clone}, drop, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"POST-4",
       {{1, FrameFromRaw{r0, f1}}, {1, FrameDrop{f0}}},
       {1, FrameDrop{f1}},
       [](Taken& t) { t.answer.reply.results[3] = number(Status::in_use); }},
      {"POST-4",
       {{1, FrameFromRaw{r0, f1}}, {1, FrameDrop{f0}}},
       {1, FrameDrop{f1}},
       [](Taken& t) { t.after.free.erase(4); }},
      {"POST-4",
       {},
       {0, FrameDrop{f3}},  // It panics.
       [](Taken& t) { t.after.held[0].frames[3].reset(); }},

      {"POST-5", {}, drop, [](Taken& t) { t.after.slots[0].rc = 0; }},
      {"POST-5", {}, drop, [](Taken& t) { t.after.slots[0].vtable = Kind{}; }},
      {"POST-5", {}, unique_drop, [](Taken& t) { t.after.slots[1].storage = kSomething; }},
      {"POST-5", {}, unique_reset, [](Taken& t) { t.after.slots[1].rc = kUnique; }},

      {"POST-6", {}, to_raw, [](Taken& t) { t.answer.reply.results[0] = 4096; }},
      {"POST-6", {}, to_raw, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"POST-6",
       {to_raw},
       {0, FrameFromRaw{r0, f2}},
       [](Taken& t) { t.after.held[0].frames[2]->knows = Knows::nothing; }},

      {"POST-7", {}, {0, FrameBorrow{f0}}, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"POST-7", {}, {0, FrameBorrow{f0}}, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"POST-7", {}, {0, FrameEqual{f0, f3}}, [](Taken& t) { t.answer.reply.results[0] = 1; }},

      {"POST-8",
       {},
       {0, FrameTryFrom{f3, {kernel}}},
       [](Taken& t) { t.answer = refuses(Status::wrong_kind), t.after = t.before; }},
      {"POST-8",
       {},
       {0, FrameTryFrom{f3, {meta}}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].frames[3] = Handle{3, Knows::kind, {meta}};
       }},
      {"POST-8",
       {},
       {0, FrameToUntyped{f3}},
       [](Taken& t) {
         t.answer = gives();
         t.after.held[0].frames[3]->knows = Knows::untyped;
       }},
      {"POST-8", {}, {0, FrameToDyn{f0}}, [](Taken& t) { t.after.slots[0].rc = 2; }},

      {"POST-9", {}, repurpose, [](Taken& t) { t.answer.choices.given.push(1); }},
      {"POST-9", {}, repurpose, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"POST-9", {}, repurpose, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"POST-9", {}, repurpose, [](Taken& t) { t.after.slots[1].vtable = Kind{value24}; }},
      {"POST-9",
       {{0, UniqueRepurpose{u0, {reentrant}, {}}}},
       repurpose,
       [](Taken& t) { t.answer.reply.results[2] = number(Status::busy); }},

      {"POST-10", {}, {0, UniqueIntoShared{u0, f1}}, [](Taken& t) { t.after.slots[1].rc = 2; }},
      {"POST-10",
       {},
       {0, UniqueIntoShared{u0, f1}},
       [](Taken& t) { t.after.held[0].uniques[0] = t.before.held[0].uniques[0]; }},

      {"POST-11",
       {},
       {0, UniqueTryFromFrame{f0, u1}},
       [](Taken& t) { t.answer = refuses(Status::shared), t.after = t.before; }},
      {"POST-11",
       {clone},
       {0, UniqueTryFromFrame{f0, u1}},
       [](Taken& t) { t.after.held[0].frames[0].reset(); }},

      {"POST-12", {}, unique_reset, [](Taken& t) { t.answer.choices.given.push(1); }},
      {"POST-12", {}, unique_drop, [](Taken& t) { t.answer.choices = {}; }},
      {"POST-12", {}, unique_drop, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"POST-12", {}, unique_drop, [](Taken& t) { t.after.free.insert(1); }},

      {"INV-7", {}, {0, FrameReadMeta{f0}}, [](Taken& t) { t.answer.reply.results[1] = 6; }},
      {"INV-7",
       {},
       {0, UniqueReadMeta{u0}},
       [](Taken& t) { t.answer.reply.results[0] = number(full40); }},
      {"INV-7",
       {},
       {0, FrameUsage{f3}},
       [](Taken& t) { t.answer.reply.results[0] = number(Usage::frame); }},

      {"INV-13", {}, {0, FrameCount{f0}}, [](Taken& t) { t.answer.reply.results[0] = 2; }},
      {"INV-13",
       {},
       {0, FrameCountPreload{f0, {3}}},
       [](Taken& t) { t.after.slots[0].phantoms = 4; }},

      // The owner goes while what it lent is in use: nothing else has changed.
      {"INV-17",
       {},
       {0, FrameBorrow{f0}},
       [](Taken& t) {
         t.before.slots[0].rc = t.after.slots[0].rc = 0;
         t.answer.reply.results[1] = 0;
       }},
      {"INV-17",
       {},
       {0, FrameBorrowClone{f0, f1}},
       [](Taken& t) { t.after.held[0].frames[0].reset(); },
       {"POST-3"}},

      {"INV-19",
       {},
       {0, UniqueWriteMeta{u0, {50}}},
       [](Taken& t) { t.after.slots[1].storage->words[2] = 9; }},
      {"INV-19", {}, {0, UniqueWriteMeta{u0, {50}}}, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"INV-19", {}, {0, UniqueToDyn{u0}}, [](Taken& t) { t.after.slots[1].rc = 1; }},
  };
}

TEST(BrokenSteps, AreRefusedByTheirLawAlone) { expect_all_refused(broken_steps(), scene()); }

TEST(Laws, HaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenState& broken : kBrokenEmptyStates) {
    seen.note(broken, Model(scene().state().machine).state());
  }
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const Law& law) { return !is_shown_elsewhere(law.id); });
}

Taken taken(Model model, const Asked& asked, const trace::Answer& seen) {
  const State was = model.state();
  const trace::Answer answer = ask(model, asked, seen);
  return {was, answer, model.state()};
}
Taken taken(const Model& model, const Asked& asked) {
  return taken(model, asked, model.imagine(asked.lane, asked.op));
}

TEST(BrokenLaw, LooksAtThePagesAStepChanged) {
  // The step is right in itself; what it found was not.
  Taken t = taken(scene(), {0, trace::FrameClone{f0, f1}});
  t.before.slots[0].vtable.reset();
  t.after.slots[0].vtable.reset();
  const trace::Op op = trace::FrameClone{f0, f1};
  EXPECT_STREQ(reference::broken_law({t.before, 0, op, t.answer, t.after}), "INV-4");
}

TEST(BrokenLaw, LooksAtTheWholeState) {
  Taken t = taken(scene(), {0, trace::FrameClone{f0, f1}});
  t.before.held[1].frames[5] = t.after.held[1].frames[5] = Handle{77};
  const trace::Op op = trace::FrameClone{f0, f1};
  EXPECT_STREQ(reference::broken_law({t.before, 0, op, t.answer, t.after}), "INV-16");
}

TEST(BrokenLaw, RefusesAChangeByWhatWasNotAsked) {
  const trace::Op op = trace::FrameDrop{f2};  // An empty register.
  Taken t = taken(scene(), {0, op});
  const Step step{t.before, 0, op, t.answer, t.after};
  ASSERT_EQ(t.answer.reply.status, Status::passed_over);
  EXPECT_EQ(reference::broken_law(step), nullptr);
  t.after.held[0].frames[0].reset();
  EXPECT_STREQ(reference::broken_law(step), "POST-4");
}

// ---- Every example, changed in every single way ----

reference::Page& first_page(Handle& handle) { return handle.page; }
reference::Page& first_page(auto& pages) { return pages.first; }
reference::VirtPage& first_page(reference::AreaRange& area) { return area.begin; }

// Calls `changed(what)` for each of many small faults put into a step, one at a time.
void for_each_fault(const Taken& right, auto&& each) {
  auto with_fault = [&](const char* what, auto&& put) {
    Taken faulty = right;
    put(faulty);
    each(what, faulty);
  };
  for (std::size_t i = 0; i < right.answer.reply.results.size(); ++i) {
    with_fault("result", [&](Taken& t) { t.answer.reply.results[i] += 1; });
  }
  for (std::size_t i = 0; i < trace::kStatusNames.size(); ++i) {
    const auto status = static_cast<Status>(i);
    if (status == right.answer.reply.status || status == Status::passed_over ||
        status == Status::declined) {
      continue;
    }
    with_fault("status", [&](Taken& t) { t.answer.reply.status = status; });
  }
  with_fault("code", [&](Taken& t) {
    t.answer.reply.code = static_cast<trace::Code>(static_cast<int>(t.answer.reply.code) ^ 3);
  });
  with_fault("given", [](Taken& t) { t.answer.choices.given.push(0); });
  with_fault("taken", [](Taken& t) { t.answer.choices.taken.push(3); });
  with_fault("refused", [](Taken& t) { t.answer.choices.refused += 1; });
  with_fault("next list id", [](Taken& t) { t.after.next_list_id += 1; });
  for (std::uint64_t page = 0; page < right.after.slots.size(); ++page) {
    for (const std::size_t byte : {std::size_t{0}, std::size_t{63}, std::size_t{4095}}) {
      with_fault("byte", [&](Taken& t) {
        const std::vector<std::uint8_t> first(4096, static_cast<std::uint8_t>(page));
        t.after.written.try_emplace(page, first).first->second[byte] ^= 0x80;
      });
    }
  }
  with_fault("aborted", [](Taken& t) { t.after.aborted = !t.after.aborted; });
  for (std::size_t page = 0; page < right.after.slots.size(); ++page) {
    with_fault("free", [&](Taken& t) {
      t.after.free.contains(page) ? t.after.free.erase(page) : t.after.free.insert(page);
    });
    auto of_slot = [&](const char* what, auto&& put) {
      with_fault(what, [&](Taken& t) { put(t.after.slots[page]); });
    };
    of_slot("rc", [](reference::Slot& slot) { slot.rc += 1; });
    of_slot("rc", [](reference::Slot& slot) { slot.rc = slot.rc == kUnused ? 0 : kUnused; });
    of_slot("usage", [](reference::Slot& slot) {
      slot.usage = slot.usage == Usage::reserved ? Usage::frame : Usage::reserved;
    });
    of_slot("parked", [](reference::Slot& slot) { slot.parked = !slot.parked; });
    of_slot("in_list", [](reference::Slot& slot) { slot.in_list += 1; });
    of_slot("address", [](reference::Slot& slot) { slot.address += 64; });
    of_slot("phantoms", [](reference::Slot& slot) { slot.phantoms += 1; });
    of_slot("vtable", [](reference::Slot& slot) {
      slot.vtable = slot.vtable ? std::nullopt : std::optional(trace::Kind{});
    });
    of_slot("storage", [](reference::Slot& slot) {
      if (!slot.storage) slot.storage.emplace();
      slot.storage->words[0] += 1;
    });
  }
  for (std::size_t lane = 0; lane < 2; ++lane) {
    auto of_registers = [&](const char* what, auto registers) {
      const std::size_t count = (right.after.held[lane].*registers).size();
      for (std::size_t i = 0; i < count; ++i) {
        with_fault(what, [&](Taken& t) {
          auto& held = (t.after.held[lane].*registers)[i];
          held.has_value() ? held.reset() : (void)held.emplace();
        });
        with_fault(what, [&](Taken& t) {
          auto& held = (t.after.held[lane].*registers)[i];
          if (!held) held.emplace();
          first_page(*held) += 1;
        });
      }
    };
    of_registers("frame", &reference::Held::frames);
    of_registers("unique", &reference::Held::uniques);
    of_registers("raw", &reference::Held::raws);
    of_registers("segment", &reference::Held::segments);
    of_registers("raw segment", &reference::Held::raw_segments);
    of_registers("block", &reference::Held::blocks);
    of_registers("area", &reference::Held::areas);
    for (std::size_t i = 0; i < trace::List::kCount; ++i) {
      auto of_list = [&](auto&& put) {
        with_fault("list", [&](Taken& t) { put(t.after.held[lane].lists[i]); });
      };
      of_list([](reference::List& list) { list.id += 1; });
      of_list([](reference::List& list) { list.pages.push_back(0); });
      of_list([](reference::List& list) { list.cursor = list.cursor.value_or(6) + 1; });
    }
    with_fault("failing", [&](Taken& t) { t.after.held[lane].failing.times += 1; });
  }
}

TEST(BrokenSteps, OfEveryExampleAreRefusedWhateverTheFault) {
  std::size_t faults = 0;
  for (const Example& example : examples()) {
    if (example.in_midst) continue;
    const Taken right =
        taken(after(example.machine, example.prologue), example.asked, example.answer);
    auto broken = [&](const Taken& t) {
      return reference::broken_law(
          {t.before, example.asked.lane, example.asked.op, t.answer, t.after});
    };
    ASSERT_EQ(broken(right), nullptr) << example.says << ": " << broken(right);
    for_each_fault(right, [&](const char* what, const Taken& faulty) {
      // What is left to the system's choice is no fault.
      if (what == std::string("status") &&
          Model(right.before).step(example.asked.lane, example.asked.op, faulty.answer) ==
              faulty.answer) {
        return;
      }
      ++faults;
      EXPECT_NE(broken(faulty), nullptr) << example.says << ": " << what;
    });
  }
  EXPECT_GT(faults, 5'000u);
}

TEST(Laws, AreOneSentenceEachThatFitsAReport) {
  Ids ids;
  for (const Law& law : reference::laws()) {
    EXPECT_TRUE(ids.insert(law.id).second) << law.id << " stands twice.";
    const std::string sentence = law.sentence;
    EXPECT_LE(sentence.size(), 90u) << law.id;
    EXPECT_EQ(sentence.back(), '.') << law.id;
    EXPECT_EQ(Model::sentence_of(law.id), law.sentence);
    EXPECT_TRUE(law.of_page || law.of_state || law.of_step) << law.id;
  }
  EXPECT_EQ(Model::sentence_of("INV-0"), nullptr);
  EXPECT_EQ(Model::sentence_of(nullptr), nullptr);
}

}  // namespace
}  // namespace laws
