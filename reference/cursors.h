// SPDX-License-Identifier: MPL-2.0
// How cursors move: what the operations on them share (C.6).
#pragma once

#include "reference/trees.h"

namespace reference {

// Opens the lane's cursor, of which table, range and use are said, at the beginning of its range;
// what came of it, and the allocator's choices, are in the answer. And closes it.
void open_cursor(State&, Lane, Cursor, const trace::Answer& seen, trace::Answer& answer);
void close_cursor(State&, Lane);

// Whether a table takes frames of which so much is known; and whether no entry can say a policy.
bool takes(trace::TableKindName, Knows, trace::Kind);
bool says_what_none_can(trace::Cache);

// Behind the entry in which it stands: upwards, where that was the last of its node. The end of its
// range it does not pass; there it stands in its own node, which only a jump can leave.
void move_forward(Cursor&);

enum class Look : std::uint8_t {
  page,           // For a page that is mapped.
  page_or_table,  // For that, or a whole table that fits.
};

// Goes forward to what it looks for, if that begins before `end`, and says whether it found it: the
// entry in which it stands then. A table fits if it begins where the cursor stands, ends at or
// before `end`, and is in a node in which the cursor comes to stand: it goes down into tables, and
// up only from their ends. It passes over tables without entries.
bool search(const State&, Cursor&, VirtPage end, Look);

// Why a length may not be gone over; ok if it may.
trace::Code why_not_over(const Cursor&, std::uint64_t bytes);

// In bytes, of a cursor that stands where it does.
constexpr std::uint64_t length_of(const Cursor& cursor, trace::Length length) {
  return trace::bytes_of(length, cursor.at * kPageBytes, cursor.end * kPageBytes);
}

inline Cursor& cursor_of(State& state, Lane lane) { return *state.held[lane].cursor; }
inline const Cursor& cursor_of(const State& state, Lane lane) { return *state.held[lane].cursor; }

}  // namespace reference
