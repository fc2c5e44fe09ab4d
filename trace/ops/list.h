// SPDX-License-Identifier: MPL-2.0
// Operations on linked lists of unique frames. Each lane has its lists from the beginning, empty,
// one for each kind of link. A list whose cursor is open is borrowed by it: only the cursor can be
// used until it is closed.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Puts a unique frame before all others.
struct ListPushFront {
  static constexpr const char* kName = "list_push_front";
  static constexpr const char* kLaw = "POST-19";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;    // Its cursor must be closed.
  Unique from;  // Must hold a typed frame of the list's kind.

  static constexpr void fields(auto&& each) {
    each("list", &ListPushFront::list);
    each("from", &ListPushFront::from);
  }
  bool operator==(const ListPushFront&) const = default;
};

// Puts a unique frame behind all others.
struct ListPushBack {
  static constexpr const char* kName = "list_push_back";
  static constexpr const char* kLaw = "POST-19";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;    // Its cursor must be closed.
  Unique from;  // Must hold a typed frame of the list's kind.

  static constexpr void fields(auto&& each) {
    each("list", &ListPushBack::list);
    each("from", &ListPushBack::from);
  }
  bool operator==(const ListPushBack&) const = default;
};

// Takes the first frame out.
struct ListPopFront {
  static constexpr const char* kName = "list_pop_front";
  static constexpr const char* kLaw = "POST-20";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be closed.
  Unique to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("list", &ListPopFront::list);
    each("to", &ListPopFront::to);
  }
  bool operator==(const ListPopFront&) const = default;
};

// Takes the last frame out.
struct ListPopBack {
  static constexpr const char* kName = "list_pop_back";
  static constexpr const char* kLaw = "POST-20";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be closed.
  Unique to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("list", &ListPopBack::list);
    each("to", &ListPopBack::to);
  }
  bool operator==(const ListPopBack&) const = default;
};

// Whether a page, any page, is in the list. A place that is no page is not.
struct ListContains {
  static constexpr const char* kName = "list_contains";
  static constexpr const char* kLaw = "POST-23";
  static constexpr std::array<Result, 1> kResults = {{{"contains", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be closed.
  PhysPlace at;

  static constexpr void fields(auto&& each) {
    each("list", &ListContains::list);
    each("at", &ListContains::at);
  }
  bool operator==(const ListContains&) const = default;
};

// How many frames the list has, and whether it has none.
struct ListSize {
  static constexpr const char* kName = "list_size";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 2> kResults = {
      {{"size", As::number}, {"is_empty", As::flag}}};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be closed.

  static constexpr void fields(auto&& each) { each("list", &ListSize::list); }
  bool operator==(const ListSize&) const = default;
};

// Opens the cursor at the first frame, or past the end if there is none.
struct ListCursorFront {
  static constexpr const char* kName = "list_cursor_front";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be closed.

  static constexpr void fields(auto&& each) { each("list", &ListCursorFront::list); }
  bool operator==(const ListCursorFront&) const = default;
};

// Opens the cursor at the last frame, or past the end if there is none.
struct ListCursorBack {
  static constexpr const char* kName = "list_cursor_back";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be closed.

  static constexpr void fields(auto&& each) { each("list", &ListCursorBack::list); }
  bool operator==(const ListCursorBack&) const = default;
};

// Opens the cursor at a page of the list; if the page is not in the list, none is opened.
struct ListCursorAt {
  static constexpr const char* kName = "list_cursor_at";
  static constexpr const char* kLaw = "POST-23";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be closed.
  PhysPlace at;

  static constexpr void fields(auto&& each) {
    each("list", &ListCursorAt::list);
    each("at", &ListCursorAt::at);
  }
  bool operator==(const ListCursorAt&) const = default;
};

// Moves the cursor forward: from the last frame to past the end, from there to the first.
struct ListMoveNext {
  static constexpr const char* kName = "list_move_next";
  static constexpr const char* kLaw = "POST-21";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be open.

  static constexpr void fields(auto&& each) { each("list", &ListMoveNext::list); }
  bool operator==(const ListMoveNext&) const = default;
};

// Moves the cursor backward: from the first frame to past the end, from there to the last.
struct ListMovePrev {
  static constexpr const char* kName = "list_move_prev";
  static constexpr const char* kLaw = "POST-22";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be open.

  static constexpr void fields(auto&& each) { each("list", &ListMovePrev::list); }
  bool operator==(const ListMovePrev&) const = default;
};

// Reads the word of the metadata at the cursor; past the end there is none.
struct ListCurrent {
  static constexpr const char* kName = "list_current";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 1> kResults = {{{"word", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be open.

  static constexpr void fields(auto&& each) { each("list", &ListCurrent::list); }
  bool operator==(const ListCurrent&) const = default;
};

// Writes the word of the metadata at the cursor; past the end there is none.
struct ListWriteCurrent {
  static constexpr const char* kName = "list_write_current";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be open.
  Count value;

  static constexpr void fields(auto&& each) {
    each("list", &ListWriteCurrent::list);
    each("value", &ListWriteCurrent::value);
  }
  bool operator==(const ListWriteCurrent&) const = default;
};

// Puts a unique frame before the cursor, past the end that is behind all others; the cursor stays
// at its frame.
struct ListInsertBefore {
  static constexpr const char* kName = "list_insert_before";
  static constexpr const char* kLaw = "POST-19";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;    // Its cursor must be open.
  Unique from;  // Must hold a typed frame of the list's kind.

  static constexpr void fields(auto&& each) {
    each("list", &ListInsertBefore::list);
    each("from", &ListInsertBefore::from);
  }
  bool operator==(const ListInsertBefore&) const = default;
};

// Takes the frame at the cursor out; the cursor moves to the next, or past the end.
struct ListTakeCurrent {
  static constexpr const char* kName = "list_take_current";
  static constexpr const char* kLaw = "POST-20";
  static constexpr std::array<Result, 1> kResults = {{{"address", As::address}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::none};

  List list;  // Its cursor must be open.
  Unique to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("list", &ListTakeCurrent::list);
    each("to", &ListTakeCurrent::to);
  }
  bool operator==(const ListTakeCurrent&) const = default;
};

// Closes the cursor; the list can be used again.
struct ListCursorClose {
  static constexpr const char* kName = "list_cursor_close";
  static constexpr const char* kLaw = "INV-21";
  static constexpr std::array<Result, 0> kResults{};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be open.

  static constexpr void fields(auto&& each) { each("list", &ListCursorClose::list); }
  bool operator==(const ListCursorClose&) const = default;
};

// Drops a list, and all its frames from front to back; in its place is a new one, empty and without
// an id. Says how many frames there were.
struct ListDrop {
  static constexpr const char* kName = "list_drop";
  static constexpr const char* kLaw = "INV-23";
  static constexpr std::array<Result, 6> kResults = {
      {{"dropped", As::number}, kOnDrops, kDestroyed, kClaim, kJoin, kSum}};
  static constexpr std::array kOutcomes = {Status::ok};

  List list;  // Its cursor must be closed.

  static constexpr void fields(auto&& each) { each("list", &ListDrop::list); }
  bool operator==(const ListDrop&) const = default;
};

}  // namespace trace
