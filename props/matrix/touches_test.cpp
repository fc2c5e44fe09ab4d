// SPDX-License-Identifier: MPL-2.0
// The simulated CPU passes random touches; CPUs that are wrong in what they remember do not.
#include "props/matrix/touches.h"

#include <functional>
#include <gtest/gtest.h>

namespace {

using namespace props::matrix;

constexpr std::uint64_t kTouches = 30'000, kSeed = 11;

TEST(Touches, OfTheSimulatedCpuComeToWhatIsPermitted) {
  Simulated cpu;
  const TouchFindings findings = touch(cpu, cpu, 100'000, kSeed);
  EXPECT_GE(findings.touches, 100'000u);
  EXPECT_LT(findings.touches, 100'003u);
  EXPECT_EQ(findings.mismatches, 0u);
  for (const std::string& mismatch : findings.first) ADD_FAILURE() << mismatch;
  EXPECT_GT(findings.had_choice, findings.touches / 20);
  EXPECT_GT(findings.went_by_old, findings.had_choice / 4);
}

TEST(Touches, TheSameSeedHasTheSameHistories) {
  for (std::uint64_t number = 0; number < 100; ++number) {
    const History one = history_of(kSeed, number), other = history_of(kSeed, number);
    ASSERT_EQ(one.count, other.count);
    for (std::size_t i = 0; i < one.count; ++i) {
      EXPECT_EQ(one.steps[i].question.va, other.steps[i].question.va);
      EXPECT_EQ(one.steps[i].question.entries, other.steps[i].question.entries);
    }
  }
}

TEST(Touches, EachSizeAndEachAccessAndWhatIsReservedOccurs) {
  std::array<std::size_t, 4> sizes{};
  std::array<std::size_t, 3> accesses{};
  std::size_t reserved = 0, changes_of_size = 0;
  for (std::uint64_t number = 0; number < 2'000; ++number) {
    const History history = history_of(kSeed, number);
    for (const Step& step : history.all()) {
      ++sizes[static_cast<std::size_t>(step.question.level)];
      ++accesses[step.question.access];
      reserved += has_reserved_bit(step.question) ? 1 : 0;
      changes_of_size += step.question.level != history.steps[0].question.level ? 1 : 0;
    }
  }
  for (const int level : {1, 2, 3}) EXPECT_GT(sizes[static_cast<std::size_t>(level)], 100u);
  for (const std::size_t count : accesses) EXPECT_GT(count, 500u);
  EXPECT_GT(reserved, 100u);
  EXPECT_GT(changes_of_size, 50u);
}

// A CPU that is wrong: what it takes a question for, and what it makes of the reply.
class Broken {
 public:
  std::function<void(Question&)> takes = [](Question&) {};
  std::function<void(const Question&, Reply&)> makes = [](const Question&, Reply&) {};

  Room room() const { return right_.room(); }
  Reply ask(const Question& question) {
    Question taken = question;
    takes(taken);
    Reply reply = right_.ask(taken);
    for (std::size_t i = 0; i < kLevels; ++i) {
      reply.entries[i] ^= taken.entries[i] ^ question.entries[i];
    }
    makes(question, reply);
    return reply;
  }

 private:
  Simulated right_;
};

std::uint64_t mismatches_of(Broken& cpu) {
  Simulated oracle;
  return touch(cpu, oracle, kTouches, kSeed).mismatches;
}

constexpr std::size_t leaf_of(const Question& question) {
  return static_cast<std::size_t>(question.level - 1);
}

TEST(Touches, OneWithoutAFaultIsNotFound) {
  Broken cpu;
  EXPECT_EQ(mismatches_of(cpu), 0u);
}

TEST(Touches, ACpuThatDoesNotForgetIsFound) {
  Broken cpu;
  std::uint64_t before = 0;
  cpu.takes = [&](Question& q) { q.keeps = std::exchange(before, q.va) == q.va; };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

// Whatever it was, a reply holds until something is forgotten.
TEST(Touches, ACpuThatKeepsWhatFaultedIsFound) {
  Broken cpu;
  Reply last;
  Question last_asked;
  cpu.makes = [&](const Question& q, Reply& reply) {
    const bool is_alike = q.keeps && q.access == last_asked.access &&
                          q.as_user == last_asked.as_user && q.level == last_asked.level;
    if (is_alike && last.outcome == Reply::page_fault) {
      reply = last;
      reply.entries = q.entries;
    }
    last = reply;
    last_asked = q;
  };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

TEST(Touches, AStoreThatSetsNoDirtyFlagIsFound) {
  Broken cpu;
  bool is_second = false;
  cpu.takes = [&](Question& q) { is_second = q.keeps; };
  cpu.makes = [&](const Question& q, Reply& reply) {
    if (is_second && q.access == Question::store) reply.entries[leaf_of(q)] &= ~kDirty;
  };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

TEST(Touches, ALoadThatSetsADirtyFlagIsFound) {
  Broken cpu;
  cpu.makes = [](const Question& q, Reply& reply) {
    if (q.keeps && q.access == Question::load && reply.outcome == Reply::reached) {
      reply.entries[leaf_of(q)] |= kDirty;
    }
  };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

TEST(Touches, AWayThatNoEntryHasIsFound) {
  Broken cpu;
  cpu.makes = [](const Question& q, Reply& reply) {
    if (q.keeps && reply.outcome == Reply::reached) reply.pa ^= 8;
  };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

TEST(Touches, ReservedBitsThatAreIgnoredAreFound) {
  for (const int level : {2, 3}) {
    Broken cpu;
    cpu.takes = [=](Question& q) {
      if (q.level == level) q.entries[leaf_of(q)] &= ~std::uint64_t{1 << 14};
    };
    EXPECT_GT(mismatches_of(cpu), 0u) << level;
  }
  Broken cpu;
  cpu.takes = [](Question& q) { q.entries[kLevels - 1] &= ~kPageSize; };
  EXPECT_GT(mismatches_of(cpu), 0u);
}

}  // namespace
