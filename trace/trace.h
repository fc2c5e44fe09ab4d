// SPDX-License-Identifier: MPL-2.0
// A trace: everything needed to run one experiment again. Hosted.
#pragma once

#include <algorithm>
#include <vector>

#include "trace/binary.h"

namespace trace {

// Where a lane stands among lanes at once: before the `point`-th atomic access (from 0) of its
// `op`-th operation (from 0, passed-over ones included, the prologue not).
struct Where {
  std::uint8_t lane = 0;
  std::uint32_t op = 0;
  std::uint32_t point = 0;
  auto operator<=>(const Where&) const = default;
};

// One entry of a schedule. Lanes go one at a time, by turns: the first `turn` names the lane that
// goes first, and where it stops; the next turn is its successor's. After the last turn, and when
// the lane of a turn cannot go, the lowest lane that can go does, to its end. A `failure` is no
// turn: it says that the weak compare-exchange at that place fails though it need not.
//
// A place that a lane never comes by is passed with its turn; so a schedule means something for
// every trace, also after it was edited.
struct Choice {
  enum class What : std::uint8_t { turn, failure };
  What what = What::turn;
  Where where{};
  bool operator==(const Choice&) const = default;
};

struct Trace {
  Machine machine{};
  bool at_once = false;        // Calls from `prologue` on go at once, by lane; before it, alone.
  std::uint32_t prologue = 0;  // 0 if all calls go alone.
  std::vector<Call> calls{};
  std::vector<Choice> schedule{};  // Of lanes at once. Empty: to be explored.

  bool operator==(const Trace&) const = default;
};

// The first record is the length of the prologue (2 bytes), the machine, and whether lanes go at
// once; a short last record reads as if padded with zeros. Bytes hold no schedule.
Trace decode(std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> encode(const Trace& trace);

}  // namespace trace
