// SPDX-License-Identifier: MPL-2.0
// The reference and the simulated CPU agree about rights, and the matrix asks what it says it does.
#include "props/matrix/matrix.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <tuple>
#include <vector>

#include "props/matrix/simulated.h"
#include "props/matrix/words.h"

namespace {

using namespace props::matrix;

TEST(Matrix, TheSimulatedCpuDoesWhatTheReferenceSays) {
  Simulated cpu;
  const Findings findings = run(cpu, Breadth::rights);
  EXPECT_EQ(findings.total().cases, 1'794'048u);
  EXPECT_EQ(findings.total().mismatches, 0u);
  for (const Mismatch& mismatch : findings.first) ADD_FAILURE() << in_words(mismatch);
}

TEST(Matrix, AbsentTablesOfLargePagesToo) {
  Simulated cpu;
  for (const int level : {2, 3}) {
    std::uint64_t mismatches = 0;
    for (std::uint64_t number = 0; number < count_of(level, Breadth::all); ++number) {
      const Case one = case_of(level, Breadth::all, number);
      const Question question = question_of(one, cpu.room());
      if (cpu.ask(question) != expected_of(one, question, cpu.room())) ++mismatches;
    }
    EXPECT_EQ(mismatches, 0u) << size_name(level);
  }
}

TEST(Matrix, HasAsManyCasesAsItSays) {
  std::uint64_t alike = 0, rights = 0, all = 0;
  for (int level = 1; level <= kLeafLevels; ++level) {
    alike += count_of(level, Breadth::alike);
    rights += count_of(level, Breadth::rights);
    all += count_of(level, Breadth::all);
  }
  EXPECT_EQ(alike, 4u * 18'432);  // AC and NXE either way.
  EXPECT_EQ(rights, (512u + 64 + 8) * 16 * 6 * 32);
  EXPECT_EQ(all, (4096u + 256 + 16) * 16 * 6 * 32);
}

TEST(Matrix, NoCaseIsAskedTwice) {
  const Room room = Simulated().room();
  auto asked = [&](int level, Breadth breadth) {
    std::vector<std::tuple<std::array<std::uint64_t, kLevels>, int, unsigned>> all;
    for (std::uint64_t number = 0; number < count_of(level, breadth); ++number) {
      const Question q = question_of(case_of(level, breadth, number), room);
      const unsigned flags = (q.as_user ? 1u : 0) | (q.ac ? 2u : 0) | (q.wp ? 4u : 0) |
                             (q.smep ? 8u : 0) | (q.smap ? 16u : 0) | (q.nxe ? 32u : 0);
      all.emplace_back(q.entries, q.access, flags);
    }
    std::ranges::sort(all);
    return std::ranges::adjacent_find(all) == all.end();
  };
  for (int level = 1; level <= kLeafLevels; ++level) EXPECT_TRUE(asked(level, Breadth::alike));
  EXPECT_TRUE(asked(2, Breadth::rights));
  EXPECT_TRUE(asked(3, Breadth::all));
}

TEST(Matrix, EveryErrorCodeThatThereIsOccurs) {
  const Room room = Simulated().room();
  std::set<std::uint64_t> codes;
  std::uint64_t reached = 0;
  for (std::uint64_t number = 0; number < count_of(3, Breadth::all); ++number) {
    const Case one = case_of(3, Breadth::all, number);
    const Reply reply = expected_of(one, question_of(one, room), room);
    if (reply.outcome == Reply::page_fault) codes.insert(reply.error);
    if (reply.outcome == Reply::reached) ++reached;
  }
  EXPECT_GT(reached, 0u);
  EXPECT_EQ(codes, (std::set<std::uint64_t>{0, 2, 4, 6, 16, 20,        // Absent.
                                            1, 3, 5, 7, 17, 21,        // Not permitted.
                                            9, 11, 13, 15, 25, 29}));  // A reserved bit.
}

TEST(Matrix, AMismatchIsToldInFull) {
  const Room room{.tables = {0x1000, 0x2000, 0x3000, 0x4000},
                  .pages = {0x10'0000, 0x4060'0000, 0x1'4000'0000}};
  Case one{.level = 2};
  one.entries[2].writable = false;
  one.access = {.name = trace::AccessName::store};
  const Question question = question_of(one, room);
  const Reply expected = expected_of(one, question, room);
  Reply seen{.outcome = Reply::reached, .pa = 0x4070'a7f8, .entries = question.entries};
  for (std::size_t i = 1; i < kLevels; ++i) seen.entries[i] |= kAccessed;
  seen.entries[1] |= kDirty;
  seen.entries[3] ^= 1 << 9;
  EXPECT_EQ(in_words(Mismatch{7, one, question, expected, seen}),
            "case 7 of 2 MiB pages: ring 0 stores to 0xffff96017f90a7f8, "
            "WP=1 SMEP=0 SMAP=0 AC=0 NXE=1\n"
            "    PML4E  PWU -   0x0020000000003207\n"
            "    PDPTE  P-U -   0x0020000000002205\n"
            "    PDE    PWU -   0x0020000040600287\n"
            "  expected  page fault, error code 0x3 (P W), CR2 0xffff96017f90a7f8; "
            "sets neither A nor D\n"
            "  seen      reaches 0x4070a7f8; sets A of PML4E PDPTE PDE; sets D of PDE; "
            "makes PML4E 0x20000000003027\n");
}

}  // namespace
