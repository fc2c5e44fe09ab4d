// SPDX-License-Identifier: MPL-2.0
// A CPU loads, stores or fetches one byte: through its TLB, or by a walk from which the TLB learns.
//
//   1. An address that is not canonical is a general protection fault. Nothing changes.
//   2. If the TLB knows the address, its rights alone decide, with the present control flags, and
//      memory is not looked at. Without the right, the access faults though memory may say
//      otherwise by now. A store by a translation that is not dirty goes on as if the TLB did not
//      know.
//   3. Else the walk decides. If it finds a translation and the access is allowed, flags are set in
//      memory (walk.h), the TLB learns the translation, and the byte is reached.
//   4. Else it is a page fault; no flag is set, and nothing is learned. Before the fault is
//      delivered, everything that this CPU knows of the address is forgotten, global or not. It is
//      delivered, and not tried again, even if only the TLB was the cause: so it does not recur.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "check/machine/access.h"
#include "check/machine/cpu.h"

namespace check::machine {

enum class Outcome : std::uint8_t { ok, page_fault, general_protection };

struct Touch {
  Outcome outcome = Outcome::general_protection;
  std::uint8_t value = 0;        // The byte loaded, fetched or stored.
  std::uint8_t level = 0;        // ok: of the translation; 1 is a page of 4 KiB.
  bool was_known = false;        // The TLB decided: ok, or the fault came from what it knew.
  bool is_memory = false;        // ok: there is memory; else the bus is open (bus.h).
  bool reached_hidden = false;   // ok: the byte lies in a page that nobody owns (INV-49).
  bool walked_hidden = false;    // An entry that was read lies in such a page.
  std::uint32_t error_code = 0;  // page_fault: as access.h has it.
  std::uint64_t cr2 = 0;         // page_fault: the address of the access.
  std::uint64_t address = 0;     // ok: the physical address.

  bool ok() const noexcept { return outcome == Outcome::ok; }
};

// `value` is what a store stores; none: what is there.
Touch touch(std::uint32_t cpu, std::uint64_t va, Access access, Privilege privilege,
            std::optional<std::uint8_t> value = 0) noexcept;

// The CPU walks for an address that nobody accesses, as it may at any time, and learns. True if
// there is a translation: if the TLB knew it, nothing happens; if not, accessed flags are set, and
// rights are not asked for. Never faults, and so never forgets.
bool prefetch(std::uint32_t cpu, std::uint64_t va) noexcept;

// What the kernel's copies between its own bytes and a program's do: each byte is a supervisor
// access with AC set, in ascending order; after 2^64 - 1 comes 0. `bytes` were copied, and if they
// are fewer than n, `last` is the fault at the next one; else it is the last byte's page.
struct Copied {
  static constexpr std::size_t kKept = 3;
  std::size_t bytes = 0;
  Touch last;
  std::uint64_t walked = 0;  // Bit i: for the i-th page, of the first 64, the TLB did not decide.
  std::array<std::uint64_t, kKept> pages{};  // Where the first pages are that were reached.
};
Copied copy_from(std::uint32_t cpu, void* to, std::uint64_t va, std::size_t n) noexcept;
Copied copy_to(std::uint32_t cpu, std::uint64_t va, const void* from, std::size_t n) noexcept;

// A word of four bytes, in one access of the same sort: by it the bytes are loaded; or compared,
// and exchanged if they are equal, which is a store in any case (vol. 2A, CMPXCHG). Where no memory
// is, stores vanish, but the comparison is told as it came out. Requires that `va` is a multiple
// of 4.
struct Word {
  Touch touch;
  std::uint32_t value = 0;  // ok: what was there.
};
Word load_word(std::uint32_t cpu, std::uint64_t va) noexcept;
Word exchange_word(std::uint32_t cpu, std::uint64_t va, std::uint32_t expected,
                   std::uint32_t desired) noexcept;

}  // namespace check::machine
