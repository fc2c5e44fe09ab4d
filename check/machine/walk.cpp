// SPDX-License-Identifier: MPL-2.0
#include "check/machine/walk.h"

#include "check/machine/bus.h"

namespace check::machine {
namespace {

constexpr std::uint64_t kPresentBit = 1 << 0;
constexpr std::uint64_t kAccessedBit = 1 << 5;
constexpr std::uint64_t kDirtyBit = 1 << 6;
constexpr std::uint64_t kSizeBit = 1 << 7;  // At level 1 it is PAT, and means no size.

constexpr bool is_leaf(std::uint64_t entry, int level) noexcept {
  return level == 1 || (entry & kSizeBit) != 0;
}

// The bits of a present entry that must be 0: Intel SDM vol. 3A, tables 4-14 to 4-20.
constexpr std::uint64_t reserved_bits(std::uint64_t entry, int level,
                                      const Control& control) noexcept {
  constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000 & ~kFrameMask;  // From MAXPHYADDR to 51.
  std::uint64_t reserved = kAddress;
  if (!control.nxe) reserved |= std::uint64_t{1} << 63;
  if (level >= 4) reserved |= kSizeBit;
  // Of a large page: from the bit above PAT, which is bit 12, to the lowest of the address.
  if (level >= 2 && is_leaf(entry, level)) reserved |= (span_of(level) - 1) & ~0x1fffull;
  return reserved;
}

}  // namespace

Walk walk(const Start& start, std::uint64_t va, const Control& control) noexcept {
  Walk walk;
  std::uint64_t table = start.table & kFrameMask;
  Rights rights = start.rights;
  for (int level = start.level;; --level) {
    const std::uint64_t at = table + (va / span_of(level) % 512) * 8;
    const std::uint64_t entry = load_entry(at);
    rights = rights.under(entry);
    walk.walked_hidden |= is_hidden(at);
    walk.level = static_cast<std::uint8_t>(level);
    walk.steps[walk.count++] = {at, entry, rights};
    if ((entry & kPresentBit) == 0) {
      walk.found = Found::absent;  // Nothing else in it means anything, not even a reserved bit.
      return walk;
    }
    if ((entry & reserved_bits(entry, level, control)) != 0) {
      walk.found = Found::reserved;
      return walk;
    }
    if (is_leaf(entry, level)) {
      walk.found = Found::translation;
      return walk;
    }
    table = entry & kFrameMask;
  }
}

bool mark(Walk& walk, bool is_store) noexcept {
  for (std::uint8_t i = 0; i < walk.count; ++i) {
    Walk::Step& step = walk.steps[i];
    const bool is_last = i + 1 == walk.count;
    const std::uint64_t marked = step.entry | kAccessedBit | (is_last && is_store ? kDirtyBit : 0);
    if (marked == step.entry) continue;
    if (!exchange_entry(step.at, step.entry, marked)) return false;
    step.entry = marked;
  }
  return true;
}

}  // namespace check::machine
