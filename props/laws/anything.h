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
    is_about_tables_ = machine.tables.count > 0 && below(4) > 0;
    if (is_about_tables_) {
      for (std::uint8_t& liked : liked_) {
        if (below(4) > 0) liked = static_cast<std::uint8_t>(kFirstTable + below(kTables));
      }
    }
    list_ = {static_cast<std::uint8_t>(below(trace::List::kCount))};
    table_ = {static_cast<std::uint8_t>(below(trace::Table::kCount))};
    for (std::uint8_t& place : low_) place = static_cast<std::uint8_t>(below(8));
    for (std::uint8_t& place : high_) place = static_cast<std::uint8_t>(10 + below(8));
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
      if (is_about_tables_ && below(3) > 0) record[0] = about_tables(model, lane);
      trace::Op op = trace::decode_call(record).op;
      std::visit([&](auto& one) { tame(one); }, op);
      if (auto* jump = std::get_if<trace::CursorJump>(&op); jump && model.cursor(lane)) {
        jump->to = near(*model.cursor(lane));
      }
      if (auto* touch = std::get_if<trace::CpuTouch>(&op); touch && model.root(lane)) {
        const bool is_kernels = model.root(lane)->kind == trace::TableKindName::kernel;
        if (is_kernels) touch->at.place = high_[below(2)];
        if (below(4) > 0) touch->at.page = few_pages();
      }
      std::visit([&](auto& one) { aim(one, model, lane); }, op);
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

  // The operations on page tables, cursors, CPUs and flushes stand together.
  static constexpr std::size_t kFirstTable = trace::Op(trace::TableNew{}).index();
  static constexpr std::size_t kTables = trace::Op(trace::CpuInterrupt{}).index() - kFirstTable + 1;
  static constexpr std::size_t kOpen = trace::Op(trace::CursorOpen{}).index();
  static constexpr std::size_t kIssue = trace::Op(trace::TlbIssue{}).index();  // Two more follow.

  template <class One>
  void tame(One& op) {
    One::fields([&](const char*, auto member) { draw(op.*member); });
    if constexpr (std::is_same_v<One, trace::CursorOpen>) {
      if (below(8) > 0) op.may_change = {1};
      if (below(8) > 0) op.begin = place_in(op.table);
      if (below(8) > 0) op.end = place_in(op.table);
      if (below(3) == 0) op.end.place = op.begin.place;
      if (below(4) > 0 && trace::address_of(op.begin) > trace::address_of(op.end)) {
        std::swap(op.begin, op.end);
      }
      if (below(4) == 0) op.end.page = static_cast<std::uint8_t>(op.begin.page + 1 + below(3));
    }
    if constexpr (std::is_same_v<One, trace::SegmentFromUnused>) {
      if (below(8) > 0) op.until = at(static_cast<std::uint16_t>(op.at.page + 1 + below(3)));
    }
  }
  // The kernel mostly reaches users' memory by the table that its CPU translates by.
  template <class One>
  void aim(One& op, const reference::Model& model, std::uint8_t lane) {
    if constexpr (requires { &One::expected; } || std::is_same_v<One, trace::UserWrite>) {
      aim_at(op.into, op.at, model, lane);
    } else if constexpr (std::is_same_v<One, trace::UserRead> ||
                         std::is_same_v<One, trace::UserLoad>) {
      aim_at(op.from, op.at, model, lane);
    }
  }
  void aim_at(trace::Table& table, trace::VirtPlace& place, const reference::Model& model,
              std::uint8_t lane) {
    if (below(4) > 0) place = {low_[below(2)], few_pages(), place.offset};
    if (below(8) == 0 || model.root(lane) == nullptr) return;
    for (std::uint8_t i = 0; i < trace::Table::kCount; ++i) {
      const reference::TableHandle* const one = model.table(lane, {i});
      if (one != nullptr && *one == *model.root(lane)) table = {i};
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
  void draw(trace::Table& table) {
    if (below(4) > 0) table = table_;
  }
  void draw(trace::VirtPlace& place) {
    if (below(8) > 0) place.place = below(3) > 0 ? low_[below(2)] : high_[below(2)];
    if (below(4) > 0) place.page = few_pages();
    if (below(8) > 0) place.offset = 0;
  }
  void draw(trace::Length& length) {
    if (below(4) > 0) length.unit = static_cast<std::uint8_t>(below(2));
    if (below(8) > 0) length.count = static_cast<std::uint8_t>(below(3));
    if (below(3) == 0) length.unit = trace::Length::kRest, length.count = 0;
    if (length.unit == 3 || length.unit == 2) length.count &= 1;
    if (below(8) > 0) length.offset = 0;
  }
  void draw(trace::Level& level) {
    if (below(2) > 0) level.value = 1;
  }
  void draw(trace::Target& target) {
    if (below(4) > 0) target.page = static_cast<std::uint16_t>(below(3) * 512);
    if (below(2) > 0) target.page = 0;
  }
  void draw(trace::Property& property) {
    if (below(8) > 0) property.rights.bits |= trace::Rights::kReadable;
    if (below(2) > 0) property.privileged.bits |= trace::Privileged::kUser;
    if (below(8) > 0) property.cache = {};
  }
  void draw(trace::Flag& flag) {
    if (below(2) > 0) flag = {1};
  }

  // The first page of a place, mostly, or one beside it.
  std::uint8_t few_pages() {
    return below(2) > 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(below(6) - 2);
  }
  trace::VirtPlace near(const reference::Cursor& cursor) {
    const bool is_kernels = cursor.kind == trace::TableKindName::kernel;
    return {is_kernels ? high_[below(2)] : low_[below(2)], few_pages(), 0};
  }
  trace::VirtPlace place_in(trace::Table table) {
    const bool is_kernels = table.index == trace::Table::kFirstShared;
    return {is_kernels ? high_[below(2)] : low_[below(2)], few_pages(), 0};
  }
  // An operation that goes on with what there is.
  std::uint8_t about_tables(const reference::Model& model, std::uint8_t lane) {
    static constexpr std::size_t kClosed[] = {kOpen,
                                              kOpen,
                                              kOpen,
                                              kOpen,
                                              trace::Op(trace::TableActivate{}).index(),
                                              trace::Op(trace::Quiesce{}).index(),
                                              trace::Op(trace::CpuInterrupt{}).index(),
                                              trace::Op(trace::TableWalk{}).index(),
                                              trace::Op(trace::UserRead{}).index(),
                                              trace::Op(trace::UserWrite{}).index(),
                                              trace::Op(trace::UserLoad{}).index(),
                                              trace::Op(trace::UserExchange{}).index(),
                                              trace::Op(trace::SpaceFork{}).index(),
                                              trace::Op(trace::TableNew{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::AllocFrame{}).index(),
                                              trace::Op(trace::FrameFromUnused{}).index(),
                                              trace::Op(trace::FrameFromInUse{}).index(),
                                              trace::Op(trace::SegmentFromUnused{}).index()};
    if (model.cursor(lane) == nullptr) {
      return static_cast<std::uint8_t>(kClosed[below(std::size(kClosed))]);
    }
    if (below(6) == 0) return static_cast<std::uint8_t>(trace::Op(trace::CpuTouch{}).index());
    const bool is_of_space = model.cursor(lane)->kind == trace::TableKindName::space;
    if (is_of_space && below(4) == 0) return static_cast<std::uint8_t>(kIssue + below(3));
    return static_cast<std::uint8_t>(kOpen + 1 + below(kOfCursor));
  }
  static constexpr std::size_t kOfCursor = trace::Op(trace::CursorProtect{}).index() - kOpen;
  void draw(trace::Change& change) {
    if (below(4) > 0) change.cache = 0;
  }

  std::mt19937 random_;
  trace::Machine machine_;
  std::uint8_t liked_[24]{};
  trace::Kind kinds_[3]{};
  trace::List list_{};
  bool is_about_tables_ = false;
  trace::Table table_{};
  std::uint8_t low_[2]{};  // Of the lower half of the address space, and of the kernel's.
  std::uint8_t high_[2]{};
};

// What some right system could answer: sometimes by a translation that a CPU has kept, or by one
// that it could have.
inline trace::Answer seen_of(Anything& anything, const reference::Model& model,
                             const Asked& asked) {
  trace::Answer seen = model.imagine(asked.lane, asked.op);
  const auto* const touch = std::get_if<trace::CpuTouch>(&asked.op);
  if (touch == nullptr || anything.below(2) == 0) return seen;
  const std::uint64_t address = trace::address_of(touch->at);
  const reference::Processor& cpu = model.state().cpus[asked.lane];
  for (const reference::Translation& one : cpu.kept) {
    const std::uint64_t from = address - one.begin * 4096;
    if (from >= reference::span_of(one.level) * 4096) continue;
    seen.reply.results[0] = one.to * 4096 + from;
    return seen;
  }
  reference::Model other(model);
  trace::Answer walked{};
  walked.reply.results[2] = 1;
  seen = other.step(asked.lane, asked.op, walked);
  seen.reply.results[2] = 0;
  return seen;
}

}  // namespace laws
