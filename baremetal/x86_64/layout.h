// SPDX-License-Identifier: MPL-2.0
// Where everything is. The test machine's pages are the first 128 of the RAM; whatever is the
// agent's lies elsewhere, and not near a multiple of 2 MiB, for tests that map large pages touch
// there. What it lies at virtually are two entries of the root that no test's table has: 384, the
// linear map of all RAM, and 385, one page that is the user's.
#pragma once

#include "impl/base/types.h"

namespace bare {

using mm::u16, mm::u32, mm::u64, mm::u8, mm::usize;

inline constexpr u64 kLinearBase = 0xffff'c000'0000'0000;  // Entry 384 of the root.
inline constexpr u64 kUserBase = 0xffff'c080'0000'0000;    // Entry 385: the page of probe.S.
inline constexpr u64 kFirstEntry = 384, kEndEntry = 386;   // Of the agent, in every root.

inline constexpr u64 kTestedPages = 128;
inline constexpr u64 kTestedEnd = kTestedPages * 4096;
inline constexpr u64 kTrampolineAt = 0x9'0000;
inline constexpr u64 kImageAt = 0x018c'0000;        // link.ld
inline constexpr u64 kSlotsAt = 0x0208'0000;        // Of the machine: 64 bytes a page.
inline constexpr u64 kColdSlotsAt = 0x0209'0000;    // Of the machine that boot operations boot:
inline constexpr u64 kColdPages = 4096;             // of so many pages.
inline constexpr u64 kProbesAt = 0x020d'0000;       // Tables and pages of agent/prober.cpp: six.
inline constexpr u64 kColdMemoryAt = 0x020f'0000;   // 128 pages, and 5 of its firmware.
inline constexpr u64 kAgentEnd = 0x0218'0000;       // Of all these.
inline constexpr u64 kMailboxRegion = 0x0380'0000;  // From here on the mailbox (agent/mailbox.h),
inline constexpr u64 kRamEnd = 0x0400'0000;         // to the end of RAM.
inline constexpr u64 kApicAt = 0xfee0'0000;

// What lies at a physical address. Requires that it is below 1 GiB, or the APIC's.
template <class T>
T* linear(u64 at) noexcept {
  // SAFETY: all of it is mapped there (boot/start.S).
  return reinterpret_cast<T*>(kLinearBase + at);
}

}  // namespace bare
