// SPDX-License-Identifier: MPL-2.0
// The laws of the allocator are seen to refuse: what it shows of its free pages, what it refused,
// and states and steps made by hand.
#include "props/laws/broken.h"

namespace laws {
namespace {

using reference::Block;
using reference::kUnique;
using reference::Model;
using reference::State;
using trace::FreeBlock;

constexpr trace::Machine kMachine{.pages = {16}, .loose = {4}, .cpus = {2}};
constexpr trace::Block b0{0}, b1{1}, b2{2};

constexpr std::uint64_t kGlobal = trace::kGlobalPool;
constexpr std::uint64_t pool(std::uint64_t cpu) { return trace::kFirstPool + cpu; }
constexpr std::uint64_t cache(std::uint64_t cpu) { return trace::kFirstCache + cpu; }

// ---- What the allocator shows ----

struct Shown {
  const char* says;
  std::vector<FreeBlock> blocks;
  bool is_right = false;
};

// All of 4 to 15 are free.
const Shown kShown[] = {
    {"natural powers of two", {{4, 4, kGlobal}, {8, 8, kGlobal}}, true},
    {"buddies in two pools", {{4, 4, kGlobal}, {8, 4, kGlobal}, {12, 4, pool(0)}}, true},
    {"neighbours that are no buddies",
     {{4, 2, pool(1)}, {6, 1, pool(1)}, {7, 1, pool(0)}, {8, 8, kGlobal}},
     true},
    {"blocks of one to four pages in caches, anywhere",
     {{4, 1, cache(0)}, {5, 4, cache(1)}, {9, 3, cache(0)}, {12, 2, cache(1)}, {14, 2, kGlobal}},
     true},
    {"buddies in a cache", {{4, 2, cache(0)}, {6, 2, cache(0)}, {8, 8, kGlobal}}, true},
    {"nothing", {}},
    {"a page is missing", {{5, 1, kGlobal}, {6, 2, kGlobal}, {8, 8, kGlobal}}},
    {"a page too many", {{3, 1, cache(0)}, {4, 4, kGlobal}, {8, 8, kGlobal}}},
    {"a page beyond the end", {{4, 4, kGlobal}, {8, 8, kGlobal}, {16, 1, kGlobal}}},
    {"a page twice", {{4, 4, kGlobal}, {8, 8, kGlobal}, {15, 1, cache(0)}}},
    {"no power of two", {{4, 4, kGlobal}, {8, 3, pool(0)}, {11, 1, kGlobal}, {12, 4, kGlobal}}},
    {"not naturally aligned", {{4, 1, pool(0)}, {5, 2, kGlobal}, {7, 1, kGlobal}, {8, 8, kGlobal}}},
    {"buddies in one pool", {{4, 2, pool(0)}, {6, 2, pool(0)}, {8, 8, kGlobal}}},
    {"large buddies in one pool", {{4, 4, kGlobal}, {8, 4, kGlobal}, {12, 4, kGlobal}}},
    {"a cached block of five pages", {{4, 5, cache(0)}, {9, 3, cache(0)}, {12, 4, kGlobal}}},
    {"a block of no pages", {{4, 4, kGlobal}, {8, 8, kGlobal}, {4, 0, cache(0)}}},
    {"a pool's block of no pages", {{4, 4, kGlobal}, {8, 8, kGlobal}, {0, 0, kGlobal}}},
    {"the pool of a CPU that is not there", {{4, 4, pool(2)}, {8, 8, kGlobal}}},
    {"the cache of a CPU that is not there", {{4, 4, cache(2)}, {8, 8, kGlobal}}},
    {"a block without end", {{4, ~std::uint64_t{0}, cache(0)}, {8, 8, kGlobal}}},
};

TEST(FreeBlocks, AreAdoptedIfTheyMayBeKeptSo) {
  for (const Shown& shown : kShown) {
    Model model(kMachine);
    const char* const broken = model.adopt(shown.blocks);
    EXPECT_EQ(broken == nullptr, shown.is_right) << shown.says;
    EXPECT_EQ(model.state().free_blocks.has_value(), shown.is_right) << shown.says;
    if (broken != nullptr) EXPECT_STREQ(broken, "B.10");
  }
}

// ---- What it refused ----

struct Refusal {
  const char* says;
  std::vector<FreeBlock> blocks;
  std::uint16_t pages;
  std::uint8_t align;
  bool is_right;
};

// Of lane 0.
const Refusal kRefusals[] = {
    {"nothing is free", {}, 1, 0, true},
    {"the cache has it", {{5, 1, cache(0)}}, 1, 0, false},
    {"another's cache has it", {{5, 1, cache(1)}}, 1, 0, true},
    {"the pool has it", {{4, 4, pool(0)}}, 3, 0, false},
    {"another's pool has it", {{4, 4, pool(1)}}, 1, 0, true},
    {"the global pool has it", {{8, 8, kGlobal}}, 8, 3, false},
    {"the pool's is too small", {{4, 2, kGlobal}}, 3, 0, true},
    {"the pool's is too small for the alignment", {{8, 2, pool(0)}}, 1, 2, true},
    {"the pool's is just large enough for the alignment", {{8, 4, pool(0)}}, 1, 2, false},
    {"the cache's lies anywhere", {{5, 3, cache(0)}}, 3, 0, false},
    {"the cache's is larger", {{5, 3, cache(0)}}, 2, 0, false},
    {"the cache's is not aligned", {{5, 2, cache(0)}}, 2, 1, true},
    {"the cache's is aligned", {{6, 2, cache(0)}}, 2, 1, false},
    {"the cache's are too small", {{6, 1, cache(0)}, {7, 1, cache(0)}}, 2, 0, true},
    {"one of several would do", {{6, 1, cache(0)}, {4, 2, pool(1)}, {8, 2, kGlobal}}, 2, 1, false},
};

trace::Answer refusal() {
  trace::Answer answer{{Status::no_memory}, {}};
  answer.choices.refused = 1;
  return answer;
}

// Whether the model accepts a refusal, and whether the laws do; they must agree.
bool is_accepted(Model model, const trace::Op& op, std::uint8_t lane = 0) {
  const State was = model.state();
  const bool by_model = model.step(lane, op, refusal()) == refusal();
  const bool by_laws = refused_by(reference::Step{was, lane, op, refusal(), was}).empty();
  EXPECT_EQ(by_model, by_laws);
  return by_model;
}

// The same blocks, with the CPUs 0 and 1 changed for one another.
std::vector<FreeBlock> mirrored(std::vector<FreeBlock> blocks) {
  for (FreeBlock& block : blocks) {
    if (block.where == kGlobal) continue;
    block.where = block.where % 2 == 1 ? block.where + 1 : block.where - 1;
  }
  return blocks;
}
static_assert(pool(0) % 2 == 1 && cache(0) % 2 == 1);

Model with_free(const std::vector<FreeBlock>& blocks) {
  State state = Model(kMachine).state();
  state.free = {};
  for (const FreeBlock& block : blocks) {
    for (std::uint64_t i = 0; i < block.pages; ++i) state.free.insert(block.page + i);
  }
  return Model(state);
}

TEST(Refusals, AreRightIfNothingWithinReachWouldHaveDone) {
  for (const Refusal& one : kRefusals) {
    Model model = with_free(one.blocks);
    ASSERT_EQ(model.adopt(one.blocks), nullptr) << one.says;
    const trace::Op op = trace::AllocBlock{{one.pages}, {one.align}, b0};
    EXPECT_EQ(is_accepted(model, op), one.is_right) << one.says;
    if (one.align == 0) {
      const trace::Op segment = trace::AllocSegment{{one.pages}, {}, {}, s0, {}};
      EXPECT_EQ(is_accepted(model, segment), one.is_right) << one.says;
      const trace::Op frame = trace::AllocFrame{{}, {}, f0, {}};
      if (one.pages == 1) EXPECT_EQ(is_accepted(model, frame), one.is_right) << one.says;
    }
    Model other = with_free(one.blocks);
    ASSERT_EQ(other.adopt(mirrored(one.blocks)), nullptr) << one.says;
    EXPECT_EQ(is_accepted(other, op, 1), one.is_right) << one.says << ", on the other CPU";
    model.go_at_once();
    EXPECT_TRUE(is_accepted(model, op)) << one.says << ", and lanes go at once";
  }
}

TEST(Refusals, AreJudgedByWhatIsFreeIfNothingIsShown) {
  const trace::Op one = trace::AllocBlock{{1}, {0}, b0};
  EXPECT_FALSE(is_accepted(with_free({{5, 1, kGlobal}}), one));
  EXPECT_TRUE(is_accepted(with_free({}), one));
  EXPECT_TRUE(is_accepted(with_free({{4, 2, kGlobal}}), trace::AllocBlock{{2}, {0}, b0}));
  EXPECT_TRUE(is_accepted(with_free({{4, 2, kGlobal}}), trace::AllocBlock{{1}, {1}, b0}));
}

TEST(Refusals, AreWhatTheyWereAskedToBe) {
  Model model(kMachine);
  ask(model, {0, trace::AllocFail{{2}, {2}}});
  const trace::Op frame = trace::AllocFrame{{}, {}, f0, {}};
  trace::Answer served;
  served.choices.taken.push(4);

  EXPECT_EQ(Model(model).step(0, frame, refusal()).reply.status, Status::impermissible);
  EXPECT_EQ(ask(model, {0, frame}).reply.status, Status::ok) << "One is served,";
  EXPECT_EQ(ask(model, {0, trace::AllocBlock{{1}, {}, b1}}).reply.status, Status::ok) << "and one.";
  const trace::Op segment = trace::AllocSegment{{2}, {}, {}, s0, {}};
  EXPECT_TRUE(Model(model).step(0, segment, served) == refusal()) << "Whatever it did.";
  EXPECT_TRUE(ask(model, {0, segment}) == refusal());
  ask(model, {0, trace::AllocSegment{{0}, {}, {}, s0, {}}});  // The allocator is not asked.
  EXPECT_EQ(ask(model, {1, frame}).reply.status, Status::ok) << "Another CPU is not concerned.";
  EXPECT_TRUE(ask(model, {0, trace::AllocBlock{{1}, {}, b0}}) == refusal());
  EXPECT_EQ(ask(model, {0, trace::AllocBlock{{1}, {}, b0}}).reply.status, Status::ok);
}

TEST(Choices, ThatAreNotWhatWasAskedForAreImpermissible) {
  Model model(kMachine);
  auto status_of_taking = [&](const trace::Op& op, std::initializer_list<std::uint16_t> pages) {
    trace::Answer seen;
    for (const std::uint16_t page : pages) seen.choices.taken.push(page);
    return Model(model).step(0, op, seen).reply.status;
  };
  const trace::Op two = trace::AllocBlock{{2}, {1}, b0};
  EXPECT_EQ(status_of_taking(two, {10, 11}), Status::ok);
  EXPECT_EQ(status_of_taking(two, {10}), Status::impermissible) << "Too few.";
  EXPECT_EQ(status_of_taking(two, {10, 11, 12}), Status::impermissible) << "Too many.";
  EXPECT_EQ(status_of_taking(two, {10, 12}), Status::impermissible) << "Not adjacent.";
  EXPECT_EQ(status_of_taking(two, {10, 10}), Status::impermissible) << "One page twice.";
  EXPECT_EQ(status_of_taking(two, {11, 12}), Status::impermissible) << "Not aligned.";
  EXPECT_EQ(status_of_taking(two, {2, 3}), Status::impermissible) << "Loose.";
  EXPECT_EQ(status_of_taking(two, {16, 17}), Status::impermissible) << "Beyond the end.";
  ask(model, {1, trace::AllocBlock{{1}, {}, b0}});  // Page 4.
  EXPECT_EQ(status_of_taking(two, {4, 5}), Status::impermissible) << "Not free.";
  EXPECT_EQ(status_of_taking(trace::AllocBlock{{0xffff}, {0}, b0}, {10}), Status::impermissible);
}

TEST(Choices, OfManyPagesAreAllKept) {
  constexpr trace::Machine kLarge{.pages = {128}, .loose = {1}, .cpus = {1}};
  Model model(kLarge);
  const trace::Answer answer = ask(model, {0, trace::AllocSegment{{100}, {}, {}, s0, {}}});
  EXPECT_EQ(answer.reply.status, Status::ok);
  EXPECT_EQ(answer.choices.taken.kept(), 100);
  EXPECT_EQ(model.state().free.size(), 27u);
  EXPECT_EQ(ask(model, {0, trace::AllocBlock{{28}, {}, b0}}).choices.refused, 1);
}

TEST(Choices, BeyondWhatIsKeptAreCounted) {
  trace::PageList pages;
  for (std::uint64_t page = 0; page < trace::PageList::kMost + 2u; ++page) pages.push(page);
  EXPECT_EQ(pages.count, trace::PageList::kMost + 2);
  EXPECT_EQ(pages.kept(), trace::PageList::kMost);
}

// ---- States and steps ----

// Lane 0 has the block 4 to 7 (b0) and page 8 (b1), lane 1 the frame 9 (f0) and the loose frame 1
// (f1); 10 to 15 are free.
Model scene() {
  return after(kMachine, {{0, trace::AllocBlock{{4}, {2}, b0}},
                          {0, trace::AllocBlock{{1}, {}, b1}},
                          {1, trace::AllocFrame{{KindName::value8}, {2}, f0, {}}},
                          {1, trace::FrameFromUnused{at(1), {KindName::value8}, {3}, f1}}});
}

const BrokenState kBrokenStates[] = {
    {"B.10", [](State& s) { s.free.erase(10); }},
    {"B.10", [](State& s) { s.free.insert(8); }},
    {"B.10", [](State& s) { s.free.insert(9); }},
    {"B.10", [](State& s) { s.free.insert(0); }},
    {"B.10", [](State& s) { s.free.insert(16); }},
    {"B.10", [](State& s) { s.held[0].blocks[1].reset(); }},
    {"B.10", [](State& s) { s.held[0].blocks[0]->count = 3; }},
    {"B.10", [](State& s) { s.held[1].blocks[0] = Block{4, 1}; }},
    {"B.10", [](State& s) { s.held[1].blocks[0] = Block{9, 1}; }},
    {"B.10", [](State& s) { s.held[1].blocks[0] = Block{0, 1}; }},
    {"B.10", [](State& s) { s.held[1].blocks[0] = Block{16, 1}; }},
    {"B.10", [](State& s) { s.held[1].blocks[0] = Block{10, 0}; }},
};

TEST(BrokenStates, OfTheAllocatorAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused(broken, scene().state(), which++);
  }
}

void refuse(Taken& t) { t.answer = refusal(), t.after = t.before; }

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  using enum KindName;
  const Asked frame{0, AllocFrame{{full40}, {1}, f1, {}}};            // Page 10.
  const Asked zeroed{0, AllocFrame{{full40}, {1}, f1, {1}}};          // The same.
  const Asked segment{0, AllocSegment{{2}, {value24}, {7}, s0, {}}};  // Pages 10 and 11.
  const Asked zeros{0, AllocSegment{{2}, {value24}, {7}, s0, {1}}};   // The same.
  const Asked none{0, AllocSegment{{0}, {}, {}, s0, {}}};
  const Asked all{0, AllocSegment{kTo52, {}, {}, s0, {}}};
  const Asked block{0, AllocBlock{{2}, {1}, b2}};     // Pages 10 and 11.
  const Asked too_large{0, AllocBlock{{7}, {}, b2}};  // It is refused.
  const Asked fail{0, AllocFail{{0}, {2}}};
  const Asked give{0, AllocGiveBlock{b0}};
  const Asked add{0, AllocAddBlock{b0}};
  const Asked split{0, AllocSplitBlock{b0, {1}, b2}};
  return {
      {"POST-1", {}, frame, [](Taken& t) { t.answer.reply.results[0] += 4096; }},
      {"POST-1", {}, frame, [](Taken& t) { t.answer.reply.results[1] += 1; }},
      {"POST-1", {}, frame, [](Taken& t) { t.answer.choices.taken.push(11); }},
      {"POST-1", {}, frame, [](Taken& t) { t.answer.choices.given.push(10); }},
      {"POST-1", {}, frame, [](Taken& t) { t.answer.choices.refused = 1; }},
      {"POST-1", {}, frame, [](Taken& t) { t.after.written[10].assign(4096, 0); }},
      {"POST-1", {}, frame, [](Taken& t) { t.after.slots[10].storage->words[4] = 0; }},
      {"POST-1", {}, frame, [](Taken& t) { t.before.free.erase(10); }},
      {"POST-1", {}, frame, refuse},
      {"POST-1", {fail}, frame, [](Taken& t) { t.after.held[0].failing.times = 2; }},
      {"POST-1", {}, zeroed, [](Taken& t) { t.answer.reply.results[1] = 10 * 4096; }},
      {"POST-1", {}, zeroed, [](Taken& t) { t.after.written.clear(); }},
      {"POST-1", {}, zeroed, [](Taken& t) { t.after.written[10][4095] = 10; }},
      {"POST-1", {}, zeroed, [](Taken& t) { t.after.written[11].assign(4096, 0); }},
      {"POST-1", {}, fail, [](Taken& t) { t.after.held[0].failing = {2, 0}; }},
      {"POST-1", {}, fail, [](Taken& t) { t.after.held[1].failing = {0, 2}; }},
      {"POST-1", {}, fail, [](Taken& t) { t.answer.choices.refused = 1; }},

      {"POST-13", {}, segment, [](Taken& t) { t.answer.reply.results[1] -= 1; }},
      {"POST-13", {}, segment, [](Taken& t) { t.answer.reply.results[2] = 3; }},
      {"POST-13", {}, segment, [](Taken& t) { t.answer.reply.results[3] = 1; }},
      {"POST-13", {}, segment, [](Taken& t) { t.after.slots[11].storage->words[0] = 7; }},
      {"POST-13", {}, segment, [](Taken& t) { t.after.slots[11].rc = 2; }},
      {"POST-13", {}, segment, [](Taken& t) { t.after.held[0].segments[0]->count = 1; }},
      {"POST-13", {}, segment, [](Taken& t) { t.after.free.insert(11); }},
      {"POST-13",
       {},
       segment,
       [](Taken& t) { std::swap(t.answer.choices.taken.page[0], t.answer.choices.taken.page[1]); }},
      {"POST-13", {}, segment, [](Taken& t) { t.before.free.erase(11); }},
      {"POST-13", {}, zeros, [](Taken& t) { t.after.written.erase(11); }},
      {"POST-13", {}, zeros, [](Taken& t) { t.after.written[10][0] = 1; }},
      {"POST-13", {}, none, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-13", {}, none, [](Taken& t) { t.answer = refusal(); }},
      {"POST-13", {}, all, [](Taken& t) { t.answer = refusal(); }},
      {"POST-13", {}, all, [](Taken& t) { t.answer.reply.code = Code::none; }},

      {"B.10", {}, block, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"B.10", {}, block, [](Taken& t) { t.answer.choices.taken.page[1] = 12; }},
      {"B.10", {}, block, [](Taken& t) { t.before.free.erase(11); }},
      {"B.10", {}, block, [](Taken& t) { t.after.free.insert(11); }},
      {"B.10", {}, block, [](Taken& t) { t.after.held[0].blocks[2]->count = 3; }},
      {"B.10", {}, block, [](Taken& t) { t.after.slots[10].rc = kUnique; }},
      {"B.10",
       {},
       block,
       [](Taken& t) {  // Not aligned, and right but for that.
         t.answer.choices.taken.page = {11, 12};
         t.answer.reply.results[0] = 11 * 4096;
         t.after.free.insert(10);
         t.after.free.erase(12);
         t.after.held[0].blocks[2] = Block{11, 2};
       }},
      {"B.10",
       {},
       block,
       [](Taken& t) {
         refuse(t);
         t.before.free_blocks = {{10, 2, trace::kFirstPool}, {12, 4, trace::kFirstPool + 1}};
       }},
      {"B.10", {}, too_large, [](Taken& t) { t.answer.choices.refused = 2; }},
      {"B.10", {}, too_large, [](Taken& t) { t.answer.reply.results[0] = 4096; }},
      {"B.10", {}, too_large, [](Taken& t) { t.after.free.erase(10); }},
      {"B.10", {fail}, block, [](Taken& t) { t.after.held[0].failing.times = 2; }},
      {"B.10",
       {fail},
       block,
       [](Taken& t) {  // Served all the same.
         t.answer = {};
         t.answer.reply.results[0] = 10 * 4096;
         t.answer.choices.taken.push(10), t.answer.choices.taken.push(11);
         t.after.free.erase(10), t.after.free.erase(11);
         t.after.held[0].blocks[2] = Block{10, 2};
       }},

      {"B.10", {}, give, [](Taken& t) { t.answer.choices.given.page[3] = 8; }},
      {"B.10", {}, give, [](Taken& t) { t.answer.choices = {}; }},
      {"B.10", {}, give, [](Taken& t) { t.after.free.erase(7); }},
      {"B.10", {}, give, [](Taken& t) { t.after.held[0].blocks[0] = Block{4, 4}; }},
      {"B.10", {}, add, [](Taken& t) { t.after.free.insert(8); }},
      {"B.10", {}, split, [](Taken& t) { t.after.held[0].blocks[0]->count = 2; }},
      {"B.10", {}, split, [](Taken& t) { t.after.held[0].blocks[2]->first = 4; }},
      {"B.10", {}, split, [](Taken& t) { t.answer.choices.given.push(5); }},
      {"B.10", {}, {0, AllocFreeBytes{}}, [](Taken& t) { t.answer.reply.results[0] += 4096; }},
      {"B.10", {}, {0, AllocFreeBytes{}}, [](Taken& t) { t.after.free.erase(10); }},
  };
}

TEST(BrokenSteps, OfTheAllocatorAreRefused) { expect_all_refused(broken_steps(), scene()); }

TEST(Laws, OfTheAllocatorHaveBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, scene().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfAllocator.contains(law.id); });
}

TEST(FreeBytes, AreNotJudgedWhileLanesGoAtOnce) {
  Model model(kMachine);
  trace::Answer seen;
  seen.reply.results[0] = 7;
  EXPECT_EQ(model.step(0, trace::AllocFreeBytes{}, seen).reply.results[0], 12 * 4096u);
  model.go_at_once();
  EXPECT_TRUE(model.step(0, trace::AllocFreeBytes{}, seen) == seen);
}

}  // namespace
}  // namespace laws
