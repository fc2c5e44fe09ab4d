// SPDX-License-Identifier: MPL-2.0
#include "props/gen/author.h"

#include <bit>

#include "props/gen/operand.h"

namespace props {

std::optional<trace::Call> Author::next() {
  std::optional<trace::Op> op = played_op();
  if (!op) {
    if (!stays_ && dice_.one_in(taste_.stays)) {
      lane_.index = static_cast<std::uint8_t>(dice_.below(machine_.cpus.count));
    }
    op = drawn_op();
  }
  if (!op) return std::nullopt;
  const trace::Call call{lane_, *op};
  if (is_brief_ && takes_long(call)) return std::nullopt;
  ask(call);
  return call;
}

void Author::ask(const trace::Call& call) {
  const std::uint8_t lane = machine_.lane(call.lane);
  const trace::Answer answer = model_.step(lane, call.op, imagined(lane, call.op));
  while (model_.unfinished(lane)) model_.finish(lane);
  const trace::Status status = answer.reply.status;
  is_over_ = is_over_ || status == trace::Status::aborted;
  has_asked_ = status != trace::Status::passed_over;
  is_refused_ = status == trace::Status::no_memory;
}

bool Author::takes_long(const trace::Call& call) const {
  const auto* const run = std::get_if<trace::CursorMapRun>(&call.op);
  const reference::Cursor* const cursor = model_.cursor(machine_.lane(call.lane));
  if (run == nullptr || cursor == nullptr) return false;
  return TableOperands::has_more_entries(kMostEntries, *cursor, run->at,
                                         reference::length_of(*cursor, run->length) / 4096);
}

trace::Answer Author::imagined(std::uint8_t lane, const trace::Op& op) const {
  trace::Answer answer = model_.imagine(lane, op);
  const std::size_t count = answer.choices.taken.count;
  if (count <= 1) return answer;
  const reference::PageSet& free = model_.state().free;
  const std::size_t block = std::bit_ceil(count);
  answer.choices = {.refused = 1};
  for (std::size_t first = 0; first + block <= machine_.pages.raw; first += block) {
    std::size_t whole = 0;
    while (whole < block && free.contains(first + whole)) ++whole;
    if (whole < block) continue;
    answer.choices = {};
    for (std::size_t i = 0; i < count; ++i) answer.choices.taken.push(first + i);
    break;
  }
  return answer;
}

std::optional<trace::Op> Author::drawn_op() {
  if (dice_.one_in(64)) return any_op();
  for (int kinds = 0; kinds < kKinds; ++kinds) {
    if (auto op = drawn(dice_.weighted(taste_.weights, taste_.sum))) return op;
  }
  return std::nullopt;
}

trace::Op Author::any_op() {
  trace::Record record{};
  for (std::uint8_t& byte : record) byte = static_cast<std::uint8_t>(dice_.next() >> 32);
  record[0] = static_cast<std::uint8_t>(dice_.weighted(taste_.weights, taste_.sum));
  return trace::decode_call(record).op;
}

std::optional<trace::Op> Author::drawn(std::size_t index) {
  const Act act = acts_.empty() ? Act{} : acts_.front();
  const Operands operands{machine_, taste_, act, model_, machine_.lane(lane_)};
  return trace::with_op(index, [&]<class T>(std::type_identity<T>) -> std::optional<trace::Op> {
    for (int tries = 0; tries < kTries; ++tries) {
      if (const std::optional<T> op = operands.draw<T>(dice_)) {
        if (model_.allows(operands.lane, *op)) return *op;
      }
    }
    return std::nullopt;
  });
}

std::optional<trace::Op> Author::played_op() {
  if (acts_.empty() && !stays_ && dice_.one_in(kBetweenScenes)) {
    begin_act(any_scene(dice_, taste_));
  }
  for (int tries = 0; !acts_.empty(); ++tries) {
    const Act& act = acts_.front();
    if (turn_ == act.size) {
      turn_ = 0;
      ++round_;
      if (act.lane == Act::Lane::each && round_ < rounds_) go_to_lane(lane_.index + 1u);
    }
    const bool is_stuck = tries == act.size;
    if (is_stuck || round_ == rounds_ || (act.until_refused && is_refused_)) {
      begin_act(acts_.subspan(1));
      tries = -1;
    } else if (auto op = drawn(act.cycle[turn_++])) {
      return op;
    }
  }
  return std::nullopt;
}

void Author::begin_act(Scene acts) {
  acts_ = acts;
  turn_ = round_ = 0;
  is_refused_ = false;
  if (acts_.empty()) return;
  const Act& act = acts_.front();
  rounds_ = dice_.between((act.rounds + 1u) / 2, act.rounds);
  const unsigned cpus = machine_.cpus.count;
  const unsigned lane = machine_.lane(lane_);
  switch (act.lane) {
    case Act::Lane::stay: return;
    case Act::Lane::next: return go_to_lane(lane + 1);
    case Act::Lane::back: return go_to_lane(lane + cpus - 1);
    case Act::Lane::first: return go_to_lane(0);
    case Act::Lane::each: rounds_ = cpus; return go_to_lane(lane + 1);
    case Act::Lane::holder:
      for (unsigned other = 0; other < cpus; ++other) {
        if (model_.cursor(static_cast<std::uint8_t>(other)) != nullptr) return go_to_lane(other);
      }
  }
}

void Author::go_to_lane(unsigned lane) {
  lane_.index = static_cast<std::uint8_t>(lane % machine_.cpus.count);
}

}  // namespace props
