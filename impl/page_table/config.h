// SPDX-License-Identifier: MPL-2.0
// What kind of table a page table is: which part of the address space is its own, what it maps, how
// large a page may be, and how entries and levels are those of the machine. All at compile time:
// a class that takes C knows nothing else.
#pragma once

#include "impl/page_table/items.h"
#include "impl/platform/x86_64_entry.h"

namespace mm {

// A table owns entries [kTopBegin, kTopEnd) of its root; a user table borrows the others from the
// kernel's, and knows nothing of them. Items and their laws (C.2):
//
//   from_raw(into_raw(item)) is the item; ref_from_raw() is the same, and counts nothing.
//   A huge item owns nothing, and each of its parts is an item: split is no more than arithmetic.
template <class C>
concept PageTableConfig =
    Platform<typename C::Platform> && PagingConsts<typename C::Paging> &&
    requires(typename C::Items::Item item, const typename C::Items::Item& seen, RawItem raw) {
      { C::kTopBegin } -> std::convertible_to<u64>;
      { C::kTopEnd } -> std::convertible_to<u64>;
      // Above the bits that are translated; of a sign-extended address.
      { C::kLeadingBits } -> std::convertible_to<u64>;
      // Whether a table right below the root may be taken out.
      { C::kTopCanUnmap } -> std::convertible_to<bool>;
      // Of a table that may map pages itself.
      { C::kHighestLevel } -> std::convertible_to<u8>;
      requires C::kTopBegin < C::kTopEnd&& C::kTopEnd <= kEntries;
      requires C::kHighestLevel >= 1 && C::kHighestLevel < C::Paging::kLevels;
      requires C::kHighestLevel <= C::Entry::kHighestLeaf;
      { C::Items::raw_info(seen) } noexcept -> std::same_as<RawItem>;
      { C::Items::into_raw(std::move(item)) } noexcept -> std::same_as<RawItem>;
      { C::Items::from_raw(raw) } noexcept -> std::same_as<typename C::Items::Item>;
      { C::Items::ref_from_raw(raw) } noexcept -> std::same_as<typename C::Items::ItemRef>;
      { C::Items::kMayOwn } -> std::convertible_to<bool>;
    };

// The kernel's: frames of any kind, and memory that nobody counts. Marked is what is tracked. The
// entries of its root exist from the first moment to the last, so that every user table can have a
// copy of them (INV-33). How many there are is a parameter: all of the upper half, but for tests.
template <Platform Machine, u64 kFirst = 256, u64 kEnd = 512, PagingConsts Consts = FourLevels>
struct KernelConfig {
  using Platform = Machine;
  using Paging = Consts;
  using Entry = X86_64Entry<>;
  using Items = TrackedItems<Machine, Dyn, Mark::tracked>;

  static constexpr u64 kTopBegin = kFirst, kTopEnd = kEnd;
  static constexpr u64 kLeadingBits = ~u64{0} >> Consts::kAddressBits;
  static constexpr bool kTopCanUnmap = false;
  static constexpr u8 kHighestLevel = 2;
  static_assert(kFirst >= kEntries / 2, "the lower half is the users'");
};

// A user's: frames that it may read and write, and memory of devices. Marked is what is untracked.
template <Platform Machine, PagingConsts Consts = FourLevels>
struct UserConfig {
  using Platform = Machine;
  using Paging = Consts;
  using Entry = X86_64Entry<>;
  using Items = TrackedItems<Machine, Untyped, Mark::untracked>;

  static constexpr u64 kTopBegin = 0, kTopEnd = kEntries / 2;
  static constexpr u64 kLeadingBits = 0;
  static constexpr bool kTopCanUnmap = true;
  static constexpr u8 kHighestLevel = 2;
};

// A user's address space (impl/vm/space.h): as a user's table, of pages of 4 KiB alone. It keeps
// account of the CPUs that translate by it, so that they can be told to flush.
template <Platform Machine, PagingConsts Consts = FourLevels>
struct SpaceConfig : UserConfig<Machine, Consts> {
  static constexpr u8 kHighestLevel = 1;
  static constexpr bool kIsSpace = true;
};

template <class C>
inline constexpr bool kIsSpace = requires { requires C::kIsSpace; };

// The plainest there is: nothing is tracked, and pages may be of 1 GiB.
template <Platform Machine, PagingConsts Consts = FourLevels>
struct PlainConfig {
  using Platform = Machine;
  using Paging = Consts;
  using Entry = X86_64Entry<>;
  using Items = UntrackedItems<Machine>;

  static constexpr u64 kTopBegin = 0, kTopEnd = kEntries / 2;
  static constexpr u64 kLeadingBits = 0;
  static constexpr bool kTopCanUnmap = true;
  static constexpr u8 kHighestLevel = 3;
};

// The addresses that a table can map (A.3).
template <PageTableConfig C>
constexpr VirtRange range_of_table() noexcept {
  constexpr u32 kTop = C::Paging::kLevels;
  constexpr u64 kLeading =
      C::Paging::kAddressBits == 64 ? 0 : C::kLeadingBits << C::Paging::kAddressBits;
  return {{kLeading | C::kTopBegin << shift_of(kTop)},
          {kLeading | ((C::kTopEnd << shift_of(kTop)) - 1)}};
}

// Whether [begin, end) is some of them. Right for whatever is asked: BUG-5.
template <PageTableConfig C>
constexpr bool is_valid_range(VirtAddr begin, VirtAddr end) noexcept {
  constexpr VirtRange kAll = range_of_table<C>();
  return begin < end && kAll.first <= begin && end.value - 1 <= kAll.last.value;
}

}  // namespace mm
