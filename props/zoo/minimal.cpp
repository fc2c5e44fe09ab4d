// SPDX-License-Identifier: MPL-2.0
// All short traces of what a property asks: on the smallest machine, with registers taken in order,
// values 0 and 1, and of every other noun the few values that differ in what they mean.
#include <utility>
#include <vector>

#include "props/zoo/hunt.h"
#include "reference/model.h"

namespace zoo {

namespace {

using trace::Call;
using trace::Trace;

// One place of each sort: a loose page, the allocator's, a byte that is no page, and beyond the
// end.
constexpr trace::PhysPlace kPlaces[] = {{0, 0},
                                        {1, 0},
                                        {0, 0xff},
                                        {trace::PhysPlace::kFirstOutside, 0},
                                        {trace::PhysPlace::kFirstOutside, 0xff}};

// None, a page, a byte, and so much that adding to it wraps round.
constexpr trace::Extent kExtents[] = {
    {0, 0}, {1, 0}, {0, 0xfb}, {trace::Extent::kFirstHuge + 3, 0}};

// The first page, those at both sides of the middle, and a byte that is no page.
constexpr trace::ColdPlace kColdPlaces[] = {{{0, 0}}, {{63, 0}}, {{64, 0}}, {{0, 0xff}}};

// Edges of tables of both halves, and a byte that is no page.
constexpr trace::VirtPlace kVirtPlaces[] = {{0, 0, 0},  {0, 1, 0},  {1, 0, 0},   {2, 0, 0},
                                            {3, 0, 0},  {10, 0, 0}, {10, 1, 0},  {17, 0, 0},
                                            {18, 0, 0}, {19, 0, 0}, {0, 0, 0xff}};

// A page, all there is left, none, a byte that is no page, and round.
constexpr trace::Length kLengths[] = {
    {0, 1, 0}, {4, 0, 0}, {0, 0, 0}, {0, 0, 0xff}, {trace::Length::kRound, 0, 0}};

constexpr trace::Target kTargets[] = {{0, 0}, {0, 1}, {3, 0}, {5, 0}};

class Everything {
 public:
  Everything(const Bug& bug, Tried& tried)
      : property_(props::property(bug.property)),
        at_once_(bug.lanes != 1),
        most_(static_cast<std::size_t>(bug.min_ops) - 1),
        tried_(tried) {
    const props::Shape shape = property_.subject.shape;
    const bool has_tables = shape == props::Shape::tables;
    const bool is_of_ranges = shape != props::Shape::small && !has_tables;
    trace_.machine.loose.raw = is_of_ranges ? 2 : 1;
    trace_.machine.pages.raw = has_tables ? 16 : is_of_ranges ? 4 : 2;
    trace_.machine.cpus.count = at_once_ ? 2 : 1;
    trace_.machine.tables.count = has_tables ? trace::TableCount::kMost : 0;
  }

  void try_all() {
    if (!at_once_) return extend(reference::Model(trace_.machine), 0);
    trace_.at_once = true;
    for (std::size_t before = 0; before < most_; ++before) {
      trace_.prologue = static_cast<std::uint32_t>(before);
      extend(reference::Model(trace_.machine), 0);
    }
  }

 private:
  static constexpr std::size_t kMostFields = 8;  // More than any operation has.

  void extend(const reference::Model& model, std::uint8_t first_lane) {
    if (tried_.has_failed) return;
    if (trace_.calls.size() == most_) return try_one();
    const bool is_prologue = trace_.calls.size() < trace_.prologue;
    // Among lanes at once only the order within a lane means anything.
    const std::uint8_t from = is_prologue ? 0 : first_lane;
    for (std::uint8_t lane = from; lane < trace_.machine.cpus.count; ++lane) {
      trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t index) {
        if (!property_.subject.all().has(index)) return;
        with_fields<T, 0>(model, lane, T{}, [&](const T& op) {
          if (tried_.has_failed || !model.allows(lane, op)) return;
          reference::Model after = model;
          const trace::Answer answer = after.step(lane, op, after.imagine(lane, op));
          while (after.unfinished(lane)) after.finish(lane);
          trace_.calls.push_back({{lane}, op});
          if (answer.reply.status == trace::Status::aborted) {
            try_one();
          } else {
            extend(after, is_prologue ? 0 : lane);
          }
          trace_.calls.pop_back();
        });
      });
    }
  }

  void try_one() {
    ++tried_.traces;
    Trace trace = trace_;
    if (fault_of(property_, trace, true).empty()) return;
    tried_.has_failed = true;
    put(trace, tried_.trace);
  }

  // Calls `use` with every filling of the fields from the one at `Index` on.
  template <class T, std::size_t Index>
  void with_fields(const reference::Model& model, std::uint8_t lane, T op, auto&& use) {
    std::size_t at = 0;
    bool is_last = true;
    T::fields([&](const char* name, auto member) {
      if (at++ != Index) return;
      is_last = false;
      const bool wants_empty = name[0] == 't' && name[1] == 'o' && name[2] == '\0';
      each_value(model, lane, op.*member, wants_empty, [&](auto value) {
        op.*member = value;
        if constexpr (Index < kMostFields) with_fields<T, Index + 1>(model, lane, op, use);
      });
    });
    if (is_last) use(op);
  }

  template <class What, std::uint8_t Count>
  static void each_value(const reference::Model& model, std::uint8_t lane,
                         trace::Register<What, Count> place, bool wants_empty, auto&& use) {
    for (place.index = 0; place.index < Count; ++place.index) {
      const bool is_empty = model.held(lane, place) == nullptr;
      if (is_empty != wants_empty) continue;
      use(place);
      if (wants_empty) return;  // One empty register is like another.
    }
  }
  void each_value(const reference::Model&, std::uint8_t, trace::PhysPlace, bool, auto&& use) {
    for (const trace::PhysPlace place : kPlaces) use(place);
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Kind, bool, auto&& use) {
    // At once, one kind of each behaviour.
    using enum trace::KindName;
    if (at_once_) {
      for (const auto name : {empty, value8, reentrant, kernel}) use(trace::Kind{name});
      return;
    }
    for (std::uint8_t i = 0; i < trace::Kind::kCount; ++i) {
      use(trace::Kind{static_cast<trace::KindName>(i)});
    }
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Count, bool, auto&& use) {
    if (!at_once_) use(trace::Count{0});
    use(trace::Count{1});
  }

  void each_value(const reference::Model&, std::uint8_t, trace::Extent, bool, auto&& use) {
    for (const trace::Extent extent : kExtents) use(extent);
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Order, bool, auto&& use) {
    for (const std::uint8_t value : {0, 1}) use(trace::Order{value});
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Flag, bool, auto&& use) {
    for (const std::uint8_t value : {0, 1}) use(trace::Flag{value});
  }
  void each_value(const reference::Model&, std::uint8_t, trace::ColdPlace, bool, auto&& use) {
    for (const trace::ColdPlace place : kColdPlaces) use(place);
  }
  void each_value(const reference::Model& model, std::uint8_t lane, trace::Table, bool,
                  auto&& use) {
    for (std::uint8_t index = 0; index < trace::Table::kCount; ++index) {
      if (model.table(lane, {index}) != nullptr) use(trace::Table{index});
    }
  }
  void each_value(const reference::Model&, std::uint8_t, trace::TableKind, bool, auto&& use) {
    for (std::uint8_t name = 0; name < trace::TableKind::kCount; ++name) {
      use(trace::TableKind{static_cast<trace::TableKindName>(name)});
    }
  }
  void each_value(const reference::Model&, std::uint8_t, trace::VirtPlace, bool, auto&& use) {
    for (const trace::VirtPlace at : kVirtPlaces) use(at);
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Length, bool, auto&& use) {
    for (const trace::Length length : kLengths) use(length);
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Target, bool, auto&& use) {
    for (const trace::Target at : kTargets) use(at);
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Level, bool, auto&& use) {
    for (std::uint8_t level = 1; level <= 3; ++level) use(trace::Level{level});
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Property, bool, auto&& use) {
    use(trace::Property{});
    use(trace::Property{{trace::Rights::kReadable | trace::Rights::kWritable},
                        {trace::Privileged::kUser},
                        {trace::CacheName::uncacheable}});
    use(trace::Property{{trace::Rights::kAll}, {trace::Privileged::kAll}, {}});
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Change, bool, auto&& use) {
    use(trace::Change{{trace::Rights::kWritable}, {}, 0});
    use(trace::Change{{}, {trace::Rights::kAll}, 2});
  }
  void each_value(const reference::Model&, std::uint8_t, trace::Access, bool, auto&& use) {
    for (std::uint8_t name = 0; name < trace::Access::kCount; ++name) {
      use(trace::Access{static_cast<trace::AccessName>(name)});
    }
  }
  void each_value(const reference::Model&, std::uint8_t, trace::RegionType, bool, auto&& use) {
    using enum trace::RegionName;
    for (const auto name : {unknown, reserved, kernel, module, usable}) {
      use(trace::RegionType{name});
    }
  }

  const props::Property& property_;
  bool at_once_;
  std::size_t most_;
  Tried& tried_;
  Trace trace_{};
};

}  // namespace

void try_all_shorter(const Bug& bug, Tried& tried) {
  if (bug.min_ops > 1) Everything(bug, tried).try_all();
  tried.is_over = true;
}

}  // namespace zoo
