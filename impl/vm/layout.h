// SPDX-License-Identifier: MPL-2.0
// Where the kernel has everything, in 48 bits of addresses (A.2):
//
//   0          users' memory, but for its last page
//   linear     all physical memory, from its address 0 on
//   areas      what the kernel maps for itself (impl/vm/kernel_area.h)
//   metadata   the slots: 64 bytes for each page
//   image      the kernel's code and data; the last 64 KiB are nobody's, so that every end is a
//              number below 2^64
//
// Two layouts have been in use. How far memory may reach follows from each.
#pragma once

#include <algorithm>
#include <array>

#include "impl/addr/paging.h"

namespace mm {

// [begin, end): whole pages.
struct Region {
  u64 begin = 0;
  u64 end = 0;

  constexpr u64 bytes() const noexcept { return end - begin; }
  constexpr bool contains(u64 at) const noexcept { return begin <= at && at < end; }
  bool operator==(const Region&) const = default;
};

struct Layout {
  Region users, linear, areas, metadata, image;

  static constexpr u64 kSlotBytes = 64;
  static constexpr u64 kUpperHalf = ~u64{0} << (FourLevels::kAddressBits - 1);

  constexpr std::array<Region, 5> regions() const noexcept {
    return {users, linear, areas, metadata, image};
  }

  // Physical addresses from here on have no place in the linear mapping, or no slot.
  constexpr u64 end_of_memory() const noexcept {
    return std::min(linear.bytes(), metadata.bytes() / kSlotBytes * kPageSize);
  }
  // Where a byte of memory is mapped, and the slot of its page. Requires that it is below the end.
  constexpr VirtAddr linear_of(PhysAddr at) const noexcept { return {linear.begin + at.value}; }
  constexpr VirtAddr slot_of(PhysAddr at) const noexcept {
    return {metadata.begin + at.value / kPageSize * kSlotBytes};
  }

  // The regions are of whole pages, none is empty, and each ends before the next begins; users'
  // memory lies in the lower half of the addresses, all others in the upper.
  constexpr bool is_sound() const noexcept {
    u64 end = 0;
    for (const Region& region : regions()) {
      if (region.begin < end || region.begin >= region.end) return false;
      if ((region.begin | region.end) % kPageSize != 0) return false;
      end = region.end;
    }
    return users.end <= u64{1} << (FourLevels::kAddressBits - 1) && linear.begin >= kUpperHalf;
  }
};

// The last page is nobody's: a user must not call the kernel from the last instruction below the
// addresses that are not canonical.
inline constexpr Region kUsersRegion{0, (u64{1} << 47) - kPageSize};
inline constexpr Region kLinearRegion{0xffff'8000'0000'0000, 0xffff'c000'0000'0000};
inline constexpr Region kImageRegion{0xffff'ffff'8000'0000, 0xffff'ffff'ffff'0000};

// Today's: slots for all that the linear mapping has room for, 64 TiB.
inline constexpr Layout kLayout{.users = kUsersRegion,
                                .linear = kLinearRegion,
                                .areas = {0xffff'c000'0000'0000, 0xffff'e000'0000'0000},
                                .metadata = {0xffff'e000'0000'0000, 0xffff'e100'0000'0000},
                                .image = kImageRegion};

// The older one: slots for 128 GiB.
inline constexpr Layout kSeedLayout{.users = kUsersRegion,
                                    .linear = kLinearRegion,
                                    .areas = {0xffff'c000'0000'0000, 0xffff'fff0'0000'0000},
                                    .metadata = {0xffff'fff0'0000'0000, 0xffff'fff0'8000'0000},
                                    .image = kImageRegion};

static_assert(kLayout.is_sound() && kSeedLayout.is_sound());
static_assert(kLayout.linear.begin == Layout::kUpperHalf);
static_assert(kLayout.end_of_memory() == u64{64} << 40);
static_assert(kSeedLayout.end_of_memory() == u64{128} << 30);

}  // namespace mm
