// SPDX-License-Identifier: MPL-2.0
// Page-table entries of x86-64: what their bits mean. Pure, so it is tested on any machine.
//
//   bit   0 present   1 writable   2 user   3 PWT   4 PCD   5 accessed   6 dirty   7 leaf
//         8 global   12..51 address   51 shared, if so built   52 AVAIL1   53 AVAIL2   63 no
//         execute
//
// Bit 7 is on every leaf, of level 1 too, where the machine takes it for PAT: so the PAT has every
// type twice (kPat). An entry is absent if neither bit 0 nor bit 7 is set; a leaf that cannot be
// read is not present for the machine, and still there for us.
#pragma once

#include <array>

#include "impl/addr/paging.h"
#include "impl/addr/property.h"
#include "impl/base/panic.h"

namespace mm {

enum class EntryKind : u8 { absent, table, leaf };

// `kHasShared`: in a confidential guest bit 51 of a leaf says that the host may see the page.
template <bool kHasShared = false>
struct X86_64Entry {
  // Intel SDM vol. 3A, tables 4-15 to 4-20.
  static constexpr u64 kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2;
  static constexpr u64 kPwt = 1 << 3, kPcd = 1 << 4;
  static constexpr u64 kAccessed = 1 << 5, kDirty = 1 << 6;
  static constexpr u64 kLeaf = 1 << 7, kGlobal = 1 << 8;
  static constexpr u64 kShared = u64{1} << 51;
  static constexpr u64 kAvail1 = u64{1} << 52, kAvail2 = u64{1} << 53;
  static constexpr u64 kNoExecute = u64{1} << 63;

  // Where a page of each size can be: the lowest bits are those within the page.
  static constexpr u8 kHighestLeaf = 3;
  static constexpr u64 address_mask(u32 level) noexcept {
    constexpr u64 kBits = (u64{1} << (kHasShared ? 51 : 52)) - 1;
    return kBits & ~(page_size(level) - 1);
  }

  // The MSR IA32_PAT (0x277): write-back, write-through, write-combining, uncacheable; twice. By
  // PCD and PWT alone an entry has the same type, whatever the PAT bit is.
  static constexpr u64 kPat = 0x0001'0406'0001'0406;

  // 0 is absent, and all else that is absent never comes from us (INV-28).
  static constexpr EntryKind kind_of(u64 bits) noexcept {
    if ((bits & kLeaf) != 0) return EntryKind::leaf;
    return (bits & kPresent) != 0 ? EntryKind::table : EntryKind::absent;
  }
  static constexpr bool is_absent(u64 bits) noexcept { return (bits & (kPresent | kLeaf)) == 0; }
  static constexpr bool is_leaf(u64 bits) noexcept { return (bits & kLeaf) != 0; }
  static constexpr bool is_table(u64 bits) noexcept {
    return (bits & (kPresent | kLeaf)) == kPresent;
  }

  // A table's entry lets everything through: rights are the leaf's.
  static constexpr u64 encode_table(PhysAddr at, PageTableFlags flags = {}) noexcept {
    return at.value | kPresent | kWritable | kUser |
           place(flags.bits, PageTableFlags::kAvail1, kAvail1) |
           place(flags.bits, PageTableFlags::kAvail2, kAvail2);
  }
  // Requires a table's entry, as does the next.
  static constexpr PhysAddr table_paddr(u64 bits) noexcept { return {bits & address_mask(1)}; }
  static constexpr PageTableFlags table_flags(u64 bits) noexcept {
    return {static_cast<u8>(place(bits, kAvail1, PageTableFlags::kAvail1) |
                            place(bits, kAvail2, PageTableFlags::kAvail2))};
  }

  // Why there is no leaf for this: bad_level, bad_address, bad_cache; none if there is.
  static constexpr Panic fault_of_leaf(PhysAddr at, u32 level, CachePolicy cache) noexcept {
    if (level < 1 || level > kHighestLeaf) return Panic::bad_level;
    if ((at.value & ~address_mask(level)) != 0) return Panic::bad_address;
    return fault_of_cache(cache);
  }
  static constexpr Panic fault_of_cache(CachePolicy cache) noexcept {
    return cache == CachePolicy::write_protected ? Panic::bad_cache : Panic::none;
  }

  // Requires that fault_of_leaf() finds none. The address is just added: the rest is the same for
  // all pages mapped alike.
  static constexpr u64 encode_leaf(PhysAddr at, PageProperty property) noexcept {
    return at.value | encode_property(property);
  }
  static constexpr u64 encode_property(PageProperty property) noexcept {
    return kLeaf | (encode_flags(property.flags) ^ kNoExecute) | encode_cache(property.cache) |
           encode_privileged(property.privileged);
  }
  // Requires a leaf of this level, as do those below.
  static constexpr PhysAddr leaf_paddr(u64 bits, u32 level) noexcept {
    return {bits & address_mask(level)};
  }
  static constexpr PageProperty leaf_property(u64 bits) noexcept {
    return {decode_flags(bits), decode_cache(bits), decode_privileged(bits)};
  }

  // The same leaf with other rights and another cache policy. Written as a difference, so that a
  // change known to the compiler becomes a change of just these bits.
  static constexpr u64 with(u64 bits, PageFlags flags, CachePolicy cache) noexcept {
    const PageFlags old = decode_flags(bits);
    bits ^= encode_flags({static_cast<u8>(old.bits ^ flags.bits)});
    if (cache != decode_cache(bits)) bits = (bits & ~(kPwt | kPcd)) | encode_cache(cache);
    return bits;
  }

  static constexpr PageFlags decode_flags(u64 bits) noexcept {
    using F = PageFlags;
    return {static_cast<u8>(
        place(bits, kPresent, F::kReadable) | place(bits, kWritable, F::kWritable) |
        place(~bits, kNoExecute, F::kExecutable) | place(bits, kAccessed, F::kAccessed) |
        place(bits, kDirty, F::kDirty) | place(bits, kAvail2, F::kAvail2))};
  }
  static constexpr CachePolicy decode_cache(u64 bits) noexcept {
    return kPolicies[(bits & (kPwt | kPcd)) / kPwt];
  }

 private:
  // By PCD and PWT.
  static constexpr std::array kPolicies = {CachePolicy::write_back, CachePolicy::write_through,
                                           CachePolicy::write_combining, CachePolicy::uncacheable};

  // The bit `to`, if `bits` has the bit `from`. Both are single bits: a mask and a shift.
  static constexpr u64 place(u64 bits, u64 from, u64 to) noexcept {
    return from > to ? (bits & from) / (from / to) : (bits & from) * (to / from);
  }

  // A bit that is set for each flag; the one of kExecutable is the wrong way round.
  static constexpr u64 encode_flags(PageFlags flags) noexcept {
    using F = PageFlags;
    return place(flags.bits, F::kReadable, kPresent) | place(flags.bits, F::kWritable, kWritable) |
           place(flags.bits, F::kExecutable, kNoExecute) |
           place(flags.bits, F::kAccessed, kAccessed) | place(flags.bits, F::kDirty, kDirty) |
           place(flags.bits, F::kAvail2, kAvail2);
  }

  static constexpr u64 encode_cache(CachePolicy cache) noexcept {
    switch (cache) {
      case CachePolicy::write_back: return 0;
      case CachePolicy::write_through: return kPwt;
      case CachePolicy::write_combining: return kPcd;
      case CachePolicy::uncacheable:
      case CachePolicy::write_protected: break;  // The latter never comes here.
    }
    return kPcd | kPwt;
  }

  static constexpr u64 encode_privileged(PrivilegedPageFlags privileged) noexcept {
    using F = PrivilegedPageFlags;
    return place(privileged.bits, F::kUser, kUser) | place(privileged.bits, F::kGlobal, kGlobal) |
           place(privileged.bits, F::kAvail1, kAvail1) |
           (kHasShared ? place(privileged.bits, F::kShared, kShared) : 0);
  }
  static constexpr PrivilegedPageFlags decode_privileged(u64 bits) noexcept {
    using F = PrivilegedPageFlags;
    return {static_cast<u8>(place(bits, kUser, F::kUser) | place(bits, kGlobal, F::kGlobal) |
                            place(bits, kAvail1, F::kAvail1) |
                            (kHasShared ? place(bits, kShared, F::kShared) : 0))};
  }
};

}  // namespace mm
