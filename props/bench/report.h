// SPDX-License-Identifier: MPL-2.0
// What was measured, with the peers' figures beside it: a table, and JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "props/bench/workloads.h"

namespace bench {

struct Measured {
  const Workload* workload;
  u64 operations;
  std::vector<Nanoseconds> rounds;          // Each of so many operations.
  std::optional<double> instructions = {};  // Of one operation; none if they were not counted.
};

void show(const std::vector<Measured>& all, std::ostream& out);
nlohmann::json json_of(const std::vector<Measured>& all, u64 frames);

}  // namespace bench
