// SPDX-License-Identifier: MPL-2.0
// Laws of page tables, asked of the system alone.
#include "props/gen/table_operand.h"
#include "props/probe.h"
#include "props/probes.h"

namespace props {

namespace {

using namespace trace;
using reference::Cursor;
using reference::kPageBytes;

std::uint64_t bytes_at(std::uint8_t level) { return reference::span_of(level) * kPageBytes; }

// One page of this level, as far as traces can say that.
std::optional<Length> length_of(std::uint8_t level) {
  if (level > 3) return std::nullopt;
  return Length{.unit = static_cast<std::uint8_t>(level - 1), .count = 1};
}

// POST-29, POST-30 and the law of items of C.2: what is mapped is found, comes out as it went in,
// and can be mapped again.
struct MappedAndTaken {
  static constexpr const char* kName = "POST-30";

  Wrong before(const Probe&) { return std::nullopt; }

  Wrong after(const Probe& probe, const check::Step& step) {
    if (step.seen.reply.status != Status::ok) return std::nullopt;
    // Of a space nothing is taken out by itself.
    const Cursor* const cursor = probe.model.cursor(probe.lane);
    if (cursor == nullptr || cursor->kind == TableKindName::space) return std::nullopt;
    if (const auto* op = std::get_if<CursorMapRaw>(&probe.call.op)) {
      const std::optional<Frame> spare = empty_register(probe);
      if (!spare) return std::nullopt;
      return comes_back(probe, step, *op, op->level.value, ItemName::untracked, address_of(op->at),
                        *spare);
    }
    // The kernel's gives back a handle that it does not take.
    const auto* op = std::get_if<CursorMapFrame>(&probe.call.op);
    if (op == nullptr || cursor->kind != TableKindName::user) return std::nullopt;
    return comes_back(probe, step, *op, 1, ItemName::tracked, std::nullopt, op->from);
  }

 private:
  static std::optional<Frame> empty_register(const Probe& probe) {
    for (std::uint8_t index = 0; index < Frame::kCount; ++index) {
      if (probe.model.held(probe.lane, Frame{index}) == nullptr) return Frame{index};
    }
    return std::nullopt;
  }

  // Goes back to the page that `op` has mapped, looks at it, takes it out, and maps it again.
  static Wrong comes_back(const Probe& probe, const check::Step& step, const auto& op,
                          std::uint8_t level, ItemName item, std::optional<std::uint64_t> to,
                          Frame spare) {
    const std::uint64_t now = step.seen.reply.results[0], at = now - bytes_at(level);
    const std::optional<VirtPlace> place = TableOperands::named(at);
    const std::optional<Length> length = length_of(level);
    if (!place || !length) return std::nullopt;
    auto unless = [&](const Op& asked, const Reply& expected) {
      return unless_answered(probe.system, {probe.call.lane, asked}, probe.lane, {expected, {}});
    };
    if (Wrong wrong = unless(CursorJump{*place}, {.results = {at}})) return wrong;
    // Which frame it was, the handle said that is gone; then it is as it is found.
    const Answer found = probe.system.apply(probe.lane, CursorQuery{});
    const std::uint64_t address = to.value_or(found.reply.results[4]);
    const trace::Property& property = op.property;
    Reply expected{.results = {at, at, bytes_at(level), static_cast<std::uint64_t>(item), address,
                               property.rights.bits, property.privileged.bits,
                               static_cast<std::uint64_t>(property.cache.name)}};
    if (found != Answer{expected, {}}) {
      return check::Step{{probe.call.lane, CursorQuery{}}, {expected, {}}, found};
    }
    expected.results[0] = now;
    if (Wrong wrong = unless(CursorTakeNext{*length, spare}, expected)) return wrong;
    if (Wrong wrong = unless(CursorJump{*place}, {.results = {at}})) return wrong;
    return unless(op, {.results = {now}});
  }
};

// POST-29 to POST-32: a cursor changes nothing outside of where it may go, and to protect changes
// not where an address leads. So what it splits is found where it was.
struct NeighboursStay {
  static constexpr const char* kName = "POST-31";

  Wrong before(const Probe& probe) {
    walks_.clear();
    const Cursor* const cursor = probe.model.cursor(probe.lane);
    if (cursor == nullptr) return std::nullopt;
    const std::uint64_t bytes = reach_of(probe, *cursor);
    if (bytes == 0) return std::nullopt;
    const std::uint64_t at = cursor->at * kPageBytes;
    may_change_ = {at, at + bytes - 1};
    const Table table = table_of(probe, *cursor);
    auto look = [&](std::optional<VirtPlace> place) {
      if (place && is_one_of_its(*cursor, *place)) walks_.push_back({{table, *place}, {}});
    };
    for (std::uint8_t place = 0; place < VirtPlace::kCount; ++place) look(VirtPlace{place});
    for (const std::uint64_t near : {at - 4096, at, at + 4096, at + bytes - 4096, at + bytes}) {
      look(TableOperands::named(near));
    }
    for (Walked& one : walks_) one.answer = probe.system.apply(probe.lane, one.op);
    return std::nullopt;
  }

  Wrong after(const Probe& probe, const check::Step&) {
    for (const Walked& one : walks_) {
      const Answer now = probe.system.apply(probe.lane, one.op);
      const std::uint64_t address = address_of(one.op.at);
      const bool is_outside = address < may_change_.first || address > may_change_.last;
      const bool is_right = is_outside                     ? now == one.answer
                            : is_protection(probe.call.op) ? leads_alike(now, one.answer)
                                                           : true;
      if (!is_right) return check::Step{{probe.call.lane, one.op}, one.answer, now};
    }
    return std::nullopt;
  }

 private:
  struct Walked {
    TableWalk op;
    Answer answer;
  };

  static bool is_protection(const Op& op) {
    return std::holds_alternative<CursorProtect>(op) ||
           std::holds_alternative<CursorProtectNext>(op);
  }

  static bool leads_alike(const Answer& left, const Answer& right) {
    return left.reply.status == right.reply.status &&
           left.reply.results[0] == right.reply.results[0];
  }

  // How many bytes from where the cursor stands an operation may change.
  static std::uint64_t reach_of(const Probe& probe, const Cursor& cursor) {
    return std::visit(
        [&]<class T>(const T& op) -> std::uint64_t {
          if constexpr (std::is_same_v<T, CursorMapFrame>) return kPageBytes;
          if constexpr (std::is_same_v<T, CursorMapRaw>) return bytes_at(op.level.value);
          if constexpr (std::is_same_v<T, CursorMapSegment>) {
            return probe.model.held(probe.lane, op.from)->count * kPageBytes;
          }
          if constexpr (std::is_same_v<T, CursorMapRun> || std::is_same_v<T, CursorTakeNext> ||
                        std::is_same_v<T, CursorUnmap> || std::is_same_v<T, CursorProtectNext> ||
                        std::is_same_v<T, CursorProtect>) {
            return bytes_of(op.length, cursor.at * kPageBytes, cursor.end * kPageBytes);
          }
          return 0;
        },
        probe.call.op);
  }

  // Whether the table has the address, or half of a user's table does: not the name of another.
  static bool is_one_of_its(const Cursor& cursor, VirtPlace place) {
    const int bits = 9 * reference::shape_of(cursor.kind).levels + 12;
    const auto address = static_cast<std::int64_t>(address_of(place));
    return address >> (bits - 1) == 0 || address >> (bits - 1) == -1;
  }

  // One of the names of the cursor's table, which nobody drops meanwhile.
  static Table table_of(const Probe& probe, const Cursor& cursor) {
    Table table;
    auto is_it = [&] {
      const reference::TableHandle* const one = probe.model.table(probe.lane, table);
      return one != nullptr && one->root == cursor.root;
    };
    while (!is_it()) ++table.index;
    return table;
  }

  std::vector<Walked> walks_;
  struct {
    std::uint64_t first, last;
  } may_change_{};
};

}  // namespace

Judged mapped_and_taken(Trace& trace, check::How how) { return probed<MappedAndTaken>(trace, how); }
Judged neighbours_stay(Trace& trace, check::How how) { return probed<NeighboursStay>(trace, how); }

}  // namespace props
