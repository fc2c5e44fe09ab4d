// SPDX-License-Identifier: MPL-2.0
// Operations, answers and facts for people: one line each. Hosted.
#pragma once

#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "trace/fact.h"
#include "trace/trace.h"

namespace trace {

inline void print(std::ostream& out, Cpu cpu) { out << "cpu" << +cpu.index; }
template <class What, std::uint8_t Count>
void print(std::ostream& out, Register<What, Count> place) {
  out << place.kLetter << +place.index;
}
inline void print(std::ostream& out, trace::Count count) { out << count.value(); }
inline void print(std::ostream& out, Order order) { out << +order.value; }
inline void print(std::ostream& out, Flag flag) { out << (flag.value() ? "yes" : "no"); }
inline void print(std::ostream& out, Extent extent) { out << extent.value(); }
inline void print(std::ostream& out, RegionType type) {
  out << kRegionNames[static_cast<std::size_t>(type.name)];
}
inline void print(std::ostream& out, Kind kind) {
  out << kKindNames[static_cast<std::size_t>(kind.name)];
}
inline void print(std::ostream& out, Usage usage) {
  out << kUsageNames[static_cast<std::size_t>(usage)];
}
inline void print(std::ostream& out, Use use) { out << kUseNames[static_cast<std::size_t>(use)]; }
inline void print(std::ostream& out, std::uint64_t number) { out << number; }
inline void print(std::ostream& out, PhysPlace at) {
  if (at.is_outside()) {
    out << kOutsideNames[(at.page - PhysPlace::kFirstOutside) % PhysPlace::kOutside];
  } else {
    out << "page" << at.page;
  }
  if (PageOffset::byte(at.offset) != 0) out << '+' << PageOffset::byte(at.offset);
}

inline void print(std::ostream& out, ColdPlace place) { print(out, place.at); }

// The names of the bits that are set, "none" if none is.
void print_set(std::ostream& out, std::span<const char* const> names, std::uint64_t bits);
void print(std::ostream& out, Rights rights);
void print(std::ostream& out, Privileged privileged);
void print(std::ostream& out, Cache cache);
void print(std::ostream& out, const Property& property);
void print(std::ostream& out, const Change& change);
void print(std::ostream& out, TableKind kind);
void print(std::ostream& out, Table table);
void print(std::ostream& out, Level level);
void print(std::ostream& out, Access access);
void print(std::ostream& out, VirtPlace at);   // "one_gib-1p+8": so many pages from a place.
void print(std::ostream& out, Target at);      // "memory+3p"
void print(std::ostream& out, Length length);  // "3p", "2xone_gib", "rest-1p"
void print(std::ostream& out, Address at);     // "0x1000"

// "frame_clone from=f3 to=f5"
void print(std::ostream& out, const Op& op);
// "cpu0 frame_clone from=f3 to=f5"
void print(std::ostream& out, const Call& call);
// A result, as what it is.
void print(std::ostream& out, As as, std::uint64_t number);
// "ok was_last=yes on_drops=1 given=6": the answer to `op`. Results are shown if it ended well, or
// if there are any.
void print(std::ostream& out, const Op& op, const Answer& answer);
// "page_in_use page=6 use=shared count=2 in_list=0 kind=value8 usage=frame words=5"
void print(std::ostream& out, const Fact& fact);

inline std::string text_of(const auto&... what) {
  std::ostringstream out;
  print(out, what...);
  return out.str();
}

// A line for the machine, and one for each call and each choice of the schedule.
std::ostream& operator<<(std::ostream& out, const Trace& trace);

}  // namespace trace
