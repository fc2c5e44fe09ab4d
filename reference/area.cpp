// SPDX-License-Identifier: MPL-2.0
// Areas: ranges of the kernel's addresses. What is mapped there, and taken out, is so by cursors
// that are open only for a moment.
//
// Areas are asked of one lane at a time, so that each operation is one phase.
#include <algorithm>

#include "reference/cursors.h"
#include "reference/model.h"

namespace reference {

using trace::Code;
using trace::Status;

namespace {

constexpr VirtPage kBegin = trace::kAreasBegin / kPageBytes;
constexpr VirtPage kEnd = trace::kAreasEnd / kPageBytes;

Page kernel_root(const State& state) { return state.shared[0]->root; }
const Tree& kernel(const State& state) { return state.trees.at(kernel_root(state)); }

// Whether areas can be asked for at all.
bool is_their_turn(const State& state) {
  return !state.at_once && state.shared[0] &&
         std::ranges::none_of(state.held, [](const Held& held) { return held.cursor.has_value(); });
}

// Of the lowest free run that has so many pages, the last of them.
std::optional<VirtPage> first_fit(const State& state, std::uint64_t pages) {
  std::vector<AreaRange> taken;
  for (const Held& held : state.held) {
    for (const auto& area : held.areas) {
      if (area) taken.push_back(*area);
    }
  }
  taken.push_back({kEnd, 0});
  std::ranges::sort(taken, {}, &AreaRange::begin);
  VirtPage begin = kBegin;
  for (const AreaRange& next : taken) {
    if (next.begin - begin >= pages) return next.begin - pages;
    begin = next.end();
  }
  return std::nullopt;
}

void open(State& state, Lane lane, VirtPage begin, VirtPage end, const Answer& seen,
          Answer& answer) {
  open_cursor(state, lane,
              {.root = kernel_root(state),
               .kind = trace::TableKindName::kernel,
               .may_change = true,
               .begin = begin,
               .end = end},
              seen, answer);
}

// Lets the cursor do all that an operation on it does, to the end of its range.
Answer go_over(State& state, Lane lane, const trace::Op& op, const Answer& seen,
               const trace::Choices& so_far) {
  return do_at_once(state, lane,
                    {.op = op,
                     .todo = {{.next = Phase::Next::again}},
                     .answer = {.choices = so_far},
                     .seen = seen,
                     .end = cursor_of(state, lane).end})
      .answer;
}

struct TakenOut {
  std::uint64_t pages = 0;  // Singly, of whatever size.
  std::uint64_t tables = 0;
  std::uint64_t frames = 0;  // That those mapped.
  std::uint64_t cpus = 0;    // That flushed, the own one excepted.
};

// Takes all out that is mapped in a range, and flushes it.
TakenOut take_out(State& state, Lane lane, VirtPage begin, VirtPage end) {
  const auto& mappings = kernel(state).mappings;
  const auto first = mappings.lower_bound(begin);
  const auto behind = mappings.lower_bound(end);
  if (first == behind) return {};
  Flushes flushes;
  for (auto at = first; at != behind; ++at) issue(flushes, at->first, span_of(at->second.level));
  flushes.global = flushes.all;

  // All tables are there, so no memory is needed.
  const auto last = std::prev(behind);
  Answer opened;
  open(state, lane, first->first, last->first + span_of(last->second.level), {}, opened);
  const Answer answer = go_over(state, lane, trace::CursorUnmap{}, {}, {});
  close_cursor(state, lane);
  const auto& results = answer.reply.results;
  return {results[1], results[2], results[3], flush_everywhere(state, lane, flushes)};
}

// Why so many pages cannot be mapped in an area that is asked for; none if they can.
Code why_not_in(const auto& op, std::uint64_t length) {
  const std::uint64_t pages = op.pages.value();
  const std::uint64_t offset = op.offset.value();
  if (pages == 0) return Code::empty_range;
  if (offset > pages || length > pages - offset) return Code::beyond_range;
  return Code::none;
}

// Whether one of these tables is no more where it was.
bool misses_one_of(const State& state, const std::map<NodePlace, Page>& tables) {
  const auto& there = kernel(state).nodes;
  return std::ranges::any_of(tables, [&](const auto& one) { return !there.contains(one.first); });
}

// Makes an area, and maps so many pages in it by an operation on a cursor. If a large page took the
// place of a table, CPUs may know where that was: they forget it.
Answer make_area(State& state, Lane lane, const auto& op, std::uint64_t length, const trace::Op& by,
                 const Answer& seen) {
  const std::optional<VirtPage> at = first_fit(state, op.pages.value());
  if (!at) return {{Status::no_space}, {}};
  const VirtPage begin = *at + op.offset.value();
  std::uint64_t mapped = 0, cpus = 0;
  Answer answer;
  if (length > 0) {
    const auto tables = kernel(state).nodes;
    open(state, lane, begin, begin + length, seen, answer);
    if (answer.reply.status == Status::ok) {
      answer = go_over(state, lane, by, seen, answer.choices);
      mapped = cursor_of(state, lane).at - begin;
      close_cursor(state, lane);
    }
    if (misses_one_of(state, tables)) {
      Flushes flushes;
      issue(flushes, begin, length);
      flushes.global = flushes.all;
      cpus = flush_everywhere(state, lane, flushes);
    }
  }
  const Status status = answer.reply.status;
  answer.reply = {.status = status};
  if (status == Status::impermissible) return answer;
  answer.reply.results[1] = mapped;
  answer.reply.results[2] = cpus;
  if (status == Status::ok) {
    answer.reply.results[0] = *at * kPageBytes;
    state.held[lane].at(op.to) = AreaRange{*at, op.pages.value()};
  } else {
    answer.reply.results[2] |= take_out(state, lane, begin, begin + mapped).cpus;
  }
  return answer;
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::AreaMapFrames& op) {
  const Held& held = state.held[lane];
  if (!is_their_turn(state) || held.has(op.to) || !held.has(op.from)) return false;
  return takes(trace::TableKindName::kernel, held.at(op.from)->knows, held.at(op.from)->kind);
}

Answer step(State& state, Lane lane, const trace::AreaMapFrames& op, const Answer& seen) {
  std::optional<Run>& from = state.held[lane].at(op.from);
  const std::uint64_t count = from->count;
  if (const Code why = why_not_in(op, count); why != Code::none) return panic(why);
  if (says_what_none_can(op.property.cache)) return panic(Code::bad_cache);
  const trace::CursorMapSegment by{op.from, op.property};
  const Answer answer = make_area(state, lane, op, count, by, seen);
  if (answer.reply.status == Status::ok) from.reset();
  return answer;
}

bool allows(const State& state, Lane lane, const trace::AreaMapRange& op) {
  return is_their_turn(state) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::AreaMapRange& op, const Answer& seen) {
  const std::uint64_t length = op.length.value();
  if (const Code why = why_not_in(op, length); why != Code::none) return panic(why);
  const Page to = trace::address_of(op.target) / kPageBytes;
  if (length > 0 && to + length > kPhysEnd) return panic(Code::bad_target);
  if (says_what_none_can(op.property.cache)) return panic(Code::bad_cache);
  const trace::CursorMapRun by{.at = op.target, .length = {}, .property = op.property};
  return make_area(state, lane, op, length, by, seen);
}

bool allows(const State& state, Lane lane, const trace::AreaQuery& op) {
  return is_their_turn(state) && state.held[lane].has(op.area);
}

Answer step(State& state, Lane lane, const trace::AreaQuery& op, const Answer&) {
  const AreaRange& area = *state.held[lane].at(op.area);
  if (op.page.value() >= area.pages) return {{Status::out_of_bound}, {}};
  const VirtPage at = area.begin + op.page.value();
  const auto* const found = mapping_of(kernel(state), at);
  if (found == nullptr) return {{.status = Status::none, .results = {at * kPageBytes}}, {}};
  const auto& [first, mapping] = *found;
  const auto item = mapping.tracked ? trace::ItemName::tracked : trace::ItemName::untracked;
  return {{.results = {at * kPageBytes, static_cast<std::uint64_t>(item),
                       (mapping.to + (at - first)) * kPageBytes, mapping.property.rights.bits,
                       mapping.property.privileged.bits,
                       static_cast<std::uint64_t>(mapping.property.cache.name)}},
          {}};
}

bool allows(const State& state, Lane lane, const trace::AreaSplit& op) {
  const Held& held = state.held[lane];
  return is_their_turn(state) && held.has(op.from) && !held.has(op.to);
}

Answer step(State& state, Lane lane, const trace::AreaSplit& op, const Answer& seen) {
  AreaRange& from = *state.held[lane].at(op.from);
  const std::uint64_t page = op.page.value();
  if (page == 0 || page >= from.pages) return panic(Code::bad_split);
  const VirtPage cut = from.begin + page;
  Answer answer;
  const auto* const found = mapping_of(kernel(state), cut);
  if (found != nullptr && found->first < cut) {
    std::vector<Page> node;
    answer.reply.status = take_nodes(state, lane, 1, seen, answer, node);
    if (answer.reply.status != Status::ok) return answer;
    split_mapping(state, kernel_root(state), found->first, node[0], std::nullopt);
  }
  state.held[lane].at(op.to) = AreaRange{cut, from.pages - page};
  from.pages = page;
  answer.reply.results[0] = cut * kPageBytes;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::AreaDrop& op) {
  return is_their_turn(state) && state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::AreaDrop& op, const Answer&) {
  const AreaRange area = *std::exchange(state.held[lane].at(op.from), std::nullopt);
  const TakenOut out = take_out(state, lane, area.begin, area.end());
  return {{.results = {out.pages, out.tables, out.frames, out.cpus}}, {}};
}

}  // namespace reference
