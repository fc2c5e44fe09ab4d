// SPDX-License-Identifier: MPL-2.0
// What a CPU is asked: one access through four levels of tables, in raw bytes, so that whoever is
// asked, a simulated CPU or a real one, has nothing to interpret.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace props::matrix {

// Bits of an entry. Intel SDM vol. 3A, figure 5-11.
inline constexpr std::uint64_t kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2,
                               kAccessed = 1 << 5, kDirty = 1 << 6, kPageSize = 1 << 7;
inline constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;

inline constexpr int kLevels = 4;  // The root's is 4. In arrays, [level - 1] is the place of one.

// Of an entry that is present: the bits that must be clear (SDM vol. 3A, tables 4-14 to 4-20), but
// for those of the address that a CPU may lack. `leaf` is the level of the leaf.
constexpr std::uint64_t reserved_bits(int level, int leaf, bool nxe) {
  std::uint64_t bits = nxe ? 0 : kNoExecute;
  if (level == kLevels) bits |= kPageSize;
  // A large page has PAT in bit 12, and its address begins at its size.
  if (level == leaf && level > 1) bits |= (std::uint64_t{4096} << (9 * (level - 1))) - 0x2000;
  return bits;
}

struct Question {
  int level = 1;  // Of the leaf: 1 to 3.
  std::uint64_t va = 0;
  std::array<std::uint64_t, kLevels> entries{};  // From the root's down to the leaf.
  enum Access : std::uint8_t { load, store, fetch } access{};
  bool as_user = false;  // From ring 3.
  bool ac = false;       // EFLAGS.AC.
  bool wp = false, smep = false, smap = false, nxe = false;
  bool keeps = false;  // Nothing is forgotten before the access.
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
  std::array<std::uint64_t, kLevels> tables{};      // The physical addresses: of a table a level,
  std::array<std::uint64_t, kLevels - 1> pages{};   // of a page of each size, aligned to it,
  std::array<std::uint64_t, kLevels - 1> others{};  // and of another; 0: there is none.
};

constexpr std::uint64_t index_of(std::uint64_t va, int level) {
  return va >> (12 + 9 * (level - 1)) & 511;
}

// Who can be asked. Sets the flags, writes each entry of the question into the table of its level,
// at the index that the address has there, forgets every translation of the address, unless it is
// to keep them, and makes the access; a store must change nothing.
template <class P>
concept Prober = requires(P prober, const Question& question) {
  { prober.room() } -> std::same_as<Room>;
  { prober.ask(question) } -> std::same_as<Reply>;
};

// One that would rather be asked many at once, in this order.
template <class P>
concept BatchProber =
    Prober<P> && requires(P prober, std::span<const Question> questions, std::span<Reply> replies) {
      prober.ask_all(questions, replies);
    };

// Requires as many replies as questions.
template <Prober P>
void ask_all(P& prober, std::span<const Question> questions, std::span<Reply> replies) {
  if constexpr (BatchProber<P>) {
    prober.ask_all(questions, replies);
  } else {
    for (std::size_t i = 0; i < questions.size(); ++i) replies[i] = prober.ask(questions[i]);
  }
}

// What a CPU is known to do otherwise: `take_back` makes of a reply what it would be if it did not.
// Null: it is not to be seen in one reply, but in several (touches.h).
struct Allowance {
  std::string_view name;
  void (*take_back)(const Question& question, Reply& reply);
};

// Of most, none.
template <Prober P>
std::span<const Allowance> allowances_of(const P& prober) {
  if constexpr (requires { prober.allowances(); }) {
    return prober.allowances();
  } else {
    return {};
  }
}

}  // namespace props::matrix
