// SPDX-License-Identifier: MPL-2.0
// The cases of the matrix, by number: every combination of rights on the way to a page, of
// accesses, and of the flags that decide about them.
#pragma once

#include "props/matrix/question.h"
#include "reference/passage.h"

namespace props::matrix {

// How much the tables on the way differ. The leaf always has each combination of P, W, U and NX.
enum class Breadth {
  alike,   // All tables have the same W, U and NX.
  rights,  // Each has its own.
  all,     // Each has its own, and may be absent.
};

struct Case {
  int level = 1;                                          // Of the leaf.
  std::array<reference::EntryRights, kLevels> entries{};  // [level - 1], from the leaf's on.
  reference::Access access{};
  reference::Controls controls{};
};

std::uint64_t count_of(int level, Breadth breadth);

// Requires that the number is below the count.
Case case_of(int level, Breadth breadth, std::uint64_t number);

// The case in raw bytes. Each size of page has an address of its own, no two of whose indices are
// equal.
Question question_of(const Case& one, const Room& room);

// What the reference says will come of it.
Reply expected_of(const Case& one, const Question& question, const Room& room);

}  // namespace props::matrix
