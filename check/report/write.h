// SPDX-License-Identifier: MPL-2.0
// Reports for machines (report.json, which replays) and for people (report.txt). Values in, text
// out; files.h puts it where it belongs.
#pragma once

#include <string>
#include <string_view>

#include "check/report/report.h"
#include "trace/json_reader.h"

namespace check {

// What replays the report that is in that file, as one types it.
std::string replay_command(const std::string& json_file, const std::string& system = {});

// The whole content of report.json. README.md shows one, report.schema.json describes it.
std::string json_report(const Report& report, const std::string& json_file);
trace::Read<Report> read_report(std::string_view text) noexcept;
// A JSON Schema of it, with references to that of traces. report.schema.json is its text.
trace::Json report_schema();

inline constexpr std::size_t kReportLines = 40;
inline constexpr std::size_t kReportColumns = 100;

// The report as a page that needs no other: at most 40 lines of at most 100 columns. The first line
// says what is wrong and which law that breaks; the last is the command that replays it, which
// alone is never cut. What does not fit is said to be missing.
std::string text_report(const Report& report, const std::string& json_file);

}  // namespace check
