// SPDX-License-Identifier: MPL-2.0
// What json.h writes and accepts, as a JSON Schema (draft 2020-12), made from the lists of trace/.
// trace.schema.json is its text; a test compares them.
#pragma once

#include <span>

#include "trace/json_reader.h"

namespace trace {

inline constexpr const char* kSchemaDialect = "https://json-schema.org/draft/2020-12/schema";
inline constexpr const char* kTraceSchemaId = "https://pagetwin.invalid/trace.schema.json";

// Of trace files. Its `$defs` are the parts of which reports consist too.
Json trace_schema();

// Pieces of which schemas are made.
Json whole_number(std::uint64_t least, std::uint64_t most);
Json one_of_names(std::span<const char* const> names);
// An object that has all of the first, may have the second, and has no others.
Json object_of(const Json& required, const Json& optional = Json::object());
Json list_of(const Json& items);

}  // namespace trace
