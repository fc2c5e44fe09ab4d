// SPDX-License-Identifier: MPL-2.0
// How often each operation ended in each way: what labels, health checks and rates are made of.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "trace/op.h"

namespace check {

struct Tally {
  std::array<std::array<std::uint64_t, trace::kStatusNames.size()>, trace::kOpCount> counts{};

  void note(const trace::Op& op, trace::Status status) {
    ++counts[op.index()][static_cast<std::size_t>(status)];
  }
  void add(const Tally& other) {
    for (std::size_t op = 0; op < counts.size(); ++op) {
      for (std::size_t status = 0; status < counts[op].size(); ++status) {
        counts[op][status] += other.counts[op][status];
      }
    }
  }
  std::uint64_t count(std::size_t op, trace::Status status) const {
    return counts[op][static_cast<std::size_t>(status)];
  }
  // Declined operations were asked of nobody either.
  std::uint64_t passed_over() const { return sum_of(trace::Status::passed_over); }
  std::uint64_t declined() const { return sum_of(trace::Status::declined); }
  std::uint64_t asked() const {
    std::uint64_t sum = 0;
    for (const auto& of_op : counts) {
      for (const std::uint64_t count : of_op) sum += count;
    }
    return sum - passed_over() - declined();
  }

 private:
  std::uint64_t sum_of(trace::Status status) const {
    std::uint64_t sum = 0;
    for (const auto& of_op : counts) sum += of_op[static_cast<std::size_t>(status)];
    return sum;
  }
};

struct Outcome {
  std::size_t op = 0;  // Index into the list of operations.
  trace::Status status = trace::Status::ok;
  bool operator==(const Outcome&) const = default;
};

// What operations promise to be able to end with (kOutcomes, and kOutcomesAtOnce if lanes went at
// once), and was not seen. A system that declined an operation altogether misses nothing of it.
std::vector<Outcome> missing_outcomes(const Tally& tally, bool at_once = false);

}  // namespace check
