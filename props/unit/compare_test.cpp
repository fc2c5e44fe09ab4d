// SPDX-License-Identifier: MPL-2.0
// Differences: which law they bear on, row by row of the table in check/compare.h, and how they are
// said.
#include "check/compare.h"

#include <gtest/gtest.h>

namespace {

using check::Difference;
using check::Facts;
using trace::PageFree;
using trace::PageInUse;
using trace::PageLinked;
using trace::Use;

constexpr PageInUse kShared{.page = 6,
                            .use = Use::shared,
                            .count = 2,
                            .kind = {trace::KindName::value8},
                            .usage = trace::Usage::frame,
                            .words = {5}};

PageInUse with(auto change) {
  PageInUse fact = kShared;
  change(fact);
  return fact;
}

struct Row {
  Facts missing, unexpected;
  const char* law;
  const char* text;
};

TEST(Compare, NamesTheLawAndTheFieldOfADifference) {
  const PageInUse busy = with([](auto& fact) { fact = {.page = 6, .use = Use::busy}; });
  const PageInUse unique = with([](auto& fact) { fact.use = Use::unique, fact.count = 0; });
  const PageInUse stale =
      with([](auto& fact) { fact = {.page = 6, .use = Use::unused, .in_list = 9}; });
  const std::vector<Row> rows = {
      {{}, {stale}, "INV-2", "unused but not clean"},
      {{}, {busy}, "INV-6", "page 6 busy, not unused"},
      {{PageFree{6}}, {busy}, "INV-6", "page 6 busy, not unused"},
      {{}, {kShared}, "INV-12", "page 6 shared, not unused"},
      {{}, {unique}, "INV-14", "page 6 unique, not unused"},
      {{kShared}, {}, "INV-11", "page 6 unused, not shared with count 2"},
      {{kShared}, {busy}, "INV-6", "page 6 busy, not shared with count 2"},
      {{kShared}, {unique}, "INV-14", "page 6 unique, not shared with count 2"},
      {{unique}, {kShared}, "INV-14", "page 6 shared, not unique"},
      {{kShared}, {with([](auto& fact) { fact.count = 3; })}, "INV-13", "with count 3, not 2"},
      {{kShared},
       {with([](auto& fact) { fact.in_list = 6; })},
       "INV-23",
       "as in list cpu1's l2, not none"},
      {{kShared},
       {with([](auto& fact) { fact.in_list = trace::kUnknownList; })},
       "INV-23",
       "as in list one that is none, not none"},
      {{PageLinked{.page = 6, .next = 7}},
       {PageLinked{.page = 6, .next = 8}},
       "INV-21",
       "page 6 followed by page 8 in its list, not by page 7"},
      {{PageLinked{.page = 6, .prev = 7}},
       {},
       "INV-21",
       "page 6 preceded by no page in its list, not by page 7"},
      {{kShared, PageLinked{.page = 6, .prev = 7}},
       {kShared},
       "INV-21",
       "page 6 preceded by no page in its list, not by page 7"},
      {{kShared},
       {with([](auto& fact) { fact.kind = {}; })},
       "INV-7",
       "with metadata of kind empty, not value8"},
      {{kShared},
       {with([](auto& fact) { fact.usage = trace::Usage::kernel; })},
       "INV-7",
       "with usage kernel, not frame"},
      {{kShared},
       {with([](auto& fact) { fact.words[0] = 6; })},
       "POST-4",
       "with word 0 of its metadata 6, not 5"},
      {{PageFree{6}}, {}, "INV-9", "lost to the allocator"},
      {{}, {PageFree{6}}, "INV-2", "with the allocator, which should not have it"},
  };
  for (const Row& row : rows) {
    const check::Step step{.call = {{}, trace::FrameDrop{}}, .expected = {}, .seen = {}};
    const std::string law = check::law_of(Difference{row.missing, row.unexpected}, step.call.op);
    EXPECT_EQ(law, row.law) << row.text;
    const std::string said = check::what_is_wrong(
        {check::Oracle::facts, 0, law, row.missing, row.unexpected}, step, "a sentence");
    EXPECT_TRUE(said.starts_with("frame_drop left page 6 ")) << said;
    EXPECT_NE(said.find(row.text), std::string::npos) << said;
    EXPECT_TRUE(said.ends_with(std::string("(") + row.law + ": a sentence)")) << said;
  }
}

// Free blocks break a law that is named; the sentence says which of them cannot be.
TEST(Compare, SaysWhichFreeBlocksCannotBe) {
  using trace::FreeBlock, trace::kGlobalPool, trace::kFirstPool, trace::kFirstCache;
  const FreeBlock cached{8, 4, kFirstCache + 1}, pooled{10, 2, kFirstPool}, buddy{8, 2, kFirstPool};
  const std::vector<std::pair<Facts, std::string>> all = {
      {{}, "no free pages, though there are some"},
      {{cached}, "its free pages in blocks that cannot be"},
      {{cached, pooled}, "pages 8 to 11 in cpu1's cache, and also pages 10 to 11 in cpu0's pool"},
      {{FreeBlock{9, 2, kGlobalPool}},
       "pages 9 to 10 in the pool of all CPUs, where blocks are powers of two, and aligned"},
      {{FreeBlock{8, 3, kGlobalPool}},
       "pages 8 to 10 in the pool of all CPUs, where blocks are powers of two, and aligned"},
      {{buddy, pooled}, "pages 8 to 9 in cpu0's pool, apart from their buddy at page 10"},
  };
  for (const auto& [blocks, text] : all) {
    const check::Step step{.call = {{}, trace::FrameDrop{}}, .expected = {}, .seen = {}};
    EXPECT_EQ(check::what_is_wrong({check::Oracle::facts, 0, "B.10", {}, blocks}, step),
              "frame_drop left the allocator with " + text + " (B.10)");
  }
}

TEST(Compare, TakesTheFirstPageThatDiffers) {
  PageInUse other = kShared;
  other.page = 2;
  PageInUse wrong = other;
  wrong.count = 9;
  const Difference difference = check::difference({other, kShared}, {wrong, PageFree{1}});
  EXPECT_EQ(difference.missing, (Facts{other, kShared}));
  EXPECT_EQ(difference.unexpected, (Facts{wrong, PageFree{1}}));
  EXPECT_EQ(check::law_of(difference, trace::FrameDrop{}), "INV-2");
  EXPECT_EQ(check::difference({other, kShared}, {other, kShared}), Difference{});
}

struct Said {
  trace::Op op;
  trace::Answer expected, seen;
  const char* text;
};

TEST(Compare, SaysWhatAWrongAnswerWas) {
  using trace::Status;
  trace::Answer two, three, gave, took, impermissible;
  two.reply.results[0] = 2;
  three.reply.results[0] = 3;
  gave.choices.given.push(6);
  took.choices.taken.push(9);
  impermissible.reply.status = Status::impermissible;
  const trace::Answer passed{{.status = Status::passed_over}, {}};
  const trace::Answer in_use{{.status = Status::in_use}, {}};
  const trace::Answer panic{{Status::panicked, trace::Code::last_handle}, {}};
  const std::vector<Said> all = {
      {trace::FrameCount{}, two, three, "frame_count answered count=3, not 2 (INV-13)"},
      {trace::FrameFromUnused{}, in_use, {}, "frame_from_unused answered ok, not in_use (POST-1)"},
      {trace::FrameDrop{}, panic, {}, "frame_drop answered ok, not panicked(last_handle) (POST-4)"},
      {trace::FrameDrop{}, {}, gave, "frame_drop gave to the allocator: 6, not none (POST-4)"},
      {trace::FrameDrop{}, gave, {}, "frame_drop gave to the allocator: none, not 6 (POST-4)"},
      {trace::FrameDrop{},
       {},
       passed,
       "frame_drop was passed over, though the lane holds what it needs; ok was expected (POST-4)"},
      {trace::FrameDrop{},
       passed,
       {},
       "frame_drop answered ok, though the lane does not hold what it needs (POST-4)"},
      {trace::AllocFrame{}, impermissible, took,
       "alloc_frame was given page 9, which the allocator may not hand out now (POST-1)"},
  };
  for (const auto& [op, expected, seen, text] : all) {
    const check::Divergence found{check::Oracle::answer, 0, trace::law_of(op), {}, {}};
    EXPECT_EQ(check::what_is_wrong(found, {{{}, op}, expected, seen}), text);
  }
}

}  // namespace
