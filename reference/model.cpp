// SPDX-License-Identifier: MPL-2.0
// What the families share: the phases of making and unmaking a frame.
#include "reference/model.h"

#include <algorithm>
#include <variant>

#include "reference/laws.h"

namespace reference {

using Next = Unfinished::Next;

trace::Usage usage_of(trace::Kind kind) {
  using trace::KindName;
  using trace::Usage;
  switch (kind.name) {
    case KindName::kernel: return Usage::kernel;
    case KindName::reserved:
    case KindName::unusable: return Usage::reserved;
    case KindName::meta: return Usage::meta;
    case KindName::kernel_stack: return Usage::kernel_stack;
    case KindName::node: return Usage::page_table;
    case KindName::empty:
    case KindName::value8:
    case KindName::value24:
    case KindName::full40:
    case KindName::reentrant:
    case KindName::reader:
    case KindName::early:
    case KindName::link:
    case KindName::link_reader:
    case KindName::link_empty: return Usage::frame;
  }
  return Usage::frame;
}

bool keeps_last_handle(trace::Usage usage) {
  return usage == trace::Usage::unused || usage == trace::Usage::reserved ||
         usage == trace::Usage::kernel || usage == trace::Usage::meta;
}

namespace {

// Whether all bytes are the same, written or not.
bool same_bytes(const State& left, const State& right) {
  if (left.written == right.written) return true;
  auto all_as_in = [](const State& one, const State& other) {
    return std::ranges::all_of(one.written, [&](const auto& written) {
      for (std::size_t at = 0; at < kPageBytes; ++at) {
        if (written.second[at] != byte_of(other, written.first, at)) return false;
      }
      return true;
    });
  };
  return all_as_in(left, right) && all_as_in(right, left);
}

}  // namespace

void retire(Slot& slot) {
  slot.rc = kUnused;
  slot.parked = true;
  slot.usage = trace::Usage::unused;
  slot.vtable.reset();
  slot.storage.reset();
}

bool operator==(const State& left, const State& right) {
  return left.machine == right.machine && left.slots == right.slots && left.paths == right.paths &&
         left.free == right.free && left.held == right.held && same_bytes(left, right) &&
         left.murky == right.murky && left.next_list_id == right.next_list_id &&
         left.trees == right.trees && left.nodes == right.nodes && left.shared == right.shared &&
         left.cpus == right.cpus && left.grace == right.grace && left.at_once == right.at_once &&
         left.cold == right.cold && left.aborted == right.aborted;
}

Model::Model(const trace::Machine& machine) {
  state_.machine = machine;
  state_.slots.resize(machine.pages.raw);
  for (Page page = 0; page < state_.slots.size(); ++page) {
    state_.slots[page].address = kSlotsBase + kSlotBytes * page;
    if (page >= machine.loose.raw) state_.free.insert(page);
  }
  trace::Choices lowest;
  for (std::uint16_t i = 0; i < machine.tables.pages(); ++i) {
    lowest.taken.push(machine.loose.raw + i);
  }
  make_tables(state_, lowest);
  state_.touched = {};
}

const char* Model::begin(const trace::Choices& choices) {
  State fresh;
  fresh.machine = state_.machine;
  fresh.slots.resize(state_.slots.size());
  for (Page page = 0; page < fresh.slots.size(); ++page) {
    fresh.slots[page].address = state_.slots[page].address;
    if (page >= fresh.machine.loose.raw) fresh.free.insert(page);
  }
  if (!make_tables(fresh, choices)) return "B.10";
  fresh.touched = {};
  fresh.free_blocks = state_.free_blocks;
  fresh.at_once = state_.at_once;
  state_ = std::move(fresh);
  return nullptr;
}

trace::Status why_no_page(const State& state, std::uint64_t address) {
  if (address % kPageBytes != 0) return trace::Status::not_aligned;
  if (address / kPageBytes >= state.slots.size()) return trace::Status::out_of_bound;
  return trace::Status::ok;
}

namespace {

// Why a page cannot be claimed; ok if it can.
trace::Status why_not(const Slot& slot) {
  switch (status_of(slot.rc)) {
    case SlotStatus::unique: return trace::Status::unique;
    case SlotStatus::under_construction: return trace::Status::busy;
    case SlotStatus::shared:
    case SlotStatus::overflow: return trace::Status::in_use;
    case SlotStatus::unused: break;
  }
  return trace::Status::ok;
}

void write_metadata(Slot& slot, const Metadata& metadata) {
  slot.usage = usage_of(metadata.kind);
  slot.vtable = metadata.kind;
  slot.storage = metadata;
}

}  // namespace

// Phases: busy - published. The metadata is written between them, where nobody can look.
Answer claim(State& state, Lane lane, std::uint64_t address, const Metadata& metadata,
             const Unfinished& publish) {
  if (const auto why = why_no_page(state, address); why != trace::Status::ok) return {{why}, {}};

  const Page page = address / kPageBytes;
  Slot& slot = state.slots[page];
  if (const auto why = why_not(slot); why != trace::Status::ok) return {{why}, {}};
  state.touched.insert(page);
  slot.rc = 0;
  slot.parked = false;
  write_metadata(slot, metadata);

  Unfinished& unfinished = state.held[lane].unfinished.emplace(publish);
  unfinished.page = page;
  unfinished.handle = {page, Knows::kind, metadata.kind};
  return {};
}

trace::Status claim_at_once(State& state, Page page, const Metadata& metadata) {
  Slot& slot = state.slots[page];
  if (const auto why = why_not(slot); why != trace::Status::ok) return why;
  state.touched.insert(page);
  slot.rc = 1;
  write_metadata(slot, metadata);
  return trace::Status::ok;
}

// Phases: busy - unused - given to the allocator, unless it is loose. The metadata ends between the
// first two.
void tear_down(State& state, Lane lane, Page page) {
  state.touched.insert(page);
  state.slots[page].rc = 0;
  state.slots[page].parked = false;
  state.held[lane].unfinished = {.next = Next::retire, .page = page};
}

void end_at_once(State& state, Page page, Answer& answer, std::size_t first) {
  state.touched.insert(page);
  state.slots[page].rc = 0;
  end_metadata(state, page, answer, first);
  retire(state.slots[page]);
  if (page >= state.machine.loose.raw) state.free.insert(page);
  answer.choices.given.push(page);
}

Answer abort(State& state) {
  state.aborted = true;
  return {{.status = trace::Status::aborted, .code = trace::Code::count_overflow}, {}};
}

Answer panic(trace::Code code) { return {{.status = trace::Status::panicked, .code = code}, {}}; }

void note_no_end(Answer& answer, std::size_t first) {
  constexpr auto kNotAsked = static_cast<std::uint64_t>(trace::Status::passed_over);
  answer.reply.results[first + 2] = kNotAsked;
  answer.reply.results[first + 3] = kNotAsked;
}

void note_end(Answer& answer, std::size_t first, const State& state, Page page) {
  const Slot& slot = state.slots[page];
  const trace::KindName kind = slot.storage->kind.name;
  auto& results = answer.reply.results;
  if (results[first] == 0) note_no_end(answer, first);
  results[first] += 1;
  results[first + 1] += 1;
  if (kind == trace::KindName::reentrant) {
    // What it is told that asks for its own page: the page is unique throughout a repurpose, and
    // busy in every other end. Of several that ask, the last is heard.
    const auto found = slot.rc == kUnique ? trace::Status::unique : trace::Status::busy;
    results[first + 2] = results[first + 3] = static_cast<std::uint64_t>(found);
  }
  const bool sums = kind == trace::KindName::reader || kind == trace::KindName::link_reader;
  if (sums) results[first + 4] = sum_with(results[first + 4], sum_of(state, page));
}

Answer kind_and_words(const Slot& slot) {
  Answer answer;
  answer.reply.results[0] = static_cast<std::uint64_t>(slot.storage->kind.name);
  std::ranges::copy(slot.storage->words, answer.reply.results.begin() + 1);
  return answer;
}

bool Model::allows(Lane lane, const trace::Op& op) const {
  return std::visit([&](const auto& one) { return allows(lane, one); }, op);
}

Answer Model::step(Lane lane, const trace::Op& op, const Answer& seen) {
  return std::visit([&](const auto& one) { return step(lane, one, seen); }, op);
}

std::optional<Answer> Model::finish(Lane lane) {
  Held& held = state_.held[lane];
  if (held.doing) {
    go_on(state_, lane);
    if (!held.doing->todo.empty()) return std::nullopt;
    const Doing done = *std::exchange(held.doing, std::nullopt);
    return with_what_is_known(done.answer, done.seen);
  }
  const Unfinished now = held.unfinished.value();
  held.unfinished.reset();

  Slot& slot = state_.slots[now.page];
  state_.touched.insert(now.page);
  switch (now.next) {
    case Next::publish_shared:
      slot.rc = 1;
      slot.parked = true;
      held.frames[now.to] = now.handle;
      break;
    case Next::publish_unique:
      slot.rc = kUnique;
      held.uniques[now.to] = now.handle;
      break;
    case Next::retire:
      retire(slot);
      if (now.page >= state_.machine.loose.raw) {
        held.unfinished = {.next = Next::give_back, .page = now.page};
      }
      break;
    case Next::give_back: state_.free.insert(now.page); break;
  }
  return std::nullopt;
}

std::vector<std::uint64_t> Model::hidden() const {
  std::vector<std::uint64_t> words;
  auto add = [&](const auto&... word) { (words.push_back(static_cast<std::uint64_t>(word)), ...); };
  auto add_all = [&](const auto& numbers) {
    add(numbers.size());
    for (const auto number : numbers) add(number);
  };
  add_all(state_.grace.running);
  add_all(state_.grace.waiting);
  add_all(state_.grace.to_pass);
  for (const Processor& cpu : state_.cpus) {
    add(cpu.queue.size());
    for (const Flushes& flushes : cpu.queue) add(flushes.all), add_all(flushes.pages);
    add_all(cpu.told_by);
    add(cpu.reaches_others, cpu.may_know_others);
    add(cpu.kept.size());
    for (const Translation& one : cpu.kept) {
      add(one.begin, one.level, one.to, one.writable, one.executable, one.user, one.global,
          one.dirty);
    }
  }
  for (const auto& [top, tree] : state_.trees) {
    add(top, tree.nodes.size(), tree.mappings.size());
    for (const auto& [place, page] : tree.nodes) add(place.level, place.begin, page);
    for (const auto& [at, mapping] : tree.mappings) {
      add(at, mapping.level, mapping.to, mapping.property.rights.bits);
    }
  }
  for (const Held& held : state_.held) {
    if (held.cursor) add(held.cursor->issued.all), add_all(held.cursor->issued.pages);
    if (!held.doing) continue;
    add(held.doing->todo.size());
    for (const Phase& phase : held.doing->todo) add(phase.next, phase.page);
    add_all(held.doing->spare);
    add(held.doing->looked ? held.doing->looked->rights.bits : -1);
    add(held.doing->answer.reply.status);
    add_all(held.doing->answer.reply.results);
    add(held.doing->answer.choices.taken.count, held.doing->answer.choices.given.count);
  }
  return words;
}

std::vector<trace::TableRange> Model::touched_ranges() {
  std::vector<trace::TableRange> ranges;
  for (const auto& [root, pages] : std::exchange(state_.touched_tables, {})) {
    const std::optional<std::uint64_t> number = number_of_root(state_, root);
    if (!number) continue;
    ranges.push_back(
        {*number, pages.first * kPageBytes, pages.second * kPageBytes + (kPageBytes - 1)});
  }
  return ranges;
}

const char* Model::broken_law(const Model& before, Lane lane, const trace::Op& op,
                              const Answer& answer) const {
  return reference::broken_law({before.state_, lane, op, answer, state_});
}

const char* Model::sentence_of(const char* law) {
  const Law* const found = law_of(law);
  return found == nullptr ? nullptr : found->sentence;
}

}  // namespace reference
