// SPDX-License-Identifier: MPL-2.0
#include "props/gen/make.h"

#include "check/operands.h"
#include "props/gen/author.h"

namespace props {

trace::Trace any_trace(Dice dice, const Subject& subject, std::size_t most_ops) {
  trace::Trace trace{.machine = any_machine(dice, subject.shape)};
  const Taste taste = any_taste(dice, trace.machine, subject);
  const std::size_t most = std::min(most_ops, subject.most_ops);
  const std::size_t ops = dice.between(std::min<std::size_t>(1, most), most);
  trace.calls.reserve(ops);
  Author author(trace.machine, taste, dice);
  for (std::size_t i = 0; i < 2 * ops && trace.calls.size() < ops && !author.is_over(); ++i) {
    if (const std::optional<trace::Call> call = author.next()) {
      trace.calls.push_back(*call);
    } else {
      author.change(any_taste(dice, trace.machine, subject));
    }
  }
  return trace;
}

trace::Trace any_at_once(Dice dice, const Subject& subject, std::size_t most_ops) {
  trace::Trace trace{.at_once = true};
  trace.machine.pages.raw = static_cast<std::uint16_t>(dice.between(2, 4));
  trace.machine.loose.raw = static_cast<std::uint16_t>(
      dice.one_in(2) ? 1 : dice.between(1, trace.machine.pages.raw - 1u));
  const std::uint32_t lanes = dice.one_in(8) ? 3 : 2;
  trace.machine.cpus.count = static_cast<std::uint8_t>(lanes);

  Taste taste = any_taste(dice, trace.machine, subject);
  taste.pages = 1;
  taste.scenes = {};
  taste.stays = 2;
  // There is next to nothing to make, but much to meet over.
  constexpr std::size_t kMake = trace::kIndexOf<trace::FrameFromUnused>;
  if (taste.weights[kMake] > 8) {
    taste.sum -= taste.weights[kMake] - 8;
    taste.weights[kMake] = 8;
  }
  Author author(trace.machine, taste, dice);
  const std::size_t before = dice.below(std::min<std::size_t>(most_ops, 6) + 1);
  const std::size_t ops = std::min<std::size_t>(most_ops, lanes == 3 ? 6 : dice.between(2, 8));
  for (std::size_t i = 0; i < before + ops && !author.is_over(); ++i) {
    if (i >= before) author.stay_on(static_cast<std::uint8_t>(dice.below(lanes)));
    const std::optional<trace::Call> call = author.next();
    if (!call) continue;
    trace.calls.push_back(*call);
    if (i < before) ++trace.prologue;
  }
  return trace;
}

namespace {

// Calls of an author's, at most so many.
void draw(Author& author, std::size_t most, trace::Trace& trace) {
  for (std::size_t i = 0; i < most && !author.is_over(); ++i) {
    if (const std::optional<trace::Call> call = author.next()) trace.calls.push_back(*call);
  }
}

void like(Taste& taste, OpSet ops, std::uint32_t weight) {
  for (std::size_t i = 0; i < trace::kOpCount; ++i) {
    if (!ops.has(i) || taste.weights[i] == 0) continue;
    taste.sum += weight - taste.weights[i];
    taste.weights[i] = weight;
  }
}

}  // namespace

trace::Trace any_at_once_over_tables(Dice dice, const Subject& subject, std::size_t most_ops) {
  trace::Trace trace{.at_once = true};
  const std::uint32_t lanes = dice.one_in(6) ? 3 : 2;
  trace.machine.cpus.count = static_cast<std::uint8_t>(lanes);
  trace.machine.tables.count = dice.one_in(4) ? 3 : 2;
  trace.machine.loose.raw = static_cast<std::uint16_t>(dice.between(1, 3));
  trace.machine.pages.raw = static_cast<std::uint16_t>(
      trace.machine.loose.raw + trace.machine.tables.pages() + dice.between(5, 12));

  using namespace trace;
  Taste taste = any_taste(dice, trace.machine, subject);
  taste.scenes = {};
  taste.stays = 8;
  taste.names_loose_only = true;
  like(taste, kTables, 8);
  like(taste, set_of<CursorOpen>(), 160);
  like(taste, set_of<CursorMapRaw, CursorMapFrame>(), 96);
  like(taste, set_of<FrameFromUnused, TableActivate>(), 48);
  Author author(trace.machine, taste, dice);
  draw(author, dice.below(std::min<std::size_t>(most_ops, 9) + 1), trace);
  trace.prologue = static_cast<std::uint32_t>(trace.calls.size());

  like(taste, kTables, dice.one_in(2) ? 24 : 8);
  like(taste, set_of<CursorOpen>(), 160);
  like(taste, set_of<CursorMapRaw, CursorMapFrame, CursorUnmap, CursorTakeNext, Quiesce>(), 48);
  like(taste, set_of<TableWalk, CpuTouch>(), dice.one_in(2) ? 64 : 16);
  author.change(taste);
  std::vector<Author> authors{author};
  for (std::uint8_t lane = 0; lane < lanes; ++lane) {
    Author next = authors[dice.below(authors.size())];
    // By then they have closed theirs.
    for (std::uint8_t other = 0; other < lanes; ++other) {
      if (other != lane) next.ask({{other}, CursorClose{}});
    }
    next.stay_on(lane);
    draw(next, std::min<std::size_t>(most_ops, dice.between(1, lanes == 3 ? 3 : 5)), trace);
    authors.push_back(next);
  }
  return trace;
}

bool can_go_over_tables(const trace::Trace& trace, const Subject& subject) {
  for (std::size_t i = trace.prologue; i < trace.calls.size(); ++i) {
    const trace::Op& op = trace.calls[i].op;
    if (!subject.all().has(op.index())) return false;
    bool is_allocators = false;
    check::each_place(op, [&](const trace::PhysPlace& at) {
      is_allocators = is_allocators || trace.machine.is_allocators(trace.machine.address(at));
    });
    if (is_allocators) return false;
  }
  return true;
}

}  // namespace props
