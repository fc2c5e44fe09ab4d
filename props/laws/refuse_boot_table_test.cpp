// SPDX-License-Identifier: MPL-2.0
// The page table that the cold machine boots with: its laws are seen to refuse. A fault may break
// that of the machine (B.11), too.
#include "props/laws/boot_table_examples.h"
#include "props/laws/broken.h"

namespace laws {
namespace {

using reference::BootEntry;
using reference::BootTable;
using reference::Model;
using reference::State;

constexpr std::uint64_t k1 = 4096;
constexpr reference::Page kRoot = reference::kFirmwareRoot;

// Of what was taken early, pages 0 to 2 are the tables on the way to half a TiB, and page 3 that of
// the first 2 MiB which are split.
const std::vector<Asked> kEarly =
    then(kBootStarted, {boot_map(kHalfTib, property(27)), boot_protect(kTwoMib)});
// Pages 4 and 5 are the metadata; page 6 is the last table, and came from the allocator.
const std::vector<Asked> kLate = then(kEarly, {kBootMeta, kBootAllocator, boot_map(kVeryLast)});
const std::vector<Asked> kHalf = then(kLate, {kDismiss});
const std::vector<Asked> kGone = then(kHalf, {kDismissOther});

State state_after(const std::vector<Asked>& prologue) {
  return laws::after(kFourPages, prologue).state();
}

BootTable& table(State& state, reference::Page page) { return state.cold.tables.at(page); }
BootTable& table(Taken& taken, reference::Page page) { return table(taken.after, page); }

// ---- States ----

const BrokenState kBrokenStates[] = {
    // How tables are linked.
    {"C.8", [](State& s) { s.cold.tables.erase(1); }},
    {"C.8", [](State& s) { s.cold.tables.erase(kRoot + 4); }},
    {"C.8", [](State& s) { s.cold.tables.erase(kRoot); }},
    {"C.8", [](State& s) { table(s, 0).level = 2; }},
    {"C.8", [](State& s) { table(s, 6).level = 2; }},
    {"C.8", [](State& s) { table(s, kRoot).entries[9] = {.table = 1}; }},
    {"C.8", [](State& s) { table(s, kRoot + 1).entries[9] = {.table = 1}; }},
    {"C.8", [](State& s) { table(s, kRoot).entries.erase(1); }},
    {"C.8", [](State& s) { s.cold.tables[kRoot + 5] = {1}; }},
    {"C.8",
     [](State& s) {
       s.cold.tables[20] = {1};
       s.cold.marked[20] = KindName::early;
       s.cold.free.erase(20);
     }},
    {"C.8",
     [](State& s) {
       table(s, kRoot).entries.erase(511);
       table(s, kRoot + 4).level = 2;
       table(s, kRoot + 4).entries.clear();
     }},

    // Entries.
    {"C.8", [](State& s) { table(s, 2).entries[512] = {.to = 1}; }},
    {"C.8", [](State& s) { table(s, kRoot).entries[9] = {.to = 0}; }},
    {"C.8", [](State& s) { table(s, kRoot + 1).entries[1].to += 512; }},
    {"C.8", [](State& s) { table(s, kRoot + 2).entries[7].to += 1; }},
    {"C.8", [](State& s) { table(s, 2).entries[0].to = reference::kPhysEnd; }},
    {"C.8", [](State& s) { table(s, 2).entries[0].property.cache = kUnsayable.cache; }},

    // Pages.
    {"C.8", [](State& s) { s.cold.marked.erase(3); }},
    {"C.8", [](State& s) { s.cold.marked[6] = KindName::meta; }},
    {"C.8",
     [](State& s) {
       s.cold.has_dismissed = {true, true};
     }},
};

const BrokenState kBrokenEarlyStates[] = {
    {"C.8", [](State& s) { s.cold.supplies[0].tail -= k1; }},
    {"C.8", [](State& s) { s.cold.has_dismissed[0] = true; }},
    {"C.8", [](State& s) { s.cold.has_dismissed[1] = true; }},
};

const BrokenState kBrokenLastStates[] = {
    {"C.8", [](State& s) { s.cold.tables.clear(); }},
    {"C.8", [](State& s) { table(s, kRoot).entries[0] = {.table = kRoot + 1}; }},
    {"C.8", [](State& s) { s.cold.tables[20] = {1}; }},
    {"B.11", [](State& s) { s.cold.has_dismissed[0] = false; }},  // Nothing came back, then.
};

TEST(BrokenStates, OfThePageTableOfBootAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates)
    expect_refused_among(broken, state_after(kLate), which++);
  for (const BrokenState& broken : kBrokenEarlyStates) {
    expect_refused_among(broken, state_after(kEarly), which++);
  }
  for (const BrokenState& broken : kBrokenLastStates) {
    expect_refused_among(broken, state_after(kGone), which++);
  }
}

// ---- Steps ----

void is_ok(Taken& t) { t.answer = gives(); }
void says_none(Taken& t) { t.answer = refuses(Status::none); }
void never_was(Taken& t) { t.after = t.before; }
void has_no_memory(Taken& t) {
  t.answer = refuses(Status::no_memory);
  t.after = t.before;
}
template <trace::Code kCode>
void panics(Taken& t) {
  t.answer = refuses(Status::panicked, kCode);
  t.after = t.before;
}
template <int kResult>
void tells_more(Taken& t) {
  t.answer.reply.results[kResult] += 1;
}
// Tables 7, 8 and 9, that were made from above, are linked in another order.
void links_otherwise(Taken& t) { std::swap(t.answer.reply.results[1], t.answer.reply.results[2]); }

void add_maps(std::vector<BrokenStep>& all) {
  using trace::Code;
  const Asked new_one = boot_map(virt(6, 1)), new_tib = boot_map(virt(7));
  const Asked early_tib = boot_map(virt(7)), taken = boot_map(kZero), huge = boot_map(kOneGib);
  const Asked target{0, trace::BootMapPage{{}, virt(6, 1), {5, 0}, kReadWrite}};
  const std::vector<Asked> one_left = then(kBootStarted, {boot_take(40), boot_take(9)});
  const std::vector<BrokenStep> broken = {
      // What is mapped.
      {"C.8", kLate, new_one, [](Taken& t) { table(t, 2).entries[1].to += 1; }},
      {"C.8", kLate, new_one, [](Taken& t) { table(t, 2).entries[1].property = property(2); }},
      {"C.8", kLate, new_one, [](Taken& t) { table(t, 2).entries[0].property = property(3); }},
      {"C.8", kLate, new_one, [](Taken& t) { table(t, kRoot + 3).entries.erase(5); }},
      {"C.8", kLate, new_one, [](Taken& t) { table(t, 2).entries[2] = {}; }},
      {"C.8", kLate, new_one, never_was},
      {"C.8", kLate, new_one, tells_more<0>},
      {"C.8", kLate, new_one, tells_more<1>},
      {"C.8", kLate, new_one, [](Taken& t) { t.answer.choices.taken.push(7); }},
      {"C.8", kLate, new_one, has_no_memory},
      {"C.8", kLate, new_one, says_none},

      // New tables, of the allocator's pages;
      {"C.8", kLate, new_tib, links_otherwise},
      {"C.8", kLate, new_tib, tells_more<0>},
      {"C.8", kLate, new_tib, tells_more<3>},
      {"C.8", kLate, new_tib, tells_more<4>},
      {"C.8", kLate, new_tib, has_no_memory},
      {"C.8", kLate, new_tib, panics<Code::no_early>},
      {"C.8", kLate, new_tib, [](Taken& t) { t.after.cold.free.insert(8); }},
      {"C.8", kLate, new_tib, [](Taken& t) { t.after.cold.free.erase(12); }},
      {"C.8", kLate, new_tib, [](Taken& t) { t.after.cold.marked.erase(9); }},
      {"C.8", kLate, new_tib, [](Taken& t) { table(t, 9).entries[1] = {.to = 3}; }},
      {"C.8", kLate, new_tib, [](Taken& t) { table(t, 7).entries[9] = {.to = 0}; }},
      {"C.8", kLate, new_tib,
       [](Taken& t) {  // One that is in use.
         t.answer.reply.results[3] = 3 * k1;
         t.after.cold.tables[3] = t.after.cold.tables.at(9);
         t.after.cold.tables.erase(9);
         table(t, 8).entries[0].table = 3;
       }},
      // or of early ones.
      {"C.8", kEarly, early_tib, links_otherwise},
      {"C.8", kEarly, early_tib, [](Taken& t) { t.after.cold.supplies[0].tail -= k1; }},
      {"C.8", kEarly, early_tib, [](Taken& t) { t.after.cold.marked[4] = KindName::early; }},
      {"C.8", kEarly, early_tib, has_no_memory},
      {"C.8", one_left, early_tib, is_ok},
      {"C.8", one_left, early_tib, has_no_memory},  // The one that it had stays.
      {"C.8", one_left, early_tib,
       [](Taken& t) { t.after.cold.supplies = t.before.cold.supplies; }},
      {"C.8", one_left, early_tib, [](Taken& t) { t.answer.reply.results[1] = 0; }},

      // Panics.
      {"C.8", {}, early_tib, has_no_memory},
      {"C.8", {}, boot_map(virt(6, 0, kByte)), panics<Code::no_early>},
      {"C.8", kLate, target, is_ok},
      {"C.8", kLate, boot_map(virt(6, 1), kUnsayable), is_ok},
      {"C.8", {}, taken, panics<Code::mapped_huge>},
      {"C.8", {}, huge, panics<Code::mapped_already>},
      {"C.8", kHalf, boot_map(virt(6, 1)), is_ok},
      {"C.8", kHalf, boot_map(virt(6, 0, kByte)), panics<Code::misaligned>},
      {"C.8", kHalf, boot_map(virt(6, 1)), [](Taken& t) { t.after.cold.has_dismissed[1] = true; }},
  };
  all.insert(all.end(), broken.begin(), broken.end());
}

void add_protects(std::vector<BrokenStep>& all) {
  using trace::Code;
  // It is accessed and dirty, and gets avail2.
  const Asked protect = boot_protect(kHalfTib, {{2}, {32}, 0});
  const Asked split = boot_protect(virt(2)), split_twice = boot_protect(kOneGib);
  const Asked to_unsayable = boot_protect(kZero, {{}, {}, 5});
  const std::vector<Asked> one_left = then(kBootStarted, {boot_take(40), boot_take(9)});
  const std::vector<BrokenStep> broken = {
      {"C.8", kLate, protect, never_was},
      {"C.8", kLate, protect, [](Taken& t) { table(t, 2).entries[0].to += 1; }},
      {"C.8", kLate, protect,
       [](Taken& t) { table(t, 2).entries[0].property.privileged.bits = 0; }},
      {"C.8", kLate, protect, [](Taken& t) { table(t, 2).entries[0].property.rights.bits ^= 16; }},
      {"C.8", kLate, protect, [](Taken& t) { table(t, 2).entries[0].property.rights.bits ^= 32; }},
      {"C.8", kLate, protect,
       [](Taken& t) {
         table(t, 2).entries[0].property.cache.name = trace::CacheName::uncacheable;
       }},
      {"C.8", kLate, boot_protect(virt(1, 1)),
       [](Taken& t) { table(t, 3).entries[2].property = table(t, 3).entries[1].property; }},

      {"C.8", kLate, split, [](Taken& t) { table(t, 7).entries[9].to += 1; }},
      {"C.8", kLate, split, [](Taken& t) { table(t, 7).entries.erase(511); }},
      {"C.8", kLate, split, [](Taken& t) { table(t, 7).entries[9].property.rights.bits = 5; }},
      {"C.8", kLate, split, [](Taken& t) { t.answer.reply.results[1] += k1; }},
      {"C.8", kLate, split_twice, links_otherwise},
      {"C.8", kLate, split_twice,
       [](Taken& t) {  // So close as pages of 4 KiB.
         for (std::uint16_t i = 1; i < 512; ++i) {
           table(t, 7).entries[i].to = table(t, 8).entries[i].to;
         }
       }},
      {"C.8", kLate, split_twice, has_no_memory},
      {"C.8", one_left, split_twice, has_no_memory},
      {"C.8", one_left, split_twice, [](Taken& t) { table(t, 79).entries.erase(1); }},

      {"C.8", kLate, boot_protect(virt(6, 1)), is_ok},
      {"C.8", kLate, boot_protect(virt(6, 0, kByte)), panics<Code::not_mapped>},
      {"C.8", kLate, to_unsayable, is_ok},
      {"C.8", {}, split, has_no_memory},
      {"C.8", kHalf, protect, is_ok},
  };
  all.insert(all.end(), broken.begin(), broken.end());
}

std::vector<BrokenStep> broken_steps() {
  const Asked walk = boot_walk(virt(6, 0, kByte)), walk_huge = boot_walk(virt(2, 9));
  const Asked allocator = kBootAllocator;
  const std::vector<Asked> half = then(kEarly, {kBootMeta, kDismissOther});
  const std::vector<Asked> come_back = then(half, {kDismiss});
  std::vector<BrokenStep> all = {
      {"C.8", kLate, walk, tells_more<0>},
      {"C.8", kLate, walk, [](Taken& t) { t.answer.reply.results[1] = 3; }},
      {"C.8", kLate, walk, tells_more<2>},
      {"C.8", kLate, walk, tells_more<3>},
      {"C.8", kLate, walk, tells_more<4>},
      {"C.8", kLate, walk, says_none},
      {"C.8", kLate, walk, [](Taken& t) { table(t, 2).entries[0].property.rights.bits |= 32; }},
      {"C.8", {}, walk_huge, [](Taken& t) { t.answer.reply.results[0] = 9 * k1; }},
      {"C.8", {}, walk_huge, [](Taken& t) { t.answer.reply.results[4] = 1; }},
      {"C.8", {}, walk, is_ok},
      {"C.8", kGone, walk, is_ok},

      {"C.8", kLate, kDismiss, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"C.8", kLate, kDismiss, tells_more<1>},
      {"C.8", kLate, kDismiss, says_none},
      {"C.8", kLate, kDismiss,
       [](Taken& t) {
         t.after.cold.has_dismissed = {false, true};
       }},
      {"C.8", kLate, kDismiss, [](Taken& t) { t.after.cold.free.insert(6); }},
      {"C.8", kHalf, kDismiss, is_ok},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.answer.reply.results[1] = 4; }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.free.erase(6); }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.free.erase(0); }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.free.insert(4); }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.free.insert(kRoot + 1); }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.marked[2] = KindName::early; }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.has_dismissed[1] = false; }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { t.after.cold.tables[3] = {1}; }},
      {"C.8", kHalf, kDismissOther,
       [](Taken& t) { table(t, kRoot + 4).entries[511] = {.table = kRoot + 2}; }},
      {"C.8", kHalf, kDismissOther, [](Taken& t) { table(t, kRoot + 1).entries.erase(2); }},

      {"B.11", come_back, allocator, [](Taken& t) { t.answer.reply.results[0] -= 4 * k1; }},
      {"B.11", come_back, allocator, [](Taken& t) { t.after.cold.free.erase(3); }},
      {"B.11", come_back, allocator, [](Taken& t) { t.after.cold.free.insert(5); }},
  };
  add_maps(all);
  add_protects(all);
  return all;
}

TEST(BrokenSteps, OfThePageTableOfBootAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(
        broken, Model(kFourPages), which++,
        [](const Model& model, const Asked& asked) { return model.imagine(asked.lane, asked.op); });
  }
}

TEST(Laws, OfThePageTableOfBootHaveBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, state_after(kLate));
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfBootTable.contains(law.id); });
}

// ---- What is left to the allocator, and what is not asked ----

trace::Status status_of(const std::vector<Asked>& prologue, const Asked& asked,
                        const trace::Answer& seen) {
  Model model = laws::after(kFourPages, prologue);
  const State before = model.state();
  const Status status = ask(model, asked, seen).reply.status;
  if (status == Status::impermissible) EXPECT_TRUE(model.state() == before);
  return status;
}

TEST(BootTable, MayBeMadeOfAnyFreePages) {
  const Asked map = boot_map(virt(7));
  EXPECT_EQ(status_of(kLate, map, gives({3, 7 * k1, 79 * k1, 8 * k1})), Status::ok);
  EXPECT_EQ(status_of(kLate, map, gives({3, 7 * k1, 7 * k1, 8 * k1})), Status::impermissible);
  EXPECT_EQ(status_of(kLate, map, gives({3, 7 * k1, 8 * k1, 6 * k1})), Status::impermissible);
  EXPECT_EQ(status_of(kLate, map, gives({3, 7 * k1, 8 * k1, 9 * k1 + 1})), Status::impermissible);
  EXPECT_EQ(status_of(kLate, map, gives({3, 40 * k1, 8 * k1, 9 * k1})), Status::impermissible);
}

TEST(BootTable, IsChangedByLane0AtCanonicalPlaces) {
  const Model model = laws::after(kFourPages, kEarly);
  EXPECT_TRUE(model.allows(0, boot_walk(kUpperBegin).op));
  EXPECT_FALSE(model.allows(1, boot_walk(kUpperBegin).op));
  for (const trace::VirtPlace at : {kLowEnd, virt(19, 255), kHole, virt(21)}) {
    EXPECT_FALSE(model.allows(0, boot_walk(at).op));
    EXPECT_FALSE(model.allows(0, boot_map(at).op));
    EXPECT_FALSE(model.allows(0, boot_protect(at).op));
  }
  EXPECT_TRUE(model.allows(0, boot_map(virt(9, 255)).op));
  EXPECT_FALSE(model.allows(0, kDismiss.op)) << "There is no metadata.";
  EXPECT_TRUE(laws::after(kFourPages, kLate).allows(0, kDismiss.op));
}

}  // namespace
}  // namespace laws
