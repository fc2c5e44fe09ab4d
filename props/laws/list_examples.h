// SPDX-License-Identifier: MPL-2.0
// Examples of linked lists.
#pragma once

#include "props/laws/example.h"

namespace laws {

inline std::vector<Example> list_examples() {
  using enum KindName;
  using trace::Usage;
  using namespace trace;  // The operations.
  const auto none = number(Status::passed_over);

  const Asked make0{0, UniqueFromUnused{at(0), {link}, {5}, u0}};
  const Asked make1{0, UniqueFromUnused{at(1), {link}, {6}, u1}};
  const Asked push0{0, ListPushBack{l0, u0}};
  const Asked push1{0, ListPushBack{l0, u1}};
  const std::vector<Asked> two = {make0, make1, push0, push1};
  const Asked to_front{0, ListCursorFront{l0}};
  const Asked to_back{0, ListCursorBack{l0}};
  const Asked next{0, ListMoveNext{l0}};
  const Asked prev{0, ListMovePrev{l0}};
  const Asked close{0, ListCursorClose{l0}};
  const Asked current{0, ListCurrent{l0}};
  auto two_and = [&](std::initializer_list<Asked> more) {
    std::vector<Asked> all = two;
    all.insert(all.end(), more);
    return all;
  };
  auto listed = [](std::uint16_t page, std::uint64_t value, std::uint8_t lane, List list) {
    Fact fact = unique(page, trace::list_kind(list).name, Usage::frame, {value});
    std::get<PageInUse>(fact).in_list = in_list_of(lane, list);
    return fact;
  };

  return {
      // Coming and going (POST-19, POST-20).
      {"a frame is put before all others",
       {make0},
       {0, ListPushFront{l0, u0}},
       gives(),
       listed(0, 5, 0, l0)},
      {"a frame is put behind all others", {make0}, push0, gives(), listed(0, 5, 0, l0)},
      {"lists have names of their own",
       {{1, UniqueFromUnused{at(1), {link_empty}, {7}, u0}}},
       {1, ListPushBack{l2, u0}},
       gives(),
       listed(1, 7, 1, l2)},
      {"the first is taken",
       two,
       {0, ListPopFront{l0, u0}},
       gives({0}),
       unique(0, link, Usage::frame, {5})},
      {"what is put at the front is the first",
       {make0, make1, push0, {0, ListPushFront{l0, u1}}},
       {0, ListPopFront{l0, u0}},
       gives({4096})},
      {"the last is taken",
       two,
       {0, ListPopBack{l0, u0}},
       gives({4096}),
       unique(1, link, Usage::frame, {6})},
      {"an empty list has no first", {}, {0, ListPopFront{l0, u0}}, refuses(Status::none)},
      {"an empty list has no last", {}, {0, ListPopBack{l0, u0}}, refuses(Status::none)},
      {"a frame is put before the cursor, which stays",
       {make0, make1, push0, to_front, {0, ListInsertBefore{l0, u1}}},
       current,
       gives({5})},
      {"a frame is put before the cursor",
       {make0, make1, push0, to_front},
       {0, ListInsertBefore{l0, u1}},
       gives()},
      {"past the end is behind all others",
       {make0, make1, push0, to_front, next, {0, ListInsertBefore{l0, u1}}, close},
       {0, ListPopBack{l0, u0}},
       gives({4096})},
      {"the frame at the cursor is taken",
       two_and({to_front}),
       {0, ListTakeCurrent{l0, u0}},
       gives({0})},
      {"the cursor is at the next then", two_and({to_front, {0, ListTakeCurrent{l0, u0}}}), current,
       gives({6})},
      {"past the end there is nothing to take",
       two_and({to_back, next}),
       {0, ListTakeCurrent{l0, u0}},
       refuses(Status::none)},

      // Looking for pages (POST-23).
      {"a page is found where it is", two, {0, ListContains{l0, at(1)}}, gives({1})},
      {"a page is not found in another list", two, {0, ListContains{l1, at(1)}}, gives({0})},
      {"a page in no list is not found in an empty one",
       {},
       {0, ListContains{l0, at(1)}},
       gives({0})},
      {"a place that is no page is not found", two, {0, ListContains{l0, kBeyondEnd}}, gives({0})},
      {"a place inside a page is not found",
       two,
       {0, ListContains{l0, one_byte_into(0)}},
       gives({0})},
      {"the cursor is opened at a page", two, {0, ListCursorAt{l0, at(1)}}, gives()},
      {"the page is current then", two_and({{0, ListCursorAt{l0, at(1)}}}), current, gives({6})},
      {"no cursor is opened at a page that is not there",
       two,
       {0, ListCursorAt{l0, at(2)}},
       refuses(Status::none)},
      {"no cursor is opened at what is no page",
       {},
       {0, ListCursorAt{l0, kByteBeyondEnd}},
       refuses(Status::none)},

      // Cursors (POST-21, POST-22, INV-21).
      {"the size is told", two, {0, ListSize{l0}}, gives({2, 0})},
      {"an empty list says so", {}, {0, ListSize{l0}}, gives({0, 1})},
      {"a cursor opens at the first", two, to_front, gives()},
      {"the first is current then", two_and({to_front}), current, gives({5})},
      {"a cursor opens at the last", two, to_back, gives()},
      {"the last is current then", two_and({to_back}), current, gives({6})},
      {"in an empty list the first is past the end", {to_front}, current, refuses(Status::none)},
      {"in an empty list the last is past the end", {to_back}, current, refuses(Status::none)},
      {"a cursor moves forward", two_and({to_front}), next, gives()},
      {"to the next", two_and({to_front, next}), current, gives({6})},
      {"from the last past the end", two_and({to_back, next}), current, refuses(Status::none)},
      {"and from there to the first", two_and({to_back, next, next}), current, gives({5})},
      {"a cursor moves backward", two_and({to_back}), prev, gives()},
      {"to the one before", two_and({to_back, prev}), current, gives({5})},
      {"from the first past the end", two_and({to_front, prev}), current, refuses(Status::none)},
      {"and from there to the last", two_and({to_front, prev, prev}), current, gives({6})},
      {"in an empty list a cursor stays", {to_front, prev, next}, current, refuses(Status::none)},
      {"the word at the cursor is written",
       {make0, push0, to_front},
       {0, ListWriteCurrent{l0, {77}}},
       gives(),
       listed(0, 77, 0, l0)},
      {"past the end nothing is written",
       {to_front},
       {0, ListWriteCurrent{l0, {77}}},
       refuses(Status::none)},
      {"a cursor is closed", two_and({to_front}), close, gives()},

      // Dropping (INV-23).
      {"a list drops its frames from front to back",
       {make0, make1, {0, ListPushBack{l0, u1}}, push0},
       {0, ListDrop{l0}},
       and_gives_back(and_gives_back(gives({2, 2, 2, none, none, 0}), 1), 0),
       {},
       1},
      {"payloads read their pages when they end",
       {{0, UniqueFromUnused{at(1), {link_reader}, {5}, u0}}, {0, ListPushBack{l1, u0}}},
       {0, ListDrop{l1}},
       and_gives_back(gives({1, 1, 1, none, none, 4096}), 1),
       {},
       1},
      {"an empty list is dropped", {}, {0, ListDrop{l0}}, gives({0, 0, 0, none, none, 0})},
  };
}

}  // namespace laws
