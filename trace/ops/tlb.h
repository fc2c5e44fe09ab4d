// SPDX-License-Identifier: MPL-2.0
// Operations on what CPUs still know of an address space after it has changed (C.10, C.11). Those
// on flushes want the lane's cursor open, on a space, and opened to change it.
//
// A table of kind `space` is a user's address space. It is asked as any table is, but:
//
//   table_activate   The CPU is one of those that the space is active on from now on, and no longer
//                    one of those of the space that it translated by before (INV-44).
//   cursor_map_*     A page is mapped for users and is not global, whatever is asked: only rights
//                    and cache policy are the client's. Physical ranges are I/O memory: one that
//                    begins below the end of the machine's memory is refused (bad_target, INV-8).
//   cursor_unmap     Issues a flush of each page, and of the range of each table, that it takes
//                    out; and at the end, if something was issued by now, dispatches. It does not
//                    wait.
//   cursor_close     Dispatches what was issued and not dispatched, if the cursor may change.
//   cursor_take_next is not asked: nobody would have the CPUs flush.
//
// A cursor that may change a space collects flushes. Issued ones are kept as pages up to 31; with
// the page that makes it 32, or with one that says so, they become one of everything that is not
// global, until they are dispatched. Then nothing is issued any more.
//
// To dispatch, if anything is issued: the flushes are queued for every CPU that the space is active
// on, the own one excepted, which does them at once if it is such a CPU. A CPU does what is queued
// for it when it takes an interrupt, when it passes (quiesce, before all else), or when another
// lane waits for it by tlb_sync. Interrupts are held back until one of these.
//
// What was taken out is given up after the end of a grace period that no CPU has passed before it
// has done the flushes: as long as the own CPU is to pass in the running period, so is every CPU
// for which something is queued now, though it may have passed before. So a page that a CPU may
// still translate to is never free (INV-49).
//
// While lanes go at once, no cursor is opened to change a space: interrupts would be held back for
// ever.
#pragma once

#include "trace/reply.h"
#include "trace/virtual.h"

namespace trace {

// Issues a flush of some pages, or of everything that is not global. Panics (misaligned) if `at` is
// inside a page, or (empty_range) if there are none. Says what is issued by now. Addresses go on
// from 2^64 to 0.
struct TlbIssue {
  static constexpr const char* kName = "tlb_issue";
  static constexpr const char* kLaw = "INV-50";
  static constexpr std::array<Result, 2> kResults = {{{"pages", As::number}, {"all", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  VirtPlace at;
  Count pages;
  Flag all;  // Then the two above say nothing.

  static constexpr void fields(auto&& each) {
    each("at", &TlbIssue::at);
    each("pages", &TlbIssue::pages);
    each("all", &TlbIssue::all);
  }
  bool operator==(const TlbIssue&) const = default;
};

// Dispatches. Says for which CPUs something was queued, and whether the own one flushed.
struct TlbDispatch {
  static constexpr const char* kName = "tlb_dispatch";
  static constexpr const char* kLaw = "POST-44";
  static constexpr std::array<Result, 2> kResults = {{{"cpus", As::number}, {"own", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const TlbDispatch&) const = default;
};

// Waits until every CPU has done what this cursor has dispatched to it. Says which had not: those
// take their interrupts meanwhile. Not asked while lanes go at once: nobody can be made to.
struct TlbSync {
  static constexpr const char* kName = "tlb_sync";
  static constexpr const char* kLaw = "POST-45";
  static constexpr std::array<Result, 1> kResults = {{{"cpus", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const TlbSync&) const = default;
};

// This CPU takes the interrupts that were held back: it does the flushes that are queued for it.
// Says whether there were any.
struct CpuInterrupt {
  static constexpr const char* kName = "cpu_interrupt";
  static constexpr const char* kLaw = "POST-45";
  static constexpr std::array<Result, 1> kResults = {{{"took", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok};

  static constexpr void fields(auto&&) {}
  bool operator==(const CpuInterrupt&) const = default;
};

}  // namespace trace
