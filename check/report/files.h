// SPDX-License-Identifier: MPL-2.0
// Files that are read whole, and written whole or not at all.
#pragma once

#include <iosfwd>
#include <string>

#include "check/report/report.h"
#include "trace/json_reader.h"

namespace check {

// A file of at most `trace::kMostBytes`, or one sentence.
trace::Read<std::string> load_file(const std::string& name) noexcept;

// Empty, or one sentence that says why nothing was written. Whoever looks sees the old file or the
// new one, never a part; what is no ordinary file (a terminal, a pipe) is written to as it is.
std::string store_file(const std::string& name, std::string_view content) noexcept;

// Both reports; `text_file` may be empty: none. What cannot be written is said on `errors`, and
// then the text goes there too, so that nothing is lost. Whether both were written.
bool store_report(const Report& report, const std::string& json_file, const std::string& text_file,
                  std::ostream& errors);

}  // namespace check
