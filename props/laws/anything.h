// SPDX-License-Identifier: MPL-2.0
// Random operations for the model alone, mostly ones that can be asked. A trace has its own
// likings: it asks some operations only, and of few kinds, so that what it does meets.
#pragma once

#include <optional>
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
    is_about_boot_ = below(6) == 0;
    list_ = {static_cast<std::uint8_t>(below(trace::List::kCount))};
    table_ = {static_cast<std::uint8_t>(below(trace::Table::kCount))};
    // The last is the space.
    const bool has_space = machine.tables.count == trace::TableCount::kMost;
    if (has_space && below(2) == 0) table_ = {trace::Table::kCount - 1};
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
      const bool boots = is_about_boot_ && lane == 0 && below(3) > 0;
      if (boots) record[0] = about_boot(model.state().cold);
      trace::Op op = trace::decode_call(record).op;
      std::visit([&](auto& one) { tame(one); }, op);
      if (auto* jump = std::get_if<trace::CursorJump>(&op); jump && model.cursor(lane)) {
        jump->to = near(*model.cursor(lane));
      }
      if (auto* touch = std::get_if<trace::CpuTouch>(&op); touch && model.root(lane)) {
        const bool is_kernels = model.root(lane)->kind == trace::TableKindName::kernel;
        if (is_kernels) touch->at.place = high_[below(2)];
        if (below(4) > 0) touch->at.page = few_pages();
        const bool has_areas = model.root(lane)->kind != trace::TableKindName::plain;
        if (has_areas && below(3) == 0) touch->at = last_of_areas();
      }
      if (auto* read = std::get_if<trace::UserRead>(&op)) aim(model, lane, read->from, read->at);
      if (auto* write = std::get_if<trace::UserWrite>(&op))
        aim(model, lane, write->into, write->at);
      if (auto* load = std::get_if<trace::UserLoad>(&op)) aim(model, lane, load->from, load->at);
      if (auto* swap = std::get_if<trace::UserExchange>(&op)) {
        aim(model, lane, swap->into, swap->at);
      }
      if (auto* query = std::get_if<trace::AreaQuery>(&op)) {
        aim(model, lane, query->area, query->page);
      }
      if (auto* split = std::get_if<trace::AreaSplit>(&op)) {
        aim(model, lane, split->from, split->page);
      }
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
  static constexpr std::size_t kFirstArea = trace::Op(trace::AreaMapFrames{}).index();
  static constexpr std::size_t kAreaOps = trace::Op(trace::AreaDrop{}).index() - kFirstArea + 1;
  static constexpr trace::Count kAreaSizes[] = {{1},  {3},   {5},   {9},   {66},
                                                {70}, {576}, {600}, {1100}};
  static constexpr std::size_t kFirstUser = trace::Op(trace::UserRead{}).index();
  static constexpr std::size_t kUserOps = trace::Op(trace::SpaceFork{}).index() - kFirstUser + 1;
  static constexpr std::size_t kOpen = trace::Op(trace::CursorOpen{}).index();
  static constexpr std::uint8_t kAreasEndPlace = trace::VirtPlace::kCount - 1;
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
    if constexpr (std::is_same_v<One, trace::AreaMapFrames> ||
                  std::is_same_v<One, trace::AreaMapRange>) {
      if (below(8) > 0) op.pages = kAreaSizes[below(std::size(kAreaSizes))];
      if (below(8) > 0) op.offset.raw = static_cast<std::uint16_t>(below(3));
    }
    if constexpr (std::is_same_v<One, trace::AreaMapRange>) {
      if (below(3) == 0) op.pages = {576}, op.offset = {}, op.target.page = 0;  // By a large page.
      const std::uint64_t room = op.pages.value() - op.offset.value();
      if (below(8) > 0 && room <= trace::kAreaPages) {
        op.length.raw = static_cast<std::uint16_t>(room - below(2) * below(room + 1));
      }
    }
    if constexpr (std::is_same_v<One, trace::BootAddRegion>) {
      if (below(8) > 0) op.at.at = at(static_cast<std::uint16_t>(below(100)));
      if (below(8) > 0) op.length = {static_cast<std::uint16_t>(1 + below(30)), 0};
      if (below(2) > 0) op.type.name = trace::RegionName::usable;
    }
    if constexpr (std::is_same_v<One, trace::BootPage>) {
      if (below(8) > 0) op.at.at = at(static_cast<std::uint16_t>(below(128)));
    }
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
    if (below(2) > 0) property.rights.bits |= trace::Rights::kWritable;
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
  // Where areas are made first; and a page of one.
  trace::VirtPlace last_of_areas() {
    return {kAreasEndPlace, static_cast<std::uint8_t>(-1 - static_cast<int>(below(6))), 0};
  }
  void aim(const reference::Model& model, std::uint8_t lane, trace::Area area, trace::Count& page) {
    const reference::AreaRange* const range = model.held(lane, area);
    if (range != nullptr && below(8) > 0) {
      page.raw = static_cast<std::uint16_t>(below(range->pages + 1));
    }
  }
  // The space by which a CPU translates, and where this trace maps pages.
  void aim(const reference::Model& model, std::uint8_t lane, trace::Table& space,
           trace::VirtPlace& at) {
    const reference::TableHandle* const root = model.root(lane);
    if (root == nullptr || below(8) == 0) return;
    for (std::uint8_t index = 0; index < trace::Table::kCount; ++index) {
      const reference::TableHandle* const table = model.table(lane, {index});
      if (table != nullptr && table->root == root->root) space = {index};
    }
    if (below(4) > 0) at = {low_[below(2)], few_pages(), at.offset};
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
                                              trace::Op(trace::TableNew{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::CpuTouch{}).index(),
                                              trace::Op(trace::AllocFrame{}).index(),
                                              trace::Op(trace::FrameFromUnused{}).index(),
                                              trace::Op(trace::FrameFromInUse{}).index(),
                                              trace::Op(trace::SegmentFromUnused{}).index()};
    if (model.cursor(lane) == nullptr) {
      if (below(4) == 0) return static_cast<std::uint8_t>(kFirstArea + below(kAreaOps));
      if (below(4) == 0) return static_cast<std::uint8_t>(kFirstUser + below(kUserOps));
      return static_cast<std::uint8_t>(kClosed[below(std::size(kClosed))]);
    }
    if (below(6) == 0) return static_cast<std::uint8_t>(trace::Op(trace::CpuTouch{}).index());
    const bool is_of_space = model.cursor(lane)->kind == trace::TableKindName::space;
    if (is_of_space && below(4) == 0) return static_cast<std::uint8_t>(kIssue + below(3));
    return static_cast<std::uint8_t>(kOpen + 1 + below(kOfCursor));
  }
  // One that goes on booting, or changes the page table or looks at it meanwhile.
  std::uint8_t about_boot(const reference::Cold& cold) {
    static constexpr std::size_t kMeanwhile[] = {
        trace::kIndexOf<trace::BootMapPage>, trace::kIndexOf<trace::BootMapPage>,
        trace::kIndexOf<trace::BootProtectPage>, trace::kIndexOf<trace::BootWalk>};
    const bool goes_on = below(3) == 0 || !cold.is_normalised;
    return static_cast<std::uint8_t>(goes_on ? next_at_boot(cold)
                                             : kMeanwhile[below(std::size(kMeanwhile))]);
  }
  std::size_t next_at_boot(const reference::Cold& cold) {
    if (!cold.is_normalised && (cold.regions.empty() || below(6) > 0)) {
      return trace::kIndexOf<trace::BootAddRegion>;
    }
    if (!cold.is_normalised) return trace::kIndexOf<trace::BootNormalise>;
    if (below(3) == 0) {
      static constexpr std::size_t kLooks[] = {
          trace::kIndexOf<trace::BootRegionAt>, trace::kIndexOf<trace::BootMappedAt>,
          trace::kIndexOf<trace::BootIsInitialized>, trace::kIndexOf<trace::BootPage>};
      return kLooks[below(std::size(kLooks))];
    }
    if (cold.supplies.empty()) return trace::kIndexOf<trace::BootEarlyInit>;
    if (!cold.is_initialised()) {
      return below(3) > 0 ? trace::kIndexOf<trace::BootEarlyAlloc>
                          : trace::kIndexOf<trace::BootInitMeta>;
    }
    if (!cold.has_allocator && below(3) > 0) return trace::kIndexOf<trace::BootInitAllocator>;
    return below(6) == 0 ? trace::kIndexOf<trace::BootDismiss> : trace::kIndexOf<trace::BootPage>;
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
  bool is_about_boot_ = false;
  trace::Table table_{};
  std::uint8_t low_[2]{};  // Of the lower half of the address space, and of the kernel's.
  std::uint8_t high_[2]{};
};

// What some right system could answer: sometimes by translations that a CPU has kept, or by ones
// that it could have.
inline trace::Answer seen_of(Anything& anything, const reference::Model& model,
                             const Asked& asked) {
  trace::Answer seen = model.imagine(asked.lane, asked.op);
  // Where an answer says which pages were walked for; and whose single page is told before that.
  std::optional<std::size_t> walked;
  std::optional<trace::VirtPlace> single;
  if (const auto* touch = std::get_if<trace::CpuTouch>(&asked.op)) walked = 2, single = touch->at;
  if (const auto* load = std::get_if<trace::UserLoad>(&asked.op)) walked = 2, single = load->at;
  if (const auto* swap = std::get_if<trace::UserExchange>(&asked.op)) walked = 3, single = swap->at;
  if (std::holds_alternative<trace::UserRead>(asked.op)) walked = 4;
  if (std::holds_alternative<trace::UserWrite>(asked.op)) walked = 4;
  if (!walked || anything.below(2) == 0) return seen;
  const bool is_touch = std::holds_alternative<trace::CpuTouch>(asked.op);
  if (single) {
    const std::uint64_t byte = trace::address_of(*single);
    const std::uint64_t address = is_touch ? byte : byte - byte % 4096;
    for (const reference::Translation& one : model.state().cpus[asked.lane].kept) {
      const std::uint64_t from = address - one.begin * 4096;
      if (from >= reference::span_of(one.level) * 4096) continue;
      seen.reply.results[is_touch ? 0 : *walked - 1] = one.to * 4096 + from;
      return seen;
    }
  }
  reference::Model other(model);
  trace::Answer all_walked{};
  all_walked.reply.results[*walked] = 7;
  seen = other.step(asked.lane, asked.op, all_walked);
  seen.reply.results[*walked] = single ? 0 : anything.below(8);
  return seen;
}

}  // namespace laws
