// SPDX-License-Identifier: MPL-2.0
// Examples of operations on flushes of other CPUs.
#pragma once

#include "props/laws/table_examples.h"

namespace laws {

// Forty pages. 0 to 4 are loose; 5 to 12 are the machine's tables: the kernel's root and its four,
// the user's root 10, the plain one 11, the space's root 12. The others are free.
inline constexpr trace::Machine kSpaces{.pages = {40}, .loose = {5}, .cpus = {3}, .tables = {4}};
inline constexpr trace::Table kSpace{5};
inline constexpr std::uint16_t kSpaceRoot = 12;

inline std::vector<Example> space_examples() {
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr std::uint64_t k1 = 4096;
  constexpr std::uint64_t kDevice = (std::uint64_t{1} << 30) + 7 * k1;  // At 1 GiB, page 7.

  const Asked open{0, CursorOpen{kSpace, kZero, virt(0, 64), {1}}};
  const Asked close{0, CursorClose{}};
  const Asked map{0, CursorMapRaw{{1, 7}, {1}, property(3, 2)}};
  const Asked back{0, CursorJump{kZero}};
  const Asked unmap{0, CursorUnmap{kRest}};
  const Asked issue{0, TlbIssue{virt(0, 2), {3}, {}}};
  const Asked issue_all{0, TlbIssue{virt(0, 2), {3}, {1}}};
  const Asked dispatch{0, TlbDispatch{}};
  const Asked sync{0, TlbSync{}};
  const Asked on0{0, TableActivate{kSpace}}, on1{1, TableActivate{kSpace}};
  const Asked load{1, CpuTouch{kZero, {AccessName::load}, {1}, {}}};

  std::vector<Example> all = {
      // Issued (INV-50, POST-43).
      {"a flush of three pages", {open}, issue, gives({3, 0})},
      {"flushes add up", {open, issue}, issue, gives({6, 0})},
      {"31 pages are pages", {open, issue}, {0, TlbIssue{kZero, {28}, {}}}, gives({31, 0})},
      {"32 pages are all", {open, issue}, {0, TlbIssue{kZero, {29}, {}}}, gives({0, 1})},
      {"more at once are all", {open}, {0, TlbIssue{kZero, {32}, {}}}, gives({0, 1})},
      {"all may be asked for", {open, issue}, issue_all, gives({0, 1})},
      {"with all, a page is nothing more", {open, issue_all}, issue, gives({0, 1})},
      {"a flush within a page",
       {open},
       {0, TlbIssue{virt(0, 2, kByte), {}, {}}},
       refuses(Status::panicked, Code::misaligned)},
      {"a flush of no page",
       {open},
       {0, TlbIssue{virt(0, 2), {}, {}}},
       refuses(Status::panicked, Code::empty_range)},
      {"unmapping issues and dispatches", {open, map, back, unmap}, issue, gives({3, 0})},

      // Dispatched (POST-44): for whom the space is active on.
      {"there is nothing to dispatch", {on1, open}, dispatch, gives({0, 0})},
      {"no CPU has the space", {open, issue}, dispatch, gives({0, 0})},
      {"another has", {on1, open, issue}, dispatch, gives({2, 0})},
      {"so has the own", {on1, on0, open, issue}, dispatch, gives({2, 1})},
      {"what is dispatched is issued no more",
       {on1, open, issue, dispatch},
       dispatch,
       gives({0, 0})},
      {"a CPU has gone to another table",
       {on1, {1, TableActivate{kUser}}, open, issue},
       dispatch,
       gives({0, 0})},

      // Waited for (POST-45).
      {"nobody is waited for", {on1, open, issue}, sync, gives({0})},
      {"one is waited for", {on1, open, issue, dispatch}, sync, gives({2})},
      {"it is waited for once", {on1, open, issue, dispatch, sync}, sync, gives({0})},
      {"it has been interrupted",
       {on1, open, issue, dispatch, {1, CpuInterrupt{}}},
       sync,
       gives({0})},
      {"it has passed", {on1, open, issue, dispatch, {1, Quiesce{}}}, sync, gives({0})},
      {"there is an interrupt", {on1, open, issue, dispatch}, {1, CpuInterrupt{}}, gives({1})},
      {"there is one though the cursor is closed",
       {on1, open, issue, close},
       {1, CpuInterrupt{}},
       gives({1})},
      {"it is taken once",
       {on1, open, issue, dispatch, {1, CpuInterrupt{}}},
       {1, CpuInterrupt{}},
       gives({0})},

      // What CPUs still know (INV-48).
      {"a CPU uses what it kept until it is interrupted",
       {on1, open, map, close, load, open, unmap},
       load,
       gives({kDevice, 0, 0})},
      {"then it walks",
       {on1, open, map, close, load, open, unmap, {1, CpuInterrupt{}}},
       load,
       tells(Status::page_fault, {0, 4, 1})},

      // What spaces map (INV-8).
      {"memory is no device",
       {open},
       {0, CursorMapRaw{{0, 39}, {1}, kReadWrite}},
       refuses(Status::panicked, Code::bad_target)},
      {"memory is no device's run",
       {open},
       {0, CursorMapRun{{0, 39}, pages(2), kReadWrite}},
       refuses(Status::panicked, Code::bad_target)},
      {"what is behind memory is one",
       {open},
       {0, CursorMapRaw{{0, 40}, {1}, kReadWrite}},
       gives({k1})},
  };
  for (Example& example : all) example.machine = kSpaces;
  return all;
}

}  // namespace laws
