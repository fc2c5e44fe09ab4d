// SPDX-License-Identifier: MPL-2.0
// Lanes at once over page tables: every pair of things that a lane can do there, under every
// schedule with two preemptions, has an order of phases that the reference accepts.
#include <cstdio>
#include <gtest/gtest.h>

#include "check/explore/concurrent.h"
#include "check/machine/sanitizer.h"
#include "check/systems/mm.h"
#include "props/concurrent/scopes.h"
#include "reference/model.h"
#include "trace/text.h"

namespace {

using namespace check::explore;
using namespace trace;
using reference::Model;

// Sanitizers make each schedule dear.
constexpr std::uint32_t kPreemptions = PAGETWIN_ASAN || PAGETWIN_TSAN ? 1 : 2;

constexpr Table kUser{Table::kFirstShared + 1};
constexpr Flag kYes{1};
constexpr VirtPlace kZero{0, 0, 0}, kFirst{0, 1, 0}, kSecond{0, 2, 0}, k2M{1, 0, 0}, k1G{3, 0, 0},
    k2G{4, 0, 0};
constexpr Length kRest{Length::kRest, 0, 0};
constexpr Property kData{{Rights::kReadable | Rights::kWritable}, {Privileged::kUser}, {}};

struct Doings {
  const char* what;
  props::Ops ops;  // A cursor that is left open is closed.
};

std::vector<Doings> doings() {
  auto open = [](VirtPlace begin, VirtPlace end) {
    return Op(CursorOpen{kUser, begin, end, kYes});
  };
  const Op map = CursorMapRaw{{1, 0}, {1}, kData}, map_huge = CursorMapRaw{{1, 0}, {2}, kData},
           map_frame = CursorMapFrame{{0}, kData}, unmap = CursorUnmap{kRest},
           take = CursorTakeNext{kRest, {3}}, query = CursorQuery{},
           protect = CursorProtect{kRest, {{Rights::kWritable | Rights::kDirty}, {}, 0}};
  return {
      {"opens a page", {open(kZero, kFirst), query}},
      {"opens all", {open(kZero, k2G), CursorFindNext{kRest}}},
      {"maps a page", {open(kZero, kFirst), map}},
      {"maps the page beside", {open(kFirst, kSecond), map}},
      {"maps a frame", {open(kFirst, kSecond), map_frame}},
      {"maps a huge page", {open(k2M, k1G), map_huge}},
      {"takes a page", {open(kZero, kFirst), take}},
      {"takes a table", {open(kZero, k2G), take}},
      {"unmaps all", {open(kZero, k2G), unmap}},
      {"unmaps and maps", {open(kZero, k2G), unmap, map}},
      {"unmaps a part of a huge page", {open({1, 1, 0}, {1, 2, 0}), unmap}},
      {"protects a page", {open(kZero, kFirst), protect}},
      {"protects all", {open(kZero, k2G), protect}},
      {"walks", {TableWalk{kUser, kZero}, TableWalk{kUser, k2M}}},
      {"loads", {CpuTouch{kZero, {AccessName::load}, kYes, {}}}},
      {"stores", {CpuTouch{k2M, {AccessName::store}, kYes, {}}, CpuFlushAll{}}},
      {"passes", {Quiesce{}, Quiesce{}}},
      {"activates another", {TableActivate{{0}}, Quiesce{}}},
      {"makes a table", {TableNew{{TableKindName::user}, {1}}}},
      {"copies and drops a table", {TableCopy{kUser, {1}}, TableDrop{{1}}}},
      {"drops its own table", {TableDrop{{0}}}},
      {"drops the frame", {FrameDrop{{1}}, FrameFromInUse{{0}, {1}}}},
  };
}

struct Start {
  const char* what;
  std::vector<Call> before;
};

std::vector<Start> starts() {
  auto open = [](VirtPlace begin, VirtPlace end) {
    return Op(CursorOpen{kUser, begin, end, kYes});
  };
  const std::vector<Call> frames = {{{0}, FrameFromUnused{{0}, {KindName::empty}, {}, {0}}},
                                    {{0}, FrameClone{{0}, {1}}},
                                    {{1}, FrameFromInUse{{0}, {0}}},
                                    {{1}, FrameToUntyped{{0}}},
                                    {{1}, FrameClone{{0}, {1}}}};
  const std::vector<Call> mapped = {{{0}, FrameFromUnused{{0}, {KindName::empty}, {}, {0}}},
                                    {{0}, FrameClone{{0}, {1}}},
                                    {{1}, FrameFromInUse{{0}, {1}}},
                                    {{0}, open(kZero, k1G)},
                                    {{0}, CursorMapFrame{{0}, kData}},
                                    {{0}, CursorJump{k2M}},
                                    {{0}, CursorMapRaw{{1, 0}, {2}, kData}},
                                    {{0}, CursorClose{}},
                                    {{0}, TableCopy{kUser, {0}}},
                                    {{1}, TableCopy{kUser, {0}}},
                                    {{0}, TableActivate{kUser}},
                                    {{1}, TableActivate{kUser}}};
  std::vector<Call> waiting = mapped;
  waiting.insert(waiting.end(), {{{1}, TableNew{{TableKindName::user}, {1}}},
                                 {{0}, open(kZero, kFirst)},
                                 {{0}, CursorUnmap{kRest}},
                                 {{0}, CursorClose{}},
                                 {{1}, TableActivate{{1}}}});
  return {{"nothing is mapped", frames},
          {"a frame and a huge page are mapped", mapped},
          {"a frame waits, its table is empty", waiting}};
}

std::string shown(const Trace& trace, const Exploration& found) {
  check::Report report;
  tell<Model>(trace, found.run, report);
  std::ostringstream out;
  out << check::kOracleNames[static_cast<std::size_t>(report.diverged.oracle)] << " at call "
      << report.diverged.step << '\n'
      << report.trace;
  for (const check::Step& step : report.steps) {
    out << "  " << text_of(step.call) << "\n    expected " << text_of(step.call.op, step.expected)
        << "\n    seen     " << text_of(step.call.op, step.seen) << '\n';
  }
  for (const auto& fact : report.diverged.missing) out << "  missing " << text_of(fact) << '\n';
  for (const auto& fact : report.diverged.unexpected) {
    out << "  unexpected " << text_of(fact) << '\n';
  }
  return out.str();
}

TEST(Tables, EveryPairOfDoingsHasAnOrder) {
  check::MmAtOnce system;
  const Machine machine{.pages = {22}, .loose = {1}, .cpus = {2}, .tables = {2}};
  system.rebuild(machine);
  const std::vector<Doings> all = doings();
  std::size_t schedules = 0, searches = 0;
  for (const Start& start : starts()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = i; j < all.size(); ++j) {
        Trace trace{.machine = machine,
                    .at_once = true,
                    .prologue = static_cast<std::uint32_t>(start.before.size()),
                    .calls = start.before};
        for (const Op& op : all[i].ops) trace.calls.push_back({{0}, op});
        for (const Op& op : all[j].ops) trace.calls.push_back({{1}, op});
        const Exploration found =
            explore<Model>(trace, system,
                           {.bounds = {.preemptions = kPreemptions, .failures = 0},
                            .exhaustive = 100'000,
                            .random = 0});
        schedules += found.schedules;
        searches += found.searches;
        ASSERT_TRUE(found.agreed())
            << start.what << ", one " << all[i].what << ", the other " << all[j].what << ": "
            << found.undecided << " undecided, " << shown(trace, found);
        EXPECT_TRUE(found.is_exhaustive) << all[i].what << ", " << all[j].what;
      }
    }
  }
  std::printf("%zu schedules, %zu searches\n", schedules, searches);
}

}  // namespace
