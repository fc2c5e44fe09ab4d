// SPDX-License-Identifier: MPL-2.0
// Asks a CPU every case, and compares all that it shows with what the reference foretells: whether
// the access faults, with which error code and at which address; where it leads; and each bit of
// each entry on the way.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "props/matrix/allowed.h"
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
  std::array<Count, kLeafLevels> sizes{};          // [level - 1]
  std::map<std::string, std::uint64_t> allowed{};  // Cases that are none: by an allowance's name.
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
  constexpr std::size_t kAtOnce = 512;
  Findings findings;
  Allowed allowed(allowances_of(prober));
  std::uint64_t mismatches = 0;
  const Room room = prober.room();
  std::vector<Case> cases(kAtOnce);
  std::vector<Question> questions(kAtOnce);
  std::vector<Reply> replies(kAtOnce);
  for (int level = kLeafLevels; level > 0 && mismatches < most_mismatches; --level) {
    Count& count = findings.sizes[static_cast<std::size_t>(level - 1)];
    const auto start = Clock::now();
    const std::uint64_t end = count_of(level, breadth);
    for (std::uint64_t first = 0; first < end && mismatches < most_mismatches; first += kAtOnce) {
      const std::size_t asked = std::min<std::uint64_t>(kAtOnce, end - first);
      for (std::size_t i = 0; i < asked; ++i) {
        cases[i] = case_of(level, breadth, first + i);
        questions[i] = question_of(cases[i], room);
      }
      ask_all(prober, std::span(questions).first(asked), std::span(replies).first(asked));
      for (std::size_t i = 0; i < asked && mismatches < most_mismatches; ++i) {
        const Reply expected = expected_of(cases[i], questions[i], room);
        ++count.cases;
        if (replies[i] == expected) continue;
        const auto is_expected = [&](const Reply& reply) { return reply == expected; };
        if (allowed.covers(questions[i], replies[i], is_expected)) continue;
        ++count.mismatches;
        ++mismatches;
        if (findings.first.size() < kMostTold) {
          findings.first.push_back({first + i, cases[i], questions[i], expected, replies[i]});
        }
      }
    }
    count.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  findings.allowed = allowed.counts();
  return findings;
}

}  // namespace props::matrix
