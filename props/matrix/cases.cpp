// SPDX-License-Identifier: MPL-2.0
#include "props/matrix/cases.h"

namespace props::matrix {
namespace {

using reference::EntryRights;
using trace::AccessName;

// Takes numbers apart, from their lowest digit.
class Digits {
 public:
  explicit Digits(std::uint64_t number) : rest_(number) {}
  std::uint64_t next(std::uint64_t base) {
    const std::uint64_t digit = rest_ % base;
    rest_ /= base;
    return digit;
  }
  bool flag() { return next(2) != 0; }

 private:
  std::uint64_t rest_;
};

EntryRights rights_of(std::uint64_t digit) {
  return {.present = (digit & 8) == 0,
          .writable = (digit & 1) == 0,
          .user = (digit & 2) == 0,
          .executable = (digit & 4) == 0};
}

constexpr std::uint64_t address(std::uint64_t i4, std::uint64_t i3, std::uint64_t i2,
                                std::uint64_t i1, std::uint64_t offset) {
  const std::uint64_t low = i4 << 39 | i3 << 30 | i2 << 21 | i1 << 12 | offset;
  return i4 < 256 ? low : low | std::uint64_t{0xffff} << 48;
}
// Of a page of each size. One is in the upper half: rights do not go by halves. All lead to where a
// guest's memory is free (Room).
constexpr std::array kAddresses = {address(3, 130, 257, 511, 0xabc),
                                   address(300, 5, 508, 266, 0x7f8),
                                   address(255, 384, 17, 309, 0x123)};

// Bits that are software's own: they mean nothing, and must survive.
constexpr std::uint64_t kIgnored = std::uint64_t{1} << 9 | std::uint64_t{1} << 53;

std::uint64_t raw_of(const EntryRights& rights, std::uint64_t to) {
  return to | kIgnored | (rights.present ? kPresent : 0) | (rights.writable ? kWritable : 0) |
         (rights.user ? kUser : 0) | (rights.executable ? 0 : kNoExecute);
}

constexpr std::size_t at(int level) { return static_cast<std::size_t>(level - 1); }

}  // namespace

std::uint64_t count_of(int level, Breadth breadth) {
  std::uint64_t tables = breadth == Breadth::all ? 16 : 8;
  const std::uint64_t one = tables;
  for (int i = level + 1; i < kLevels && breadth != Breadth::alike; ++i) tables *= one;
  return tables * 16 * 2 * 3 * 32;
}

Case case_of(int level, Breadth breadth, std::uint64_t number) {
  Digits digits(number);
  Case one{.level = level};
  one.access.name = static_cast<AccessName>(digits.next(3));
  one.access.as_user = digits.flag();
  one.access.ac = digits.flag();
  one.controls = {
      .wp = digits.flag(), .smep = digits.flag(), .smap = digits.flag(), .nxe = digits.flag()};
  one.entries[at(level)] = rights_of(digits.next(16));
  const std::uint64_t base = breadth == Breadth::all ? 16 : 8;
  for (int table = level + 1; table <= kLevels; ++table) {
    const bool is_like_the_last = breadth == Breadth::alike && table > level + 1;
    one.entries[at(table)] =
        is_like_the_last ? one.entries[at(table - 1)] : rights_of(digits.next(base));
  }
  return one;
}

Question question_of(const Case& one, const Room& room) {
  Question question{.level = one.level,
                    .va = kAddresses[at(one.level)],
                    .access = static_cast<Question::Access>(one.access.name),
                    .as_user = one.access.as_user,
                    .ac = one.access.ac,
                    .wp = one.controls.wp,
                    .smep = one.controls.smep,
                    .smap = one.controls.smap,
                    .nxe = one.controls.nxe};
  const std::uint64_t size = one.level > 1 ? kPageSize : 0;
  question.entries[at(one.level)] =
      raw_of(one.entries[at(one.level)], room.pages[at(one.level)] | size);
  for (int table = one.level + 1; table <= kLevels; ++table) {
    question.entries[at(table)] = raw_of(one.entries[at(table)], room.tables[at(table - 1)]);
  }
  return question;
}

Reply expected_of(const Case& one, const Question& question, const Room& room) {
  std::array<EntryRights, kLevels> way;
  std::size_t length = 0;
  for (int level = kLevels; level >= one.level; --level) way[length++] = one.entries[at(level)];
  const reference::Passage passage =
      reference::pass({way.data(), length}, one.access, one.controls);

  Reply reply{.entries = question.entries};
  if (passage.error) {
    reply.outcome = Reply::page_fault;
    reply.error = *passage.error;
    reply.cr2 = question.va;
  } else {
    const std::uint64_t size = std::uint64_t{4096} << (9 * at(one.level));
    reply.outcome = Reply::reached;
    reply.pa = room.pages[at(one.level)] + question.va % size;
  }
  for (int level = one.level; level <= kLevels; ++level) {
    if (passage.accessed) reply.entries[at(level)] |= kAccessed;
  }
  if (passage.dirty) reply.entries[at(one.level)] |= kDirty;
  return reply;
}

}  // namespace props::matrix
