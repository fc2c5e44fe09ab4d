// SPDX-License-Identifier: MPL-2.0
#include "check/shrink.h"

#include <algorithm>
#include <utility>

namespace check {

Shrinker::Shrinker(trace::Trace failing, std::optional<std::size_t> failing_step)
    : trace(std::move(failing)), failing_step_(failing_step) {}

std::optional<Shrinker> Shrinker::next() {
  if (phase_ == Phase::truncate) {
    phase_ = Phase::remove;
    begin_sweep();
    if (auto smaller = truncated()) return smaller;
  }
  if (phase_ == Phase::remove) {
    if (auto smaller = without_group()) return smaller;
    phase_ = Phase::edit;
    has_changed_ = false;
  }
  return phase_ == Phase::edit ? edited() : std::nullopt;
}

std::optional<Shrinker> Shrinker::truncated() {
  if (!failing_step_ || *failing_step_ + 1 >= trace.calls.size()) return std::nullopt;
  Shrinker smaller = *this;
  remove_calls(smaller.trace, *failing_step_ + 1, trace.calls.size());
  smaller.begin_sweep();
  return smaller;
}

void Shrinker::begin_sweep() {
  end_ = trace.calls.size();
  stride_ = 1;
  suspect_ = 0;
  has_changed_ = false;
}

// Group testing by binary splitting (Hwang): a group that cannot go as a whole holds a call that is
// needed; halving finds the last such in log2(group) tries, and the rest of the group goes with
// the groups after it.
std::optional<Shrinker> Shrinker::without_group() {
  for (;;) {
    if (end_ == 0) {
      if (!has_changed_) return std::nullopt;
      begin_sweep();
      continue;
    }
    if (suspect_ != 1) break;
    --end_;  // Needed.
    suspect_ = 0;
  }
  const std::size_t group = suspect_ == 0 ? std::min(stride_, end_) : suspect_ / 2;

  Shrinker smaller = *this;
  remove_calls(smaller.trace, end_ - group, end_);
  smaller.end_ = end_ - group;
  smaller.has_changed_ = true;
  if (suspect_ == 0) {
    smaller.stride_ = stride_ * 2;
    stride_ = std::max<std::size_t>(1, group / 2);
  } else {
    smaller.suspect_ = suspect_ - group;
  }
  suspect_ = group;
  return smaller;
}

std::optional<Shrinker> Shrinker::edited() {
  for (; phase_ == Phase::edit; edits_ = nullptr, at_ = 0, ++tier_) {
    if (tier_ == kTiers) {
      if (!std::exchange(has_changed_, false)) {
        phase_ = Phase::done;
        break;
      }
      tier_ = 0;
    }
    if (!edits_) edits_ = std::make_shared<const std::vector<Edit>>(edits_of(trace, tier_));
    while (at_ < edits_->size()) {
      Shrinker smaller = *this;
      (*edits_)[at_++](smaller.trace);
      if (!is_simpler(smaller.trace, trace)) continue;
      // Of the smaller trace the list is another; what took this edit's place there is next.
      smaller.edits_ = nullptr;
      smaller.has_changed_ = true;
      return smaller;
    }
  }
  return std::nullopt;
}

std::uint64_t hash_of(const trace::Trace& trace) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  auto add = [&](std::uint64_t number) { hash = (hash ^ number) * 0x100000001b3; };
  for (const std::uint8_t byte : trace::encode(trace)) add(byte);
  for (const trace::Choice& choice : trace.schedule) {
    add(static_cast<std::uint64_t>(choice.what));
    add(choice.where.lane);
    add(choice.where.op);
    add(choice.where.point);
  }
  return hash;
}

}  // namespace check
