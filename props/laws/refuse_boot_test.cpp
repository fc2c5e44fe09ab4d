// SPDX-License-Identifier: MPL-2.0
// The machine that boots: how its regions are listed, example by example; and its laws, which are
// seen to refuse states and steps made by hand.
#include "props/laws/broken.h"
#include "props/laws/example.h"

namespace laws {
namespace {

using reference::ColdMapping;
using reference::Model;
using reference::Region;
using reference::State;
using reference::Supply;
using trace::RegionName;

constexpr std::uint64_t kPage = 4096;

State reported(std::vector<Region> regions) {
  State state = Model(kFourPages).state();
  state.cold.regions = std::move(regions);
  return state;
}

// ---- Regions ----

struct Listing {
  const char* says;
  std::vector<Region> reported;
  std::vector<Region> listed;
};

std::vector<Listing> listings() {
  using enum RegionName;
  constexpr std::uint64_t kTop = ~std::uint64_t{0}, kLast = ~(kPage - 1);
  return {
      {"none", {}, {}},
      {"one", {{0x1000, 0x3000, usable}}, {{0x1000, 0x3000, usable}}},
      {"sorted",
       {{0x4000, 0x6000, usable}, {0, 0x1000, kernel}, {0x1000, 0x4000, bad}},
       {{0, 0x1000, kernel}, {0x1000, 0x4000, bad}, {0x4000, 0x6000, usable}}},
      {"a hole is unknown",
       {{0x1000, 0x2000, usable}, {0x5000, 0x6000, usable}},
       {{0x1000, 0x2000, usable}, {0x2000, 0x5000, unknown}, {0x5000, 0x6000, usable}}},
      {"a hole beside the unknown",
       {{0x1000, 0x2000, usable}, {0x3000, 0x4000, unknown}, {0x5000, 0x6000, usable}},
       {{0x1000, 0x2000, usable}, {0x2000, 0x5000, unknown}, {0x5000, 0x6000, usable}}},
      {"the lowest type wins, whoever was first",
       {{0, 0x4000, usable}, {0x1000, 0x3000, kernel}, {0x2000, 0x5000, reserved}},
       {{0, 0x1000, usable}, {0x1000, 0x2000, kernel}, {0x2000, 0x5000, reserved}}},
      {"one is inside another", {{0x1000, 0x2000, usable}, {0, 0x3000, bad}}, {{0, 0x3000, bad}}},
      {"neighbours of one type are one",
       {{0, 0x1000, usable}, {0x1000, 0x2000, usable}, {0x1000, 0x3000, usable}},
       {{0, 0x3000, usable}}},
      {"two of one type overlap, with a lower one between",
       {{0, 0x3000, reserved}, {0x1000, 0x2000, bad}},
       {{0, 0x1000, reserved}, {0x1000, 0x2000, bad}, {0x2000, 0x3000, reserved}}},
      {"usable shrinks, and others expand",
       {{0x801, 0x3800, usable}, {0x3801, 0x4001, kernel}},
       {{0x1000, 0x3000, usable}, {0x3000, 0x5000, kernel}}},
      {"others expand over usable ones",
       {{0, 0x4000, usable}, {0x1fff, 0x2001, framebuffer}},
       {{0, 0x1000, usable}, {0x1000, 0x3000, framebuffer}, {0x3000, 0x4000, usable}}},
      {"a page shared by two usable ones is nobody's",
       {{0, 0x1800, usable}, {0x1800, 0x3000, usable}},
       {{0, 0x1000, usable}, {0x1000, 0x2000, unknown}, {0x2000, 0x3000, usable}}},
      {"usable without a whole page is gone",
       {{0, 0x1000, kernel}, {0x2001, 0x3fff, usable}},
       {{0, 0x1000, kernel}}},
      {"one byte is a page", {{0x1fff, 0x2000, module}}, {{0x1000, 0x2000, module}}},
      {"the last page is nobody's",
       {{kLast - kPage, kTop, reserved}, {kLast, kTop, bad}},
       {{kLast - kPage, kLast, reserved}}},
      {"nor usable", {{kLast - kPage, kTop, usable}}, {{kLast - kPage, kLast, usable}}},
  };
}

TEST(Regions, AreListedInOrder) {
  for (const Listing& listing : listings()) {
    const State before = reported(listing.reported);
    Model model(before);
    const trace::Answer answer = ask(model, {0, trace::BootNormalise{}});
    EXPECT_TRUE(answer == gives({listing.listed.size()})) << listing.says;
    EXPECT_TRUE(model.state().cold.regions == listing.listed) << listing.says;
    const trace::Op op = trace::BootNormalise{};
    EXPECT_EQ(refused_by(reference::Step{before, 0, op, answer, model.state()}), "")
        << listing.says;

    const State listed = model.state();
    EXPECT_TRUE(ask(model, {0, trace::BootNormalise{}}) == answer) << listing.says;
    EXPECT_TRUE(model.state() == listed) << "A second time nothing changes: " << listing.says;
  }
}

TEST(Regions, AreReportedByTheFirstLaneAndBeforeTheyAreListed) {
  const trace::BootAddRegion add{{at(0)}, {1, 0}, {RegionName::usable}};
  Model model(kFourPages);
  EXPECT_FALSE(model.allows(1, add));
  EXPECT_FALSE(model.allows(0, trace::BootAddRegion{{at(0)}, {0, 0}, {}})) << "It is empty.";
  const trace::Extent almost_all{trace::Extent::kFirstHuge + 3, 0};  // 2^64 - 4096.
  EXPECT_TRUE(model.allows(0, trace::BootAddRegion{{at(0)}, almost_all, {}}));
  EXPECT_FALSE(model.allows(0, trace::BootAddRegion{{at(1)}, almost_all, {}})) << "Beyond 2^64.";
  for (int i = 0; i < 16; ++i) EXPECT_EQ(ask(model, {0, add}).reply.status, Status::ok);
  EXPECT_FALSE(model.allows(0, add)) << "There is room for 16.";

  model = after(kFourPages, {{0, trace::BootNormalise{}}});
  EXPECT_FALSE(model.allows(0, add));
}

TEST(Boot, GoesInOrder) {
  const trace::BootEarlyInit start{};
  const trace::BootInitMeta meta{};
  const trace::BootInitAllocator allocator{};
  const trace::BootPage look{{at(0)}};
  Model model(reported({{0, 64 * kPage, RegionName::usable}}));
  auto allowed = [&] {
    return std::string(model.allows(0, start) ? "start " : "") +
           (model.allows(0, meta) ? "meta " : "") + (model.allows(0, look) ? "look " : "") +
           (model.allows(0, allocator) ? "allocator " : "");
  };
  EXPECT_EQ(allowed(), "");
  ask(model, {0, trace::BootNormalise{}});
  EXPECT_EQ(allowed(), "start ");
  ask(model, {0, start});
  EXPECT_EQ(allowed(), "meta ");
  ask(model, {0, meta});
  EXPECT_EQ(allowed(), "look allocator ");
  ask(model, {0, allocator});
  EXPECT_EQ(allowed(), "look ");
}

// ---- States and steps ----

// Pages 0 to 19 are usable, then 4 of the kernel, then 76 usable across the middle, then a hole of
// 10, then a framebuffer of 5; far above something is reserved.
const std::vector<Region> kMap = {
    {0, 20 * kPage, RegionName::usable},
    {20 * kPage, 24 * kPage, RegionName::kernel},
    {24 * kPage, 100 * kPage, RegionName::usable},
    {110 * kPage, 115 * kPage, RegionName::framebuffer},
    {std::uint64_t{1} << 40, (std::uint64_t{1} << 40) + kPage, RegionName::reserved}};

const Asked kNormalise{0, trace::BootNormalise{}};
const Asked kStart{0, trace::BootEarlyInit{}};
const Asked kTake{0, trace::BootEarlyAlloc{{3}, {1}}};
const Asked kMeta{0, trace::BootInitMeta{}};
const Asked kAllocator{0, trace::BootInitAllocator{}};
const std::vector<Asked> kListed = {kNormalise};
const std::vector<Asked> kStarted = {kNormalise, kStart};
const std::vector<Asked> kTaken = {kNormalise, kStart, kTake};
const std::vector<Asked> kInitialised = {kNormalise, kStart, kTake, kMeta};
const std::vector<Asked> kBooted = {kNormalise, kStart, kTake, kMeta, kAllocator};

Model booted() {
  Model model(reported(kMap));
  for (const Asked& asked : kBooted) ask(model, asked);
  return model;
}

// The early allocator takes from 24 to 63, then from 64 to 99. It gave pages 24 to 26 out, and 27
// and 28 for the metadata of 100 pages.
const BrokenState kBrokenStates[] = {
    {"B.11", [](State& s) { std::swap(s.cold.regions[0], s.cold.regions[1]); }},
    {"B.11", [](State& s) { s.cold.regions[3].type = RegionName::usable; }},
    {"B.11", [](State& s) { s.cold.regions[4].end += 1; }},
    {"B.11", [](State& s) { s.cold.regions[4].begin += kPage; }},
    {"B.11", [](State& s) { s.cold.regions.back().end = s.cold.regions.back().begin; }},
    {"B.11", [](State& s) { s.cold.is_normalised = false; }},
    {"B.11", [](State& s) { s.cold.supplies.clear(); }},
    {"B.11", [](State& s) { s.cold.supplies[0].tail = 23 * kPage; }},
    {"B.11", [](State& s) { s.cold.supplies[0].tail += 8; }},
    {"B.11", [](State& s) { s.cold.supplies[0].tail = 65 * kPage; }},
    {"B.11", [](State& s) { s.cold.supplies[0].end = 65 * kPage; }},
    {"B.11", [](State& s) { s.cold.supplies[1].end = 101 * kPage; }},
    {"B.11", [](State& s) { s.cold.supplies[0] = {20 * kPage, 21 * kPage, 20 * kPage}; }},
    {"B.11", [](State& s) { s.cold.max_paddr = 0; }},
    {"B.11", [](State& s) { s.cold.max_paddr = 27 * kPage; }},
    {"B.11", [](State& s) { s.cold.has_allocator = false; }},
    {"B.11", [](State& s) { s.cold.free.insert(24); }},
    {"B.11", [](State& s) { s.cold.free.insert(21); }},
    {"B.11", [](State& s) { s.cold.free.insert(102); }},
    {"B.11", [](State& s) { s.cold.marked[50] = KindName::early; }},
    {"B.11", [](State& s) { s.cold.marked[100] = KindName::reserved; }},
};

const BrokenState kBrokenColdStates[] = {
    {"B.11", [](State& s) { s.cold.mapped.push_back({}); }},
    {"B.11", [](State& s) { s.cold.marked[20] = KindName::kernel; }},
    {"B.11", [](State& s) { s.cold.free.insert(3); }},
    {"B.11", [](State& s) { s.cold.supplies = {{0, kPage, 0}}; }},
    {"B.11",
     [](State& s) {  // Beyond the end of memory.
       s.cold.regions = {{0, 200 * kPage, RegionName::usable}};
       s.cold.is_normalised = true;
       s.cold.supplies = {{64 * kPage, 129 * kPage, 64 * kPage}};
     }},
};

TEST(BrokenStates, OfAMachineThatBootsAreRefused) {
  std::size_t which = 0;
  for (const BrokenState& broken : kBrokenStates) {
    expect_refused(broken, booted().state(), which++);
  }
  for (const BrokenState& broken : kBrokenColdStates) {
    expect_refused(broken, reported(kMap), which++);
  }
}

constexpr trace::PhysPlace kSecondBeyondEnd{trace::PhysPlace::kFirstOutside + 1, 0};

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked add{0, BootAddRegion{{at(3)}, {2, 0}, {RegionName::module}}};
  const Asked take{0, BootEarlyAlloc{{2}, {3}}};
  const Asked take_all{0, BootEarlyAlloc{{40}, {}}};
  const Asked take_high{0, BootEarlyAlloc{{36}, {}}};
  auto look = [](std::uint16_t page) { return Asked{0, BootPage{{at(page)}}}; };
  return {
      {"B.11", {}, add, [](Taken& t) { t.after.cold.regions.back().end -= 1; }},
      {"B.11", {}, add, [](Taken& t) { t.after.cold.regions.back().type = RegionName::kernel; }},
      {"B.11", {}, add, [](Taken& t) { t.after.cold.regions[0].end += kPage; }},

      {"B.11", {}, kNormalise, [](Taken& t) { t.answer.reply.results[0] += 1; }},
      {"B.11", {}, kNormalise, [](Taken& t) { t.after.cold.is_normalised = false; }},
      {"B.11", {}, kNormalise, [](Taken& t) { t.after.cold.regions[0].end -= kPage; }},
      {"B.11", {}, kNormalise, [](Taken& t) { t.after.cold.regions[1].type = RegionName::module; }},
      {"B.11", {}, kNormalise, [](Taken& t) { t.after.cold.regions.back().end += kPage; }},
      {"B.11", {}, kNormalise, [](Taken& t) { t.after.cold.regions[2].end += kPage; }},
      {"B.11", kListed, kNormalise, [](Taken& t) { t.after.cold.regions[0].begin = kPage; }},
      {"B.11", kListed, {0, BootRegionAt{{1}}}, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"B.11", kListed, {0, BootRegionAt{{1}}}, [](Taken& t) { t.answer = refuses(Status::none); }},
      {"B.11", kListed, {0, BootRegionAt{{9}}}, [](Taken& t) { t.answer = gives(); }},

      {"B.11", kListed, kStart, [](Taken& t) { t.after.cold.supplies.pop_back(); }},
      {"B.11", kListed, kStart, [](Taken& t) { t.after.cold.supplies[0].begin += kPage; }},
      {"B.11", kListed, kStart, [](Taken& t) { t.answer = refuses(Status::none); }},
      {"B.11", kListed, kStart, [](Taken& t) { t.after.cold.supplies[0] = {0, 20 * kPage, 0}; }},

      {"B.10", kTaken, take, [](Taken& t) { t.answer.reply.results[0] = 27 * kPage; }},
      {"B.10", kTaken, take, [](Taken& t) { t.after.cold.supplies[0].tail -= kPage; }},
      {"B.10", kTaken, take, [](Taken& t) { t.after.cold.supplies[1].tail += kPage; }},
      {"B.10", kTaken, take,
       [](Taken& t) { t.answer = refuses(Status::no_memory), t.after = t.before; }},
      {"B.10", kTaken, take,
       [](Taken& t) {  // The high one, though the low one has it.
         t.answer.reply.results[0] = 64 * kPage;
         t.after = t.before;
         t.after.cold.supplies[1].tail = 66 * kPage;
       }},
      {"B.10", kTaken, take_all, [](Taken& t) { t.answer = gives(); }},
      {"B.10",
       {kNormalise, kStart, {0, BootEarlyAlloc{{5}, {}}}},
       take_high,
       [](Taken& t) { t.answer.reply.results[0] = 29 * kPage; }},
      {"B.10", {}, take, [](Taken& t) { t.answer = refuses(Status::no_memory); }},
      {"B.10", kInitialised, take, [](Taken& t) { t.answer.reply.code = Code::none; }},
      {"B.10", kInitialised, take, [](Taken& t) { t.after.cold.supplies[0].tail += kPage; }},

      {"B.11", kTaken, kMeta, [](Taken& t) { t.answer.reply.results[0] = 110; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.answer.reply.results[1] = 24 * kPage; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.answer.reply.results[2] = 35; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.answer.reply.results[3] = 1; }},
      {"B.11", kTaken, kMeta,
       [](Taken& t) { t.answer = refuses(Status::no_memory), t.after = t.before; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.max_paddr = 115 * kPage; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.supplies[0].tail -= kPage; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.mapped[0].property |= 4; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.mapped[35].va += kPage; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.mapped[36].pa += kPage; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.mapped.pop_back(); }},
      {"B.11", kTaken, kMeta,
       [](Taken& t) { std::swap(t.after.cold.mapped[35], t.after.cold.mapped[36]); }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.marked[24] = KindName::meta; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.marked[28] = KindName::early; }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.marked.erase(20); }},
      {"B.11", kTaken, kMeta, [](Taken& t) { t.after.cold.marked[19] = KindName::unusable; }},

      {"B.11",
       kInitialised,
       {0, BootMappedAt{{36}}},
       [](Taken& t) { t.answer.reply.results[0] = 0xffff'8000'0000'0000; }},
      {"B.11", kInitialised, {0, BootMappedAt{{38}}}, [](Taken& t) { t.answer = gives(); }},
      {"B.11",
       kInitialised,
       {0, BootIsInitialized{}},
       [](Taken& t) { t.answer.reply.results[1] = 115 * kPage; }},
      {"B.11", kTaken, {0, BootIsInitialized{}}, [](Taken& t) { t.answer.reply.results[0] = 1; }},

      {"B.11", kBooted, look(20), [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"B.11", kBooted, look(20), [](Taken& t) { t.answer.reply.results[2] = 0; }},
      {"B.11", kBooted, look(20), [](Taken& t) { t.answer = refuses(Status::unused); }},
      {"B.11", kBooted, look(0), [](Taken& t) { t.answer.reply.results[3] = 0; }},
      {"B.11", kInitialised, look(0), [](Taken& t) { t.answer.reply.status = Status::unique; }},
      {"B.11", kBooted, look(100), [](Taken& t) { t.answer.reply.status = Status::unused; }},
      {"B.11",
       kBooted,
       {0, BootPage{{kSecondBeyondEnd}}},
       [](Taken& t) { t.answer.reply.status = Status::not_aligned; }},
      {"B.11", kBooted, look(20), [](Taken& t) { t.after.cold.marked.erase(20); }},

      {"B.11", kInitialised, kAllocator, [](Taken& t) { t.answer.reply.results[0] -= kPage; }},
      {"B.11", kInitialised, kAllocator, [](Taken& t) { t.after.cold.free.erase(99); }},
      {"B.11", kInitialised, kAllocator, [](Taken& t) { t.after.cold.free.insert(27); }},
      {"B.11", kInitialised, kAllocator, [](Taken& t) { t.after.cold.has_allocator = false; }},
  };
}

TEST(BrokenSteps, OfAMachineThatBootsAreRefused) {
  expect_all_refused(broken_steps(), Model(reported(kMap)));
}

TEST(Laws, OfAMachineThatBootsHaveBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenState& broken : kBrokenStates) seen.note(broken, booted().state());
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfBoot.contains(law.id); });
}

TEST(Boot, LetsTheAllocatorKeepSomethingInItsPages) {
  const Model model = booted();
  trace::Answer seen{{.status = Status::unique, .results = {0, 0, 0, 1}}, {}};
  EXPECT_TRUE(Model(model).step(0, trace::BootPage{{at(0)}}, seen) == seen);
  EXPECT_EQ(Model(model).step(0, trace::BootPage{{at(24)}}, seen).reply.status, Status::ok);
}

TEST(Boot, HasNoMetadataThatDoesNotFit) {
  constexpr std::uint64_t kMostPages = 4096;
  for (const auto& [end, free_below, is_possible] :
       {std::tuple{kMostPages, 64, true}, std::tuple{kMostPages + 1, 64, false},
        std::tuple{kMostPages, 63, false}}) {
    // The low supply is large enough or not; there is no high one.
    Model model(reported({{0, static_cast<std::uint64_t>(free_below) * kPage, RegionName::usable},
                          {200 * kPage, end * kPage, RegionName::reclaimable}}));
    for (const Asked& asked : kStarted) ask(model, asked);
    const State before = model.state();
    const Status status = ask(model, kMeta).reply.status;
    EXPECT_EQ(status, is_possible ? Status::ok : Status::no_memory);
    EXPECT_EQ(model.state() == before, !is_possible);
    const trace::Op by_usable = trace::BootInitMeta{{1}};
    if (!is_possible) EXPECT_EQ(ask(model, {0, by_usable}).reply.status, Status::ok);
  }
}

}  // namespace
}  // namespace laws
