// SPDX-License-Identifier: MPL-2.0
// How people say for how long.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace check::cli {

// "90", "90s", "2m", "1h", "500ms": seconds; nothing if it is none of these.
inline std::optional<double> seconds_of(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  if (end == text.c_str() || !(number >= 0)) return std::nullopt;
  if (unit.empty() || unit == "s") return number;
  if (unit == "ms") return number / 1000;
  if (unit == "m" || unit == "min") return number * 60;
  if (unit == "h") return number * 3600;
  return std::nullopt;
}

}  // namespace check::cli
