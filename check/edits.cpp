// SPDX-License-Identifier: MPL-2.0
#include "check/edits.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "check/operands.h"
#include "check/rename.h"

namespace check {
namespace {

using trace::Call;
using trace::Choice;
using trace::Trace;

// Up to this many calls, combinations are tried that are too many for longer traces.
constexpr std::size_t kShort = 9;
// Up to this many, what cursors do in more steps than it takes.
constexpr std::size_t kAround = 16;
// Up to this many, all pairs of calls; up to kShort, those that have a register or a page in
// common; beyond, of these only those of different operations: what makes, and what unmakes.
constexpr std::size_t kAllPairs = 6;
// Beyond this many, no pairs.
constexpr std::size_t kPairs = 64;

void remove_call(Trace& trace, std::size_t at) { remove_calls(trace, at, at + 1); }

// The indices of calls, ascending; the last is removed first.
void remove_all(Trace& trace, const std::vector<std::size_t>& calls) {
  for (auto at = calls.rbegin(); at != calls.rend(); ++at) remove_call(trace, *at);
}

// ---- What calls name.

std::set<Named> registers_of_all(const Trace& trace, const std::vector<std::size_t>& calls) {
  std::set<Named> names;
  for (const std::size_t at : calls) names.merge(registers_of(trace, trace.calls[at]));
  return names;
}

std::set<std::uint16_t> pages_of(const Call& call) {
  std::set<std::uint16_t> pages;
  each_place(call.op, [&](const trace::PhysPlace& at) { pages.insert(at.page); });
  return pages;
}

bool have_common(const auto& a, const auto& b) {
  return std::ranges::any_of(a, [&](const auto& one) { return b.contains(one); });
}

// Each lane has its own; those of another lane are unlikely to be meant.
std::set<trace::List> lists_of(const Call& call) {
  std::set<trace::List> lists;
  each_of<trace::List>(call.op, [&](const trace::List& list) { lists.insert(list); });
  return lists;
}

// Whether it is about one frame: what any operation may be replaced by.
bool is_of_frames(const trace::Op& op) {
  const std::string_view family = family_of(trace::name_of(op));
  return family == "frame" || family == "unique" || std::holds_alternative<trace::AllocFrame>(op);
}

bool are_related(const Trace& trace, std::size_t i, std::size_t j) {
  const Call &one = trace.calls[i], &other = trace.calls[j];
  return have_common(registers_of(trace, one), registers_of(trace, other)) ||
         have_common(pages_of(one), pages_of(other)) || have_common(lists_of(one), lists_of(other));
}

// ---- Tiers.

struct Lister {
  const Trace& trace;
  std::vector<Edit> edits{};

  std::size_t size() const { return trace.calls.size(); }
  bool is_short() const { return size() <= kShort; }
  void add(Edit edit) { edits.push_back(std::move(edit)); }

  // What simplifies a whole trace at a stroke, if it may.
  void strokes() {
    if (trace.at_once) {
      add([](Trace& to) { to.at_once = false, to.prologue = 0, to.schedule.clear(); });
      moves_into_prologue();
    }
    add([](Trace& to) {
      number_lanes(to), number_pages(to), number_registers(to);
      every_operand(to, [](trace::Count& count) { count = {}; });
      every_operand(to, [](trace::Kind& kind) { kind = {}; });
      every_operand(to, [](trace::Order& order) { order = {}; });
      every_operand(to, [](trace::Flag& flag) { flag = {}; });
      whole_pages(to);
    });
    add([](Trace& to) { number_lanes(to), number_pages(to), number_registers(to); });
    add([](Trace& to) { number_lanes(to), number_pages_in_order(to), number_registers(to); });
    add([](Trace& to) { number_lanes(to); });
    add([](Trace& to) { number_pages(to); });
    add([](Trace& to) { number_pages_in_order(to); });
    add([](Trace& to) {
      every_operand(to, [pages = to.machine.pages.raw](trace::PhysPlace& at) {
        if (!at.is_outside()) at.page = static_cast<std::uint16_t>(at.page % pages);
      });
    });
    add([](Trace& to) { number_registers(to); });
    for (std::uint8_t from = 1; from < trace.machine.cpus.count; ++from) {
      for (std::uint8_t to = 0; to < from; ++to) {
        add([=](Trace& edited) { merge_lanes(edited, from, to), number_lanes(edited); });
      }
    }
    add([](Trace& to) { every_operand(to, [](trace::Count& count) { count = {}; }); });
    for (const auto name : {trace::KindName::empty, trace::KindName::value8}) {
      add([=](Trace& to) { every_operand(to, [=](trace::Kind& kind) { kind.name = name; }); });
    }
    add([](Trace& to) { every_operand(to, [](trace::Order& order) { order = {}; }); });
    add([](Trace& to) { every_operand(to, [](trace::Flag& flag) { flag = {}; }); });
    add(whole_pages);
    add([](Trace& to) { every_operand(to, [](trace::PhysPlace& at) { at = {}; }); });
    add([](Trace& to) { every_operand(to, [](trace::Extent& extent) { extent = {}; }); });
    for (std::uint8_t list = 1; list < trace::List::kCount; ++list) {
      add([=](Trace& to) { merge_lists(to, list); });
    }
    add([](Trace& to) { share_all(to), number_registers(to); });
    add([](Trace& to) { frames_for_segments(to), number_registers(to); });
    smaller_machines();
  }

  static void whole_pages(Trace& to) {
    every_operand(to, [](trace::PhysPlace& at) { at.offset = 0; });
    every_operand(to, [](trace::ColdPlace& place) { place.at.offset = 0; });
    every_operand(to, [](trace::Extent& extent) { extent.offset = 0; });
  }

  // Those whose noun `change` accepts.
  static void every_operand(Trace& to, auto change) {
    for (Call& call : to.calls) {
      each_operand(call.op, [&](auto& operand) {
        if constexpr (requires { change(operand); }) change(operand);
      });
    }
  }

  void moves_into_prologue() {
    for (std::size_t i = trace.prologue; i < size(); ++i) {
      add([=](Trace& to) {
        const Call call = to.calls[i];
        remove_call(to, i);
        to.calls.insert(to.calls.begin() + static_cast<std::ptrdiff_t>(to.prologue), call);
        ++to.prologue;
      });
    }
  }

  // That a call names.
  std::uint16_t highest_page() const {
    std::uint16_t highest = 0;
    for (const Call& call : trace.calls) {
      each_place(call.op, [&](const trace::PhysPlace& at) {
        if (at.is_outside()) return;
        highest = std::max(highest, static_cast<std::uint16_t>(at.page % trace.machine.pages.raw));
      });
    }
    return highest;
  }

  void smaller_machines() {
    const std::uint16_t named = highest_page();
    const auto [pages, loose, cpus, tables] = trace.machine;
    auto with = [&](std::uint16_t new_pages, std::uint16_t new_loose) {
      if (tables.pages() > new_pages - new_loose) return;  // Its tables want more.
      add([=](Trace& to) { to.machine.pages.raw = new_pages, to.machine.loose.raw = new_loose; });
    };
    with(2, 1);
    if (tables.count != 0) with(static_cast<std::uint16_t>(tables.pages() + 1), 1);
    if (named + 2 <= trace::Machine::kMostPages) {
      with(static_cast<std::uint16_t>(named + 2), static_cast<std::uint16_t>(named + 1));
    }
    if (is_short()) {
      for (std::uint16_t fewer = 3; fewer < pages.raw; ++fewer) {
        with(fewer, std::min<std::uint16_t>(loose.raw, static_cast<std::uint16_t>(fewer - 1)));
      }
    } else {
      with(static_cast<std::uint16_t>(std::max(2, pages.raw / 2)), 1);
      const auto half = static_cast<std::uint16_t>(std::max(loose.raw + 1, pages.raw / 2));
      if (half < pages.raw) with(half, loose.raw);
    }
    for (std::uint16_t down = 1; down < loose.raw; ++down) {
      if (!is_short() && down + 1 != loose.raw) continue;
      add([=](Trace& to) { move_allocators_pages(to, down); });
    }
    for (std::uint16_t fewer = 1; fewer < loose.raw; ++fewer) {
      if (is_short() || fewer == 1) with(pages.raw, fewer);
    }
    for (std::uint8_t fewer = 1; fewer < cpus.count; ++fewer) {
      add([=](Trace& to) { to.machine.cpus.count = fewer; });
    }
    for (std::uint8_t fewer = 0; fewer < tables.count; ++fewer) {
      add([=](Trace& to) { to.machine.tables.count = fewer; });
    }
  }

  // Operands one by one, each by its noun.
  void operands() {
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::uint8_t lane = 0; lane < trace.calls[i].lane.index; ++lane) {
        add([=](Trace& to) { to.calls[i].lane.index = lane; });
      }
      std::size_t number = 0;
      each_operand(trace.calls[i].op, [&](const auto& operand) {
        for (const auto& simpler : simpler_than(operand)) set_operand(i, number, simpler);
        ++number;
      });
    }
  }

  template <class Noun>
  void set_operand(std::size_t call, std::size_t number, Noun value) {
    add([=](Trace& to) { put_operand(to.calls[call].op, number, value); });
  }

  template <class Noun>
  static void put_operand(trace::Op& op, std::size_t number, Noun value) {
    std::size_t at = 0;
    each_operand(op, [&](auto& operand) {
      if constexpr (std::same_as<std::remove_reference_t<decltype(operand)>, Noun>) {
        if (at == number) operand = value;
      }
      ++at;
    });
  }

  template <IsRegister Noun>
  std::vector<Noun> simpler_than(const Noun& place) const {
    std::vector<Noun> simpler;
    for (std::uint8_t index = 0; index < place.index; ++index) {
      if (is_short() || index == 0) simpler.push_back({index});
    }
    return simpler;
  }

  std::vector<trace::Kind> simpler_than(const trace::Kind& kind) const {
    std::vector<trace::Kind> simpler;
    for (std::uint8_t name = 0; name < static_cast<std::uint8_t>(kind.name); ++name) {
      if (is_short() || name <= 1) simpler.push_back({static_cast<trace::KindName>(name)});
    }
    return simpler;
  }

  // The huge ones in turn; of the others, few.
  std::vector<trace::Count> simpler_than(const trace::Count& count) const {
    std::set<std::uint16_t> raws = {0, 1, static_cast<std::uint16_t>(count.raw / 2),
                                    static_cast<std::uint16_t>(count.raw - 1)};
    for (std::uint16_t raw = trace::Count::kFirstHuge; raw < count.raw; ++raw) raws.insert(raw);
    std::vector<trace::Count> simpler;
    for (const std::uint16_t raw : raws) {
      if (raw < count.raw && (is_short() || raw == 0)) simpler.push_back({raw});
    }
    return simpler;
  }

  std::vector<trace::PhysPlace> simpler_than(const trace::PhysPlace& at) const {
    std::vector<trace::PhysPlace> simpler;
    const std::uint16_t most = is_short() ? trace::Machine::kMostPages : 1;
    for (std::uint16_t page = 0; page < std::min(at.page, most); ++page) {
      simpler.push_back({page, at.offset});
    }
    for (std::uint16_t page = trace::PhysPlace::kFirstOutside; page < at.page; ++page) {
      simpler.push_back({page, at.offset});
    }
    for (const std::uint8_t offset : simpler_offsets(at.offset)) {
      simpler.push_back({at.page, offset});
    }
    return simpler;
  }

  std::vector<trace::ColdPlace> simpler_than(const trace::ColdPlace& place) const {
    std::vector<trace::ColdPlace> simpler;
    for (const trace::PhysPlace at : simpler_than(place.at)) simpler.push_back({at});
    return simpler;
  }

  // As of counts; and all that there are within a small segment.
  std::vector<trace::Extent> simpler_than(const trace::Extent& extent) const {
    std::vector<trace::Extent> simpler;
    for (const trace::Count pages : simpler_than(trace::Count{extent.pages})) {
      simpler.push_back({pages.raw, extent.offset});
    }
    for (std::uint16_t pages = 2; is_short() && pages < std::min<int>(extent.pages, 6); ++pages) {
      simpler.push_back({pages, extent.offset});
    }
    for (const std::uint8_t offset : simpler_offsets(extent.offset)) {
      simpler.push_back({extent.pages, offset});
    }
    return simpler;
  }

  static std::vector<std::uint8_t> simpler_offsets(std::uint8_t offset) {
    std::vector<std::uint8_t> simpler;
    if (offset != 0) simpler.push_back(0);
    for (unsigned other = trace::PageOffset::kFirstOther; other < offset; ++other) {
      simpler.push_back(static_cast<std::uint8_t>(other));
    }
    return simpler;
  }

  // The machine's tables are simpler than one that must be made.
  std::vector<trace::Table> simpler_than(const trace::Table& table) const {
    return all_below<trace::Table>(table.index);
  }
  std::vector<trace::TableKind> simpler_than(const trace::TableKind& kind) const {
    return named_below<trace::TableKind, trace::TableKindName>(kind.name);
  }
  std::vector<trace::Access> simpler_than(const trace::Access& access) const {
    return named_below<trace::Access, trace::AccessName>(access.name);
  }
  std::vector<trace::Level> simpler_than(const trace::Level& level) const {
    std::vector<trace::Level> simpler;
    for (std::uint8_t lower = 1; lower < level.value; ++lower) simpler.push_back({lower});
    return simpler;
  }

  // Another place with the same page, and fewer pages from the same.
  std::vector<trace::VirtPlace> simpler_than(const trace::VirtPlace& at) const {
    std::vector<trace::VirtPlace> simpler;
    if (at != trace::VirtPlace{}) simpler.push_back({});
    for (std::uint8_t place = 0; place < at.place; ++place) {
      simpler.push_back({place, at.page, at.offset});
    }
    for (const int page : {0, 1, at.page / 2, at.page - 1}) {
      if (page < 0 || page >= at.page) continue;
      simpler.push_back({at.place, static_cast<std::uint8_t>(page), at.offset});
    }
    for (const std::uint8_t offset : simpler_offsets(at.offset)) {
      simpler.push_back({at.place, at.page, offset});
    }
    return simpler;
  }
  std::vector<trace::Length> simpler_than(const trace::Length& length) const {
    std::vector<trace::Length> simpler;
    for (std::uint8_t count = 0; count <= 2; ++count) {
      if (const trace::Length other{0, count, 0}; other < length) simpler.push_back(other);
    }
    for (std::uint8_t unit = 0; unit < length.unit; ++unit) {
      simpler.push_back({unit, length.count, length.offset});
    }
    for (const int count : {0, 1, length.count / 2, length.count - 1}) {
      if (count < 0 || count >= length.count) continue;
      simpler.push_back({length.unit, static_cast<std::uint8_t>(count), length.offset});
    }
    for (const std::uint8_t offset : simpler_offsets(length.offset)) {
      simpler.push_back({length.unit, length.count, offset});
    }
    return simpler;
  }
  std::vector<trace::Target> simpler_than(const trace::Target& at) const {
    std::vector<trace::Target> simpler;
    for (std::uint8_t base = 0; base < at.base; ++base) simpler.push_back({base, at.page});
    for (const int page : {0, 1, 512, at.page / 2, at.page - 1}) {
      if (page >= 0 && page < at.page) {
        simpler.push_back({at.base, static_cast<std::uint16_t>(page)});
      }
    }
    return simpler;
  }

  // None of the bits, and each of them less.
  static std::vector<std::uint8_t> fewer_bits(std::uint8_t bits) {
    std::vector<std::uint8_t> fewer;
    if (bits != 0) fewer.push_back(0);
    for (unsigned bit = 1; bit < 256; bit <<= 1) {
      if ((bits & bit) != 0 && bits != bit) fewer.push_back(static_cast<std::uint8_t>(bits & ~bit));
    }
    return fewer;
  }
  std::vector<trace::Property> simpler_than(const trace::Property& property) const {
    std::vector<trace::Property> simpler;
    auto add_with = [&](auto change) {
      trace::Property other = property;
      change(other);
      if (other < property) simpler.push_back(other);
    };
    add_with([](auto& other) { other = {}; });
    add_with([](auto& other) { other.cache = {}; });
    for (const std::uint8_t bits : fewer_bits(property.privileged.bits)) {
      add_with([=](auto& other) { other.privileged.bits = bits; });
    }
    for (const std::uint8_t bits : fewer_bits(property.rights.bits)) {
      add_with([=](auto& other) { other.rights.bits = bits; });
    }
    return simpler;
  }
  std::vector<trace::Change> simpler_than(const trace::Change& change) const {
    std::vector<trace::Change> simpler;
    if (change.cache != trace::Change::kKeep) {
      simpler.push_back({change.take, change.give, trace::Change::kKeep});
    }
    for (const std::uint8_t bits : fewer_bits(change.take.bits)) {
      simpler.push_back({{bits}, change.give, change.cache});
    }
    for (const std::uint8_t bits : fewer_bits(change.give.bits)) {
      simpler.push_back({change.take, {bits}, change.cache});
    }
    return simpler;
  }

  std::vector<trace::List> simpler_than(const trace::List& list) const {
    return all_below<trace::List>(list.index);
  }
  std::vector<trace::Order> simpler_than(const trace::Order& order) const {
    return all_below<trace::Order>(order.value);
  }
  std::vector<trace::Flag> simpler_than(const trace::Flag& flag) const {
    return all_below<trace::Flag>(flag.on);
  }
  std::vector<trace::RegionType> simpler_than(const trace::RegionType& type) const {
    return named_below<trace::RegionType, trace::RegionName>(type.name);
  }

  template <class Noun, class Name>
  static std::vector<Noun> named_below(Name name) {
    std::vector<Noun> simpler;
    for (unsigned below = 0; below < static_cast<unsigned>(name); ++below) {
      simpler.push_back({static_cast<Name>(below)});
    }
    return simpler;
  }

  template <class Noun>
  static std::vector<Noun> all_below(std::uint8_t number) {
    std::vector<Noun> simpler;
    for (std::uint8_t below = 0; below < number; ++below) simpler.push_back({below});
    return simpler;
  }

  // Calls by ones and twos; if the trace is short, by threes, and so that another register takes
  // the place of one of theirs in what follows: a handle that was only moved about, or away.
  void removals() {
    if (size() > kPairs) return;
    for (std::size_t i = 0; i < size(); ++i) without({i});
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = i + 1; j < size(); ++j) {
        if (is_pair(i, j)) without({i, j});
      }
    }
    if (!is_short()) return;
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = i + 1; j < size(); ++j) {
        for (std::size_t k = j + 1; k < size(); ++k) without({i, j, k});
      }
    }
  }

  bool is_pair(std::size_t i, std::size_t j) const {
    if (size() <= kAllPairs) return true;
    const bool are_alike = trace.calls[i].op.index() == trace.calls[j].op.index();
    return (is_short() || !are_alike) && are_related(trace, i, j);
  }

  void without(const std::vector<std::size_t>& calls) {
    add([=](Trace& to) { remove_all(to, calls); });
    if (!is_short()) return;
    const std::set<Named> names = registers_of_all(trace, calls);
    for (const Named& from : names) {
      std::set<std::uint8_t> numbers{first_free(from)};
      for (const Named& to : names) {
        if (from.lane == to.lane && from.letter == to.letter) numbers.insert(to.index);
      }
      numbers.erase(from.index);
      for (const std::uint8_t number : numbers) {
        add([=](Trace& edited) {
          rename(edited, calls.front(), from, number);
          remove_all(edited, calls);
        });
      }
    }
  }

  // The lowest register of the lane that no call names, or the same if there is none.
  std::uint8_t first_free(Named like) const {
    std::set<Named> used;
    for (const Call& call : trace.calls) used.merge(registers_of(trace, call));
    for (std::uint8_t index = 0; index < count_of(like.letter); ++index) {
      if (!used.contains({like.lane, like.letter, index})) return index;
    }
    return like.index;
  }

  // A call by a simpler operation, or two by one of any: of frames, or of families that occur in
  // the trace, with operands that do.
  void replacements() {
    if (!is_short()) return;
    std::array<Pool, trace::Cpu::kMost> pools;
    for (const Call& call : trace.calls) {
      for (std::uint8_t lane = 0; lane < pools.size(); ++lane) {
        // Registers are the lane's own; all else may come from anywhere.
        each_operand(call.op, [&]<class Noun>(const Noun& operand) {
          if (!IsRegister<Noun> || lane == lane_of(trace, call)) pools[lane].add(operand);
        });
      }
    }
    // And the lowest frame register that is free: a handle more takes the place of what changed
    // one.
    for (std::uint8_t lane = 0; lane < pools.size(); ++lane) {
      pools[lane].add(trace::Frame{first_free({lane, trace::Frame::kLetter, 0})});
    }
    // And a page that no call names, for which the machine may have to grow.
    const auto fresh = static_cast<std::uint16_t>(highest_page() + 1);
    if (fresh + 1 < trace::Machine::kMostPages) {
      for (Pool& pool : pools) pool.add(trace::PhysPlace{fresh, 0});
    }
    std::vector<std::size_t> by_rank(trace::kOpCount);
    for (std::size_t op = 0; op < by_rank.size(); ++op) by_rank[rank_of(trace::blank_op(op))] = op;
    std::set<std::string_view> families;
    for (const Call& call : trace.calls) {
      if (!is_of_frames(call.op)) families.insert(family_of(trace::name_of(call.op)));
    }
    std::erase_if(by_rank, [&](std::size_t op) {
      const trace::Op blank = trace::blank_op(op);
      return !is_of_frames(blank) && !families.contains(family_of(trace::name_of(blank)));
    });
    constexpr std::size_t kPreload = trace::Op(trace::FrameCountPreload{}).index();
    auto each_op = [&](std::size_t i, auto&& use) {
      const Pool& pool = pools[lane_of(trace, trace.calls[i])];
      Pool with_small = pool;  // Preloads stand for clones: as many as there may be.
      for (std::uint16_t more = 1; more <= 3; ++more) with_small.add(trace::Count{more});
      for (const std::size_t op : by_rank) (op == kPreload ? with_small : pool).each_op(op, use);
    };
    for (std::size_t i = 0; i < size(); ++i) {
      each_op(i, [&](const trace::Op& op) { two_by_one(i, op); });
    }
    for (std::size_t i = 0; i < size(); ++i) {
      each_op(i, [&](const trace::Op& op) {
        if (rank_of(op) > rank_of(trace.calls[i].op)) return;
        add([=](Trace& to) { put(to, i, op); });
        each_renaming({i}, op, [&](Named from, std::uint8_t index) {
          add([=](Trace& to) {
            rename(to, i + 1, from, index);
            put(to, i, op);
          });
        });
      });
    }
  }

  // Replaces call i. If a page is made that the machine has not, or only for its allocator, the
  // machine grows.
  static void put(Trace& to, std::size_t i, const trace::Op& op) {
    to.calls[i].op = op;
    if (!std::holds_alternative<trace::FrameFromUnused>(op) &&
        !std::holds_alternative<trace::UniqueFromUnused>(op)) {
      return;
    }
    each_place(op, [&](const trace::PhysPlace& at) {
      auto& [pages, loose, cpus, tables] = to.machine;
      if (at.is_outside() || at.page < loose.raw) return;
      const int more = at.page + 1 - loose.raw;
      if (pages.raw + more > trace::Machine::kMostPages) return;
      pages.raw = static_cast<std::uint16_t>(pages.raw + more);
      loose.raw = static_cast<std::uint16_t>(loose.raw + more);
    });
  }

  // What followed the replaced calls may have to name a register of `op` where it named one of
  // theirs.
  void each_renaming(const std::vector<std::size_t>& replaced, const trace::Op& op,
                     auto&& use) const {
    const std::set<Named> now = registers_of(trace, {trace.calls[replaced.front()].lane, op});
    for (const Named& from : registers_of_all(trace, replaced)) {
      if (now.contains(from)) continue;
      for (const Named& to : now) {
        if (from.lane == to.lane && from.letter == to.letter) use(from, to.index);
      }
    }
  }

  // Call i becomes `op`, and one of its relatives goes.
  void two_by_one(std::size_t i, const trace::Op& op) {
    for (std::size_t j = 0; j < size(); ++j) {
      if (j == i || !are_related(trace, i, j)) continue;
      add([=](Trace& to) {
        put(to, i, op);
        remove_call(to, j);
      });
      each_renaming({i, j}, op, [&](Named from, std::uint8_t index) {
        add([=](Trace& to) {
          rename(to, std::min(i, j) + 1, from, index);
          put(to, i, op);
          remove_call(to, j);
        });
      });
    }
  }

  // A call goes, and one thing of what is left changes, perhaps for the larger: the shape of the
  // machine, or an operand that is no register. What one call prepares, a larger machine or another
  // place may bring along.
  void exchanges() {
    if (!is_short()) return;
    constexpr std::uint16_t kMany = 16, kHalf = trace::Machine::kMostPages / 2;
    const std::uint16_t loose = trace.machine.loose.raw;
    // The allocator has at least one page, and enough for the machine's tables.
    const auto free = std::max<std::uint16_t>(1, trace.machine.tables.pages());
    const auto few = static_cast<std::uint16_t>(1 + free);
    const auto next = static_cast<std::uint16_t>(loose + free);
    for (std::size_t i = 0; i < size(); ++i) {
      for (const auto& [pages, of_these] : {std::pair<std::uint16_t, std::uint16_t>{few, 1},
                                            {next, loose},
                                            {kMany, 1},
                                            {kHalf, 1}}) {
        if (pages > trace::Machine::kMostPages) continue;
        add([=](Trace& to) {
          to.machine.pages.raw = pages, to.machine.loose.raw = of_these;
          remove_call(to, i);
        });
      }
      for (std::size_t j = 0; j < size() && !trace.at_once; ++j) {
        if (j != i) without_and_with(i, j);
      }
    }
  }

  // What cursors do in more steps than it takes. Which of two ways is the shorter, in a longer
  // trace no single removal tells: that of a jump leaves the cursor elsewhere, that of closing lets
  // nothing be opened.
  void cursors() {
    if (size() > kAround || trace.at_once) return;
    for (std::size_t i = 0; i < size(); ++i) {
      std::visit([&](const auto& op) { around(i, op); }, trace.calls[i].op);
    }
    ends();
  }

  // What the last calls show, one may show that was asked before.
  void ends() {
    for (std::size_t last = 2; last <= 3 && last < size(); ++last) {
      for (std::size_t i = 0; i + last < size(); ++i) {
        if (!std::holds_alternative<trace::CpuTouch>(trace.calls[i].op)) continue;
        add([=](Trace& to) {
          const Call again = to.calls[i];
          remove_calls(to, to.calls.size() - last, to.calls.size());
          to.calls.push_back(again);
        });
      }
    }
  }

  void around(std::size_t, const auto&) {}

  // What is opened again is opened so at once, and there the cursor jumps to, or need not.
  void around(std::size_t i, const trace::CursorOpen& op) {
    each_before<trace::CursorOpen>(i, [&](std::size_t first, const trace::CursorOpen& before) {
      for (const trace::CursorOpen& wide : {op, before}) {
        const trace::CursorOpen either{op.table, wide.begin, wide.end, {1}};
        auto merged = [=](Trace& to, bool jumps) {
          to.calls[first].op = either;
          to.calls[i].op = trace::CursorJump{op.begin};
          remove_all(to, closes_between(to, first, i, jumps));
        };
        for (const bool jumps : {false, true}) add([=](Trace& to) { merged(to, jumps); });
        if (wide.begin == before.begin) continue;
        add([=](Trace& to) {  // What was mapped there, and touched, is so here.
          for (Call& call : to.calls) {
            auto* const touch = std::get_if<trace::CpuTouch>(&call.op);
            if (touch != nullptr && touch->at == before.begin) touch->at = op.begin;
          }
          merged(to, /*jumps=*/true);
        });
      }
    });
  }

  // What unmapping has CPUs flush is issued, and dispatched, without a page.
  void around(std::size_t i, const trace::CursorUnmap&) {
    each_before<trace::CursorMapRaw>(i, [&](std::size_t first, const trace::CursorMapRaw&) {
      add([=](Trace& to) {
        to.calls[first].op = trace::TlbIssue{{}, {1}, {}};
        to.calls[i].op = trace::TlbDispatch{};
        remove_all(to, calls_between<trace::CursorJump>(to, first, i));
      });
    });
  }

  // What is inserted by a list's cursor is pushed, and what is taken by it popped.
  void around(std::size_t i, const trace::ListInsertBefore& op) {
    each_before<trace::ListCursorFront>(i, [&](std::size_t first, const trace::ListCursorFront&) {
      add([=](Trace& to) {
        by_the_end<trace::ListPushFront, trace::ListPopFront>(to, first, i, op);
      });
      add([=](Trace& to) {
        by_the_end<trace::ListPushBack, trace::ListPopBack>(to, first, i, op);
      });
    });
  }
  template <class Push, class Pop>
  static void by_the_end(Trace& to, std::size_t opened, std::size_t i,
                         const trace::ListInsertBefore& op) {
    std::vector<std::size_t> spare{opened};
    to.calls[i].op = Push{op.list, op.from};
    for (std::size_t k = i + 1; k < to.calls.size(); ++k) {
      trace::Op& later = to.calls[k].op;
      if (const auto* const take = std::get_if<trace::ListTakeCurrent>(&later)) {
        later = Pop{take->list, take->to};
      } else if (std::holds_alternative<trace::ListMovePrev>(later) ||
                 std::holds_alternative<trace::ListMoveNext>(later)) {
        spare.push_back(k);
      }
    }
    remove_all(to, spare);
  }

  // The range begins where the cursor jumps to, or where it first went on to.
  void around(std::size_t i, const trace::CursorJump& op) {
    each_before<trace::CursorOpen>(i, [&](std::size_t first, const trace::CursorOpen& before) {
      trace::CursorOpen from{before.table, op.to, before.end, before.may_change};
      each_before<trace::CursorFindNext>(i, [&](std::size_t on, const trace::CursorFindNext&) {
        if (on < first) return;
        add([=](Trace& to) {
          to.calls[first].op = from;
          remove_call(to, on);
        });
      });
      for (const int pages : {-1, 0, 1, 2}) {
        if (pages >= 0) from.end = {op.to.place, static_cast<std::uint8_t>(op.to.page + pages), 0};
        add([=](Trace& to) {
          to.calls[first].op = from;
          remove_call(to, i);
        });
      }
    });
  }

  // It is mapped as it is protected later.
  void around(std::size_t i, const trace::CursorProtectNext& op) { mapped_so(i, op.change); }
  void around(std::size_t i, const trace::CursorProtect& op) { mapped_so(i, op.change); }
  void mapped_so(std::size_t i, trace::Change change) {
    each_before<trace::CursorMapRaw>(i, [&](std::size_t first, trace::CursorMapRaw before) {
      auto& bits = before.property.rights.bits;
      bits = static_cast<std::uint8_t>((bits & ~change.take.bits) | change.give.bits);
      if (change.cache != trace::Change::kKeep) {
        before.property.cache.name = static_cast<trace::CacheName>(change.cache - 1);
      }
      add([=](Trace& to) {
        to.calls[first].op = before;
        remove_call(to, i);
      });
    });
  }

  // A walk needs no cursor there.
  void around(std::size_t i, const trace::CursorQuery&) {
    each_before<trace::CursorOpen>(i, [&](std::size_t, const trace::CursorOpen& before) {
      std::size_t jump = i;
      trace::VirtPlace at = before.begin;
      each_before<trace::CursorJump>(
          i, [&](std::size_t last, const trace::CursorJump& op) { jump = last, at = op.to; });
      add([=](Trace& to) {
        to.calls[i].op = trace::TableWalk{before.table, at};
        if (jump != i) remove_call(to, jump);
      });
      // Behind it the cursor is where the range ends.
      add([=](Trace& to) {
        to.calls[i].op = trace::TableWalk{before.table, before.begin};
        if (jump != i) remove_call(to, jump);
      });
    });
  }

  // One of the machine's tables, instead of one that is made.
  void around(std::size_t i, const trace::TableNew& op) {
    using enum trace::TableKindName;
    const trace::TableKindName kind = op.kind.name == plain5 ? plain : op.kind.name;
    const auto shared = std::ranges::find(trace::kSharedKinds, kind) - trace::kSharedKinds.begin();
    const trace::Table instead{static_cast<std::uint8_t>(trace::Table::kFirstShared + shared)};
    const std::uint8_t lane = lane_of(trace, trace.calls[i]);
    add([=](Trace& to) {
      for (Call& call : to.calls) {
        if (lane_of(to, call) != lane) continue;
        each_of<trace::Table>(call.op, [&](trace::Table& table) {
          if (table.index == op.to.index) table = instead;
        });
      }
      auto& [pages, loose, cpus, tables] = to.machine;
      const auto more = static_cast<std::uint8_t>(shared + 1);
      if (tables.count < more) {
        const int added = trace::TableCount::kPages[more] - tables.pages();
        if (pages.raw + added > trace::Machine::kMostPages) return;
        pages.raw = static_cast<std::uint16_t>(pages.raw + added);
        tables.count = more;
      }
      remove_call(to, i);
    });
  }

  // The calls of a type before call i, of the same lane.
  template <class T>
  void each_before(std::size_t i, auto&& use) const {
    for (std::size_t j = 0; j < i; ++j) {
      const auto* const op = std::get_if<T>(&trace.calls[j].op);
      if (op != nullptr && lane_of(trace, trace.calls[j]) == lane_of(trace, trace.calls[i])) {
        use(j, *op);
      }
    }
  }
  template <class T>
  static std::vector<std::size_t> calls_between(const Trace& of, std::size_t first,
                                                std::size_t last) {
    std::vector<std::size_t> calls;
    for (std::size_t i = first; i < last; ++i) {
      if (std::holds_alternative<T>(of.calls[i].op)) calls.push_back(i);
    }
    return calls;
  }
  // Where the cursor is closed between two calls; and the second, unless it is to stay.
  static std::vector<std::size_t> closes_between(const Trace& of, std::size_t first,
                                                 std::size_t last, bool last_stays) {
    std::vector<std::size_t> closes = calls_between<trace::CursorClose>(of, first, last);
    if (!last_stays) closes.push_back(last);
    return closes;
  }

  // Call i goes, and of call j an operand changes.
  void without_and_with(std::size_t i, std::size_t j) {
    std::size_t number = 0;
    each_operand(trace.calls[j].op, [&](const auto& operand) {
      for (const auto& other : few_like(operand)) {
        if (other == operand) continue;
        add([=](Trace& to) {
          put_operand(to.calls[j].op, number, other);
          remove_call(to, i);
        });
      }
      ++number;
    });
  }

  static std::vector<trace::PhysPlace> few_like(const trace::PhysPlace&) {
    return {{0, 0}, {1, 0}, {2, 0}};
  }
  static std::vector<trace::ColdPlace> few_like(const trace::ColdPlace&) {
    return {{{0, 0}}, {{1, 0}}, {{2, 0}}};
  }
  static std::vector<trace::Extent> few_like(const trace::Extent&) {
    return {{0, 0}, {1, 0}, {2, 0}};
  }
  static std::vector<trace::Count> few_like(const trace::Count&) { return {{0}, {1}, {2}}; }
  static std::vector<trace::Order> few_like(const trace::Order&) { return {{0}, {1}, {2}}; }
  static std::vector<trace::Flag> few_like(const trace::Flag&) { return {{0}, {1}}; }
  template <class Noun>
  static std::vector<Noun> few_like(const Noun&) {
    return {};
  }

  // The order of calls, and registers reused where they are free again.
  void arrangement() {
    if (!is_short()) return;
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = i + 1; j < size(); ++j) {
        if (trace.at_once && (i < trace.prologue) != (j < trace.prologue)) continue;
        auto part = [](Trace& to, std::size_t at) {
          return to.calls.begin() + static_cast<std::ptrdiff_t>(at);
        };
        add([=](Trace& to) { std::rotate(part(to, i), part(to, j), part(to, j + 1)); });
        add([=](Trace& to) { std::rotate(part(to, i), part(to, i + 1), part(to, j + 1)); });
      }
    }
    for (std::size_t i = 0; i < size(); ++i) {
      for (const Named& from : registers_of(trace, trace.calls[i])) {
        for (std::uint8_t to = 0; to < from.index; ++to) {
          add([=](Trace& edited) { rename(edited, i, from, to), number_registers(edited); });
        }
      }
    }
    std::set<std::uint16_t> pages;
    for (const Call& call : trace.calls) pages.merge(pages_of(call));
    for (const std::uint16_t from : pages) {
      for (const std::uint16_t to : pages) {
        if (to >= from) continue;
        add([=](Trace& edited) {
          every_operand(edited, [=](trace::PhysPlace& at) {
            if (at.page == from) at.page = to;
          });
        });
      }
    }
  }

  // Fewer choices, then earlier ones.
  void schedule() {
    const std::size_t choices = trace.schedule.size();
    if (choices == 0) return;
    auto erase = [](Trace& to, std::size_t at) {
      to.schedule.erase(to.schedule.begin() + static_cast<std::ptrdiff_t>(at));
    };
    add([](Trace& to) { to.schedule.clear(); });
    for (std::size_t kept = choices / 2; kept > 0; kept /= 2) {
      add([=](Trace& to) { to.schedule.resize(kept); });
    }
    for (std::size_t i = choices; i-- > 0;) {
      add([=](Trace& to) { erase(to, i); });
    }
    for (std::size_t i = 0; i < choices && choices <= 2 * kShort; ++i) {
      for (std::size_t j = i + 1; j < choices; ++j) {
        add([=](Trace& to) { erase(to, j), erase(to, i); });
      }
    }
    for (std::size_t i = 0; i < choices; ++i) {
      const trace::Where at = trace.schedule[i].where;
      for (const std::uint32_t point : {0u, at.point / 2, at.point - 1}) {
        if (point < at.point) add([=](Trace& to) { to.schedule[i].where.point = point; });
      }
      if (at.op > 0) add([=](Trace& to) { --to.schedule[i].where.op; });
    }
  }
};

}  // namespace

void remove_calls(Trace& trace, std::size_t first, std::size_t last) {
  if (!trace.schedule.empty()) {
    // By lane: of each operation at once, whether it stays.
    std::array<std::vector<bool>, trace::Cpu::kMost> stays;
    for (std::size_t i = trace.prologue; i < trace.calls.size(); ++i) {
      stays[lane_of(trace, trace.calls[i])].push_back(i < first || i >= last);
    }
    std::erase_if(trace.schedule, [&](Choice& choice) {
      auto& [lane, op, point] = choice.where;
      const std::vector<bool>& of_lane = stays[lane % stays.size()];
      const std::size_t known = std::min<std::size_t>(op, of_lane.size());
      const bool goes = op < of_lane.size() && !of_lane[op];
      const auto gone =
          std::count(of_lane.begin(), of_lane.begin() + static_cast<std::ptrdiff_t>(known), false);
      op -= static_cast<std::uint32_t>(gone);
      if (goes) point = 0;
      return goes && choice.what == Choice::What::failure;  // Of an access that is no more.
    });
  }
  const auto begin = trace.calls.begin();
  trace.calls.erase(begin + static_cast<std::ptrdiff_t>(first),
                    begin + static_cast<std::ptrdiff_t>(last));
  const std::size_t prologue = trace.prologue;
  const std::size_t gone = std::clamp(prologue, first, last) - first;
  trace.prologue = static_cast<std::uint32_t>(prologue - gone);
}

std::vector<Edit> edits_of(const Trace& trace, std::size_t tier) {
  Lister lister{trace};
  switch (tier) {
    case 0: lister.strokes(); break;
    case 1: lister.operands(); break;
    case 2: lister.removals(); break;
    case 3: lister.schedule(); break;
    case 4: lister.replacements(); break;
    case 5: lister.exchanges(), lister.cursors(); break;
    case 6: lister.arrangement(); break;
    default: break;
  }
  return std::move(lister.edits);
}

}  // namespace check
