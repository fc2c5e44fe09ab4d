// SPDX-License-Identifier: MPL-2.0
// Operations on the page table that the cold machine boots with (C.8): the firmware's, to which the
// boot page table adds tables of its own, until every CPU has dismissed it. All are asked of lane
// 0, and done by one of the cold machine's two CPUs.
//
// The firmware's tables lie in the five pages behind the cold machine's memory, in this order, and
// are so from the beginning. All their leaves lead where they would with addresses counted from the
// beginning of a table of level 3, may be read, written and executed, and are the supervisor's:
//
//   root      entries 0 and 256: the upper one; 511: the last
//   upper     (level 3) entry 0: the middle one; 1, 2 and 3: pages of 1 GiB
//   middle    (level 2) entry 0: the lowest; 1 to 7: pages of 2 MiB
//   lowest    (level 1) entries 0 to 511: pages of 4 KiB
//   last      (level 3) entry 511: the middle one, so that the last GiB leads to where the first
//   does
//
// So some tables are reached by several ways, and what is changed by one is changed by all.
//
// New tables are taken one by one, from above downwards, each linked at once: from the early
// allocator as boot_early_alloc takes a page, which panics (no_early) before it was started; when
// that has retired, from the cold machine's allocator, of which nothing is free before
// boot_init_allocator: such a page is in use by a kind `early` then, with a count of one. If one is
// refused (no_memory) those before it stay. A new table is empty but for what a larger page that it
// stands for has mapped, with the same property.
//
// `tables` is how many new tables there are, and `first`, `second` and `third` are their pages, in
// the order in which they were taken; of `no_memory`, too. What the allocator chose and got back is
// told so only, and not beside the answer.
//
// A page that is not readable is mapped like any other. What boot_init_meta asks of the boot
// mapping (boot_mapped_at) is not done here.
#pragma once

#include "trace/machine.h"
#include "trace/property.h"
#include "trace/reply.h"
#include "trace/virtual.h"

namespace trace {

// Maps a page of 4 KiB. Says `none` if the CPU has dismissed the boot page table. Else panics, in
// this order: inside a page (misaligned); what no entry can say of the physical address
// (bad_target) or the cache policy (bad_cache); and where there is a larger page on the way
// (mapped_huge), or a page of 4 KiB (mapped_already). No table has been made if it panics.
struct BootMapPage {
  static constexpr const char* kName = "boot_map_page";
  static constexpr const char* kLaw = "C.8";
  static constexpr std::array<Result, 4> kResults = {{{"tables", As::number},
                                                      {"first", As::address},
                                                      {"second", As::address},
                                                      {"third", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::no_memory,
                                           Status::panicked};

  Flag other;    // Whether CPU 1 does it, and not 0.
  VirtPlace at;  // Must be canonical.
  Target to;
  Property property;

  static constexpr void fields(auto&& each) {
    each("other", &BootMapPage::other);
    each("at", &BootMapPage::at);
    each("to", &BootMapPage::to);
    each("property", &BootMapPage::property);
  }
  bool operator==(const BootMapPage&) const = default;
};

// Changes the property of a page of 4 KiB. A larger page on the way becomes a table of pages a
// level smaller, that lead where it did, until it is one of 4 KiB. Says `none`, and panics
// (misaligned, and bad_cache if the policy is to change) as boot_map_page; and if nothing is mapped
// there (not_mapped).
struct BootProtectPage {
  static constexpr const char* kName = "boot_protect_page";
  static constexpr const char* kLaw = "C.8";
  static constexpr std::array<Result, 3> kResults = {
      {{"tables", As::number}, {"first", As::address}, {"second", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none, Status::no_memory,
                                           Status::panicked};

  Flag other;    // Whether CPU 1 does it, and not 0.
  VirtPlace at;  // Must be canonical.
  Change change;

  static constexpr void fields(auto&& each) {
    each("other", &BootProtectPage::other);
    each("at", &BootProtectPage::at);
    each("change", &BootProtectPage::change);
  }
  bool operator==(const BootProtectPage&) const = default;
};

// Walks the firmware's table in software, whoever has dismissed it: where an address leads, to the
// byte, with which property, and by a page of which level. None if nothing is mapped there.
struct BootWalk {
  static constexpr const char* kName = "boot_walk";
  static constexpr const char* kLaw = "C.8";
  static constexpr std::array<Result, 5> kResults = {{{"address", As::address},
                                                      {"rights", As::rights},
                                                      {"privileged", As::privileged},
                                                      {"cache", As::cache},
                                                      {"level", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  VirtPlace at;  // Must be canonical.

  static constexpr void fields(auto&& each) { each("at", &BootWalk::at); }
  bool operator==(const BootWalk&) const = default;
};

// The CPU dismisses the boot page table, once. When both have, every table of the boot page table's
// own is given back to the cold machine's allocator, those below before those above, each once; the
// firmware's are left alone. Every entry that led to a table is empty then, the firmware's too, so
// that nothing is reached any more. Metadata must be initialised; what the allocator gets back
// before boot_init_allocator is the first that it has, and is among the free bytes that are told
// there. Says whether this was the last, and how many tables were given back: none if it was not.
struct BootDismiss {
  static constexpr const char* kName = "boot_dismiss";
  static constexpr const char* kLaw = "C.8";
  static constexpr std::array<Result, 2> kResults = {
      {{"was_last", As::flag}, {"given", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};  // None: it has done so.

  Flag other;  // As of boot_map_page.

  static constexpr void fields(auto&& each) { each("other", &BootDismiss::other); }
  bool operator==(const BootDismiss&) const = default;
};

}  // namespace trace
