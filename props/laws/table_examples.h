// SPDX-License-Identifier: MPL-2.0
// Examples of operations on page tables, cursors and CPUs.
#pragma once

#include "props/laws/alloc_examples.h"
#include "props/laws/example.h"

namespace laws {

// Sixteen pages. 0 to 3 are loose; 4 to 10 are the machine's tables: the kernel's root, its four
// below, the user's root, the plain one. 11 to 15 are free.
inline constexpr trace::Machine kTables{.pages = {16}, .loose = {4}, .cpus = {2}, .tables = {3}};
inline constexpr trace::Table kKernel{2}, kUser{3};
inline constexpr trace::OwnTable t0{0}, t1{1};

// Places.
constexpr trace::VirtPlace virt(std::uint8_t place, std::uint8_t page = 0, std::uint8_t raw = 0) {
  return {place, page, raw};
}
inline constexpr trace::VirtPlace kZero = virt(0), kTwoMib = virt(1), kFourMib = virt(2),
                                  kOneGib = virt(3), kLowEnd = virt(9), kHigh = virt(10),
                                  kHole = virt(20);
constexpr trace::Length pages(std::uint8_t count, std::uint8_t raw = 0) { return {0, count, raw}; }
constexpr trace::Length two_mib(std::uint8_t count) { return {1, count, 0}; }
inline constexpr trace::Length kRest{trace::Length::kRest, 0, 0};
inline constexpr std::uint8_t kByte = trace::PageOffset::kFirstOther;

constexpr trace::Property property(unsigned rights, unsigned privileged = 1) {
  return {{static_cast<std::uint8_t>(rights)}, {static_cast<std::uint8_t>(privileged)}, {}};
}
inline constexpr trace::Property kReadWrite = property(3);
inline constexpr trace::Property kUnsayable = {{1}, {}, {trace::CacheName::write_protected}};

inline trace::Answer tells(Status status, std::initializer_list<std::uint64_t> results) {
  trace::Answer answer = gives(results);
  answer.reply.status = status;
  return answer;
}
// It took a page, was refused the next, and gave the first back.
inline trace::Answer lacks(trace::Answer answer, std::initializer_list<std::uint16_t> had = {}) {
  answer.reply.status = Status::no_memory;
  answer.choices.refused = 1;
  for (const std::uint16_t page : had) {
    answer.choices.taken.push(page);
    answer.choices.given.push(page);
  }
  return answer;
}

inline std::vector<Example> table_examples() {
  using enum KindName;
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr trace::Block b0{0};
  constexpr std::uint64_t k1 = 4096;
  constexpr std::uint64_t kHuge = 512 * k1;
  const auto none = number(Status::passed_over);

  const Asked new_plain{0, TableNew{{TableKindName::plain}, t0}};
  const Asked take_five{0, AllocBlock{{5}, {}, b0}};
  const Asked take_four{0, AllocBlock{{4}, {}, b0}};
  const Asked take_three{0, AllocBlock{{3}, {}, b0}};
  // Over all of one entry of level 2: its table is the lowest.
  const Asked open{0, CursorOpen{kUser, kZero, kTwoMib, {1}}};
  const Asked close{0, CursorClose{}};
  // Over two pages.
  const Asked open_low{0, CursorOpen{kUser, kZero, virt(0, 2), {1}}};
  const Asked map_huge{0, CursorMapRaw{{0, 0}, {2}, kReadWrite}};
  const Asked map_small{0, CursorMapRaw{{0, 7}, {1}, kReadWrite}};
  const Asked go_back{0, CursorJump{kZero}};
  const Asked frame{0, FrameFromUnused{at(1), {empty}, {}, f0}};
  const Asked segment{0, SegmentFromUnused{at(1), at(3), {empty}, {}, s0}};
  const Asked map_frame{0, CursorMapFrame{f0, kReadWrite}};
  const Asked map_segment{0, CursorMapSegment{s0, kReadWrite}};
  const Asked map_run{0, CursorMapRun{{0, 0}, two_mib(1), kReadWrite}};
  const Asked take_page{0, CursorTakeNext{pages(1), f1}};
  const Asked unmap{0, CursorUnmap{kRest}};
  const Change to_read{{2}, {}, 0};
  const Asked protect_page{0, CursorProtectNext{pages(1), to_read}};
  const Asked protect{0, CursorProtect{kRest, to_read}};
  const Asked activate{0, TableActivate{kUser}};
  const Asked load{0, CpuTouch{kZero, {AccessName::load}, {1}, {}}};
  const Asked store{0, CpuTouch{virt(0, 0, kByte), {AccessName::store}, {1}, {}}};

  std::vector<Example> all = {
      // Tables (POST-34, INV-15, POST-24, INV-36, INV-44, L3).
      {"a table is made of one page", {}, new_plain, takes(gives({11 * k1}), {11})},
      {"a table is refused", {take_five}, new_plain, has_no_memory()},
      {"a table is copied", {}, {1, TableCopy{kUser, t0}}, gives({9 * k1})},
      {"the last handle ends a table",
       {new_plain},
       {0, TableDrop{t0}},
       and_gives_back(gives({11 * k1, 1, 0, 0, none, none, 0}), 11),
       PageFree{11}},
      {"another handle keeps it",
       {{0, TableCopy{kUser, t0}}},
       {0, TableDrop{t0}},
       gives({9 * k1, 0, 0, 0, none, none, 0})},
      {"a walk finds nothing", {}, {0, TableWalk{kUser, kZero}}, refuses(Status::none)},
      {"a walk finds the byte",
       {open, map_huge},
       {0, TableWalk{kUser, virt(0, 3, kByte)}},
       gives({3 * k1 + 1, 3, 1, 0})},
      {"a walk finds the kernel's pages by a user's table",
       {{0, CursorOpen{kKernel, kHigh, virt(10, 1), {1}}}, map_small},
       {0, TableWalk{kUser, kHigh}},
       gives({7 * k1, 3, 1, 0})},
      {"a CPU translates by a table", {}, activate, gives({9 * k1, 0, 0, none, none, 0})},
      {"a CPU gives up the table it had",
       {new_plain, {0, TableActivate{Table{0}}}, {0, TableDrop{t0}}},
       activate,
       and_gives_back(gives({9 * k1, 0, 0, none, none, 0}), 11)},
      {"a CPU passes, and nothing waits", {}, {0, Quiesce{}}, gives({0, 0, 0, none, none, 0})},
      {"the last CPU that passes ends what waited",
       {frame, open_low, map_frame, go_back, unmap, close, {1, Quiesce{}}},
       {0, Quiesce{}},
       and_gives_back(gives({1, 1, 1, none, none, 0}), 1)},
      {"the first does not",
       {frame, open_low, map_frame, go_back, unmap, close},
       {0, Quiesce{}},
       gives({0, 0, 0, none, none, 0})},

      // Opening and closing (POST-25).
      {"a cursor makes tables on its way", {}, open_low, takes(gives({1}), {11, 12, 13})},
      {"a cursor over all of an entry ends above it", {}, open, takes(gives({2}), {11, 12})},
      {"a cursor ends at a page",
       {open, map_huge, close},
       {0, CursorOpen{kUser, virt(0, 1), virt(0, 2), {}}},
       gives({2})},
      {"a range that ends where it begins",
       {},
       {0, CursorOpen{kUser, kZero, kZero, {1}}},
       refuses(Status::invalid_range)},
      {"a range beyond the table",
       {},
       {0, CursorOpen{kUser, virt(9, 255), virt(9, 1), {1}}},
       refuses(Status::invalid_range)},
      {"a range that begins inside a page",
       {},
       {0, CursorOpen{kUser, virt(0, 0, kByte), kTwoMib, {1}}},
       refuses(Status::not_aligned)},
      {"a cursor is refused the second of two tables", {take_four}, open, lacks(gives(), {15})},
      {"a cursor is closed", {open}, close, gives()},

      // Looking (POST-26 to POST-28).
      {"a query tells the page",
       {open, map_huge, go_back},
       {0, CursorQuery{}},
       gives({0, 0, kHuge, 2, 0, 3, 1, 0})},
      {"a query tells the empty entry",
       {open},
       {0, CursorQuery{}},
       tells(Status::none, {0, 0, kHuge})},
      {"a query at the end",
       {open, map_huge},
       {0, CursorQuery{}},
       tells(Status::invalid_address, {kHuge})},
      {"the next page is found",
       {open_low, {0, CursorJump{virt(0, 1)}}, map_small, go_back},
       {0, CursorFindNext{kRest}},
       gives({k1})},
      {"there is no next page",
       {open_low},
       {0, CursorFindNext{pages(1)}},
       tells(Status::none, {k1})},
      {"to look over part of a page",
       {open_low},
       {0, CursorFindNext{pages(1, kByte)}},
       refuses(Status::panicked, Code::bad_length)},
      {"to look beyond the range",
       {open_low},
       {0, CursorFindNext{pages(3)}},
       refuses(Status::panicked, Code::beyond_range)},
      {"a jump", {open_low}, {0, CursorJump{virt(0, 1)}}, gives({k1})},
      {"a jump to the end",
       {open_low},
       {0, CursorJump{virt(0, 2)}},
       tells(Status::invalid_address, {0})},
      {"a jump into a page",
       {open_low},
       {0, CursorJump{virt(9, 0, kByte)}},
       refuses(Status::panicked, Code::misaligned)},

      // Mapping (POST-29).
      {"a frame is mapped", {frame, open_low}, map_frame, gives({k1})},
      {"a frame where there is one",
       {frame, open_low, map_small, go_back},
       map_frame,
       tells(Status::already_mapped, {0})},
      {"a frame for which a table lacks", {frame, take_three, open}, map_frame, lacks(gives({0}))},
      {"a frame that cannot be said",
       {frame, open_low},
       {0, CursorMapFrame{f0, kUnsayable}},
       refuses(Status::panicked, Code::bad_cache)},
      {"a frame at the end",
       {frame, open_low, map_small, map_small},
       map_frame,
       refuses(Status::panicked, Code::beyond_range)},
      {"a large page is mapped", {open}, map_huge, gives({kHuge})},
      {"a large page takes the place of an empty table",
       {open_low, close, open},
       map_huge,
       gives({kHuge})},
      {"a large page where there is a table with entries",
       {open_low, map_small, close, open},
       map_huge,
       tells(Status::already_mapped, {0})},
      {"a page inside a large one",
       {open, map_huge, go_back},
       map_small,
       tells(Status::already_mapped, {0})},
      {"a page for which tables lack",
       {take_three, {0, CursorOpen{kUser, kZero, kLowEnd, {1}}}},
       map_small,
       lacks(gives({0}), {14, 15})},
      {"a page that is too large",
       {open},
       {0, CursorMapRaw{{0, 0}, {3}, kReadWrite}},
       refuses(Status::panicked, Code::bad_level)},
      {"a page that goes beyond the range",
       {open_low},
       map_huge,
       refuses(Status::panicked, Code::beyond_range)},
      {"a page that does not begin where it could",
       {open, map_small},
       map_huge,
       refuses(Status::panicked, Code::misaligned)},
      {"a page that leads where none can",
       {open},
       {0, CursorMapRaw{{0, 1}, {2}, kReadWrite}},
       refuses(Status::panicked, Code::bad_target)},
      {"a run is mapped by the largest pages", {open}, map_run, gives({kHuge, kHuge})},
      {"a run is mapped by small pages if it must",
       {open},
       {0, CursorMapRun{{0, 1}, pages(2), kReadWrite}},
       takes(gives({2 * k1, 2 * k1}), {13})},
      {"a run stops at a page",
       {open_low, {0, CursorJump{virt(0, 1)}}, map_small, go_back},
       {0, CursorMapRun{{0, 1}, pages(2), kReadWrite}},
       tells(Status::already_mapped, {k1, k1})},
      {"a run for which a table lacks",
       {take_three, open},
       {0, CursorMapRun{{0, 1}, pages(2), kReadWrite}},
       lacks(gives({0, 0}))},
      {"a run of part of a page",
       {open},
       {0, CursorMapRun{{0, 0}, pages(1, kByte), kReadWrite}},
       refuses(Status::panicked, Code::bad_length)},
      {"a run that leads where none can",
       {open},
       {0, CursorMapRun{{5, 0}, pages(1), kReadWrite}},
       refuses(Status::panicked, Code::bad_target)},
      {"a segment is mapped", {segment, open_low}, map_segment, gives({2 * k1, 2})},
      {"a segment stops at a page",
       {segment, open_low, {0, CursorJump{virt(0, 1)}}, map_small, go_back},
       map_segment,
       tells(Status::already_mapped, {k1, 1})},
      {"a segment for which a table lacks",
       {segment, take_three, open},
       map_segment,
       lacks(gives({0, 0}))},
      {"a segment that goes beyond the range",
       {segment, open_low, map_small},
       map_segment,
       refuses(Status::panicked, Code::beyond_range)},

      // Taking out (POST-30, POST-31).
      {"a frame is taken",
       {frame, open_low, map_frame, go_back},
       take_page,
       gives({k1, 0, k1, 1, k1, 3, 1, 0, 0}),
       shared(1, 1, empty, Usage::frame, {})},
      {"a piece of a large page is taken",
       {open, map_huge, go_back},
       take_page,
       takes(gives({k1, 0, k1, 2, 0, 3, 1, 0, 0}), {13})},
      {"a table is taken",
       {open_low, map_small, close, open},
       {0, CursorTakeNext{kRest, f1}},
       gives({kHuge, 0, kHuge, 3, 13 * k1, 0, 0, 0, 1})},
      {"a table is gone into if the cursor is there",
       {open_low, map_small, close, open, {0, CursorQuery{}}},
       {0, CursorTakeNext{kRest, f1}},
       gives({k1, 0, k1, 2, 7 * k1, 3, 1, 0, 0})},
      {"there is nothing to be taken", {open}, take_page, tells(Status::none, {kHuge})},
      {"a piece for which a table lacks",
       {take_three, open, map_huge, go_back},
       take_page,
       lacks(gives({0}))},
      {"to take beyond the range",
       {open_low},
       {0, CursorTakeNext{pages(3), f1}},
       refuses(Status::panicked, Code::beyond_range)},
      {"two pages are unmapped",
       {segment, open_low, map_segment, go_back},
       unmap,
       gives({2 * k1, 2, 0, 0})},
      {"a table is unmapped", {open_low, map_small, close, open}, unmap, gives({kHuge, 0, 1, 1})},
      {"to unmap a piece for which a table lacks",
       {take_three, open, map_huge, go_back},
       {0, CursorUnmap{pages(1)}},
       lacks(gives({0, 0, 0, 0}))},
      {"to unmap part of a page",
       {open},
       {0, CursorUnmap{pages(1, kByte)}},
       refuses(Status::panicked, Code::bad_length)},

      // Protecting (POST-32).
      {"a page is protected", {open_low, map_small, go_back}, protect_page, gives({k1, 0, k1})},
      {"a piece of a large page is protected",
       {open, map_huge, go_back},
       protect_page,
       takes(gives({k1, 0, k1}), {13})},
      {"there is nothing to be protected", {open_low}, protect_page, tells(Status::none, {k1})},
      {"to protect a piece for which a table lacks",
       {take_three, open, map_huge, go_back},
       protect_page,
       lacks(gives({0}))},
      {"to protect by what cannot be said",
       {open_low, map_small, go_back},
       {0, CursorProtectNext{pages(1), {{}, {}, 5}}},
       refuses(Status::panicked, Code::bad_cache)},
      {"all pages are protected",
       {open_low, map_small, map_small, go_back},
       protect,
       gives({2 * k1, 2, 2 * k1})},
      {"to protect pieces for which a table lacks",
       {take_three, open, map_huge, go_back},
       {0, CursorProtect{pages(2), to_read}},
       lacks(gives({0, 0, 0}))},
      {"to protect beyond the range",
       {open_low},
       {0, CursorProtect{pages(3), to_read}},
       refuses(Status::panicked, Code::beyond_range)},

      // CPUs (INV-47, D.8, POST-42).
      {"a CPU walks", {open_low, map_small, close, activate}, store, gives({7 * k1 + 1, 0, 1})},
      {"a CPU finds nothing", {activate}, load, tells(Status::page_fault, {0, 4, 1})},
      {"a CPU may not store",
       {{0, CursorOpen{kUser, kZero, virt(0, 2), {1}}},
        {0, CursorMapRaw{{0, 7}, {1}, property(1)}},
        close,
        activate},
       store,
       tells(Status::page_fault, {0, 7, 1})},
      {"a CPU uses what it kept",
       {open_low, map_small, close, activate, load, open_low, unmap},
       load,
       gives({7 * k1, 0, 0})},
      {"a CPU walks when it had to forget",
       {open_low, map_small, close, activate, load, open_low, unmap, {0, CpuFlushPage{kZero}}},
       load,
       tells(Status::page_fault, {0, 4, 1})},
      {"an address is not canonical",
       {activate},
       {0, CpuTouch{kHole, {AccessName::load}, {}, {}}},
       refuses(Status::general_protection)},
      {"controls are set", {activate}, {0, CpuControl{{}, {1}, {1}, {}}}, gives()},
      {"a page is flushed", {activate}, {0, CpuFlushPage{kZero}}, gives()},
      {"all is flushed", {activate}, {0, CpuFlushAll{{1}}}, gives()},
  };
  for (Example& example : all) example.machine = kTables;
  return all;
}

}  // namespace laws
