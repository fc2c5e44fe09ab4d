// SPDX-License-Identifier: MPL-2.0
// Traces, answers and facts as JSON: what people keep, read and edit. README.md shows one. Hosted.
//
// Names, not numbers, stand for operations, kinds and statuses, so files outlive changes of the
// lists in trace/. Reading is total: any text is a trace or one sentence.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trace/fact.h"
#include "trace/json_reader.h"
#include "trace/trace.h"

namespace trace {

inline constexpr std::uint64_t kFormat = 1;  // Of files. A reader refuses those that are newer.

// What a file says of the answer to its last call. What is not mentioned may be anything.
struct Expectation {
  Status status = Status::ok;
  Code code = Code::none;
  std::string law{};  // The one that a misuse runs against, or that explains the answer.
  std::vector<std::pair<std::string, std::uint64_t>> results{};
  std::optional<std::vector<std::uint16_t>> taken{}, given{};

  bool operator==(const Expectation&) const = default;
};

// A trace file, or the part of a report that is one.
struct TraceFile {
  Trace trace{};
  std::string why{};                    // Why it is kept: a sentence.
  std::optional<Expectation> expect{};  // Only if calls go alone: at once, none is the last.
  bool is_report = false;

  bool operator==(const TraceFile&) const = default;
};

Json json_of(const Trace& trace);  // Without a format, as in reports.
Json json_of(const Call& call);
Json json_of(const Op& op, const Answer& answer);
Json json_of(const Fact& fact);

// A whole file.
std::string write_trace(const TraceFile& file);
// Accepts reports too, and reads the trace in them.
Read<TraceFile> read_trace(std::string_view text) noexcept;

// Parts of larger documents.
void read(const Reader& from, Trace& into);
void read(const Reader& from, Call& into);
void read(const Reader& from, const Op& op, Answer& into);
void read(const Reader& from, Fact& into);
// Refuses what is newer than this program. First of all: a newer file may have anything else.
void read_format(const Reader& from);

// How `answer` differs from what was expected, as a sentence; empty if it does not.
std::string unmet(const Expectation& expect, const Op& op, const Answer& answer);

}  // namespace trace
