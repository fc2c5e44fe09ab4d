// SPDX-License-Identifier: MPL-2.0
// What one trace likes. Every trace is drawn a taste of its own (swarm testing): it never asks some
// operations, asks others far more often than the rest, keeps to few pages and few kinds. A trace
// that does everything alike does nothing for long enough.
#pragma once

#include <array>

#include "props/gen/dice.h"
#include "trace/trace.h"

namespace props {

// Operations, by their place in the list of trace/op.h.
using OpSet = std::uint32_t;
static_assert(trace::kOpCount <= 32);

inline constexpr OpSet kEveryOp = (std::uint64_t{1} << trace::kOpCount) - 1;

template <class... Ops>
constexpr OpSet set_of() {
  OpSet set = 0;
  trace::for_each_op([&]<class One>(std::type_identity<One>, std::size_t index) {
    if ((std::is_same_v<One, Ops> || ...)) set |= OpSet{1} << index;
  });
  return set;
}

constexpr bool has(OpSet set, std::size_t index) { return (set >> index & 1) != 0; }

struct Taste {
  std::array<std::uint32_t, trace::kOpCount> weights{};
  std::uint32_t sum = 0;  // Of the weights.

  std::array<trace::Kind, 4> kinds{};  // One is drawn; so some are more likely.
  std::uint16_t pages = 1;             // Loose pages it names, from the first.
  bool nears_limit = false;            // Counts are brought near their maximum.
  std::uint8_t stays = 1;              // It changes the lane once in so many operations.
};

// The shape of a machine: mostly small, so that operations meet.
inline trace::Machine any_machine(Dice& dice) {
  trace::Machine machine;
  const std::uint32_t pages =
      dice.one_in(4) ? dice.between(2, trace::Machine::kMostPages) : dice.between(2, 8);
  machine.pages.raw = static_cast<std::uint16_t>(pages);
  machine.loose.raw = static_cast<std::uint16_t>(dice.between(1, pages - 1));
  machine.cpus.count = dice.one_in(2)
                           ? std::uint8_t{1}
                           : static_cast<std::uint8_t>(dice.between(2, trace::Cpu::kMost));
  return machine;
}

// `often` are operations that the trace is about, `also` others that it may ask.
inline Taste any_taste(Dice& dice, const trace::Machine& machine, OpSet often, OpSet also) {
  Taste taste;
  for (std::size_t i = 0; i < trace::kOpCount; ++i) {
    if (!has(often | also, i) || dice.one_in(5)) continue;
    const std::uint32_t weight = 1u << dice.below(6);
    taste.weights[i] = has(often, i) ? 4 * weight : weight;
  }
  // Without an operation that makes frames there is nothing to ask of.
  constexpr std::size_t kMake = trace::Op(trace::FrameFromUnused{}).index();
  if (has(often | also, kMake) && (taste.weights[kMake] == 0 || dice.one_in(2))) {
    taste.weights[kMake] += 16;
  }
  // Counts near their limit end a trace soon: seldom, and then with all that counts up.
  constexpr std::size_t kPreload = trace::Op(trace::FrameCountPreload{}).index();
  taste.nears_limit = has(often | also, kPreload) && dice.one_in(8);
  if (taste.nears_limit) {
    constexpr OpSet kCountsUp =
        set_of<trace::FrameCountPreload, trace::FrameClone, trace::FrameFromInUse,
               trace::FrameBorrowClone, trace::FrameIntoRaw, trace::FrameIncRaw>();
    for (std::size_t i = 0; i < trace::kOpCount; ++i) {
      if (has(kCountsUp & (often | also), i)) taste.weights[i] += 32;
    }
  } else if (!dice.one_in(4)) {
    taste.weights[kPreload] = 0;
  }
  for (const std::uint32_t weight : taste.weights) taste.sum += weight;
  if (taste.sum == 0) {
    for (std::size_t i = 0; i < trace::kOpCount; ++i) {
      taste.weights[i] = has(often, i) ? 1 : 0;
      taste.sum += taste.weights[i];
    }
  }

  for (trace::Kind& kind : taste.kinds) {
    kind.name = static_cast<trace::KindName>(dice.below(trace::Kind::kCount));
  }
  taste.pages = static_cast<std::uint16_t>(
      dice.one_in(2) ? std::uint32_t{machine.loose.raw}
                     : dice.between(1, std::min<std::size_t>(3, machine.loose.raw)));
  taste.stays = static_cast<std::uint8_t>(1u << dice.below(6));
  return taste;
}

}  // namespace props
