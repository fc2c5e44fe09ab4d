// SPDX-License-Identifier: MPL-2.0
// The page tables that the cold machine's firmware has made (trace/ops/boot_table.h), bit by bit as
// a firmware writes them: entries of tables are marked as accessed, and pages of 4 KiB have no
// bit 7.
#pragma once

#include "impl/addr/paging.h"
#include "trace/machine.h"

namespace check {

class Firmware {
 public:
  static constexpr mm::u64 kRoot = trace::kColdMachine.pages.value() * mm::kPageSize;
  static constexpr mm::u64 kPages = 5, kBytes = kPages * mm::kPageSize;

  // All of them, as they are at first. Requires where they are mapped.
  static void write(mm::u8* at) {
    // SAFETY: the pages are the firmware's, and aligned.
    auto* const tables = reinterpret_cast<mm::u64(*)[mm::kEntries]>(at);
    __builtin_memset(at, 0, kBytes);
    mm::u64 *const root = tables[0], *const upper = tables[1], *const middle = tables[2],
                   *const lowest = tables[3], *const last = tables[4];
    root[0] = root[256] = kTable | place(1);
    root[511] = kTable | place(4);
    upper[0] = last[511] = kTable | place(2);
    for (mm::u64 i = 1; i < 4; ++i) upper[i] = kLarge | i * mm::page_size(3);
    middle[0] = kTable | place(3);
    for (mm::u64 i = 1; i < 8; ++i) middle[i] = kLarge | i * mm::page_size(2);
    for (mm::u64 i = 0; i < mm::kEntries; ++i) lowest[i] = kSmall | i * mm::page_size(1);
  }

 private:
  // Intel SDM vol. 3A, tables 4-15 to 4-20: present and writable; accessed; a larger page.
  static constexpr mm::u64 kSmall = 0x03, kTable = 0x23, kLarge = 0x83;

  static constexpr mm::u64 place(mm::u64 table) { return kRoot + table * mm::kPageSize; }
};

}  // namespace check
