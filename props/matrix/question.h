// SPDX-License-Identifier: MPL-2.0
// What a CPU is asked: one access through four levels of tables, in raw bytes, so that whoever is
// asked, a simulated CPU or a real one, has nothing to interpret.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

namespace props::matrix {

// Bits of an entry. Intel SDM vol. 3A, figure 5-11.
inline constexpr std::uint64_t kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2,
                               kAccessed = 1 << 5, kDirty = 1 << 6, kPageSize = 1 << 7;
inline constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;

inline constexpr int kLevels = 4;  // The root's is 4. In arrays, [level - 1] is the place of one.

struct Question {
  int level = 1;  // Of the leaf: 1 to 3.
  std::uint64_t va = 0;
  std::array<std::uint64_t, kLevels> entries{};  // From the root's down to the leaf.
  enum Access : std::uint8_t { load, store, fetch } access{};
  bool as_user = false;  // From ring 3.
  bool ac = false;       // EFLAGS.AC.
  bool wp = false, smep = false, smap = false, nxe = false;
};

struct Reply {
  enum Outcome : std::uint8_t { reached, page_fault, other } outcome = other;
  std::uint64_t pa = 0;                          // If it is reached: where.
  std::uint64_t error = 0, cr2 = 0;              // Of a page fault.
  std::array<std::uint64_t, kLevels> entries{};  // As they are afterwards.
  bool operator==(const Reply&) const = default;
};

// Where entries lie, and lead to.
struct Room {
  std::array<std::uint64_t, kLevels> tables{};     // The physical addresses: of a table a level,
  std::array<std::uint64_t, kLevels - 1> pages{};  // and of a page of each size, aligned to it.
};

constexpr std::uint64_t index_of(std::uint64_t va, int level) {
  return va >> (12 + 9 * (level - 1)) & 511;
}

// Who can be asked. Sets the flags, writes each entry of the question into the table of its level,
// at the index that the address has there, forgets every translation of the address, and makes the
// access; a store must change nothing.
template <class P>
concept Prober = requires(P prober, const Question& question) {
  { prober.room() } -> std::same_as<Room>;
  { prober.ask(question) } -> std::same_as<Reply>;
};

}  // namespace props::matrix
