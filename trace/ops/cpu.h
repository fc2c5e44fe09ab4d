// SPDX-License-Identifier: MPL-2.0
// What a CPU does by itself: it touches memory through the table that it translates by, and forgets
// translations. It may keep any translation that was valid since it last had to forget that page,
// and use it instead of what the table says now.
#pragma once

#include "trace/reply.h"
#include "trace/virtual.h"

namespace trace {

// Loads, stores or fetches one byte; a store writes what is there. Requires that the CPU translates
// by a table. Says the physical address; after a page fault, the error code; and whether the CPU
// walked the table, or used a translation that it had kept. A walk that succeeds sets accessed in
// the page's entry, and for a store dirty; what was kept leaves the entry alone, so a CPU walks to
// store by a translation that it does not know to be dirty. After a fault the CPU forgets the
// page's translations. That an address is not canonical is known without a walk.
struct CpuTouch {
  static constexpr const char* kName = "cpu_touch";
  static constexpr const char* kLaw = "INV-47";
  static constexpr std::array<Result, 3> kResults = {
      {{"address", As::address}, {"error", As::number}, {"walked", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::page_fault,
                                           Status::general_protection};

  VirtPlace at;
  Access access;
  Flag as_user;  // Whether from ring 3.
  Flag ac;       // EFLAGS.AC.

  static constexpr void fields(auto&& each) {
    each("at", &CpuTouch::at);
    each("access", &CpuTouch::access);
    each("as_user", &CpuTouch::as_user);
    each("ac", &CpuTouch::ac);
  }
  bool operator==(const CpuTouch&) const = default;
};

// Sets what bears on rights. The CPU forgets all translations.
struct CpuControl {
  static constexpr const char* kName = "cpu_control";
  static constexpr const char* kLaw = "D.8";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Flag wp;    // CR0.WP.
  Flag smep;  // CR4.SMEP.
  Flag smap;  // CR4.SMAP.
  Flag nxe;   // EFER.NXE.

  static constexpr void fields(auto&& each) {
    each("wp", &CpuControl::wp);
    each("smep", &CpuControl::smep);
    each("smap", &CpuControl::smap);
    each("nxe", &CpuControl::nxe);
  }
  bool operator==(const CpuControl&) const = default;
};

// INVLPG: forgets the translations of a page, of whatever size, global ones too.
struct CpuFlushPage {
  static constexpr const char* kName = "cpu_flush_page";
  static constexpr const char* kLaw = "POST-42";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  VirtPlace at;

  static constexpr void fields(auto&& each) { each("at", &CpuFlushPage::at); }
  bool operator==(const CpuFlushPage&) const = default;
};

// Forgets all translations; global ones only if it is said.
struct CpuFlushAll {
  static constexpr const char* kName = "cpu_flush_all";
  static constexpr const char* kLaw = "POST-42";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  Flag global;

  static constexpr void fields(auto&& each) { each("global", &CpuFlushAll::global); }
  bool operator==(const CpuFlushAll&) const = default;
};

}  // namespace trace
