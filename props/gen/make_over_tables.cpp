// SPDX-License-Identifier: MPL-2.0
// Lanes at once over page tables: something is mapped, and then each lane visits a range by a
// cursor, or does anything else.
#include "check/operands.h"
#include "props/gen/author.h"
#include "props/gen/make.h"

namespace props {
namespace {

using namespace trace;

constexpr OpSet kMap = set_of<CursorMapRaw, CursorMapFrame>();
constexpr OpSet kTakeOut = set_of<CursorUnmap, CursorTakeNext>();
constexpr OpSet kProtect = set_of<CursorProtect, CursorProtectNext>();

// A table and, in it, a region where lanes are made to meet: a huge page may be mapped there, of
// which a part must be split off, and behind it are single pages, or nothing.
constexpr Table kRegionOf{Table::kFirstShared + 1};
constexpr VirtPlace kRegionBegin{0, 0, 0}, kHuge{1, 0, 0}, kBehind{2, 0, 0}, kGib{3, 0, 0},
    kRegionEnd{4, 0, 0};
static_assert(kVirtNames[kHuge.place] == std::string_view("two_mib"));

Op open_region(VirtPlace begin, VirtPlace end) { return CursorOpen{kRegionOf, begin, end, {1}}; }

Machine any_machine_of_lanes(Dice& dice, std::uint32_t lanes) {
  Machine machine;
  machine.cpus.count = static_cast<std::uint8_t>(lanes);
  machine.tables.count = dice.one_in(4) ? 3 : 2;
  machine.loose.raw = static_cast<std::uint16_t>(dice.between(1, 3));
  machine.pages.raw =
      static_cast<std::uint16_t>(machine.loose.raw + machine.tables.pages() + dice.between(5, 12));
  return machine;
}

class OverTables {
 public:
  OverTables(Dice& dice, const Subject& subject, std::size_t most_ops)
      : dice_(dice),
        subject_(subject),
        most_ops_(most_ops),
        lanes_(dice.one_in(6) ? 3 : 2),
        trace_{.machine = any_machine_of_lanes(dice, lanes_), .at_once = true},
        taste_(any_taste(dice, trace_.machine, subject)) {
    taste_.scenes = {};
    taste_.stays = 8;
    taste_.names_loose_only = true;
    taste_.makes_spaces = false;
    // They shall meet.
    if (!dice.one_in(3)) {
      for (auto& homes : taste_.homes) homes.fill(homes[0]);
    }
  }

  Trace make() {
    Author author(trace_.machine, taste_, dice_);
    if (most_ops_ >= 8) prepare(author);
    trace_.prologue = static_cast<std::uint32_t>(trace_.calls.size());

    like(kTables, dice_.one_in(2) ? 24 : 8);
    like(kProtect | set_of<CursorOpen, Quiesce>(), 48);
    like(kMap | kTakeOut, 96);
    like(set_of<TableWalk, CpuTouch>(), dice_.one_in(2) ? 96 : 24);
    // A lane may see what those before it have done, or not; but its own cursor is as the prologue
    // left it.
    std::vector<Past> pasts{{author, {}}};
    for (std::uint8_t lane = 0; lane < lanes_; ++lane) {
      const Past& seen = pasts[dice_.below(pasts.size())];
      Past past = seen.has_closed[lane] ? pasts.front() : seen;
      // By then they have closed theirs.
      for (std::uint8_t other = 0; other < lanes_; ++other) {
        if (other == lane) continue;
        past.author.ask({{other}, CursorClose{}});
        past.has_closed[other] |= past.author.has_asked();
      }
      live(past.author, lane);
      pasts.push_back(past);
    }
    return std::move(trace_);
  }

 private:
  struct Past {
    Author author;
    std::array<bool, Cpu::kMost> has_closed;  // For these lanes, that in truth have not.
  };

  // Some of what is liked now is liked so much.
  void like(OpSet ops, std::uint32_t weight) {
    for (std::size_t i = 0; i < kOpCount; ++i) {
      if (ops.has(i) && taste_.weights[i] != 0) taste_.weigh(i, weight);
    }
  }

  // Calls of an author's, at most so many.
  void draw(Author& author, std::size_t most) {
    for (std::size_t i = 0; i < most && !author.is_over(); ++i) {
      if (const std::optional<Call> call = author.next()) trace_.calls.push_back(*call);
    }
  }
  void draw(Author& author, std::size_t most, OpSet ops) {
    Taste taste = taste_;
    taste.weigh_only(ops);
    author.change(taste);
    draw(author, most);
  }
  // Unless it would be passed over.
  void ask(Author& author, std::uint8_t lane, const Op& op) {
    author.ask({{lane}, op});
    if (author.has_asked()) trace_.calls.push_back({{lane}, op});
  }

  void prepare(Author& author) {
    const std::size_t visits = dice_.below(4);
    for (std::size_t i = 0; i < visits; ++i) {
      author.stay_on(static_cast<std::uint8_t>(dice_.below(lanes_)));
      draw(author, dice_.below(2), set_of<FrameFromUnused>());
      draw(author, 1, set_of<CursorOpen>());
      draw(author, dice_.between(1, 3), kMap);
      draw(author, i + 1 < visits || dice_.one_in(2) ? 1 : 0, set_of<CursorClose>());
    }
    has_region_ = dice_.one_in(3);
    if (has_region_) prepare_region(author);
    for (std::uint8_t lane = 0; lane < lanes_; ++lane) {
      author.stay_on(lane);
      draw(author, dice_.below(2), set_of<TableActivate>());
      draw(author, dice_.one_in(3) ? 1 : 0, subject_.all());
    }
  }

  void prepare_region(Author& author) {
    constexpr Property kData{{Rights::kReadable | Rights::kWritable}, {}, {}};
    for (std::uint8_t lane = 0; lane < lanes_; ++lane) ask(author, lane, CursorClose{});
    const bool has_huge = dice_.one_in(2);
    if (has_huge) {
      ask(author, 0, open_region(kHuge, kBehind));
      ask(author, 0, CursorMapRaw{{1, 0}, {2}, kData});
      ask(author, 0, CursorClose{});
    }
    if (!has_huge || dice_.one_in(2)) {
      ask(author, 0, open_region(kBehind, some_behind(kBehind)));
      ask(author, 0, CursorMapRaw{{1, 0}, {1}, kData});
      ask(author, 0, CursorClose{});
    }
    for (std::uint8_t lane = 0; lane < lanes_; ++lane) {
      if (dice_.one_in(2)) ask(author, lane, TableActivate{kRegionOf});
    }
  }

  void live(Author& author, std::uint8_t lane) {
    author.stay_on(lane);
    std::size_t ops = std::min<std::size_t>(most_ops_, dice_.between(1, lanes_ == 3 ? 3 : 5));
    if (ops > 1 && !dice_.one_in(3)) {
      --ops;
      if (has_region_) {
        meet(author, lane);
      } else {
        draw(author, 1, set_of<CursorOpen>());
      }
    } else if (has_region_ && dice_.one_in(2)) {
      --ops;
      touch(author, lane);
    }
    author.change(taste_);
    draw(author, ops);
  }

  // A few pages behind a place.
  VirtPlace some_behind(VirtPlace at) {
    at.page = static_cast<std::uint8_t>(at.page + dice_.between(1, 3));
    return at;
  }

  // In the region: by chance it comes too seldom that one takes a table away to which another is on
  // his way, or that memory for a table lacks.
  void meet(Author& author, std::uint8_t lane) {
    OpSet ops = dice_.one_in(2) ? kMap : kProtect | kTakeOut;
    switch (dice_.below(3)) {
      case 0:
        ask(author, lane, open_region(kRegionBegin, kRegionEnd));
        ops = kTakeOut | kProtect;
        break;
      case 1: ask(author, lane, open_region(kBehind, kGib)); break;
      case 2:
        VirtPlace begin = dice_.one_in(2) ? kHuge : kBehind;
        begin.page = static_cast<std::uint8_t>(dice_.below(3));
        ask(author, lane, open_region(begin, some_behind(begin)));
    }
    if (dice_.one_in(3)) ask(author, lane, AllocFail{{0}, {1}});
    draw(author, 1, ops);
  }

  // There, too: it marks a page that another is about to change.
  void touch(Author& author, std::uint8_t lane) {
    const AccessName access = dice_.one_in(2) ? AccessName::load : AccessName::store;
    ask(author, lane, CpuTouch{dice_.one_in(2) ? kHuge : kBehind, {access}, {}, {1}});
  }

  Dice& dice_;
  const Subject& subject_;
  std::size_t most_ops_;
  std::uint32_t lanes_;
  Trace trace_;
  Taste taste_;
  bool has_region_ = false;
};

}  // namespace

Trace any_at_once_over_tables(Dice dice, const Subject& subject, std::size_t most_ops) {
  return OverTables(dice, subject, most_ops).make();
}

bool can_go_over_tables(const Trace& trace, const Subject& subject) {
  for (std::size_t i = trace.prologue; i < trace.calls.size(); ++i) {
    const Op& op = trace.calls[i].op;
    if (!subject.all().has(op.index())) return false;
    bool is_allocators = false;
    check::each_place(op, [&](const PhysPlace& at) {
      is_allocators = is_allocators || trace.machine.is_allocators(trace.machine.address(at));
    });
    if (is_allocators) return false;
  }
  return true;
}

}  // namespace props
