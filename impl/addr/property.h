// SPDX-License-Identifier: MPL-2.0
// How a page is mapped: what may be done with it, and how it is cached. Not the bits of any table.
#pragma once

#include "impl/base/types.h"

namespace mm {

// What clients may choose.
struct PageFlags {
  static constexpr u8 kReadable = 0x01, kWritable = 0x02, kExecutable = 0x04;
  u8 bits = 0;
  bool operator==(const PageFlags&) const = default;
};

// What only mm may: a client that changes flags or cache policy cannot touch these.
struct PrivilegedPageFlags {
  static constexpr u8 kUser = 0x01, kGlobal = 0x02;
  u8 bits = 0;
  bool operator==(const PrivilegedPageFlags&) const = default;
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
