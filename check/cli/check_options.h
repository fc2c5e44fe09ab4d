// SPDX-License-Identifier: MPL-2.0
// What the verb `check` was asked to do, and by RapidCheck's own parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace check::cli {

inline constexpr std::size_t kMostJobs = 64;
inline constexpr std::uint64_t kNoCase = ~std::uint64_t{0};

struct CheckOptions {
  std::optional<std::uint64_t> seed_given;
  std::optional<std::uint64_t> cases_given;
  std::optional<std::size_t> most_ops_given;
  std::string time_given;
  std::string filter = "*";
  std::string json;
  std::string color = "auto";
  std::string on = "hosted";
  unsigned jobs = 0;
  bool list = false, quiet = false, verbose = false;

  std::uint64_t seed = 0;
  std::uint64_t cases = kNoCase;  // Of each property.
  std::size_t most_ops = 200;
  double seconds = 30;
};

// Fills in what was not given: flags win over RC_PARAMS, and that over the defaults. A sentence if
// something is wrong; empty if all is well.
std::string settle(CheckOptions& options);

}  // namespace check::cli
