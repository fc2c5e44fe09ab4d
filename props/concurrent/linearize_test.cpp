// SPDX-License-Identifier: MPL-2.0
// The search for an order, with a judge so small that one can say by hand which histories it must
// accept: every page has a count. `frame_count` reads it, `frame_clone` adds one in one phase, and
// `frame_drop` takes one away in two: first the count is 0 for everybody, then it is one less.
#include "check/linearize.h"

#include <array>
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace {

using namespace check;
using trace::Answer;
using trace::Status;

class Toy {
 public:
  explicit Toy(const trace::Machine&) {}

  Answer step(std::uint8_t lane, const trace::Op& op, const Answer& seen) {
    return std::visit([&](const auto& one) { return step_of(lane, one, seen); }, op);
  }

  bool unfinished(std::uint8_t lane) const { return unfinished_.contains(lane); }
  std::optional<Answer> finish(std::uint8_t lane) {
    const auto [page, next] = unfinished_.at(lane);
    touch(page);
    count_[page] = next;
    unfinished_.erase(lane);
    return std::nullopt;
  }
  std::set<std::uint64_t> touched() { return std::exchange(touched_, {}); }
  void observe(std::uint64_t page, auto&& see) const {
    if (const auto at = count_.find(page); at != count_.end() && at->second != 0) {
      see(trace::Fact(
          trace::PageInUse{.page = page, .use = trace::Use::shared, .count = at->second}));
    }
  }
  const char* broken_law(const Toy&, std::uint8_t, const trace::Op&, const Answer&) const {
    return nullptr;
  }
  static const char* sentence_of(const char*) { return nullptr; }
  const char* adopt(std::span<const trace::FreeBlock>) { return nullptr; }
  // It has no tables.
  const char* begin(const trace::Choices&) { return nullptr; }
  void mapped(const trace::TableRange&, auto&&) const {}
  std::vector<trace::TableRange> touched_ranges() { return {}; }
  void go_at_once() {}

  static constexpr std::uint64_t kMost = 20;
  static inline std::size_t steps = 0;

 private:
  Answer step_of(std::uint8_t, const trace::FrameCount& op, const Answer&) {
    ++steps;
    return {{.results = {count_[op.from.index]}}, {}};
  }
  Answer step_of(std::uint8_t, const trace::FrameClone& op, const Answer&) {
    ++steps;
    touch(op.from.index);
    if (count_[op.from.index] == kMost) {
      return {{.status = Status::aborted, .code = trace::Code::count_overflow}, {}};
    }
    ++count_[op.from.index];
    return {};
  }
  Answer step_of(std::uint8_t lane, const trace::FrameDrop& op, const Answer&) {
    ++steps;
    touch(op.from.index);
    const std::uint64_t before = count_[op.from.index];
    count_[op.from.index] = 0;
    unfinished_[lane] = {op.from.index, before - 1};
    return {};
  }
  Answer step_of(std::uint8_t, const auto&, const Answer& seen) { return seen; }

  void touch(std::uint64_t page) { touched_.insert(page); }

  std::map<std::uint64_t, std::uint64_t> count_{};
  std::map<std::uint8_t, std::pair<std::uint64_t, std::uint64_t>> unfinished_{};
  std::set<std::uint64_t> touched_{};
};

const trace::Machine kShape{.pages = {2}, .loose = {1}, .cpus = {2}};
const trace::Op kClone = trace::FrameClone{{0}, {1}};
const trace::Op kDrop = trace::FrameDrop{{0}};
const trace::Op kRead = trace::FrameCount{{0}};

Happened clones(std::size_t began, std::size_t ended) { return {kClone, {}, began, ended}; }
Happened drops(std::size_t began, std::size_t ended) { return {kDrop, {}, began, ended}; }
Happened reads(std::uint64_t count, std::size_t began, std::size_t ended) {
  return {kRead, {{.results = {count}}, {}}, began, ended};
}
Happened aborts(std::size_t began, std::size_t ended) {
  return {
      kClone, {{.status = Status::aborted, .code = trace::Code::count_overflow}, {}}, began, ended};
}

Facts left(std::uint64_t count) {
  if (count == 0) return {};
  return {trace::PageInUse{.page = 0, .use = trace::Use::shared, .count = count}};
}

Order order_of(const History& history, std::uint64_t count_left,
               std::size_t most_states = Linearizer<Toy>::kMostStates) {
  const Facts facts = left(count_left);
  return Linearizer<Toy>(history, kShape, facts).finds_order(Toy(kShape), most_states);
}

TEST(Linearize, WhatIsInOrderIsAccepted) {
  EXPECT_EQ(order_of({{clones(0, 1), reads(1, 2, 3)}, {}}, 1), Order::found);
  EXPECT_EQ(order_of({{clones(0, 1)}, {reads(1, 2, 3)}}, 1), Order::found);
  EXPECT_EQ(order_of({{}, {}}, 0), Order::found);
}

TEST(Linearize, AnAnswerThatNoOrderGivesIsRefused) {
  EXPECT_EQ(order_of({{clones(0, 1), reads(2, 2, 3)}, {}}, 1), Order::none);
  EXPECT_EQ(order_of({{clones(0, 3)}, {reads(2, 1, 2)}}, 1), Order::none);
}

TEST(Linearize, AStateThatNoOrderLeavesIsRefused) {
  EXPECT_EQ(order_of({{clones(0, 1)}, {clones(2, 3)}}, 1), Order::none);
  EXPECT_EQ(order_of({{clones(0, 1)}, {clones(2, 3)}}, 2), Order::found);
}

TEST(Linearize, WhatEndedBeforeAnotherBeganComesBefore) {
  EXPECT_EQ(order_of({{clones(0, 1)}, {reads(0, 2, 3)}}, 1), Order::none);  // Too late to read 0,
  EXPECT_EQ(order_of({{clones(0, 3)}, {reads(0, 1, 2)}}, 1),
            Order::found);  // but not while it goes,
  EXPECT_EQ(order_of({{clones(0, 3)}, {reads(1, 1, 2)}}, 1), Order::found);  // whichever it sees;
  EXPECT_EQ(order_of({{clones(0, 5)}, {reads(1, 1, 2), reads(0, 3, 4)}}, 1),
            Order::none);  // but never back.
}

TEST(Linearize, APhaseMayBeSeenByOthersButOnlyWhileItsOperationGoes) {
  const History during = {{clones(0, 1), clones(2, 3), drops(4, 9)},
                          {reads(0, 5, 6), reads(1, 7, 8)}};
  EXPECT_EQ(order_of(during, 1), Order::found);
  const History after = {{clones(0, 1), clones(2, 3), drops(4, 5)}, {reads(0, 6, 7)}};
  EXPECT_EQ(order_of(after, 1), Order::none);
  const History back = {{clones(0, 1), clones(2, 3), drops(4, 11)},
                        {reads(0, 5, 6), reads(1, 7, 8), reads(0, 9, 10)}};
  EXPECT_EQ(order_of(back, 1), Order::none);
}

TEST(Linearize, WhatAnAbortLeavesBehindIsNotJudged) {
  History full(2);
  for (std::size_t i = 0; i < Toy::kMost; ++i) full[0].push_back(clones(2 * i, 2 * i + 1));
  full[1] = {aborts(40, 41), reads(77, 42, 43)};
  EXPECT_EQ(order_of(full, 5), Order::found);
  full[0].pop_back();
  EXPECT_EQ(order_of(full, 5), Order::none);  // There was room for one more.
}

TEST(Linearize, WhatIsNotPermissibleIsNeverAccepted) {
  const trace::Op other = trace::FrameEqual{{0}, {0}};  // Toy answers it with whatever was seen.
  EXPECT_EQ(order_of({{{other, {{.status = Status::ok}, {}}, 0, 1}}, {}}, 0), Order::found);
  EXPECT_EQ(order_of({{{other, {{.status = Status::impermissible}, {}}, 0, 1}}, {}}, 0),
            Order::none);
}

// Eight clones on each side, and a state that none leaves: the orders are 12870, the states 81.
TEST(Linearize, FailedStatesAreRemembered) {
  History wide(2);
  for (std::size_t i = 0; i < 8; ++i) {
    for (auto& lane : wide) lane.push_back(clones(2 * i, 100 + 2 * i));
  }
  const Facts facts = left(3);
  Linearizer<Toy> linearizer(wide, kShape, facts);
  Toy::steps = 0;
  EXPECT_EQ(linearizer.finds_order(Toy(kShape)), Order::none);
  EXPECT_LE(linearizer.states(), 81u);
  EXPECT_LE(Toy::steps, 2 * 81u);
}

// As large as a model with page tables is.
struct Large : Toy {
  using Toy::Toy;
  std::array<std::byte, 16'384> ballast{};
};

TEST(Linearize, AnOrderMayBeLong) {
  constexpr std::size_t kOps = 2'000;
  History history(2);
  for (std::size_t i = 0; i < kOps; ++i) history[0].push_back(reads(0, 2 * i, 2 * i + 1));
  auto order = [&] { return Linearizer<Large>(history, kShape, {}).finds_order(Large(kShape)); };
  EXPECT_EQ(order(), Order::found);
  history[0].back() = reads(1, 2 * kOps - 2, 2 * kOps - 1);
  EXPECT_EQ(order(), Order::none);
}

TEST(Linearize, ASearchThatIsGivenUpIsUndecided) {
  History wide(2);
  for (std::size_t i = 0; i < 8; ++i) {
    for (auto& lane : wide) lane.push_back(clones(2 * i, 100 + 2 * i));
  }
  EXPECT_EQ(order_of(wide, 3, 20), Order::undecided);
  EXPECT_EQ(order_of(wide, 16, 20), Order::found);  // It did not need more.
}

// As it happened: lane 0 drops the second of two counts; in between, lane 1 reads.
struct AsItHappened {
  History history;
  std::vector<Event> log;
};
AsItHappened drop_and_read(std::uint64_t seen, bool is_between) {
  using enum Moment;
  const std::vector<Event> read = {{1, began}, {1, ended}};
  AsItHappened run;
  run.log = {{0, began},   {0, changed}, {0, ended}, {0, began},
             {0, changed}, {0, ended},   {0, began}, {0, changed}};
  if (is_between) run.log.insert(run.log.end(), read.begin(), read.end());
  run.log.insert(run.log.end(), {{0, changed}, {0, ended}});
  if (!is_between) run.log.insert(run.log.end(), read.begin(), read.end());
  run.history = {{clones(0, 2), clones(3, 5), drops(6, is_between ? 11 : 9)},
                 {is_between ? reads(seen, 8, 9) : reads(seen, 10, 11)}};
  return run;
}

TEST(Linearize, TheOrderThatReallyHappenedIsTriedInOnePass) {
  const Facts facts = left(1);
  for (const bool is_between : {true, false}) {
    for (const std::uint64_t seen : {0u, 1u, 2u}) {
      const AsItHappened run = drop_and_read(seen, is_between);
      Linearizer<Toy> linearizer(run.history, kShape, facts);
      Toy::steps = 0;
      EXPECT_EQ(linearizer.happened_in_order(Toy(kShape), run.log), seen == (is_between ? 0 : 1));
      EXPECT_LE(Toy::steps, 4u);
    }
  }
}

TEST(Linearize, SaysWhichAnswerWasNotExplained) {
  const AsItHappened run = drop_and_read(5, true);
  const Facts facts = left(1);
  Linearizer<Toy> linearizer(run.history, kShape, facts);
  const Unexplained why = linearizer.why_not_as_happened(Toy(kShape), run.log);
  EXPECT_TRUE(why.is_answer);
  EXPECT_EQ(why.lane, 1);
  EXPECT_EQ(why.op, 0u);
  EXPECT_EQ(why.expected.reply.results[0], 0u);
}

TEST(Linearize, SaysWhatWasLeftAndWhoChangedItLast) {
  const AsItHappened run = drop_and_read(1, false);
  const Facts facts = left(2);
  Linearizer<Toy> linearizer(run.history, kShape, facts);
  const Unexplained why = linearizer.why_not_as_happened(Toy(kShape), run.log);
  EXPECT_FALSE(why.is_answer);
  EXPECT_EQ(why.lane, 0);
  EXPECT_EQ(why.op, 2u);
  EXPECT_EQ(why.difference, (Difference{left(1), left(2)}));
}

}  // namespace
