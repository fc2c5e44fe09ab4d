// SPDX-License-Identifier: MPL-2.0
// Pages that CPUs touch, that are changed then, and touched again at once. By chance so much comes
// between that a CPU has long forgotten what it should have been made to forget.
#include "props/gen/author.h"
#include "props/gen/make.h"
#include "props/gen/table_operand.h"

namespace props {
namespace {

using namespace trace;

constexpr OpSet kMap = set_of<CursorMapRaw, CursorMapFrame, CursorMapRun>();
constexpr OpSet kChange = set_of<CursorUnmap, CursorProtect, CursorTakeNext>();
constexpr OpSet kForget = set_of<CpuFlushPage, CpuFlushAll>();
constexpr OpSet kHear = set_of<CpuInterrupt, Quiesce>();

// Of one CPU: activate, open, map, touch, jump, unmap, touch.
constexpr std::size_t kFewestOps = 7;

class Touched {
 public:
  Touched(Dice& dice, const Subject& subject, std::size_t most_ops)
      : dice_(dice),
        most_ops_(std::max(most_ops, kFewestOps)),
        spare_(most_ops_ - kFewestOps),
        trace_{.machine = any_machine_with_table(dice)},
        taste_(any_taste(dice, trace_.machine, subject)),
        author_(trace_.machine, taste_, dice) {
    taste_.scenes = {};
    author_.be_brief();
    const auto shared = static_cast<std::uint8_t>(
        dice.one_in(3) ? dice.below(trace_.machine.tables.count) : trace_.machine.tables.count - 1);
    table_ = {static_cast<std::uint8_t>(Table::kFirstShared + shared)};
    place_ = {taste_.homes[static_cast<std::size_t>(kSharedKinds[shared])][0], 0, 0};
    has_whole_table_ = dice.one_in(4) && address_of(place_) != 0 && behind_table();
    if (has_whole_table_) {
      page_ = 0xff;  // The last before it.
    } else if (dice.one_in(2)) {
      page_ = static_cast<std::uint8_t>(dice.below(3));
    }
    lane_ = static_cast<std::uint8_t>(dice.below(trace_.machine.cpus.count));
  }

  Trace make() {
    // Each activates, touches, hears of it, and touches.
    while (others_ + 1u < trace_.machine.cpus.count && has_spare(4)) ++others_;
    each_other([&](std::uint8_t lane) { ask(lane, TableActivate{table_}); });
    ask(lane_, TableActivate{table_});
    open();
    map();
    touch_all();
    change();
    tell();
    touch_all();
    return std::move(trace_);
  }

 private:
  // The last table is an address space, if there are all.
  static Machine any_machine_with_table(Dice& dice) {
    Machine machine = any_machine(dice, Shape::spaces);
    if (machine.tables.count == 0) machine.tables.count = 1;
    machine.settle();
    return machine;
  }

  // The end of what a table of the lowest level maps; none if a trace cannot name it.
  std::optional<VirtPlace> behind_table() const {
    return TableOperands::named(address_of(place(0)) + reference::span_of(2) * 4096);
  }
  VirtPlace place(std::uint8_t page) const { return {place_.place, page, 0}; }

  // A few pages; or one, and a whole table of them behind it, that can be taken out, too.
  void open() {
    VirtPlace end = place(static_cast<std::uint8_t>(page_ + 1 + dice_.below(3)));
    if (has_whole_table_) end = *behind_table();
    if (!has_whole_table_ && dice_.one_in(4)) {
      draw(lane_, set_of<CursorOpen>());
    } else {
      ask(lane_, CursorOpen{table_, place(page_), end, {1}});
    }
  }

  void map() {
    if (has_whole_table_) {
      ask(lane_, CursorMapRun{some_device(), {0, 2, 0}, some_property()});
      return;
    }
    if (!dice_.one_in(3) && has_spare(2)) {
      draw(lane_, set_of<AllocFrame>());
      draw(lane_, set_of<FrameToUntyped>());
      draw(lane_, set_of<CursorMapFrame>());
      return;
    }
    do {
      if (dice_.one_in(3)) {
        draw(lane_, kMap);
      } else {
        ask(lane_, CursorMapRaw{.at = some_device(), .level = {1}, .property = some_property()});
      }
    } while (dice_.one_in(3) && has_spare(1));
  }

  // Where every machine has physical addresses.
  Target some_device() {
    constexpr std::uint8_t kOneGib = 1;
    return {kOneGib, static_cast<std::uint16_t>(dice_.below(4))};
  }
  Property some_property() {
    constexpr std::array<std::uint8_t, 3> kRights = {
        Rights::kReadable, Rights::kReadable | Rights::kWritable,
        Rights::kReadable | Rights::kWritable | Rights::kExecutable};
    return {.rights = {kRights[dice_.below(kRights.size())]},
            .privileged = {Privileged::kUser},
            .cache = {}};
  }

  // Most touches are of what was mapped first, and of what everybody may.
  void touch_all() {
    each_other([&](std::uint8_t lane) { touch(lane); });
    touch(lane_);
  }
  void touch(std::uint8_t lane) {
    do {
      if (dice_.one_in(8)) {
        draw(lane, set_of<CpuTouch>());
      } else {
        const AccessName access = dice_.one_in(16)  ? AccessName::fetch
                                  : dice_.one_in(2) ? AccessName::store
                                                    : AccessName::load;
        ask(lane,
            CpuTouch{
                place(page_), {access}, {static_cast<std::uint8_t>(dice_.one_in(4) ? 0 : 1)}, {1}});
      }
    } while (dice_.one_in(4) && has_spare(1));
  }

  void change() {
    if (dice_.one_in(4)) {
      draw(lane_, set_of<CursorJump>());
    } else {
      ask(lane_, CursorJump{place(page_)});
    }
    if (has_whole_table_ || dice_.one_in(3)) {
      ask(lane_, CursorUnmap{{Length::kRest, 0, 0}});
    } else {
      draw(lane_, kChange);
    }
    // Something else may come to the same place.
    if (dice_.one_in(4) && has_spare(2)) {
      ask(lane_, CursorJump{place(page_)});
      draw(lane_, kMap);
    }
  }

  // CPUs are told, or not: that too is to be seen. In the shortest traces it is mm alone that does.
  void tell() {
    if (most_ops_ < 2 * kFewestOps) return;
    if (dice_.one_in(2) && has_spare(2)) {
      draw(lane_, set_of<TlbIssue>());
      draw(lane_, set_of<TlbDispatch>());
    }
    if (dice_.one_in(3) && has_spare(1)) draw(lane_, set_of<TlbSync>());
    if (dice_.one_in(3) && has_spare(1)) draw(lane_, kForget);
    each_other([&](std::uint8_t lane) {
      if (!dice_.one_in(3)) draw(lane, dice_.one_in(4) ? kForget : kHear);
    });
  }

  // Whether so many more than are needed may be asked: then they are counted.
  bool has_spare(std::size_t ops) {
    if (spare_ < ops) return false;
    spare_ -= ops;
    return true;
  }
  void each_other(auto&& use) {
    for (std::uint8_t i = 1; i <= others_; ++i) {
      use(static_cast<std::uint8_t>((lane_ + i) % trace_.machine.cpus.count));
    }
  }
  bool is_over() const { return author_.is_over() || trace_.calls.size() >= most_ops_; }

  // Unless it would be passed over.
  void ask(std::uint8_t lane, const Op& op) {
    if (is_over()) return;
    author_.ask({{lane}, op});
    if (author_.has_asked()) trace_.calls.push_back({{lane}, op});
  }
  // One of these, if a few tries find one that is allowed.
  void draw(std::uint8_t lane, OpSet ops) {
    if (is_over()) return;
    taste_.weigh_only(ops);
    author_.change(taste_);
    author_.stay_on(lane);
    if (const std::optional<Call> call = author_.next()) trace_.calls.push_back(*call);
  }

  Dice& dice_;
  std::size_t most_ops_, spare_;
  Trace trace_;
  Taste taste_;
  Author author_;
  Table table_{};
  VirtPlace place_{};
  bool has_whole_table_ = false;  // In the cursor's range.
  std::uint8_t page_ = 0;         // That is touched, from the place on.
  std::uint8_t lane_ = 0;         // Who has the cursor.
  std::uint8_t others_ = 0;       // So many other CPUs take part.
};

}  // namespace

trace::Trace any_touched(Dice dice, const Subject& subject, std::size_t most_ops) {
  return Touched(dice, subject, std::min(most_ops, subject.most_ops)).make();
}

}  // namespace props
