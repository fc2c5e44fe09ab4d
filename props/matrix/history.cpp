// SPDX-License-Identifier: MPL-2.0
#include "props/matrix/history.h"

#include <algorithm>
#include <utility>

#include "props/gen/dice.h"

namespace props::matrix {
namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

constexpr std::uint64_t kGlobal = bit(8), kRights = kPresent | kWritable | kUser;
// PWT, PCD, and what is software's own or means something only by flags that nobody sets here:
// bits 9 to 11, and 52 to 62.
constexpr std::uint64_t kIgnored = 3 << 3 | 7 << 9 | std::uint64_t{0x7ff} << 52;
constexpr int kLargest = 3;

constexpr std::size_t at(int level) { return static_cast<std::size_t>(level - 1); }
constexpr std::uint64_t span_of(int level) { return std::uint64_t{4096} << (9 * (level - 1)); }

// Where a page of `largest`, or a smaller one, can be reached in a guest: in memory, in the middle
// between two multiples of 2 MiB. Its agent has two entries of the root.
std::uint64_t random_address(Dice& dice, int largest) {
  constexpr std::uint32_t kFirstOfAgent = 384, kOfAgent = 2;
  const std::uint32_t n = dice.below(512 - kOfAgent);
  const std::uint64_t i4 = n < kFirstOfAgent ? n : n + kOfAgent;
  const std::uint64_t i3 = dice.below(512);
  const std::uint64_t i2 = largest > 2 ? dice.between(20, 27) : dice.below(512);
  const std::uint64_t i1 = largest > 1 ? dice.between(128, 383) : dice.below(512);
  const std::uint64_t low = i4 << 39 | i3 << 30 | i2 << 21 | i1 << 12 | dice.below(4093);
  return i4 < 256 ? low : low | std::uint64_t{0xffff} << 48;
}

// Grants more than it refuses; one in `odd` is absent, or has a bit that is reserved.
std::uint64_t random_entry(Dice& dice, int level, bool is_leaf, std::size_t odd) {
  std::uint64_t entry = (dice.next() & kIgnored) | kRights;
  if (dice.one_in(odd)) entry &= ~kPresent;
  if (dice.one_in(8)) entry &= ~kWritable;
  if (dice.one_in(8)) entry &= ~kUser;
  if (dice.one_in(8)) entry |= kNoExecute;
  for (const std::uint64_t flag : {kAccessed, kDirty, kGlobal}) {
    if (dice.one_in(4)) entry |= flag;
  }
  if (is_leaf && dice.one_in(4)) entry |= level == 1 ? kPageSize : bit(12);  // PAT.
  if (is_leaf && level > 1) {
    entry |= kPageSize;
    if (dice.one_in(odd)) entry |= bit(dice.between(13, level == 2 ? 20 : 29));
  }
  if (level == kLevels && dice.one_in(odd)) entry |= kPageSize;
  return entry;
}

void random_access(Dice& dice, Question& question) {
  question.access = static_cast<Question::Access>(dice.below(3));
}

Step first_step(Dice& dice, int level, int largest, std::size_t odd) {
  Step step;
  Question& question = step.question;
  question.level = level;
  question.va = random_address(dice, largest);
  for (int i = level; i <= kLevels; ++i) {
    question.entries[at(i)] = random_entry(dice, i, i == level, odd);
  }
  step.to_other = level < kLargest && dice.one_in(2);
  random_access(dice, question);
  question.as_user = dice.one_in(2);
  question.ac = dice.one_in(4);
  question.wp = !dice.one_in(4);
  question.smep = dice.one_in(4);
  question.smap = dice.one_in(4);
  question.nxe = !dice.one_in(8);
  return step;
}

// Who accesses next, and how, and what is forgotten before. To change a control flag makes some
// CPUs forget, and so it is rare. NXE stays: what a CPU must then forget nobody says.
void go_on(Dice& dice, Question& question) {
  if (dice.one_in(2)) random_access(dice, question);
  if (dice.one_in(4)) question.as_user = !question.as_user;
  if (dice.one_in(8)) question.ac = !question.ac;
  for (bool* const flag : {&question.wp, &question.smep, &question.smap}) {
    if (dice.one_in(16)) *flag = !*flag;
  }
  question.keeps = !dice.one_in(6);
}

// The leaf becomes one of another level: a table takes its place, or it that of a table.
void change_size(Dice& dice, Step& step, int level) {
  Question& question = step.question;
  const int upper = std::max(level, question.level);
  for (int i = std::min(level, question.level); i <= upper; ++i) {
    question.entries[at(i)] = i < level ? 0 : random_entry(dice, i, i == level, 16);
  }
  question.level = level;
  step.to_other = level < kLargest && dice.one_in(2);
}

// One entry becomes another.
void change_entry(Dice& dice, Step& step) {
  Question& question = step.question;
  const int level =
      static_cast<int>(dice.between(static_cast<std::size_t>(question.level), kLevels));
  std::uint64_t& entry = question.entries[at(level)];
  switch (dice.below(7)) {
    case 0: entry ^= kPresent; break;
    case 1: entry ^= kWritable; break;
    case 2: entry ^= kUser; break;
    case 3: entry ^= kNoExecute; break;
    case 4: entry ^= dice.next() & (kAccessed | kDirty | kGlobal); break;
    case 5: entry = random_entry(dice, level, level == question.level, 8); break;
    default:
      if (question.level < kLargest) step.to_other = !step.to_other;
      break;
  }
}

}  // namespace

History history_of(std::uint64_t seed, std::uint64_t number) {
  Dice dice(mixed(seed) + number);
  History history;
  int level = static_cast<int>(std::array{1, 1, 1, 2, 2, 3}[dice.below(6)]);
  if (dice.one_in(4)) {
    history.steps[0] = first_step(dice, level, level, 6);
    history.count = 1;
    return history;
  }
  history.count = dice.between(2, History::kMost);
  const std::size_t change = dice.between(1, history.count - 1);
  const bool changes_size = dice.one_in(6);
  const int next_level = level == 1 ? 2 : level == kLargest ? 2 : dice.one_in(2) ? 1 : 3;
  const int largest = changes_size ? std::max(level, next_level) : level;
  history.steps[0] = first_step(dice, level, largest, 24);
  for (std::size_t i = 1; i < history.count; ++i) {
    Step& step = history.steps[i] = history.steps[i - 1];
    go_on(dice, step.question);
    if (i != change) continue;
    if (changes_size) {
      change_size(dice, step, next_level);
    } else {
      change_entry(dice, step);
    }
  }
  return history;
}

Question question_of(const Step& step, const Room& room) {
  Question question = step.question;
  const auto& pages = step.to_other ? room.others : room.pages;
  question.entries[at(question.level)] |= pages[at(question.level)];
  for (int level = question.level + 1; level <= kLevels; ++level) {
    question.entries[at(level)] |= room.tables[at(level - 1)];
  }
  return question;
}

bool has_reserved_bit(const Question& question) {
  for (int level = question.level; level <= kLevels; ++level) {
    const std::uint64_t reserved = reserved_bits(level, question.level, question.nxe);
    if ((question.entries[at(level)] & reserved) != 0) return true;
  }
  return false;
}

bool is_translation(const Question& question) {
  for (int level = question.level; level <= kLevels; ++level) {
    if ((question.entries[at(level)] & kPresent) == 0) return false;
  }
  return !has_reserved_bit(question);
}

Reply moved(const Reply& reply, const Step& step, const Room& from, const Room& to) {
  Reply there = reply;
  const Question before = question_of(step, from), after = question_of(step, to);
  for (std::size_t i = 0; i < kLevels; ++i) {
    there.entries[i] = reply.entries[i] ^ before.entries[i] ^ after.entries[i];
  }
  if (reply.outcome != Reply::reached) return there;
  for (int level = 1; level <= kLargest; ++level) {
    for (const auto& [old, next] : {std::pair{from.pages[at(level)], to.pages[at(level)]},
                                    std::pair{from.others[at(level)], to.others[at(level)]}}) {
      if (reply.pa - old < span_of(level)) there.pa = reply.pa - old + next;
    }
  }
  return there;
}

}  // namespace props::matrix
