// SPDX-License-Identifier: MPL-2.0
// The allocator. Which pages it hands out is its own choice, so the choice is judged, not foretold;
// so is whether it had to refuse.
#include <algorithm>
#include <optional>
#include <type_traits>

#include "reference/model.h"

namespace reference {

using trace::Status;

namespace {

// Adjacent pages, the first a multiple of `align`, which is a power of two.
struct Request {
  std::uint64_t pages = 1;
  std::uint64_t align = 1;
};

constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << 63) - kPageBytes;  // Of a segment.
constexpr bool is_too_large(std::uint64_t pages) { return pages > kMostBytes / kPageBytes; }

// What an operation asks of the allocator; nothing if it does not, or not with these operands.
std::optional<Request> request_of(const trace::AllocFrame&) { return Request{}; }
std::optional<Request> request_of(const trace::AllocSegment& op) {
  const std::uint64_t pages = op.pages.value();
  if (pages == 0 || is_too_large(pages)) return std::nullopt;
  return Request{.pages = pages};
}
std::optional<Request> request_of(const trace::AllocBlock& op) {
  return Request{.pages = op.pages.value(), .align = std::uint64_t{1} << op.align.value};
}
std::optional<Request> request_of(const auto&) { return std::nullopt; }

// Those that may make nodes of page tables, any number of them.
template <class One>
constexpr bool kMayMakeNodes =
    std::is_same_v<One, trace::TableNew> || std::is_same_v<One, trace::CursorOpen> ||
    std::is_same_v<One, trace::CursorMapFrame> || std::is_same_v<One, trace::CursorMapRaw> ||
    std::is_same_v<One, trace::CursorMapRun> || std::is_same_v<One, trace::CursorMapSegment> ||
    std::is_same_v<One, trace::CursorTakeNext> || std::is_same_v<One, trace::CursorUnmap> ||
    std::is_same_v<One, trace::CursorProtectNext> || std::is_same_v<One, trace::CursorProtect> ||
    std::is_same_v<One, trace::AreaMapFrames> || std::is_same_v<One, trace::AreaMapRange> ||
    std::is_same_v<One, trace::AreaSplit> || std::is_same_v<One, trace::SpaceFork> ||
    std::is_same_v<One, trace::BootMapPage> || std::is_same_v<One, trace::BootProtectPage>;

bool are_free(const State& state, Page first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!state.free.contains(first + i)) return false;
  }
  return true;
}

// Whether pages that were taken are what was asked for.
bool is_served(const State& state, Request request, const trace::PageList& taken) {
  if (taken.count != request.pages || taken.page[0] % request.align != 0) return false;
  for (std::uint16_t i = 0; i < taken.kept(); ++i) {
    if (taken.page[i] != taken.page[0] + i) return false;
  }
  return are_free(state, taken.page[0], request.pages);
}

// Whether a block could have served a request. Pools cut naturally aligned powers of two out of
// their blocks; caches hand out what they have.
bool can_serve(const trace::FreeBlock& block, Request request) {
  if (block.pages < request.pages) return false;
  const bool is_cached = block.where >= trace::kFirstCache;
  return is_cached ? block.page % request.align == 0 : block.pages >= request.align;
}

// Whether a CPU asks there: its own cache, its own pool, and the pool of all.
bool is_within_reach(const trace::FreeBlock& block, Lane lane) {
  return block.where == trace::kGlobalPool || block.where == trace::kFirstPool + lane ||
         block.where == trace::kFirstCache + lane;
}

// Whether a right allocator can have refused. While lanes go at once, others may have had just
// then what it lacked. An allocator that does not show how it keeps its pages may keep them in
// pieces, but has no excuse for not giving out a single page that it has.
bool may_refuse(const State& state, Lane lane, Request request) {
  if (state.at_once) return true;
  if (!state.free_blocks) {
    return request.pages > 1 || request.align > 1 || state.free.empty();
  }
  return std::ranges::none_of(*state.free_blocks, [&](const trace::FreeBlock& block) {
    return is_within_reach(block, lane) && can_serve(block, request);
  });
}

// Whether this request is refused because it was said so; it is counted.
bool is_made_to_fail(Failing& failing) {
  if (failing.after > 0) {
    --failing.after;
    return false;
  }
  if (failing.times == 0) return false;
  --failing.times;
  return true;
}

// Asks the allocator. If it is `ok`, the pages are in the choices, and nobody has them yet.
Answer ask_allocator(State& state, Lane lane, Request request, const Answer& seen) {
  const bool is_to_fail = is_made_to_fail(state.held[lane].failing);
  const trace::PageList& taken = seen.choices.taken;
  if (is_to_fail || taken.count == 0) {
    if (!is_to_fail && !may_refuse(state, lane, request)) return {{Status::impermissible}, {}};
    Answer answer{{Status::no_memory}, {}};
    answer.choices.refused = 1;
    return answer;
  }
  if (!is_served(state, request, taken)) return {{Status::impermissible}, {}};

  Answer answer;
  answer.reply.results[0] = taken.page[0] * kPageBytes;
  for (Page page = taken.page[0]; page < taken.page[0] + request.pages; ++page) {
    state.free.erase(page);
    state.touched.insert(page);
    answer.choices.taken.push(page);
  }
  return answer;
}

Answer give(State& state, std::optional<Block>& from) {
  Answer answer;
  for (Page page = from->first; page < from->first + from->count; ++page) {
    state.free.insert(page);
    state.touched.insert(page);
    answer.choices.given.push(page);
  }
  from.reset();
  return answer;
}

void zero(State& state, Page page) {
  state.written[page].assign(kPageBytes, 0);
  state.murky.erase(page);
}

// Whether a single page may be refused when so many have been taken since the allocator showed how
// it keeps its pages: wherever it keeps one within reach, it can give it out.
bool may_refuse_one(const State& state, Lane lane, std::uint64_t taken) {
  if (state.at_once) return true;
  if (!state.free_blocks) return state.free.empty();
  std::uint64_t pages = 0;
  for (const trace::FreeBlock& block : *state.free_blocks) {
    if (is_within_reach(block, lane)) pages += block.pages;
  }
  return pages <= taken;
}

}  // namespace

std::optional<Page> take_page(State& state, Lane lane, const Answer& seen, Answer& answer) {
  const bool is_to_fail = is_made_to_fail(state.held[lane].failing);
  const std::uint16_t taken = answer.choices.taken.count;
  std::optional<Page> next;
  if (state.imagines) {
    if (!state.free.empty()) next = *state.free.begin();
  } else if (taken < seen.choices.taken.kept()) {
    next = seen.choices.taken.page[taken];
  }
  if (is_to_fail || !next) {
    const std::uint64_t out = taken - answer.choices.given.count;
    if (!is_to_fail && !may_refuse_one(state, lane, out)) {
      answer = {{Status::impermissible}, {}};
    } else {
      answer.choices.refused += 1;
    }
    return std::nullopt;
  }
  if (!state.free.contains(*next)) {
    answer = {{Status::impermissible}, {}};
    return std::nullopt;
  }
  state.free.erase(*next);
  state.touched.insert(*next);
  answer.choices.taken.push(*next);
  return next;
}

bool allows(const State& state, Lane lane, const trace::AllocFrame& op) {
  return !state.held[lane].has(op.to);
}

// Phases: taken and busy - published. The bytes are zeroed after that, but nobody looks at them
// before the operation is over.
Answer step(State& state, Lane lane, const trace::AllocFrame& op, const Answer& seen) {
  Answer answer = ask_allocator(state, lane, *request_of(op), seen);
  if (answer.reply.status != Status::ok) return answer;

  const Page page = answer.choices.taken.page[0];
  if (op.zeroed.value()) zero(state, page);
  answer.reply.results[1] = sum_of(state, page);
  answer.reply.status = claim(state, lane, page * kPageBytes, made(op.kind, op.value.value()),
                              {.next = Unfinished::Next::publish_shared, .to = op.to.index})
                            .reply.status;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::AllocSegment& op) {
  return !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::AllocSegment& op, const Answer& seen) {
  const std::optional<Request> request = request_of(op);
  if (!request) {
    if (op.pages.value() == 0) return {{Status::invalid_args}, {}};
    return panic(trace::Code::too_large);
  }
  Answer answer = ask_allocator(state, lane, *request, seen);
  if (answer.reply.status != Status::ok) return answer;

  const Run run{answer.choices.taken.page[0], request->pages, Knows::kind, op.kind};
  std::uint64_t sum = 0;
  for (Page page = run.first; page < run.end(); ++page) {
    if (op.zeroed.value()) zero(state, page);
    sum = sum_with(sum, sum_of(state, page));
    (void)claim_at_once(state, page, made(op.kind, op.value.value() + (page - run.first)));
  }
  state.held[lane].at(op.to) = run;
  answer.reply.results[1] = sum;
  answer.reply.results[2] = run.count;  // The factory's calls, each for the page whose turn it was.
  return answer;
}

bool allows(const State& state, Lane lane, const trace::AllocBlock& op) {
  return !state.held[lane].has(op.to) && op.pages.value() > 0;
}

Answer step(State& state, Lane lane, const trace::AllocBlock& op, const Answer& seen) {
  const Request request = *request_of(op);
  Answer answer = ask_allocator(state, lane, request, seen);
  if (answer.reply.status != Status::ok) return answer;
  state.held[lane].at(op.to) = Block{answer.choices.taken.page[0], request.pages};
  return answer;
}

bool allows(const State& state, Lane lane, const trace::AllocGiveBlock& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::AllocGiveBlock& op, const Answer&) {
  return give(state, state.held[lane].at(op.from));
}

bool allows(const State& state, Lane lane, const trace::AllocAddBlock& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::AllocAddBlock& op, const Answer&) {
  return give(state, state.held[lane].at(op.from));
}

bool allows(const State& state, Lane lane, const trace::AllocSplitBlock& op) {
  const Held& held = state.held[lane];
  return held.has(op.from) && !held.has(op.to) && op.at.value() > 0 &&
         op.at.value() < held.at(op.from)->count;
}

Answer step(State& state, Lane lane, const trace::AllocSplitBlock& op, const Answer&) {
  Held& held = state.held[lane];
  Block& front = *held.at(op.from);
  const std::uint64_t at = op.at.value();
  held.at(op.to) = Block{front.first + at, front.count - at};
  front.count = at;
  return {};
}

bool allows(const State&, Lane, const trace::AllocFreeBytes&) { return true; }

// While lanes go at once the CPUs' counters are not summed at one moment.
Answer step(State& state, Lane, const trace::AllocFreeBytes&, const Answer& seen) {
  const std::uint64_t bytes =
      state.at_once ? seen.reply.results[0] : state.free.size() * kPageBytes;
  return {{.results = {bytes}}, {}};
}

bool allows(const State&, Lane, const trace::AllocFail&) { return true; }

Answer step(State& state, Lane lane, const trace::AllocFail& op, const Answer&) {
  state.held[lane].failing = {op.after.value(), op.times.value()};
  return {};
}

// The lowest pages that would do. On the machine that boots, the allocator keeps something in the
// first of adjacent free pages.
Answer Model::imagine(Lane lane, const trace::Op& op) const {
  Answer answer;
  if (const auto* look = std::get_if<trace::BootPage>(&op)) {
    const Page page = trace::cold_address(look->at) / kPageBytes;
    const std::set<Page>& free = state_.cold.free;
    const bool is_first = free.contains(page) && !free.contains(page - 1);
    if (is_first) answer.reply.status = Status::unique;
    return answer;
  }
  if (!allows(lane, op)) return answer;
  constexpr auto kMayMake =
      trace::kOfEachOp<[]<class One>(std::type_identity<One>) { return kMayMakeNodes<One>; }>;
  if (kMayMake[op.index()]) {
    Model other(*this);
    other.state_.imagines = true;
    other.state_.at_once = false;  // All of it.
    return other.step(lane, op, answer);
  }
  const auto request = std::visit([](const auto& one) { return request_of(one); }, op);
  if (!request) return answer;

  Failing failing = state_.held[lane].failing;
  if (!is_made_to_fail(failing)) {
    for (const Page first : state_.free) {
      if (first % request->align != 0 || !are_free(state_, first, request->pages)) continue;
      for (Page page = first; page < first + request->pages; ++page) {
        answer.choices.taken.push(page);
      }
      return answer;
    }
  }
  answer.choices.refused = 1;
  return answer;
}

}  // namespace reference
