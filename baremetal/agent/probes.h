// SPDX-License-Identifier: MPL-2.0
// What a CPU is asked with no memory manager about: one access through four tables of the agent's
// own, in raw bytes, and all that it shows then. Freestanding; part of the mailbox (mailbox.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bare {

struct ProbeQuestion {
  static constexpr std::size_t kLevels = 4;

  std::uint64_t va = 0;
  std::array<std::uint64_t, kLevels> entries{};  // [level - 1], from the leaf's level on.
  std::uint8_t level = 1;                        // Of the leaf.
  std::uint8_t access = 0;                       // 0 a load, 1 a store, 2 a fetch.
  bool as_user = false, ac = false;
  bool wp = false, smep = false, smap = false, nxe = false;
  bool keeps = false;  // Nothing is forgotten before the access.
};

struct ProbeReply {
  enum Outcome : std::uint32_t { reached = 0, page_fault = 1, other = 2 };

  std::uint32_t outcome = other;
  std::uint32_t vector = 0;          // Of the trap that ended it; of `other`: 0 if nothing was
                                     // tried, for it would have led to where the agent is.
  std::uint64_t pa = 0;              // If it is reached: where.
  std::uint64_t error = 0, cr2 = 0;  // Of a page fault.
  std::array<std::uint64_t, ProbeQuestion::kLevels> entries{};  // As they are afterwards.
};

// Where entries lie, and lead to: nowhere that an operation can name. See props/matrix/question.h.
struct ProbeRoom {
  static constexpr std::size_t kSizes = 3;
  std::array<std::uint64_t, ProbeQuestion::kLevels> tables{};  // [level - 1]
  std::array<std::uint64_t, kSizes> pages{};                   // One of each size,
  std::array<std::uint64_t, kSizes> others{};                  // and another; 0: there is none.
};

struct Probes {
  static constexpr std::size_t kMost = 1024;

  ProbeRoom room{};         // The guest's answer, even to no question at all.
  std::uint32_t count = 0;  // Of questions.
  // Of replies. ORDER: release after each, for who looks after the guest has ended.
  std::atomic<std::uint32_t> done{0};
  std::array<ProbeQuestion, kMost> questions{};
  std::array<ProbeReply, kMost> replies{};
};

static_assert(sizeof(ProbeQuestion) == 56 && sizeof(ProbeReply) == 64 && sizeof(ProbeRoom) == 80);

}  // namespace bare
