// SPDX-License-Identifier: MPL-2.0
// What is required and promised of the allocator.
#include "reference/conditions.h"

namespace reference {

using trace::Answer;
using trace::Status;

namespace {

// What was asked of the allocator: adjacent pages, the first a multiple of `align`.
struct Wish {
  std::uint64_t pages = 0;
  std::uint64_t align = 1;
};

// A segment of which there cannot be memory enough, wherever: the allocator is not asked for it.
constexpr std::uint64_t kFirstTooMany = std::uint64_t{1} << 51;

void is_asked(Held& held) { held.failing = after_one_request(held.failing); }

// Whether the CPU had, where it looks, a block that is large and aligned enough. What cuts a pool's
// block to size keeps its beginning, so that must be a multiple of what is asked; a pool finds
// blocks by their size, so a small one at a good place is not found.
bool had_it(const State& state, Lane lane, Wish wish) {
  return std::ranges::any_of(*state.free_blocks, [&](const trace::FreeBlock& block) {
    if (block.pages < wish.pages || block.page % wish.align != 0) return false;
    if (block.where == trace::kFirstCache + lane) return true;
    const bool is_own = block.where == trace::kFirstPool + lane;
    return (is_own || block.where == trace::kGlobalPool) && block.pages >= wish.align;
  });
}

bool is_refused_rightly(const Step& step, Wish wish) {
  Answer wanted{{Status::no_memory}, {}};
  wanted.choices.refused = 1;
  if (step.answer != wanted || !changes_only(step, [](State&, Held& held) { is_asked(held); })) {
    return false;
  }
  const State& state = step.before;
  if (is_to_fail(state.held[step.lane].failing) || state.at_once) return true;
  if (state.free_blocks) return !had_it(state, step.lane, wish);
  return state.free.empty() || wish.pages > 1 || wish.align > 1;
}

// The pages taken, if they are what was asked for, and were free; nothing if not.
std::optional<Run> pages_taken(const Step& step, Wish wish) {
  const trace::Choices& choices = step.answer.choices;
  if (is_to_fail(step.before.held[step.lane].failing)) return std::nullopt;
  if (choices.refused != 0 || choices.given.count != 0) return std::nullopt;
  if (choices.taken.count != wish.pages) return std::nullopt;
  const Run run{choices.taken.page[0], wish.pages};
  trace::PageList wanted;
  for (Page page = run.first; page < run.end(); ++page) {
    if (!step.before.free.contains(page)) return std::nullopt;
    wanted.push(page);
  }
  return run.first % wish.align == 0 && choices.taken == wanted ? std::optional(run) : std::nullopt;
}

void take(State& state, Held& held, const Run& run) {
  is_asked(held);
  for (Page page = run.first; page < run.end(); ++page) state.free.erase(page);
}

std::uint64_t sum_before(const Step& step, const Run& run) {
  std::uint64_t sum = 0;
  for (Page page = run.first; page < run.end(); ++page) {
    if (step.before.murky.contains(page)) return kNotKnown;
    for (std::size_t at = 0; at < kPageBytes; ++at) sum += byte_of(step.before, page, at);
  }
  return sum;
}

// Whether the pages taken are now frames, the n-th with the value plus n, with bytes as they were
// or zero, and with nothing else changed but the register to which they went.
bool are_made_frames(const Step& step, const Run& run, trace::Kind kind, std::uint64_t value,
                     bool zeroed, auto&& fill) {
  for (std::uint64_t i = 0; i < run.count; ++i) {
    if (!is_made_of(step.after.slots[run.first + i].storage, kind, value + i)) return false;
  }
  return changes_only(step, [&](State& state, Held& held) {
    take(state, held, run);
    for (Page page = run.first; page < run.end(); ++page) {
      Slot& slot = state.slots[page];
      slot.rc = 1;
      slot.parked = true;
      slot.usage = usage_of(kind);
      slot.vtable = kind;
      slot.storage = step.after.slots[page].storage;
      slot.in_list = 0;
      if (zeroed) state.written[page].assign(kPageBytes, 0), state.murky.erase(page);
    }
    fill(held);
  });
}

bool takes_a_block(const Step& step, const trace::AllocBlock& op) {
  const Wish wish{op.pages.value(), std::uint64_t{1} << op.align.value};
  if (!is_ok(step)) return is_refused_rightly(step, wish);
  const auto run = pages_taken(step, wish);
  return run && answers(step, {run->first * kPageBytes}, step.answer.choices) &&
         changes_only(step, [&](State& state, Held& held) {
           take(state, held, *run);
           held.at(op.to) = Block{run->first, run->count};
         });
}

bool gives_a_block(const Step& step, trace::Block from) {
  const std::optional<Block>& block = step.before.held[step.lane].at(from);
  if (!block) return false;
  trace::Choices choices;
  for (std::uint64_t i = 0; i < block->count; ++i) choices.given.push(block->first + i);
  return answers(step, {}, choices) && changes_only(step, [&](State& state, Held& held) {
           for (std::uint64_t i = 0; i < block->count; ++i) state.free.insert(block->first + i);
           held.at(from).reset();
         });
}

bool splits_a_block(const Step& step, const trace::AllocSplitBlock& op) {
  const std::optional<Block>& block = step.before.held[step.lane].at(op.from);
  if (!block || op.at.value() == 0 || op.at.value() >= block->count) return false;
  return answers(step) && changes_only(step, [&](State&, Held& held) {
           held.at(op.from) = Block{block->first, op.at.value()};
           held.at(op.to) = Block{block->first + op.at.value(), block->count - op.at.value()};
         });
}

}  // namespace

bool allocates_a_frame(const Step& step) {
  if (const auto* op = as<trace::AllocFail>(step)) {
    return answers(step) && changes_only(step, [&](State&, Held& held) {
             held.failing = {op->after.value(), op->times.value()};
           });
  }
  const auto* const op = as<trace::AllocFrame>(step);
  if (op == nullptr) return true;
  if (!is_ok(step)) return is_refused_rightly(step, {1});
  const auto run = pages_taken(step, {1});
  if (!run) return false;
  const std::uint64_t sum = op->zeroed.value() ? 0 : sum_before(step, *run);
  return answers(step, {run->first * kPageBytes, sum}, step.answer.choices) &&
         are_made_frames(
             step, *run, op->kind, op->value.value(), op->zeroed.value(),
             [&](Held& held) { held.at(op->to) = Handle{run->first, Knows::kind, op->kind}; });
}

bool allocates_a_segment(const Step& step) {
  const auto* const op = as<trace::AllocSegment>(step);
  if (op == nullptr) return true;
  const Wish wish{op->pages.value()};
  if (wish.pages == 0) return refuses(step, Status::invalid_args);
  if (wish.pages >= kFirstTooMany) return refuses(step, Status::panicked, trace::Code::too_large);
  if (!is_ok(step)) return is_refused_rightly(step, wish);
  const auto run = pages_taken(step, wish);
  if (!run) return false;
  const std::uint64_t sum = op->zeroed.value() ? 0 : sum_before(step, *run);
  return answers(step, {run->first * kPageBytes, sum, wish.pages, 0}, step.answer.choices) &&
         are_made_frames(step, *run, op->kind, op->value.value(), op->zeroed.value(),
                         [&](Held& held) {
                           held.at(op->to) = Run{run->first, run->count, Knows::kind, op->kind};
                         });
}

bool allocates_what_is_free(const Step& step) {
  if (const auto* op = as<trace::AllocGiveBlock>(step)) return gives_a_block(step, op->from);
  if (const auto* op = as<trace::AllocAddBlock>(step)) return gives_a_block(step, op->from);
  if (const auto* op = as<trace::AllocSplitBlock>(step)) return splits_a_block(step, *op);
  if (as<trace::AllocFreeBytes>(step) != nullptr) {
    const std::uint64_t free = step.before.free.size() * kPageBytes;
    return answers(step, {step.before.at_once ? step.answer.reply.results[0] : free}) &&
           changes_nothing(step);
  }
  if (as<trace::BootEarlyAlloc>(step) != nullptr) return takes_early_memory(step);

  const auto* const op = as<trace::AllocBlock>(step);
  return op == nullptr || takes_a_block(step, *op);
}

// Free, in a block, or used as a frame.
bool allocators_pages_have_a_place(const State& state) {
  std::vector<int> places(state.slots.size());
  for (const Page page : state.free) {
    if (page >= places.size()) return false;
    ++places[page];
  }
  for (const Held& held : state.held) {
    for (const std::optional<Block>& block : held.blocks) {
      if (!block) continue;
      if (block->count == 0 || block->first + block->count > places.size()) return false;
      for (std::uint64_t i = 0; i < block->count; ++i) ++places[block->first + i];
    }
  }
  for (Page page = 0; page < places.size(); ++page) {
    const bool is_allocators = state.machine.is_allocators(page * kPageBytes);
    const bool is_used =
        state.slots[page].rc != kUnused || std::ranges::any_of(state.held, [&](const Held& held) {
          return held.unfinished && held.unfinished->page == page;
        });
    if (places[page] + (is_allocators && is_used ? 1 : 0) != (is_allocators ? 1 : 0)) return false;
  }
  return true;
}

}  // namespace reference
