// SPDX-License-Identifier: MPL-2.0
// The workloads: what is done, how often, and the figures it is held against.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "props/bench/machine.h"
#include "props/bench/stopwatch.h"

namespace bench {

// Of one operation. OSTD does the like-for-like work; bounds are of peers that do less.
struct Figures {
  std::optional<unsigned> goal_instructions{};
  std::optional<unsigned> ostd_instructions{};
  std::optional<double> ostd_ns{};
  const char* bound = "";
};

struct Workload {
  const char* name;
  const char* what;
  u64 operations;  // At full size.
  Figures figures;

  // One round of so many operations on a machine of so many frames, from the allocator's first
  // state and back to it. Whether all was as it should be, during it and after.
  bool (*round)(Stopwatch& watch, u64 operations, u64 frames);

  u32 threads = 1;  // That do so many operations each. Of more than one, none is counted.
};

std::span<const Workload> frame_workloads();
std::span<const Workload> table_workloads();
std::span<const Workload> thread_workloads();

// All of them.
inline std::vector<Workload> workloads() {
  std::vector<Workload> all;
  for (const auto some : {frame_workloads(), table_workloads(), thread_workloads()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace bench
