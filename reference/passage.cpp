// SPDX-License-Identifier: MPL-2.0
// Intel SDM vol. 3A, sections 5.6 (rights), 5.7 (error codes) and 5.8 (accessed and dirty flags).
#include "reference/passage.h"

namespace reference {

using trace::AccessName;

namespace {

// Of a page fault's error code. Figure 5-12.
constexpr std::uint64_t kPresent = 1, kWrite = 2, kUser = 4, kReserved = 8, kFetch = 16;

// What the bits of an error code say of an access, whatever the entries.
std::uint64_t bits_of(const Access& access, const Controls& controls) {
  std::uint64_t bits = 0;
  if (access.name == AccessName::store) bits |= kWrite;
  if (access.as_user) bits |= kUser;
  if (access.name == AccessName::fetch && (controls.nxe || controls.smep)) bits |= kFetch;
  return bits;
}

// A right is there only if every entry grants it.
EntryRights together(std::span<const EntryRights> way) {
  EntryRights all;
  for (const EntryRights& entry : way) {
    all.writable &= entry.writable;
    all.user &= entry.user;
    all.executable &= entry.executable;
  }
  return all;
}

// Section 5.6.1.
bool is_permitted(const EntryRights& page, const Access& access, const Controls& controls) {
  const bool is_store = access.name == AccessName::store;
  const bool is_fetch = access.name == AccessName::fetch;
  if (is_fetch && controls.nxe && !page.executable) return false;
  if (access.as_user) return page.user && (!is_store || page.writable);
  if (page.user && is_fetch && controls.smep) return false;
  if (page.user && !is_fetch && controls.smap && !access.ac) return false;
  return !is_store || page.writable || !controls.wp;
}

}  // namespace

Passage pass(std::span<const EntryRights> way, const Access& access, const Controls& controls) {
  const std::uint64_t bits = bits_of(access, controls);
  // The first entry that is of no use ends the walk: of those below nothing is known.
  for (const EntryRights& entry : way) {
    if (!entry.present) return {.error = bits};
    if (!entry.executable && !controls.nxe) return {.error = kPresent | kReserved | bits};
  }
  if (!is_permitted(together(way), access, controls)) return {.error = kPresent | bits};
  return {.accessed = true, .dirty = access.name == AccessName::store};
}

}  // namespace reference
