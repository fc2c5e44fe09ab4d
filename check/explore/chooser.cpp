// SPDX-License-Identifier: MPL-2.0
#include "check/explore/chooser.h"

#include <algorithm>

namespace check::explore {

void Exhaustive::begin() {
  at_ = 0;
  preemptions_ = failures_ = 0;
}

std::uint32_t Exhaustive::digit(std::uint32_t count) {
  if (at_ == digits_.size()) digits_.push_back({0, count});
  return digits_[at_++].value;
}

Turn Exhaustive::choose(const Crossroads& at) {
  if (!at.may_stay) {
    const std::uint8_t lane = at.ready[digit(at.count)];
    return {lane, !may_preempt()};
  }
  if (!may_preempt()) return {at.last, true};
  std::uint32_t which = digit(at.count);
  if (which == 0) return {at.last};  // 0 stays; the others follow in order.
  ++preemptions_;
  for (std::uint8_t i = 0; i < at.count; ++i) {
    if (at.ready[i] != at.last && --which == 0) return {at.ready[i], !may_preempt()};
  }
  return {at.last};
}

bool Exhaustive::fails(const trace::Where&) {
  const bool yes = digit(2) == 1;
  if (yes) ++failures_;
  return yes;
}

bool Exhaustive::next() {
  while (!digits_.empty() && digits_.back().value + 1 == digits_.back().count) digits_.pop_back();
  if (digits_.empty()) return false;
  ++digits_.back().value;
  return true;
}

void Random::begin() {
  failures_ = 0;
  stay_ = 1u << engine_() % 5;
}

Turn Random::choose(const Crossroads& at) {
  const std::uint64_t drawn = engine_();
  if (at.may_stay && drawn % stay_ != 0) return {at.last};
  return {at.ready[(drawn >> 8) % at.count]};
}

bool Random::fails(const trace::Where&) {
  const bool yes = engine_() % 8 == 0;
  if (yes) ++failures_;
  return yes;
}

void Pct::begin() {
  failures_ = 0;
  longest_ = std::max(longest_, points_);
  points_ = 0;
  lowest_ = std::uint64_t{1} << 32;
  for (std::uint8_t lane = 0; lane < kMostLanes; ++lane) priority_[lane] = lowest_ + lane;
  std::ranges::shuffle(priority_, engine_);
  for (std::uint32_t& fall : falls_) fall = static_cast<std::uint32_t>(1 + engine_() % longest_);
}

Turn Pct::choose(const Crossroads& at) {
  ++points_;
  auto highest = [&] {
    return *std::max_element(
        at.ready.begin(), at.ready.begin() + at.count,
        [&](std::uint8_t a, std::uint8_t b) { return priority_[a] < priority_[b]; });
  };
  for (const std::uint32_t fall : falls_) {
    if (fall == points_) priority_[highest()] = --lowest_;
  }
  return {highest()};
}

bool Pct::fails(const trace::Where&) {
  const bool yes = engine_() % 8 == 0;
  if (yes) ++failures_;
  return yes;
}

Replay::Replay(const std::vector<trace::Choice>& schedule) {
  for (const trace::Choice& choice : schedule) {
    (choice.what == trace::Choice::What::turn ? turns_ : failures_).push_back(choice.where);
  }
}

void Replay::begin() {
  turn_ = 0;
  stand_in_ = kNobody;
}

Turn Replay::choose(const Crossroads& at) {
  // A turn is over when its lane has come to its place, or past it.
  auto is_over = [&](const trace::Where& until) {
    return until.lane >= kMostLanes || at.where[until.lane] >= until;
  };
  for (; turn_ < turns_.size() && is_over(turns_[turn_]); ++turn_) stand_in_ = kNobody;
  if (turn_ < turns_.size() && at.is_ready(turns_[turn_].lane)) {
    stand_in_ = kNobody;
    return {turns_[turn_].lane};
  }
  // Who went without being chosen, because nobody else could, goes on.
  const std::uint8_t named_last = turn_ == 0 ? kNobody : turns_[turn_ - 1].lane;
  if (stand_in_ == kNobody && at.last != named_last) stand_in_ = at.last;
  if (!at.is_ready(stand_in_)) stand_in_ = at.ready[0];
  return {stand_in_, turn_ == turns_.size()};
}

bool Replay::fails(const trace::Where& at) {
  return std::ranges::find(failures_, at) != failures_.end();
}

}  // namespace check::explore
