// SPDX-License-Identifier: MPL-2.0
// Random operations for the model alone, mostly ones that can be asked. A trace has its own
// likings: it asks some operations only, and of few kinds, so that what it does meets.
#pragma once

#include <random>

#include "props/laws/bench.h"
#include "trace/binary.h"

namespace laws {

class Anything {
 public:
  Anything(unsigned seed, const trace::Machine& machine) : random_(seed), machine_(machine) {
    const bool are_akin = below(2) == 0;  // Operations of a family stand together.
    std::uint32_t index = below(trace::kOpCount);
    for (std::uint8_t& liked : liked_) {
      liked = static_cast<std::uint8_t>(index % trace::kOpCount);
      index = are_akin ? index + 1 : below(trace::kOpCount);
    }
    list_ = {static_cast<std::uint8_t>(below(trace::List::kCount))};
    const std::uint32_t about = below(4);
    for (trace::Kind& kind : kinds_) {
      kind.name = static_cast<KindName>(below(trace::Kind::kCount));
      if (about == 0) kind = trace::list_kind(list_);
      if (about == 1) kind = {KindName::empty};
    }
  }

  std::uint32_t below(std::size_t end) { return static_cast<std::uint32_t>(random_() % end); }

  std::uint8_t lane() { return static_cast<std::uint8_t>(below(machine_.cpus.count)); }

  // One that changes nothing if none is found that can be asked.
  Asked operator()(const reference::Model& model, std::uint8_t lane) {
    for (int tries = 0; tries < 64; ++tries) {
      trace::Record record{};
      for (std::uint8_t& byte : record) byte = static_cast<std::uint8_t>(random_());
      record[0] = liked_[below(std::size(liked_))];
      if (below(3) == 0) record[0] = static_cast<std::uint8_t>(kMakers[below(std::size(kMakers))]);
      trace::Op op = trace::decode_call(record).op;
      std::visit([&](auto& one) { tame(one); }, op);
      if (model.allows(lane, op)) return {lane, op};
    }
    return {lane, trace::FrameCount{}};
  }

 private:
  // Without these there is nothing to ask of.
  static constexpr std::size_t kMakers[] = {
      trace::kIndexOf<trace::FrameFromUnused>,   trace::kIndexOf<trace::UniqueFromUnused>,
      trace::kIndexOf<trace::SegmentFromUnused>, trace::kIndexOf<trace::SegmentFromFrame>,
      trace::kIndexOf<trace::AllocSegment>,      trace::kIndexOf<trace::ListPushBack>,
      trace::kIndexOf<trace::FrameToUntyped>,    trace::kIndexOf<trace::SegmentToUntyped>};
  static constexpr trace::Count kFew[] = {{0}, {1}, {0}, {2}, {1}, kTo52, kToTop, {2}};

  template <class One>
  void tame(One& op) {
    One::fields([&](const char*, auto member) { draw(op.*member); });
    if constexpr (std::is_same_v<One, trace::SegmentFromUnused>) {
      if (below(8) > 0) op.until = at(static_cast<std::uint16_t>(op.at.page + 1 + below(3)));
    }
  }
  // What is drawn from few values; all else is as likely as any.
  void draw(auto&) {}
  void draw(trace::PhysPlace& at) {
    if (below(16) > 0) at = {static_cast<std::uint16_t>(below(machine_.loose.raw + 1u)), 0};
    if (below(32) == 0) at.page = trace::PhysPlace::kFirstOutside;
  }
  void draw(trace::Extent& extent) {
    if (below(8) > 0) extent.pages = static_cast<std::uint16_t>(below(3));
    if (below(2) > 0) extent.offset = 0;
  }
  void draw(trace::Count& count) {
    if (below(8) > 0) count = kFew[below(std::size(kFew))];
  }
  void draw(trace::Kind& kind) {
    if (below(8) > 0) kind = kinds_[below(std::size(kinds_))];
  }
  void draw(trace::List& list) {
    if (below(4) > 0) list = list_;
  }

  std::mt19937 random_;
  trace::Machine machine_;
  std::uint8_t liked_[24]{};
  trace::Kind kinds_[3]{};
  trace::List list_{};
};

}  // namespace laws
