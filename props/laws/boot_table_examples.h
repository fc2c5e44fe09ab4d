// SPDX-License-Identifier: MPL-2.0
// Examples of the page table that the cold machine boots with.
#pragma once

#include "props/laws/table_examples.h"

namespace laws {

// Places, beside those of table_examples.h. The firmware has mapped nothing in the root's second
// entry, nor in the last 2 MiB.
inline constexpr trace::VirtPlace kHalfTib = virt(6), kUpperBegin = virt(19), kLastGib = virt(16),
                                  kVeryLast = virt(18), kGibAnd2Mib = virt(5);

inline Asked boot_report(std::uint16_t page, std::uint16_t pages) {
  return {0, trace::BootAddRegion{{at(page)}, {pages, 0}, {trace::RegionName::usable}}};
}
inline Asked boot_map(trace::VirtPlace at, trace::Property property = kReadWrite) {
  return {0, trace::BootMapPage{{}, at, {1, 7}, property}};  // Page 7 from 1 GiB on.
}
inline Asked boot_protect(trace::VirtPlace at, trace::Change change = {{2}, {}, 0}) {
  return {0, trace::BootProtectPage{{}, at, change}};
}
inline Asked boot_walk(trace::VirtPlace at) { return {0, trace::BootWalk{at}}; }
inline Asked boot_take(std::uint16_t pages) { return {0, trace::BootEarlyAlloc{{pages}, {}}}; }
inline const Asked kBootMeta{0, trace::BootInitMeta{}},
    kBootAllocator{0, trace::BootInitAllocator{}}, kDismiss{0, trace::BootDismiss{}},
    kDismissOther{0, trace::BootDismiss{{1}}};

// Pages 0 to 39 and 70 to 79 are usable, and taken early in this order.
inline const std::vector<Asked> kBootStarted = {boot_report(0, 40),
                                                boot_report(70, 10),
                                                {0, trace::BootNormalise{}},
                                                {0, trace::BootEarlyInit{}}};

inline std::vector<Asked> then(std::vector<Asked> asked, std::initializer_list<Asked> more) {
  asked.insert(asked.end(), more);
  return asked;
}

inline std::vector<Example> boot_table_examples() {
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr std::uint64_t k1 = 4096, kHuge = 512 * k1, kGib = 512 * kHuge;
  constexpr std::uint64_t kTo = kGib + 7 * k1;  // Where boot_map leads.

  using All = std::vector<Asked>;
  const All& started = kBootStarted;
  const All one_left = then(started, {boot_take(40), boot_take(9)});  // Page 79.
  // The metadata is in page 0 and 1.
  const All initialised = then(started, {kBootMeta});
  const All booted = then(initialised, {kBootAllocator});
  // Tables are in pages 0 to 2, and the metadata is in pages 3 and 4.
  const All early = then(started, {boot_map(kHalfTib)});
  const All dismissed = then(early, {kBootMeta, kDismiss, kDismissOther});
  const All half_dismissed = then(early, {kBootMeta, kDismiss});
  auto panics = [](Code code) { return refuses(Status::panicked, code); };
  auto leads = [](std::uint64_t to, unsigned level, unsigned rights = 7) {
    return gives({to, rights, 0, 0, level});
  };
  const Property every{{Rights::kAll}, {Privileged::kAll}, {CacheName::uncacheable}};
  constexpr auto kUncacheable = static_cast<std::uint8_t>(CacheName::uncacheable);
  constexpr auto kWriteProtected = static_cast<std::uint8_t>(CacheName::write_protected);
  const Change to_all{{Rights::kWritable}, {Rights::kDirty}, 1 + kUncacheable};
  const Change to_unsayable{{}, {}, 1 + kWriteProtected};
  auto used = [](std::uint64_t is_early) {
    return gives({number(KindName::early), is_early, number(Usage::frame), 0});
  };
  auto look = [](std::uint16_t page) { return Asked{0, BootPage{{at(page)}}}; };

  return {
      // The firmware's tables.
      {"the first page", {}, boot_walk(virt(0, 0, kByte)), leads(1, 1)},
      {"the last of 4 KiB", {}, boot_walk(virt(1, 255)), leads(kHuge - k1, 1)},
      {"one of 2 MiB", {}, boot_walk(virt(1, 3, kByte)), leads(kHuge + 3 * k1 + 1, 2)},
      {"one of 1 GiB", {}, boot_walk(virt(4, 5)), leads(2 * kGib + 5 * k1, 3)},
      {"the upper half leads there, too", {}, boot_walk(virt(19, 9)), leads(9 * k1, 1)},
      {"so does the last GiB", {}, boot_walk(virt(16, 9)), leads(9 * k1, 1)},
      {"there is nothing in the last 2 MiB", {}, boot_walk(kVeryLast), refuses(Status::none)},
      {"nor in the second entry", {}, boot_walk(kHalfTib), refuses(Status::none)},
      {"nor below the last GiB", {}, boot_walk(virt(16, 255)), refuses(Status::none)},

      // A page is mapped.
      {"three tables are made", started, boot_map(kHalfTib), gives({3, 0, k1, 2 * k1})},
      {"one table is made", started, boot_map(kVeryLast), gives({1, 0})},
      {"none is made if there is one", early, boot_map(virt(6, 1)), gives({0})},
      {"none is needed: it need not be started", then({}, {boot_protect(kZero)}),
       boot_protect(kLastGib), gives({0})},
      {"it leads where it was said", early, boot_walk(virt(6, 0, kByte)),
       gives({kTo + 1, 3, 1, 0, 1})},
      {"nothing else does", early, boot_walk(virt(6, 1)), refuses(Status::none)},
      {"all of a property is kept", then(started, {boot_map(kHalfTib, every)}), boot_walk(kHalfTib),
       gives({kTo, Rights::kAll, Privileged::kAll, kUncacheable, 1})},
      {"one that is not readable is there", then(started, {boot_map(kHalfTib, {})}),
       boot_walk(kHalfTib), leads(kTo, 1, 0)},
      {"the last page there can be",
       early,
       {0, BootMapPage{{1}, virt(6, 1), {4, 65535}, kReadWrite}},
       gives({0})},
      {"a page is mapped there", {}, boot_map(kZero), panics(Code::mapped_already)},
      {"by another way", {}, boot_map(kUpperBegin), panics(Code::mapped_already)},
      {"one is that is not readable", then(started, {boot_map(kHalfTib, {})}), boot_map(kHalfTib),
       panics(Code::mapped_already)},
      {"2 MiB are mapped there", {}, boot_map(kTwoMib), panics(Code::mapped_huge)},
      {"1 GiB is mapped there", {}, boot_map(kOneGib), panics(Code::mapped_huge)},
      {"it is inside a page", {}, boot_map(virt(6, 0, kByte)), panics(Code::misaligned)},
      {"there is no such address",
       {},
       {0, BootMapPage{{}, kZero, {5, 0}, kUnsayable}},
       panics(Code::bad_target)},
      {"no entry says so", {}, boot_map(kZero, kUnsayable), panics(Code::bad_cache)},
      {"the early allocator has not started", {}, boot_map(kHalfTib), panics(Code::no_early)},
      {"it has only one page", one_left, boot_map(kHalfTib),
       tells(Status::no_memory, {1, 79 * k1})},
      {"it has none", then(one_left, {boot_take(1)}), boot_map(kVeryLast),
       refuses(Status::no_memory)},
      {"the allocator has nothing yet", initialised, boot_map(kVeryLast),
       refuses(Status::no_memory)},
      {"the allocator may choose", booted, boot_map(kHalfTib), gives({3, 75 * k1, 9 * k1, 2 * k1})},
      {"a table that it gave is early memory", then(booted, {boot_map(kVeryLast)}), look(2),
       used(1)},
      {"the CPU has dismissed", half_dismissed, boot_map(virt(6, 1, kByte)), refuses(Status::none)},
      {"the other has not",
       half_dismissed,
       {0, BootMapPage{{1}, virt(6, 1), {}, kReadWrite}},
       gives({0})},

      // A page is protected.
      {"no table is made", {}, boot_protect(kZero), gives({0})},
      {"2 MiB are split", started, boot_protect(kTwoMib), gives({1, 0})},
      {"1 GiB is split twice", started, boot_protect(kOneGib), gives({2, 0, k1})},
      {"it is changed", then(started, {boot_protect(kTwoMib)}), boot_walk(virt(1, 0, kByte)),
       leads(kHuge + 1, 1, 5)},
      {"it is changed in all of it", then({}, {boot_protect(kZero, to_all)}), boot_walk(kZero),
       gives({0, 5 | Rights::kDirty, 0, kUncacheable, 1})},
      {"by every way", then({}, {boot_protect(kZero)}), boot_walk(kUpperBegin), leads(0, 1, 5)},
      {"what is beside it is not", then(started, {boot_protect(kTwoMib)}), boot_walk(virt(1, 9)),
       leads(kHuge + 9 * k1, 1)},
      {"nor in 2 MiB beside it", then(started, {boot_protect(kOneGib)}), boot_walk(kGibAnd2Mib),
       leads(kGib + kHuge, 2)},
      {"nor is it what it was mapped as", then(early, {boot_protect(kHalfTib)}),
       boot_walk(kHalfTib), gives({kTo, 1, 1, 0, 1})},
      {"nothing is mapped there", started, boot_protect(kHalfTib), panics(Code::not_mapped)},
      {"it is in a page", {}, boot_protect(virt(6, 0, kByte)), panics(Code::misaligned)},
      {"no entry can say that", {}, boot_protect(kHalfTib, to_unsayable), panics(Code::bad_cache)},
      {"there is nothing to make a table of", {}, boot_protect(kTwoMib), panics(Code::no_early)},
      {"there is only one table", one_left, boot_protect(kOneGib),
       tells(Status::no_memory, {1, 79 * k1})},
      {"its CPU has dismissed", half_dismissed, boot_protect(kHalfTib), refuses(Status::none)},

      // It is dismissed.
      {"one CPU dismisses", then(early, {kBootMeta}), kDismiss, gives({0, 0})},
      {"it has", half_dismissed, kDismiss, refuses(Status::none)},
      {"so does the other", half_dismissed, kDismissOther, gives({1, 3})},
      {"there was no table", initialised, kDismiss, gives({0, 0})},
      {"nothing to give back", then(initialised, {kDismissOther}), kDismiss, gives({1, 0})},
      {"one that came of the allocator", then(booted, {boot_map(kVeryLast), kDismiss}),
       kDismissOther, gives({1, 1})},
      {"one of them still walks", half_dismissed, boot_walk(kHalfTib), gives({kTo, 3, 1, 0, 1})},
      {"nothing is reached", dismissed, boot_walk(kZero), refuses(Status::none)},
      {"its table was early memory", half_dismissed, look(0), used(1)},
      {"its table is free", dismissed, look(1), tells(Status::unused, {0, 0, 0, 1})},
      {"what came back is free", dismissed, kBootAllocator, gives({48 * k1})},
  };
}

}  // namespace laws
