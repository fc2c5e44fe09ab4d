// SPDX-License-Identifier: MPL-2.0
// How a page is mapped: what may be done with it, and how it is cached. Not the bits of any table.
#pragma once

#include "impl/base/types.h"

namespace mm {

// What clients may choose. The machine itself sets kAccessed and kDirty when a page is used.
struct PageFlags {
  static constexpr u8 kReadable = 0x01, kWritable = 0x02, kExecutable = 0x04;
  static constexpr u8 kAccessed = 0x08, kDirty = 0x10;
  static constexpr u8 kAvail2 = 0x80;  // Means what a client wants; kept with the mapping.
  u8 bits = 0;
  bool operator==(const PageFlags&) const = default;
};

// What only mm may: a client that changes flags or cache policy cannot touch these (BUG-33).
struct PrivilegedPageFlags {
  static constexpr u8 kUser = 0x01, kGlobal = 0x02;
  static constexpr u8 kAvail1 = 0x40;  // Means what a table's configuration wants; see config.h.
  static constexpr u8 kShared = 0x80;  // With the host, in a confidential guest.
  u8 bits = 0;
  bool operator==(const PrivilegedPageFlags&) const = default;
};

// What a table entry may say of the table it leads to.
struct PageTableFlags {
  static constexpr u8 kAvail1 = 0x40, kAvail2 = 0x80;
  u8 bits = 0;
  bool operator==(const PageTableFlags&) const = default;
};

enum class CachePolicy : u8 {
  uncacheable,
  write_combining,
  write_protected,
  write_through,
  write_back,
};

struct PageProperty {
  PageFlags flags;
  CachePolicy cache = CachePolicy::write_back;
  PrivilegedPageFlags privileged;
  bool operator==(const PageProperty&) const = default;
};

// Memory as the kernel maps it for itself: the same in every address space.
inline constexpr PageProperty kKernelData{
    .flags = {PageFlags::kReadable | PageFlags::kWritable},
    .cache = CachePolicy::write_back,
    .privileged = {PrivilegedPageFlags::kGlobal},
};

}  // namespace mm
