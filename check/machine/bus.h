// SPDX-License-Identifier: MPL-2.0
// How the simulated processor reaches physical memory: page-table entries as single atomic words,
// and what programs load and store as single bytes, or as words of four.
//
// Where there is no memory, the bus is open. Nothing is kept there: stores vanish. A table entry
// there reads as 0, which is absent; a byte there reads as open_bus() of its address, which is what
// memory that was never written holds.
//
// ThreadSanitizer sees accesses to entries, for they are an agreement between processor and mm:
// that a table is not freed while it can be walked is an order that it can check. It does not see
// the bytes of programs, which may race as they like. AddressSanitizer sees neither.
#pragma once

#include <cstdint>

#include "check/machine/memory.h"
#include "check/machine/sanitizer.h"

namespace check::machine {

inline bool is_memory(std::uint64_t pa) noexcept { return pa < detail::installed_bytes; }

// Nobody owns the page around this address, and it is memory.
inline bool is_hidden(std::uint64_t pa) noexcept {
  return is_memory(pa) && __atomic_load_n(&detail::is_page_hidden[pa / 4096], __ATOMIC_RELAXED);
}

constexpr std::uint8_t open_bus(std::uint64_t pa) noexcept {
  return static_cast<std::uint8_t>(pa / 4096);
}

// Requires that `pa` is a multiple of 8.
PAGETWIN_RAW inline std::uint64_t load_entry(std::uint64_t pa) noexcept {
  if (!is_memory(pa)) return 0;
  // SAFETY: all memory is mapped at kMemoryBase, and nothing else is there.
  // ORDER: acquire pairs with the release that linked a table: its entries are seen as they were
  // written before that.
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(kMemoryBase + pa),
                         __ATOMIC_ACQUIRE);
}

// False if the entry is not `seen` any more. Requires that `pa` is a multiple of 8, and memory:
// where none is, entries are absent, and an absent entry has no flags.
PAGETWIN_RAW inline bool exchange_entry(std::uint64_t pa, std::uint64_t seen,
                                        std::uint64_t next) noexcept {
  // SAFETY: as in load_entry().
  // ORDER: relaxed: a flag says that an access happens, not that anything else has.
  return __atomic_compare_exchange_n(reinterpret_cast<std::uint64_t*>(kMemoryBase + pa), &seen,
                                     next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

PAGETWIN_UNSEEN PAGETWIN_RAW inline std::uint8_t load_byte(std::uint64_t pa) noexcept {
  if (!is_memory(pa)) return open_bus(pa);
  // SAFETY: as in load_entry(). ORDER: relaxed: whatever programs agree on is between them.
  return __atomic_load_n(reinterpret_cast<const std::uint8_t*>(kMemoryBase + pa), __ATOMIC_RELAXED);
}

PAGETWIN_UNSEEN PAGETWIN_RAW inline void store_byte(std::uint64_t pa, std::uint8_t value) noexcept {
  if (!is_memory(pa)) return;
  // SAFETY, ORDER: as in load_byte().
  __atomic_store_n(reinterpret_cast<std::uint8_t*>(kMemoryBase + pa), value, __ATOMIC_RELAXED);
}

// Words are aligned, so all their bytes are in one page.
constexpr std::uint32_t open_bus_word(std::uint64_t pa) noexcept {
  return open_bus(pa) * std::uint32_t{0x0101'0101};
}

PAGETWIN_UNSEEN PAGETWIN_RAW inline std::uint32_t load_word(std::uint64_t pa) noexcept {
  if (!is_memory(pa)) return open_bus_word(pa);
  // SAFETY: as in load_entry(). ORDER: that of any load of this processor.
  return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(kMemoryBase + pa),
                         __ATOMIC_ACQUIRE);
}

// Says what was there.
PAGETWIN_UNSEEN PAGETWIN_RAW inline std::uint32_t exchange_word(std::uint64_t pa,
                                                                std::uint32_t expected,
                                                                std::uint32_t desired) noexcept {
  if (!is_memory(pa)) return open_bus_word(pa);
  // SAFETY: as in load_entry(). ORDER: that of a locked instruction.
  __atomic_compare_exchange_n(reinterpret_cast<std::uint32_t*>(kMemoryBase + pa), &expected,
                              desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}

}  // namespace check::machine
