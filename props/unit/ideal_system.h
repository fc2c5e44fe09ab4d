// SPDX-License-Identifier: MPL-2.0
// The reference itself as a system under test, in which faults can be planted: what the checkers
// are checked with.
#pragma once

#include <array>
#include <functional>
#include <random>

#include "check/run.h"
#include "reference/model.h"

namespace unit {

class Ideal {
 public:
  // Called after each operation that was asked; may falsify the answer and what is seen later.
  using Fault = std::function<void(Ideal&, std::uint8_t lane, const trace::Op&, trace::Answer&)>;

  Ideal() = default;
  explicit Ideal(Fault fault) : fault_(std::move(fault)) {}

  void reset(const trace::Machine& shape) {
    ++resets;
    model_ = reference::Model(shape);
    count_off = {};
    hidden_off = {};
    asked = {};
  }
  void rebuild(const trace::Machine& shape) {
    ++rebuilds;
    survives_reset = 0;
    reset(shape);
  }

  trace::Answer apply(std::uint8_t lane, const trace::Op& op) {
    trace::Answer answer = model_.step(lane, op, model_.imagine(lane, op));
    while (model_.unfinished(lane)) model_.finish(lane);
    if (answer.reply.status == trace::Status::passed_over) return answer;
    ++asked[op.index()];
    if (fault_) fault_(*this, lane, op, answer);
    return answer;
  }

  void observe(std::uint64_t page, auto&& see) const {
    model_.observe(page, [&](trace::Fact fact) {
      if (auto* in_use = std::get_if<trace::PageInUse>(&fact)) {
        in_use->count += count_off[page] + hidden_off[page];
      }
      see(fact);
    });
  }

  // Of all but `hidden_off`.
  std::uint64_t digest(std::uint64_t page) const {
    std::uint64_t sum = count_off[page];
    auto add = [&](std::uint64_t number) { sum = (sum ^ number) * 0x9e3779b97f4a7c15; };
    model_.observe(page, [&](const trace::Fact& fact) {
      add(fact.index() + 1);
      if (const auto* in_use = std::get_if<trace::PageInUse>(&fact)) {
        add(static_cast<std::uint64_t>(in_use->use));
        add(in_use->count);
        add(static_cast<std::uint64_t>(in_use->kind.name));
        for (const std::uint64_t word : in_use->words) add(word);
      }
    });
    return sum;
  }

  // How often an operation was asked since the last reset.
  template <class OneOp>
  std::size_t times() const {
    return asked[trace::Op(OneOp{}).index()];
  }
  const reference::Model& model() const { return model_; }

  // Falsehoods, by page: added to the count that is observed.
  std::array<std::uint64_t, trace::Machine::kMostPages> count_off{};
  std::array<std::uint64_t, trace::Machine::kMostPages> hidden_off{};  // The digest misses these.
  std::array<std::size_t, trace::kOpCount> asked{};
  int survives_reset = 0;  // But no rebuild.
  int resets = 0, rebuilds = 0;

 private:
  reference::Model model_{trace::Machine{}};
  Fault fault_{};
};

// Calls about single frames, which have come first in the list from the beginning.
inline trace::Trace some_trace(std::uint32_t seed, std::size_t calls) {
  std::minstd_rand random(seed * 7919 + 1);
  for (int i = 0; i < 8; ++i) random();
  std::vector<std::uint8_t> bytes((calls + 1) * trace::kRecordBytes);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 8);
  constexpr std::size_t kOps = trace::Op(trace::AllocFrame{}).index() + 1;
  for (std::size_t at = 0; at < bytes.size(); at += trace::kRecordBytes) {
    bytes[at] = static_cast<std::uint8_t>(bytes[at] % kOps);
  }
  trace::Trace trace = trace::decode(bytes);
  trace.at_once = false;
  trace.prologue = 0;
  trace.machine = {.pages = {16}, .loose = {8}, .cpus = {2}};
  return trace;
}

}  // namespace unit
