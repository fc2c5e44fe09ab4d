// SPDX-License-Identifier: MPL-2.0
// Which accesses are allowed, and what the error code of a page fault says: pure rules, from the
// Intel SDM, vol. 3A, 4.6 and 4.7.
#pragma once

#include <cstdint>

namespace check::machine {

enum class Access : std::uint8_t { load, store, fetch };
enum class Privilege : std::uint8_t { supervisor, user };  // Supervisor accesses are explicit ones.

// The flags that decide about accesses. The values are those of a machine just reset.
struct Control {
  bool wp = true;     // CR0.WP: supervisor stores need the right to write.
  bool smep = false;  // CR4.SMEP: no supervisor fetches from user pages.
  bool smap = false;  // CR4.SMAP: no supervisor loads from and stores to user pages, unless ac.
  bool pge = true;    // CR4.PGE: a leaf may say that its translation is global.
  bool la57 = false;  // CR4.LA57: 5 levels and linear addresses of 57 bits; else 4 and 48.
  bool nxe = true;    // EFER.NXE: an entry may forbid fetches; else its bit 63 is reserved.
  bool ac = false;    // EFLAGS.AC: suspends smap.

  constexpr int levels() const noexcept { return la57 ? 5 : 4; }
  bool operator==(const Control&) const = default;
};

// What all entries of a walk allow together: each right is there only if every entry gives it
// (4.6.1).
struct Rights {
  bool writable = true;
  bool user = true;
  bool executable = true;

  constexpr Rights under(std::uint64_t entry) const noexcept {
    return {writable && (entry >> 1 & 1) != 0, user && (entry >> 2 & 1) != 0,
            executable && entry >> 63 == 0};
  }
  bool operator==(const Rights&) const = default;
};

// Intel SDM vol. 3A, 4.6.1, a clause a line.
constexpr bool permits(const Control& control, Rights rights, Access access,
                       Privilege privilege) noexcept {
  const bool may_fetch = rights.executable || !control.nxe;
  if (privilege == Privilege::user) {
    if (!rights.user) return false;
    switch (access) {
      case Access::load: return true;
      case Access::store: return rights.writable;
      case Access::fetch: return may_fetch;
    }
  }
  const bool is_prevented = rights.user && control.smap && !control.ac;
  switch (access) {
    case Access::load: return !is_prevented;
    case Access::store: return !is_prevented && (rights.writable || !control.wp);
    case Access::fetch: return may_fetch && !(rights.user && control.smep);
  }
  return false;
}

// The bits of an error code (4.7, figure 4-12).
inline constexpr std::uint32_t kPresent = 1;   // No entry was absent.
inline constexpr std::uint32_t kWrite = 2;     // It was a store.
inline constexpr std::uint32_t kUser = 4;      // It was at user privilege.
inline constexpr std::uint32_t kReserved = 8;  // A reserved bit was set in an entry.
inline constexpr std::uint32_t kFetch = 16;    // It was a fetch.

// `cause` is 0, kPresent, or kPresent | kReserved.
constexpr std::uint32_t error_code(const Control& control, Access access, Privilege privilege,
                                   std::uint32_t cause) noexcept {
  std::uint32_t code = cause;
  if (access == Access::store) code |= kWrite;
  if (privilege == Privilege::user) code |= kUser;
  // Fetches are told apart only where something can forbid them.
  if (access == Access::fetch && (control.nxe || control.smep)) code |= kFetch;
  return code;
}

}  // namespace check::machine
