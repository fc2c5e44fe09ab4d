// SPDX-License-Identifier: MPL-2.0
// Operations made one after another, with the model alongside: registers that must be occupied are
// drawn from the occupied ones, empty ones from the empty, and what the model would pass over is
// mostly drawn again. Properties and fuzzers share it, so it knows of neither.
#pragma once

#include <optional>

#include "props/gen/taste.h"
#include "reference/model.h"

namespace props {

class Author {
 public:
  Author(const trace::Machine& machine, const Taste& taste, Dice& dice)
      : machine_(machine), taste_(taste), dice_(dice), model_(machine) {}

  // Draws a call, and asks it of the model. None if a few tries found nothing that is allowed: what
  // the trace likes cannot be asked any more.
  std::optional<trace::Call> next() {
    if (!stays_ && dice_.one_in(taste_.stays)) {
      lane_.index = static_cast<std::uint8_t>(dice_.below(machine_.cpus.count));
    }
    const std::optional<trace::Op> op = drawn_op();
    if (!op) return std::nullopt;
    const trace::Call call{lane_, *op};
    ask(call);
    return call;
  }

  // Asks a call of the model that was not drawn here.
  void ask(const trace::Call& call) {
    const std::uint8_t lane = machine_.lane(call.lane);
    const trace::Answer answer = model_.step(lane, call.op, model_.imagine(lane, call.op));
    while (model_.unfinished(lane)) model_.finish(lane);
    is_over_ = is_over_ || answer.reply.status == trace::Status::aborted;
    has_asked_ = answer.reply.status != trace::Status::passed_over;
  }

  // From now on it likes something else.
  void change(const Taste& taste) { taste_ = taste; }

  // From now on calls are drawn for one lane.
  void stay_on(std::uint8_t lane) { lane_.index = lane, stays_ = true; }

  bool is_over() const { return is_over_; }      // A call has aborted: nothing after it is asked.
  bool has_asked() const { return has_asked_; }  // The last call was not passed over.

 private:
  static constexpr int kTries = 4;   // Of one kind of operation,
  static constexpr int kKinds = 16;  // and of kinds.

  std::optional<trace::Op> drawn_op() {
    if (dice_.one_in(64)) return any_op();
    for (int kinds = 0; kinds < kKinds; ++kinds) {
      const std::size_t index = dice_.weighted(taste_.weights, taste_.sum);
      auto op = trace::with_op(index, [&]<class T>(std::type_identity<T>) { return drawn<T>(); });
      if (op) return op;
    }
    return std::nullopt;
  }

  // Anything at all, so that passing over is tried too.
  trace::Op any_op() {
    trace::Record record{};
    for (std::uint8_t& byte : record) byte = static_cast<std::uint8_t>(dice_.next() >> 32);
    record[0] = static_cast<std::uint8_t>(dice_.weighted(taste_.weights, taste_.sum));
    return trace::decode_call(record).op;
  }

  // One that the model allows; none if a few tries found none.
  template <class T>
  std::optional<trace::Op> drawn() {
    for (int tries = 0; tries < kTries; ++tries) {
      T op;
      bool has_all = true;
      T::fields([&](const char* name, auto member) {
        has_all = has_all && draw(op, op.*member, name[0] == 't' && name[1] == 'o' && !name[2]);
      });
      if (!has_all) return std::nullopt;
      if (model_.allows(machine_.lane(lane_), op)) return op;
    }
    return std::nullopt;
  }

  // A register that is empty (`to`) or occupied; false if there is none such.
  template <class What, std::uint8_t Count>
  bool draw(const auto&, trace::Register<What, Count>& place, bool wants_empty) {
    const std::uint8_t lane = machine_.lane(lane_);
    const std::uint32_t first = dice_.below(Count);
    for (std::uint32_t i = 0; i < Count; ++i) {
      place.index = static_cast<std::uint8_t>((first + i) % Count);
      if ((model_.held(lane, place) == nullptr) == wants_empty) return true;
    }
    return false;
  }

  bool draw(const auto& op, trace::PhysPlace& at, bool) {
    constexpr bool kMayJoin = std::is_same_v<decltype(op), const trace::FrameFromInUse&>;
    const std::uint32_t kind = dice_.below(32);
    at.page = static_cast<std::uint16_t>(dice_.below(taste_.pages));
    if (kind == 0) {
      at.page = static_cast<std::uint16_t>(trace::PhysPlace::kFirstOutside +
                                           dice_.below(trace::PhysPlace::kOutside));
    } else if (kMayJoin && kind < 8) {
      at.page = static_cast<std::uint16_t>(dice_.below(machine_.pages.raw));
    }
    if (kind == 31 || (kind == 0 && dice_.one_in(4))) {
      at.offset = static_cast<std::uint8_t>(trace::PageOffset::kFirstOther + dice_.below(5));
    }
    return true;
  }

  bool draw(const auto& op, trace::Kind& kind, bool) {
    if constexpr (std::is_same_v<decltype(op), const trace::FrameTryFrom&>) {
      const reference::Handle& handle = *model_.held(machine_.lane(lane_), op.from);
      kind = model_.state().slots[handle.page].vtable.value_or(kind);
      if (dice_.one_in(2)) return true;
    }
    kind = dice_.one_in(16)
               ? trace::Kind{static_cast<trace::KindName>(dice_.below(trace::Kind::kCount))}
               : taste_.kinds[dice_.below(taste_.kinds.size())];
    return true;
  }

  bool draw(const auto& op, trace::Count& count, bool) {
    if constexpr (std::is_same_v<decltype(op), const trace::FrameCountPreload&>) {
      if (taste_.nears_limit && !dice_.one_in(4)) {
        count.raw = trace::Count::kFirstHuge + 1;  // 2^63 - 3.
        return true;
      }
    }
    switch (dice_.below(16)) {
      case 0: count.raw = static_cast<std::uint16_t>(dice_.below(0x10000)); break;
      case 1:
        count.raw = static_cast<std::uint16_t>(trace::Count::kFirstHuge + dice_.below(4));
        break;
      default: count.raw = static_cast<std::uint16_t>(dice_.below(4));
    }
    return true;
  }

  trace::Machine machine_;
  Taste taste_;
  Dice& dice_;
  reference::Model model_;
  trace::Cpu lane_{};
  bool stays_ = false;
  bool is_over_ = false;
  bool has_asked_ = false;
};

}  // namespace props
