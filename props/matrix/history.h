// SPDX-License-Identifier: MPL-2.0
// A few accesses by one address, made up by chance: entries with any bits that have no address, and
// one of them changes between two accesses, with or without a flush.
#pragma once

#include "props/matrix/question.h"

namespace props::matrix {

struct Step {
  Question question;      // Its entries are without addresses.
  bool to_other = false;  // The leaf leads to the other page of its size.
};

struct History {
  static constexpr std::size_t kMost = 3;
  std::array<Step, kMost> steps{};  // The first forgets what was before.
  std::size_t count = 0;

  std::span<const Step> all() const { return std::span(steps).first(count); }
};

// Number `number` of the seed's.
History history_of(std::uint64_t seed, std::uint64_t number);

Question question_of(const Step& step, const Room& room);

// Whether the entries lead to a page: none is absent, and no bit is set that is reserved.
bool is_translation(const Question& question);
bool has_reserved_bit(const Question& question);

// A reply as if tables and pages lay elsewhere. Requires that no two pages of `from` overlap.
Reply moved(const Reply& reply, const Step& step, const Room& from, const Room& to);

}  // namespace props::matrix
