// SPDX-License-Identifier: MPL-2.0
// The memory of the simulated machine: one per process, at constant addresses that are free in the
// address-space layout of every sanitizer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "check/machine/sanitizer.h"

namespace check::machine {

inline constexpr std::uint64_t kMemoryBase = 0x7a00'0000'0000;
inline constexpr std::uint64_t kSlotsBase = 0x7b00'0000'0000;
inline constexpr std::uint64_t kColdMemoryBase = 0x7a10'0000'0000;  // Of a second machine, that
inline constexpr std::uint64_t kColdSlotsBase = 0x7b10'0000'0000;   // can be booted, and
inline constexpr std::uint64_t kColdPages = 4096;  // may be told of more pages than it can use.
inline constexpr std::uint64_t kPages = 512;

// Maps memory and slots, once per process; if the addresses are taken, says so and exits.
void power_on() noexcept;

inline bool is_in_page(const void* at) noexcept {
  return reinterpret_cast<std::uint64_t>(at) - kMemoryBase < kPages * 4096;
}

namespace detail {
inline std::uint64_t installed_bytes = kPages * 4096;
inline std::array<bool, kPages> is_page_hidden{};

inline void set_pages_hidden(const void* from, std::size_t bytes, bool hidden) noexcept {
  if (!is_in_page(from)) return;  // A slot or a part of one.
  std::uint64_t page = (reinterpret_cast<std::uint64_t>(from) - kMemoryBase) / 4096;
  for (; bytes >= 4096; bytes -= 4096) {
    __atomic_store_n(&is_page_hidden[page++], hidden, __ATOMIC_RELAXED);
  }
}
}  // namespace detail

// How many of the kPages pages there are, from address 0 on: to the processor the others are not
// memory (bus.h). All, unless told otherwise. Requires at most kPages.
inline void install_pages(std::uint64_t pages) noexcept { detail::installed_bytes = pages * 4096; }

// Nobody may touch hidden bytes until they are shown again. Each sanitizer is told in its way:
//
//   AddressSanitizer  hidden bytes are poisoned: any access to them is reported. Ranges must begin
//                     and end at multiples of 8, or poison would not be exact.
//   ThreadSanitizer   hiding writes to the whole range. So an access by another lane is reported
//                     unless an order puts it before the hiding, or after the next showing: a use
//                     after teardown is a race, whether or not it happened to read anything odd.
//   MemorySanitizer   hidden bytes are uninitialised: any use of what they hold is reported. Shown
//                     again, a page holds what it held, for the machine promises its bytes
//                     (trace/machine.h); a slot stays uninitialised until something is written.
//   none              nothing happens.
//
// Whole pages are noted besides, so that an access by the simulated processor, which no sanitizer
// sees, can say that it reached what is hidden (touch.h).
inline void hide(const void* from, std::size_t bytes) noexcept {
  detail::set_pages_hidden(from, bytes, true);
#if PAGETWIN_ASAN
  __asan_poison_memory_region(from, bytes);
#elif PAGETWIN_TSAN
  __tsan_write_range(const_cast<void*>(from), bytes);
#elif PAGETWIN_MSAN
  __msan_poison(from, bytes);
#endif
}

inline void show(const void* from, std::size_t bytes) noexcept {
  detail::set_pages_hidden(from, bytes, false);
#if PAGETWIN_ASAN
  __asan_unpoison_memory_region(from, bytes);
#elif PAGETWIN_MSAN
  if (is_in_page(from)) __msan_unpoison(from, bytes);
#endif
}

}  // namespace check::machine
