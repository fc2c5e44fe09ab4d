// SPDX-License-Identifier: MPL-2.0
// Asks a CPU every case, and compares all that it shows with what the reference foretells: whether
// the access faults, with which error code and at which address; where it leads; and each bit of
// each entry on the way.
#pragma once

#include <chrono>
#include <vector>

#include "props/matrix/cases.h"

namespace props::matrix {

inline constexpr int kLeafLevels = 3;
inline constexpr std::size_t kMostTold = 4;  // Mismatches that are kept, of all that are counted.

struct Mismatch {
  std::uint64_t number = 0;  // Of the case, among those of its size.
  Case one;
  Question question;
  Reply expected, seen;
};

struct Count {
  std::uint64_t cases = 0, mismatches = 0;
  double seconds = 0;
};

struct Findings {
  std::array<Count, kLeafLevels> sizes{};  // [level - 1]
  std::vector<Mismatch> first{};

  Count total() const {
    Count sum;
    for (const Count& size : sizes) {
      sum.cases += size.cases;
      sum.mismatches += size.mismatches;
      sum.seconds += size.seconds;
    }
    return sum;
  }
};

// Large pages first: they have fewer cases. Ends early when so many mismatches are found.
template <Prober P>
Findings run(P& prober, Breadth breadth, std::uint64_t most_mismatches = ~std::uint64_t{0}) {
  using Clock = std::chrono::steady_clock;
  Findings findings;
  std::uint64_t mismatches = 0;
  const Room room = prober.room();
  for (int level = kLeafLevels; level > 0 && mismatches < most_mismatches; --level) {
    Count& count = findings.sizes[static_cast<std::size_t>(level - 1)];
    const auto start = Clock::now();
    const std::uint64_t end = count_of(level, breadth);
    for (std::uint64_t number = 0; number < end && mismatches < most_mismatches; ++number) {
      const Case one = case_of(level, breadth, number);
      const Question question = question_of(one, room);
      const Reply expected = expected_of(one, question, room);
      const Reply seen = prober.ask(question);
      ++count.cases;
      if (seen == expected) continue;
      ++count.mismatches;
      ++mismatches;
      if (findings.first.size() < kMostTold) {
        findings.first.push_back({number, one, question, expected, seen});
      }
    }
    count.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return findings;
}

}  // namespace props::matrix
