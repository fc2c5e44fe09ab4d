// SPDX-License-Identifier: MPL-2.0
// Traces that say the same in other words: registers, pages and lanes under other numbers.
#pragma once

#include <set>

#include "check/operands.h"
#include "trace/trace.h"

namespace check {

// How many registers a lane has of those with this letter.
std::uint8_t count_of(char letter);

std::uint8_t lane_of(const trace::Trace& trace, const trace::Call& call);
std::set<Named> registers_of(const trace::Trace& trace, const trace::Call& call);

// A register, from call `first` on.
void rename(trace::Trace& trace, std::size_t first, Named from, std::uint8_t to);

// Numbers registers, by lane and letter, in the order in which they first occur.
void number_registers(trace::Trace& trace);

// Numbers pages likewise, from 0; or from the lowest to the highest, as ranges need.
void number_pages(trace::Trace& trace);
void number_pages_in_order(trace::Trace& trace);

// The machine has so many loose pages fewer, and the allocator's pages move down with all that is
// said of them.
void move_allocators_pages(trace::Trace& trace, std::uint16_t down);

// List 0 in the place of another, and frames of its kind in the place of the other's.
void merge_lists(trace::Trace& trace, std::uint8_t from);

// Numbers lanes likewise, and takes away CPUs that do nothing.
void number_lanes(trace::Trace& trace);

// Gives lane `from` the registers of lane `to` that are free there.
void merge_lanes(trace::Trace& trace, std::uint8_t from, std::uint8_t to);

// Unique frames become shared ones from the beginning, and conversions between the two go.
void share_all(trace::Trace& trace);

// Segments become their first frames from the beginning, and conversions between the two go.
void frames_for_segments(trace::Trace& trace);

}  // namespace check
